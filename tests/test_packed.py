"""What layers make of their weights once: with any room for it, and in any run, the same bytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.ops import test_conv_2d, test_depthwise_conv_2d
from tests.support.files import ROOT, ZOO
from tests.support.layers import Layer
from tests.support.models import Graph, Model, Op, Tensor
from tflm_wasm import _abi, build
from tflm_wasm._guest import SCRATCH_WANTED
from tflm_wasm.conformance import Engine

RUNS = 5
# All ways that layers are computed in.
LAYERS = [
    *(("conv", one) for one in ("1x1", "1x1 strided", "3x3 same", "10x4 keyword", "dilated same")),
    *(("conv", one) for one in ("one pixel", "two pixels", "1x1 of whole vectors", "long rows")),
    *(("conv", one) for one in ("one pixel, as wide, padded above", "two pixels of a row")),
    ("conv", "one pixel, as wide, dilated"),
    *(("conv", one) for one in ("rows of whole vectors", "tiles", "tiles in several parts")),
    *(("depthwise", one) for one in ("1x1", "3x3 same", "3x3 stride 2 same, odd", "one pixel")),
    *(("depthwise", one) for one in ("one tall, streaming", "whole image, whole vectors")),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the engine without kernels for SIMD, which packs nothing."""
    output = tmp_path_factory.mktemp("engines") / "plain.wasm"
    script = ROOT / "firmware_models" / "engine" / "build.py"
    subprocess.run([sys.executable, script, "--kernels", "plain", output], check=True)
    return output.read_bytes()


def wanted(engine: Engine) -> int:
    """Return the arena that an engine makes use of."""
    return engine._guest.call(SCRATCH_WANTED) or 0


def spare(engine: Engine, arena_bytes: int) -> bytes:
    """Return what lies behind the tensors of the arena, tables and all."""
    start = engine.get("arena_ptr")
    tensors = [*engine.inputs, *engine.outputs]
    behind = max(one.address + one.bytes for one in tensors)
    return bytes(engine.memory[max(behind, start) : start + arena_bytes])


def outputs_of(engine: Engine, runs: int = RUNS) -> list[list[bytes]]:
    rng = np.random.default_rng(3)
    return [[one.tobytes() for one in engine.run_random(rng)] for _ in range(runs)]


def together(layers: Sequence[Layer]) -> bytes:
    """Return a model of layers, each with an input and an output of its own."""
    tensors: list[Tensor] = []
    ops, inputs, outputs = [], [], []
    for one in layers:
        first = len(tensors)
        tensors += [*one.inputs, one.output]
        behind = first + len(one.inputs)
        taken = list(range(first, behind))
        ops.append(Op(one.code, taken, [behind], (one.table or "", one.options)))
        inputs.append(first)
        outputs.append(behind)
    return Model([Graph(tensors, ops, inputs, outputs)]).to_bytes()


def layer(op: str, shape: str, dtype: str = "int8") -> Layer:
    if op == "conv":
        return test_conv_2d.conv(9, dtype, shape, per_channel=True)
    return test_depthwise_conv_2d.depthwise(9, dtype, shape, per_channel=True)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize(("op", "shape"), LAYERS)
def test_each_run_gives_the_same_bytes_with_room_and_without(
    op: str, shape: str, dtype: str, plain: bytes
) -> None:
    model = layer(op, shape, dtype).to_bytes()
    want = outputs_of(Engine(model, engine=plain))
    roomy = Engine(model)
    needed = roomy.get("arena_needed")
    assert wanted(roomy) > needed
    for arena in (needed, wanted(roomy) - 16, wanted(roomy), wanted(roomy) + 4096):
        assert outputs_of(Engine(model, arena_bytes=arena, fill=0xA5)) == want, arena


def test_layers_are_packed_as_far_as_there_is_room(plain: bytes) -> None:
    model = together([layer("conv", "tiles"), layer("conv", "1x1"), layer("depthwise", "3x3 same")])
    want = outputs_of(Engine(model, engine=plain))
    needed, most = Engine(model).get("arena_needed"), wanted(Engine(model))
    for arena in range(needed, most + 256, 256):
        assert outputs_of(Engine(model, arena_bytes=arena)) == want, arena


def test_the_second_run_packs_and_the_others_only_read() -> None:
    model = layer("conv", "tiles").to_bytes()
    arena = wanted(Engine(model))
    engine = Engine(model, arena_bytes=arena)
    rng = np.random.default_rng(3)
    seen = [spare(engine, arena)]
    for _ in range(4):
        engine.run_random(rng)
        seen.append(spare(engine, arena))
    assert seen[0] == seen[1]
    assert len(seen[1].rstrip(b"\0")) <= len(seen[2])
    changed = np.frombuffer(seen[1], np.uint8) != np.frombuffer(seen[2], np.uint8)
    assert changed.sum() > 1000
    assert seen[2] == seen[3] == seen[4]


@pytest.mark.parametrize("which", [1, 2], ids=["weights", "bias"])
def test_what_the_model_does_not_hold_may_change_with_each_run(which: int, plain: bytes) -> None:
    fixed = layer("conv", "tiles")
    given = fixed.inputs[which]
    values = np.asarray(given.data).astype(given.dtype)
    one = fixed.with_input(which, data=None)
    tensors = [*one.inputs, one.output]
    ops = [Op(one.code, [0, 1, 2], [3], (one.table or "", one.options))]
    model = Model([Graph(tensors, ops, [0, which], [3])]).to_bytes()
    engines = [Engine(model), Engine(model, engine=plain)]
    rng = np.random.default_rng(4)
    for _ in range(RUNS):
        x = rng.integers(-128, 128, one.inputs[0].shape).astype(np.int8)
        other = rng.permutation(values.ravel()).reshape(given.shape)
        mine, theirs = (engine.run([x, other])[0] for engine in engines)
        np.testing.assert_array_equal(mine, theirs)


def test_a_model_that_is_loaded_over_another_packs_its_own_weights(plain: bytes) -> None:
    first, other = (
        test_conv_2d.conv(seed, "int8", "tiles", zero_points=(3, 5)).to_bytes() for seed in (1, 2)
    )
    assert len(first) == len(other)
    engine = Engine(first)
    outputs_of(engine)
    address, size, scratch = (engine.get(n) for n in ("model_ptr", "model_size", "scratch_size"))
    engine.memory[address : address + size] = other
    engine.call("tflm_wasm_init", address, size, scratch)
    assert outputs_of(engine) == outputs_of(Engine(other, engine=plain))


def test_more_layers_than_there_are_records_run_as_well(plain: bytes) -> None:
    one = layer("conv", "one pixel")
    x, w, b = (replace(tensor) for tensor in one.inputs)
    like_x = replace(x, data=None)
    tensors, ops = [x, w, b], []
    for _ in range(300):
        at = len(tensors) - 1 if ops else 0
        tensors.append(replace(like_x))
        ops.append(Op(one.code, [at, 1, 2], [len(tensors) - 1], (one.table or "", one.options)))
    model = Model([Graph(tensors, ops, [0], [len(tensors) - 1])]).to_bytes()
    single = Engine(one.to_bytes())
    engine = Engine(model)
    each, all_of_them = (wanted(e) - -(-e.get("arena_used") // 16) * 16 for e in (single, engine))
    assert all_of_them == 256 * each > 0
    assert outputs_of(engine) == outputs_of(Engine(model, engine=plain))


# --- modules ---


def test_a_module_has_room_for_all_that_its_layers_pack() -> None:
    module = build(ZOO / "digits_int8" / "digits_int8.tflite")
    with module.open() as session:
        assert session.arena_used <= session.arena_needed < module.arena_bytes
    assert module.model is not None
    engine = Engine(module.model)
    assert module.arena_bytes == wanted(engine)
    assert session.module.memory_bytes >= module.arena_bytes


def test_a_module_without_such_layers_has_no_more_than_it_needs() -> None:
    module = build(ZOO / "sine_int8" / "sine_int8.tflite")
    with module.open() as session:
        assert session.arena_needed == module.arena_bytes


def test_a_module_has_a_mebibyte_for_it_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = ((1, 3, 3), 1024, 600, (1, 1), (1, 1), (1, 1), "same")
    monkeypatch.setitem(test_conv_2d.SHAPES, "large", shape)
    module = build(test_conv_2d.conv(1, "int8", "large").to_bytes(), profile="extended")
    with module.open() as session:
        assert module.arena_bytes == session.arena_needed + 1024 * 1024


def test_another_engine_is_asked_only_for_what_it_offers(plain: bytes) -> None:
    path = ZOO / "digits_int8" / "digits_int8.tflite"
    module = build(path, engine=plain)
    with module.open() as session:
        assert session.arena_needed == module.arena_bytes
    assert SCRATCH_WANTED not in _abi.EXPORTS


def test_a_file_is_no_larger_for_it() -> None:
    path = ZOO / "digits_int8" / "digits_int8.tflite"
    usual = build(path)
    with usual.open() as session:
        exact = build(path, arena_bytes=session.arena_needed)
    assert abs(len(usual.wasm) - len(exact.wasm)) < 64
