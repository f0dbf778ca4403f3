"""Exceptions about what runs modules on this machine; part of the tree in `_errors`."""

from __future__ import annotations

from tflm_wasm._errors_base import TflmWasmError


class RuntimeLibraryError(TflmWasmError):
    """The WebAssembly runtime is missing, or not the version that this package is made for."""

    default_hint = 'Install the one that fits: `pip install "wasmtime>=50.0.1,<51"`.'
    found: str | None
