"""Exceptions about what runs modules on this machine; part of the tree in `_errors`."""

from __future__ import annotations

from tflm_wasm._errors_base import TflmWasmError


class PoolTimeoutError(TflmWasmError, TimeoutError):
    """All `size` sessions of a pool are in use, and none was given back within `time_s` seconds."""

    default_hint = "Allow more sessions or more time: `Pool(module, size=..., timeout_s=...)`."
    size: int
    time_s: float


class PoolClosedError(TflmWasmError):
    """The pool was closed."""

    default_hint = "Make a new one: `tflm_wasm.Pool(module)`."


class RuntimeLibraryError(TflmWasmError):
    """The WebAssembly runtime is missing, or not the version that this package is made for."""

    default_hint = 'Install the one that fits: `pip install "wasmtime>=50.0.1,<51"`.'
    found: str | None
