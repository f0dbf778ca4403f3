"""FULLY_CONNECTED by products of bytes: which layers are, what they note, and their outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

import tflm_wasm
from tests.support import byte_layers
from tests.support.byte_layers import FOUR, KINDS, SHAPES, TWO, WIDE, layer, way
from tests.support.host_code import (
    Frames,
    assert_same_with_all,
    compiled_with,
    frames,
    opened,
    outputs,
)
from tests.support.layers import Layer
from tests.support.models import Graph, Model, Op, Tensor
from tflm_wasm import _compile
from tflm_wasm._build import compiled_engine


def assert_goes_its_way(one: Layer, inputs: Frames) -> str:
    """Return the way; without products of bytes, only what is noted is left."""
    model, noted = one.to_bytes(), byte_layers.with_noted_alone(one).to_bytes()
    shown = outputs(model, "zero", inputs)
    assert shown == outputs(noted, "nothing", inputs)
    name, _ = way(np.asarray(one.inputs[1].data))
    assert (shown == outputs(model, "nothing", inputs)) == (name == WIDE)
    return name


def assert_is_right(one: Layer, seed: int = 0) -> str:
    """Return the way of a layer whose bytes are the same with any code."""
    inputs = frames(one.inputs[0].shape, seed=seed)
    assert_same_with_all(one.to_bytes(), inputs)
    return assert_goes_its_way(one, inputs)


# --- layers of bytes ---


@pytest.mark.parametrize(("channels", "depth", "rows", "zero_point", "per_channel"), SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_goes_the_way_that_its_weights_leave_room_for(
    kind: str,
    channels: int,
    depth: int,
    rows: int,
    zero_point: int,
    per_channel: bool,  # noqa: FBT001
) -> None:
    make, wanted = KINDS[kind]
    w = make(np.random.default_rng(channels * depth), channels, depth)
    one = layer(w, rows=rows, zero_point=zero_point, per_channel=per_channel)
    name = assert_is_right(one)
    if w.size >= byte_layers.BLOCK * byte_layers.NOTED and wanted is not None:
        assert name == wanted


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("zero_point", [-128, 127, 0])
def test_weights_at_the_bounds_are_right_for_inputs_at_theirs(
    zero_point: int,
    two: bool,  # noqa: FBT001
) -> None:
    """A product that overflows is off by 128 at least: by 16 steps of the output."""
    w = byte_layers.at_bounds(two=two)
    for expected in (127, -128):
        one = layer(w, rows=2, zero_point=zero_point, expected=expected, step=8)
        assert assert_is_right(one) == (TWO if two else FOUR)


@pytest.mark.parametrize("seed", range(20))
def test_a_drawn_layer_goes_its_way(seed: int) -> None:
    rng = np.random.default_rng(seed)
    channels, depth = int(rng.integers(1, 140)), 32 * int(rng.integers(2, 12))
    make, _ = KINDS[str(rng.choice(list(KINDS)))]
    one = layer(
        make(rng, channels, depth),
        rows=int(rng.integers(1, 4)),
        zero_point=int(rng.choice([-128, rng.integers(-128, 128)])),
        per_channel=bool(rng.integers(2)),
    )
    assert_is_right(one, seed)


@pytest.mark.parametrize(
    ("channels", "depth", "is_of_bytes"),
    [
        *((3, 32, False), (3, 64, True), (3, 80, False), (3, 100, False), (3, 65, False)),
        *((2, 16384, True), (2, 16416, False), (65535, 64, True), (65536, 64, False)),
    ],
)
def test_bytes_are_for_whole_blocks_and_sizes_that_notes_hold(
    channels: int,
    depth: int,
    is_of_bytes: bool,  # noqa: FBT001
) -> None:
    w = byte_layers.small(np.random.default_rng(1), channels, depth)
    if channels > 4:
        w[-1, -4:] = 127  # the last block is noted
    one = layer(w)
    inputs = frames(one.inputs[0].shape)[:2]
    assert_same_with_all(one.to_bytes(), inputs)
    assert (assert_goes_its_way(one, inputs) == FOUR) == is_of_bytes


def test_other_zero_points_of_weights_and_other_types_are_not_of_bytes() -> None:
    rng = np.random.default_rng(2)
    one = layer(byte_layers.small(rng, 5, 64))
    for other in (
        one.with_input(1, zero_point=3),
        one.with_input(1, dtype="int4", data=rng.integers(-8, 8, (5, 64))),
    ):
        model, inputs = other.to_bytes(), frames((1, 64))
        assert_same_with_all(model, inputs)
        assert outputs(model, "zero", inputs) == outputs(model, "nothing", inputs)


def test_computed_weights_are_not_of_bytes() -> None:
    """What they are is known when they are computed, and may change.

    They are so many that memory without any would do: its first 8 KiB hold few large bytes.
    """
    one = layer(byte_layers.small(np.random.default_rng(3), 128, 64))
    tensors = [*one.inputs, one.output]
    given = Tensor((128, 64), "int8", scale=tensors[1].scale)
    same = Tensor((8192,), "int8", scale=tensors[1].scale)
    tensors[1] = Tensor((128, 64), "int8", scale=tensors[1].scale)
    shape = Tensor((2,), "int32", [128, 64])
    flat = Tensor((1,), "int32", [8192])
    ops = [
        Op("RESHAPE", [4, 7], [5], ("ReshapeOptions", {"new_shape": [8192]})),
        Op("RESHAPE", [5, 6], [1], ("ReshapeOptions", {"new_shape": [128, 64]})),
        Op(one.code, [0, 1, 2], [3], (one.table or "", one.options)),
    ]
    graph = Graph([*tensors, given, same, shape, flat], ops, [0, 4], [3])
    computed, as_input = Model([graph]).to_bytes(), one.with_input(1, data=None).to_bytes()
    inputs = frames((1, 64), (128, 64))
    for model in (computed, as_input):
        assert_same_with_all(model, inputs)
        assert outputs(model, "zero", inputs) == outputs(model, "nothing", inputs)
    assert outputs(computed, "zero", inputs) == outputs(as_input, "zero", inputs)


# --- notes ---


def shown_ways(layers: Sequence[Layer]) -> list[bool]:
    """Return which of the layers, which take one input, are of bytes; all are right."""
    model = byte_layers.side_by_side(layers)
    noted = byte_layers.side_by_side([byte_layers.with_noted_alone(one) for one in layers])
    inputs = frames(layers[0].inputs[0].shape)
    assert_same_with_all(model, inputs)
    ends = np.cumsum([one.output.shape[-1] for one in layers])[:-1]
    whole, zero, of_noted = (
        np.split(np.array([list(frame[0]) for frame in one]), ends, axis=1)
        for one in (
            outputs(model, "nothing", inputs),
            outputs(model, "zero", inputs),
            outputs(noted, "nothing", inputs),
        )
    )
    is_of_bytes = []
    for a, b, c in zip(whole, zero, of_noted, strict=True):
        assert not np.array_equal(a, c)
        assert np.array_equal(b, a) or np.array_equal(b, c)
        is_of_bytes.append(np.array_equal(b, c))
    return is_of_bytes


def test_layers_that_find_no_room_for_their_notes_are_multiplied_as_int16() -> None:
    rng = np.random.default_rng(4)
    large = [layer(byte_layers.small(rng, 200, 64), zero_point=1, step=220) for _ in range(9)]
    small = [layer(byte_layers.small(rng, 80, 64), zero_point=1, step=220) for _ in range(4)]
    layers, expected, left = [*large, *small], [], byte_layers.KEPT_BYTES
    for one in layers:
        needed = byte_layers.kept_bytes(np.asarray(one.inputs[1].data), 1)
        expected.append(needed <= left)
        left -= needed if needed <= left else 0
    assert expected == [True] * 8 + [False] + [True] + [False] * 3
    assert shown_ways(layers) == expected


def test_very_many_layers_are_right_when_there_is_no_room_left() -> None:
    rng = np.random.default_rng(5)
    layers = [layer(byte_layers.small(rng, 1, 64), step=220) for _ in range(700)]
    whole = byte_layers.KEPT_BYTES // byte_layers.LAYER_BYTES
    assert shown_ways(layers) == [True] * whole + [False] * (700 - whole)


@pytest.mark.parametrize(("places", "fits"), [(2008, True), (2009, False)])
def test_notes_may_take_all_the_room_there_is(places: int, fits: bool) -> None:  # noqa: FBT001
    w = byte_layers.small(np.random.default_rng(6), 512, 2048)
    blocks = np.random.default_rng(7).permutation(w.size // 32)[:places]
    w.reshape(-1, 32)[blocks, 3] = 127
    w.reshape(-1, 32)[blocks, 2] = 127
    assert way(w)[0] == FOUR
    assert byte_layers.kept_bytes(w, -128) == 8192 + 16 * (places - 2008)
    assert shown_ways([layer(w)]) == [fits]


@pytest.fixture
def session_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that has sessions run with other code in place of calls from now on."""

    def use(name: str) -> None:
        monkeypatch.setattr(_compile, "_own_machine_code", lambda: compiled_with(name).code)
        compiled_engine.cache_clear()

    for name in ("nothing", "the host's", "zero"):
        compiled_with(name)
    yield use
    compiled_engine.cache_clear()


def sessions_model() -> tuple[Layer, Layer]:
    """Return layers of bytes, with places and offsets: more than half of what is kept."""
    rng = np.random.default_rng(8)
    one = layer(byte_layers.few(rng, 999, 64), rows=1, zero_point=7)
    assert 8192 > byte_layers.kept_bytes(np.asarray(one.inputs[1].data), 7) > 4096
    return one, byte_layers.with_noted_alone(one)


def test_a_module_carries_its_notes_and_a_model_may_be_opened_many_times(
    session_code: Callable[[str], None],
) -> None:
    one, noted = sessions_model()
    model = one.to_bytes()
    inputs = frames((1, 64))
    expected = outputs(model, "nothing", inputs)
    alone = outputs(noted.to_bytes(), "nothing", inputs)
    wasms = set()
    for code in ("nothing", "the host's", "zero"):
        session_code(code)
        module, plain = tflm_wasm.build(model), tflm_wasm.build(model, snapshot=False)
        assert (module.is_initialised, plain.is_initialised) == (True, False)
        wasms.add(module.wasm)
        wanted = alone if code == "zero" else expected
        for source in (module, plain, module.wasm, model):
            with tflm_wasm.load(source) as a, tflm_wasm.load(source) as b:
                for frame, (right,) in zip(inputs, wanted, strict=True):
                    assert a.run(*frame)[0].tobytes() == right, code
                    assert b.run(*frame)[0].tobytes() == right, code
                a.reopen()
                assert a.run(*inputs[0])[0].tobytes() == wanted[0][0]
    assert len(wasms) == 1


def test_init_may_be_called_again_and_notes_start_over() -> None:
    one, noted = sessions_model()
    inputs = frames((1, 64))
    for code, kept in (("zero", noted), ("the host's", one)):
        engine = opened(one.to_bytes(), code)
        expected = outputs(kept.to_bytes(), "nothing", inputs)
        block = engine.get("model_ptr"), engine.get("model_size"), engine.get("scratch_size")
        for _ in range(3):
            assert [[engine.run(frame)[0].tobytes()] for frame in inputs] == expected
            engine.call("tflm_wasm_init", *block)
