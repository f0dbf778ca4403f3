"""The engine that ships with this package."""

from __future__ import annotations

from importlib import resources

from tflm_wasm._errors import EngineMissingError


def packaged_engine() -> bytes:
    """Return the engine: a module without a model.

    Raises:
        EngineMissingError: It was not compiled at installation.
    """
    file = resources.files("tflm_wasm") / "engine.wasm"
    try:
        return file.read_bytes()
    except OSError as error:
        raise EngineMissingError("The package holds no engine.wasm") from error
