"""From a file, bytes or a module to a running session."""

from __future__ import annotations

import os

from tflm_wasm._errors import UnknownFormatError
from tflm_wasm._files import read_up_to
from tflm_wasm._limits import DEFAULT_LIMITS, Limits
from tflm_wasm._module import Module
from tflm_wasm._session import Session

_WASM_MAGIC = b"\0asm"
_TFLITE_MAGIC = b"TFL3"  # at offset 4


def load(
    source: str | os.PathLike[str] | bytes | Module,
    *,
    profile: str = "strict",
    limits: Limits | None = None,
) -> Session:
    """Open a session on a .wasm or a .tflite, told apart by content.

    Args:
        source: Path, content, or a `Module`.
        profile: The profile to opt into; a `Module` brings its own.
        limits: Bounds on memory and running time.

    Raises:
        FileError: The file can't be read.
        UnknownFormatError: It is neither a module nor a model.
        TflmWasmError: As `build`, `Module` and `Session`.
    """
    return as_module(source, profile=profile).open(limits=limits)


def as_module(source: str | os.PathLike[str] | bytes | Module, *, profile: str) -> Module:
    """Return `source` as a module, building it when it is a model.

    Raises:
        TflmWasmError: As `load`.
    """
    if isinstance(source, Module):
        return source
    content = (
        bytes(source)
        if isinstance(source, bytes | bytearray | memoryview)
        else read_up_to(source, DEFAULT_LIMITS.module_bytes + 1)
    )
    if content.startswith(_WASM_MAGIC):
        return Module.read(content, profile=profile)
    if content[4:8] != _TFLITE_MAGIC:
        raise UnknownFormatError("The content is neither a .tflite model nor a .wasm module")
    from tflm_wasm._build import build  # a module needs nothing of it

    return build(content, profile=profile)
