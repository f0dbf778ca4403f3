"""Opening modules as a new process would, with what is in the cache of machine code."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.support.wat_guests import X, guest
from tflm_wasm import _compile, load

GUEST = guest()


def forget() -> None:
    """Forget what this process has compiled or read, as a new one would."""
    _compile._in_use.clear()
    _compile._own_machine_code.cache_clear()


def runs(source=GUEST) -> None:
    """Open a module as a new process would, and check what it answers."""
    forget()
    with load(source) as session:
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


def entry(folder: Path) -> Path:
    """Return the only file in the cache."""
    (path,) = folder.iterdir()
    return path
