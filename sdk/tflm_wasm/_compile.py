"""Compiling a module without trusting it.

A compiler can be made to run for hours by a small file (its worst cases are quadratic in the
number of loops of a function), and it can't be interrupted. So foreign code is compiled in a child
process with a deadline. This package's own engine, recognised by its bytes, is compiled here, and
so is code too short to take long.

All modules made by `build` share the engine's code and differ in their data. So the engine is
compiled once, without data, and whoever makes an instance writes the module's data into its memory.

All code gets checks of our own before it is compiled, by which it looks by itself whether its time
is over (`_interruption`). Putting them in takes time in proportion to its length: foreign code gets
them where it is compiled, under the same deadline.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from tflm_wasm import _code_cache, _runtime
from tflm_wasm._engine import packaged_engine
from tflm_wasm._errors import (
    CompileTimeout,
    EngineMissingError,
    LimitsError,
)
from tflm_wasm._limits import Limits
from tflm_wasm._wasm import MemoryLimits, WasmModule, parse
from tflm_wasm._wasmtime import Code, Engine, WasmtimeError

# The worst code known takes 0.2 s at this length.
_SHORT_CODE_BYTES: Final = 8192
# What is done to code before it is compiled: a part of the key of its machine code.
_CHECKS: Final = b"with checks 2"
_OWN_FORM: Final = _CHECKS + b", host instructions 1, without data"
_WORKER: Final = (
    "import sys; sys.path[:0] = sys.argv[1:]; import tflm_wasm._compile_worker as w; w.main()"
)


class Data(NamedTuple):
    """What memory holds at first: its size, and bytes at addresses, later ones over earlier."""

    memory_bytes: int
    segments: tuple[tuple[int, bytes | memoryview], ...]


class Compiled(NamedTuple):
    """A module that instances can be made of.

    Attributes:
        code: Its machine code.
        is_own: Whether it is this package's engine, whose code is known not to write to the block
            what it may not, and not to grow its memory.
        may_grow: Whether the code might grow its memory, which has to be looked at after a call.
        data: What is to be written into the memory of an instance; None when `code` holds it.
        time_export: How the memory with the time is exported.
    """

    code: Code
    is_own: bool
    may_grow: bool
    data: Data | None
    time_export: str


def compile_within(parsed: WasmModule, limits: Limits) -> Compiled:
    """Compile a module that the static checks accepted, within the limits.

    Raises:
        CompileTimeout: It takes longer than `limits.compile_s`.
        ModuleTooLargeError: It is over another bound of `limits`.
        MalformedModuleError: The runtime does not accept it.
        ModuleError: The compiler gave up on it, or it can't be given checks.
        LimitsError: It is foreign code, and `limits` has no limit on time.
    """
    if parsed.engine == _own_code():
        _runtime.check_sizes(parsed, limits)
        code, data, time_export = _own_machine_code(), _data(parsed), parsed.time_export
        return Compiled(code, is_own=True, may_grow=False, data=data, time_export=time_export)
    if limits.time_s is None:
        raise LimitsError(
            "A module that is not made with this package's engine needs a limit on time",
            hint="Leave `time_s` at its default, or build the module again: `tflm-wasm build`.",
        )
    _runtime.check_sizes(parsed, limits)
    code = _foreign_machine_code(parsed, limits)
    (memory,) = parsed.memories
    return Compiled(
        code,
        is_own=False,
        may_grow=memory.minimum != memory.maximum,
        data=None,
        time_export=parsed.time_export,
    )


def _data(parsed: WasmModule) -> Data:
    active = ((one.offset, one.data) for one in parsed.segments)
    return Data(
        parsed.memories[0].minimum_bytes,
        tuple((offset, data) for offset, data in active if offset is not None),
    )


@lru_cache(maxsize=1)
def _own_code() -> tuple[tuple[int, bytes], ...] | None:
    try:
        return parse(packaged_engine()).engine
    except EngineMissingError:
        return None


@lru_cache(maxsize=1)
def _own_machine_code() -> Code:
    """Return the packaged engine compiled, with a memory of one page and nothing in it."""
    own = packaged_engine()

    def compile_now() -> Code:
        from tflm_wasm._host_instructions import replacements
        from tflm_wasm._wasm_rewrite import rewrite

        dataless = rewrite(own, memory=MemoryLimits(1, None), keep_data=False)
        return _runtime.compile_checked(dataless, replacements())

    return _cached(_runtime.engine(), _OWN_FORM + own, compile_now)


def _foreign_machine_code(parsed: WasmModule, limits: Limits) -> Code:
    engine, wasm = _runtime.engine(), parsed.to_bytes()

    def compile_now() -> Code:
        _runtime.validate(wasm)
        if parsed.code_bytes <= _SHORT_CODE_BYTES:
            return _runtime.compile_checked(wasm)
        return engine.deserialize(_in_child(wasm, limits))

    return _cached(engine, _CHECKS + wasm, compile_now)


# Machine code that is in use in this process, by its key.
_in_use: Final[WeakValueDictionary[str, Code]] = WeakValueDictionary()


def _cached(engine: Engine, source: bytes, compile_now: Callable[[], Code]) -> Code:
    """Return machine code of `source` that is here or on disk, or make it now and keep it.

    Args:
        engine: What it is compiled for.
        source: What is done to a module before it is compiled, and the module.
        compile_now: Makes it.
    """
    key = _code_cache.key_of(source, engine.options)
    code = _in_use.get(key)
    if code is None:
        code = _in_use[key] = _stored(key, engine) or _store(key, compile_now())
    return code


def _stored(key: str, engine: Engine) -> Code | None:
    cache = _code_cache.current()
    if cache is None:
        return None
    try:
        return cache.load(key, engine.deserialize_file)
    except WasmtimeError:  # made by another version, or for another processor
        cache.discard(key)
        return None


def _store(key: str, code: Code) -> Code:
    cache = _code_cache.current()
    if cache is not None:
        cache.store(key, code.serialize())
    return code


def _in_child(wasm: bytes, limits: Limits) -> bytes:
    import subprocess  # which takes a while to import

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
        raise _runtime.does_not_compile(why)
    return child.stdout
