"""From a .tflite model to a WebAssembly module."""

from __future__ import annotations

import hashlib
import os
import struct
from functools import lru_cache
from pathlib import Path

from tflm_wasm import _abi, _snapshot
from tflm_wasm._admission import admit, check_profile
from tflm_wasm._block import Block, align
from tflm_wasm._compile import Compiled, compile_within
from tflm_wasm._contract import check_loaded
from tflm_wasm._engine import packaged_engine
from tflm_wasm._errors import (
    ArenaTooSmallError,
    ContractError,
    InputTooLargeError,
    ModelError,
    ModuleTooLargeError,
)
from tflm_wasm._files import read_up_to
from tflm_wasm._guest import SCRATCH_WANTED, Guest
from tflm_wasm._limits import Limits
from tflm_wasm._module import Module
from tflm_wasm._session import load_model
from tflm_wasm._status import too_large
from tflm_wasm._version import __version__
from tflm_wasm._wasm import PAGE_BYTES, FuncType, MemoryLimits, WasmModule, parse
from tflm_wasm._wasm_rewrite import rewrite

SECTION = "tflm-wasm"
_FIRST_ARENA_BYTES = 1024 * 1024
# Room for packed weights: as much as a processor's nearer caches hold.
_MOST_PACKED_BYTES = 1024 * 1024


def build(
    model: str | os.PathLike[str] | bytes,
    *,
    profile: str = "strict",
    arena_bytes: int | None = None,
    engine: bytes | None = None,
    snapshot: bool = True,
    minimal: bool = False,
) -> Module:
    """Put a model and the engine into one module; the same inputs give the same bytes.

    The engine loads the model once in a sandbox, which checks it and says how large its arena is.
    The module carries its memory as that left it, so that opening it takes no parsing and planning.

    Args:
        model: Path or content of a .tflite file.
        profile: "strict" (models to 128 KiB, inputs to 64 KiB) or "extended" (4 MiB, 1 MiB, and
            what TFLM lacks).
        arena_bytes: Size of the tensor arena; None takes exactly what the model needs, and behind
            it up to 1 MiB in which the engine keeps weights packed, to run faster.
        engine: Another engine than the one in this package.
        snapshot: False makes a smaller module, which is initialised when it is opened.
        minimal: Compile an engine with only what the model needs, a tenth of the size; it takes
            seconds, and the package ziglang.

    Raises:
        FileError: The model can't be read.
        ModelError: The engine can't run the model; the subclass says why.
        ArenaTooSmallError: `arena_bytes` is not enough.
        ProfileError: There is no such profile.
        EngineMissingError: The package was installed without its engine.
        GuestError: Another engine misbehaved.
        ToolMissingError, ToolFailedError: No compiler for a minimal engine, or it failed.
        ValueError: An engine is given that has to be minimal too.
    """
    if minimal and engine is not None:
        raise ValueError("A given engine can't be made minimal")
    limits = check_profile(profile)
    content = _read_model(model, limits["model_bytes"])
    engine = packaged_engine() if engine is None else engine
    parsed = parse(engine)
    layout = _Layout(Block(parsed.initial_bytes(0, _abi.BLOCK_BYTES)), profile)
    needed, loaded = _measure_arena(engine, layout, content)
    if minimal:
        from tflm_wasm._minimal import check_same, minimal_engine

        whole, engine = loaded, minimal_engine(content)
        parsed = parse(engine)
        layout = _Layout(Block(parsed.initial_bytes(0, _abi.BLOCK_BYTES)), profile)
        needed, loaded = _measure_arena(engine, layout, content)
        check_same(Block(whole.memory), Block(loaded.memory))
    if arena_bytes is not None and arena_bytes < needed:
        raise ArenaTooSmallError(
            f"The model needs an arena of {needed:,} bytes, not {arena_bytes:,}",
            needed=needed,
            available=arena_bytes,
        )
    scratch = _wanted(parsed, loaded, needed) if arena_bytes is None else arena_bytes
    end = layout.end(len(content), scratch)
    pages = -(-end // PAGE_BYTES)
    carried = snapshot and _snapshot.is_possible(parsed)
    if carried and scratch != needed:
        loaded = _try_load(engine, layout, content, scratch)
    if carried:
        check_loaded(Block(loaded.memory), len(loaded.memory))
    wasm = rewrite(
        engine,
        memory=MemoryLimits(pages, pages),
        segments=_snapshot.segments(loaded.memory, end)
        if carried
        else [*layout.fields(len(content), scratch), (layout.model_address, content)],
        keep_data=not carried,
        custom=(SECTION, _provenance(content, engine, profile)),
    )
    return Module(wasm, profile=profile)


def _read_model(model: str | os.PathLike[str] | bytes, limit: int) -> bytes:
    if isinstance(model, bytes | bytearray | memoryview):
        content, size = bytes(model), len(model)
    else:
        content = read_up_to(model, limit + 1)
        size = len(content) if len(content) <= limit else Path(model).stat().st_size
    if len(content) > limit:
        raise too_large(size, limit)
    return content


class _Layout:
    """Where model and arena go in an engine's memory: both aligned, the arena behind the model."""

    def __init__(self, block: Block, profile: str) -> None:
        self.model_address = align(block["heap_base"])
        self._features = block.features | _abi.Feature.EMBEDDED_MODEL
        if profile == "extended":
            self._features |= _abi.Feature.EXTENDED
        self._limits = check_profile(profile)

    def end(self, model_bytes: int, scratch_bytes: int) -> int:
        """Return how many bytes of memory are needed."""
        return align(self.model_address + model_bytes) + scratch_bytes

    def fields(self, model_bytes: int, scratch_bytes: int) -> list[tuple[int, bytes]]:
        """Return the static fields of the block that differ from the engine's, as segments."""
        values = {
            "features": int(self._features),
            "model_ptr": self.model_address,
            "model_size": model_bytes,
            "scratch_size": scratch_bytes,
            "max_model_size": self._limits["model_bytes"],
            "max_input_size": self._limits["input_bytes"],
        }
        return [
            (_abi.FIELDS[name].offset, struct.pack(_abi.FIELDS[name].code, value))
            for name, value in values.items()
        ]


def _measure_arena(engine: bytes, layout: _Layout, model: bytes) -> tuple[int, Guest]:
    """Return the smallest arena, in bytes, that the engine loads the model into, and it loaded.

    The first try is generous, because an engine that runs out of room for its own tables can only
    name a lower bound. The last one proves the result.
    """
    scratch = _FIRST_ARENA_BYTES
    while True:
        try:
            needed = _needed(_try_load(engine, layout, model, scratch))
            break
        except ArenaTooSmallError as error:
            if error.needed <= scratch:
                raise
            scratch = max(error.needed, 2 * scratch)
    loaded = _try_load(engine, layout, model, needed)
    if _needed(loaded) != needed:
        raise ContractError("arena_needed depends on scratch_size", rule="init.arena_needed")
    return needed, loaded


def measure_arena(engine: bytes, model: bytes, profile: str = "extended") -> int:
    """Return the smallest arena, in bytes, that an engine loads the model into."""
    block = Block(parse(engine).initial_bytes(0, _abi.BLOCK_BYTES))
    return _measure_arena(engine, _Layout(block, profile), model)[0]


def _wanted(engine: WasmModule, loaded: Guest, needed: int) -> int:
    """Return how large an arena the engine makes use of."""
    if engine.signature(SCRATCH_WANTED) != FuncType((), ("i32",)):
        return needed
    wanted = loaded.call(SCRATCH_WANTED) or 0
    return max(needed, min(wanted, needed + _MOST_PACKED_BYTES))


def _needed(loaded: Guest) -> int:
    return Block(loaded.memory)["arena_needed"]


def _try_load(engine: bytes, layout: _Layout, model: bytes, scratch: int) -> Guest:
    """Return a fresh instance with the model loaded into `scratch` bytes of arena."""
    limits = Limits()
    guest = Guest(compiled_engine(engine), limits)
    try:
        guest.grow(layout.end(len(model), scratch))
    except ModuleTooLargeError as error:
        raise ArenaTooSmallError(
            f"The model needs an arena of {scratch:,} bytes; the host allows a memory of "
            f"{limits.memory_bytes:,}",
            hint="Make the model's activations smaller, then see `tflm-wasm inspect MODEL`.",
            needed=scratch,
            available=limits.memory_bytes,
        ) from error
    for address, data in [*layout.fields(len(model), scratch), (layout.model_address, model)]:
        guest.memory[address : address + len(data)] = data
    try:
        load_model(guest, Block(guest.memory))
    except InputTooLargeError as error:
        raise _with_size(error, model) from None
    return guest


@lru_cache(maxsize=2)
def compiled_engine(engine: bytes) -> Compiled:
    """Return the engine compiled with a memory that its host can grow."""
    parsed = admit(engine)
    growable = rewrite(engine, memory=MemoryLimits(parsed.memories[0].minimum, None))
    return compile_within(parse(growable), Limits())


def _with_size(error: InputTooLargeError, model: bytes) -> InputTooLargeError:
    """Add how large the inputs are, which the engine does not say."""
    from tflm_wasm._model import Model

    try:
        error.size = Model(model).input_bytes
    except ModelError:
        return error
    return error


def _provenance(model: bytes, engine: bytes, profile: str) -> bytes:
    content = {
        "abi": f"{_abi.ABI_MAJOR}.{_abi.ABI_MINOR}",
        "engine_sha256": hashlib.sha256(engine).hexdigest(),
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "profile": profile,
        "sdk": __version__,
    }
    import json  # only building needs it

    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
