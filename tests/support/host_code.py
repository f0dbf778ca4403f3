"""The packaged engine with other code in place of the functions that a host may have.

With "zero" in place of the product of bytes, an output is of the noted blocks alone: it shows which
way a layer took, and what it noted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from tflm_wasm import _runtime
from tflm_wasm._build import compiled_engine
from tflm_wasm._compile import Compiled
from tflm_wasm._engine import packaged_engine
from tflm_wasm._host_instructions import replacements
from tflm_wasm._wasm import MemoryLimits
from tflm_wasm._wasm_rewrite import rewrite
from tflm_wasm.conformance import Engine

DOT, HAS_DOT = "tw_dot_u8", "tw_has_dot_u8"
RELAXED_DOT = bytes.fromhex("fd 92 02")
TRUE = b"\x41\x01"  # i32.const 1
# Drop both vectors, v128.const 0.
NO_DOT = b"\x1a\x1a\xfd\x0c" + bytes(16)


def code_of(name: str) -> dict[str, bytes]:
    """Return what is put in place of calls."""
    return {
        "nothing": {},
        "the host's": replacements(),
        "a function": {HAS_DOT: TRUE},
        "the host's, unused": {DOT: replacements().get(DOT, NO_DOT)},
        "zero": {HAS_DOT: TRUE, DOT: NO_DOT},
        "zero, unused": {DOT: NO_DOT},
    }[name]


def compiled(instead: Mapping[str, bytes]) -> Compiled:
    dataless = rewrite(packaged_engine(), memory=MemoryLimits(1, None), keep_data=False)
    code = _runtime.compile_checked(dataless, instead)
    like = compiled_engine(packaged_engine())
    return Compiled(code, is_own=True, may_grow=False, data=like.data, time_export=like.time_export)


@functools.cache
def compiled_with(name: str) -> Compiled:
    return compiled(code_of(name))


def opened(model: bytes, code: str | Compiled) -> Engine:
    """Return a model on the packaged engine, with other code in place of calls."""
    engine = compiled_with(code) if isinstance(code, str) else code
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tflm_wasm.conformance._engine.compiled_engine", lambda _: engine)
        return Engine(model)


Frames = Sequence[Sequence[np.ndarray]]


def frames(*shapes: Sequence[int], seed: int = 0) -> Frames:
    """Return inputs: random ones, both ends alone, both ends mixed."""
    rng = np.random.default_rng(seed)
    makers: list[Callable[[Sequence[int]], np.ndarray]] = [
        lambda shape: rng.integers(-128, 128, shape, dtype=np.int8),
        lambda shape: np.full(shape, 127, np.int8),
        lambda shape: np.full(shape, -128, np.int8),
        lambda shape: rng.choice(np.array([-128, 127], np.int8), shape),
    ]
    return [[make(shape) for shape in shapes] for make in makers]


def outputs(model: bytes, code: str | Compiled, inputs: Frames) -> list[list[bytes]]:
    engine = opened(model, code)
    return [[one.tobytes() for one in engine.run(frame)] for frame in inputs]


def assert_same_with_all(model: bytes, inputs: Frames) -> None:
    expected = outputs(model, "nothing", inputs)
    for code in ("the host's", "a function", "the host's, unused"):
        assert outputs(model, code, inputs) == expected, code
