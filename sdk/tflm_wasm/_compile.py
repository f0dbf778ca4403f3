"""Compiling a module without trusting it.

A compiler can be made to run for hours by a small file (its worst cases are quadratic in the
number of loops of a function), and it can't be interrupted. So foreign code is compiled in a child
process with a deadline. This package's own engine, recognised by its bytes, is compiled here, and
so is code too short to take long.
"""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

import wasmtime

from tflm_wasm import _runtime
from tflm_wasm._engine import packaged_engine
from tflm_wasm._errors import CompileTimeout, EngineMissingError, ModuleError
from tflm_wasm._limits import Limits
from tflm_wasm._wasm import CUSTOM, DATA, DATA_COUNT, MEMORY, WasmModule, parse

# The worst code known takes 0.2 s at this length.
_SHORT_CODE_BYTES: Final = 8192
# What a model and its place in memory may change in an engine.
_NOT_CODE: Final = frozenset((CUSTOM, MEMORY, DATA, DATA_COUNT))
_WORKER: Final = (
    "import sys; sys.path[:0] = sys.argv[1:]; import tflm_wasm._compile_worker as w; w.main()"
)


def compile_within(wasm: bytes, parsed: WasmModule, limits: Limits) -> wasmtime.Module:
    """Compile a module that the static checks accepted, within the limits.

    Raises:
        CompileTimeout: It takes longer than `limits.compile_s`.
        ModuleTooLargeError: It is over another bound of `limits`.
        MalformedModuleError: The runtime does not accept it.
        ModuleError: The compiler gave up on it.
    """
    if parsed.code_bytes <= _SHORT_CODE_BYTES or _code(parsed) == _own_code():
        return _runtime.compile_module(wasm, parsed, limits)
    _runtime.check_sizes(wasm, parsed, limits)
    _runtime.validate(wasm)
    return wasmtime.Module.deserialize(_runtime.engine(), _in_child(wasm, limits))


def _code(parsed: WasmModule) -> tuple[tuple[int, bytes], ...]:
    return tuple(one for one in parsed.sections if one[0] not in _NOT_CODE)


@lru_cache(maxsize=1)
def _own_code() -> tuple[tuple[int, bytes], ...] | None:
    try:
        return _code(parse(packaged_engine()))
    except EngineMissingError:
        return None


def _in_child(wasm: bytes, limits: Limits) -> bytes:
    package = str(Path(__file__).parents[1])
    try:
        child = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _WORKER, package],
            input=wasm,
            capture_output=True,
            timeout=limits.compile_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CompileTimeout(
            f"The module takes longer than {limits.compile_s:g} s to compile",
            time_s=limits.compile_s,
            rule="module.compile",
        ) from None
    if child.returncode != 0:
        lines = child.stderr.decode(errors="replace").strip().splitlines()
        why = lines[-1] if lines else f"exit code {child.returncode}"
        raise ModuleError(f"The module does not compile: {why}", rule="module.compile")
    return child.stdout
