"""What another user may not, also when the tests run as root, who may do anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

IS_ROOT = os.geteuid() == 0
NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be another user than root until the end of the block."""
    if IS_ROOT:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if IS_ROOT:
            os.seteuid(0)
