"""The engine that ships with this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tflm_wasm._errors import EngineMissingError

_PATH = Path(__file__).with_name("engine.wasm")


def packaged_engine() -> bytes:
    """Return the engine: a module without a model.

    Raises:
        EngineMissingError: It was not compiled at installation.
    """
    # Not importlib.resources: importing that takes longer than all else that opens a module.
    loader: Any = __spec__.loader
    try:
        content: bytes = loader.get_data(str(_PATH))
    except OSError as error:
        raise EngineMissingError("The package holds no engine.wasm") from error
    return content
