"""The Signal ops with a state, over many invokes and resets, equal TFLM bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.custom import OPTIONS, CustomLayer, CustomRefusals, both
from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.layers import assert_refused
from tests.support.models import Graph, Model, Op, Tensor, flexbuffer, random_input
from tests.support.stateful import copy
from tflm_wasm._abi import Feature
from tflm_wasm.conformance._writer import TYPES

RESETS = (3, 4, 9)
ODD_FLOATS = np.array([np.inf, -np.inf, np.nan, -0.0, 1e-40, 3e38, 1.0, -2.5], np.float32)


def frames(layer: CustomLayer, count: int = 14) -> list[list[np.ndarray]]:
    """Return random frames, the last ones extreme."""
    rng = np.random.default_rng(count)
    tensor = layer.inputs[0]
    made = [random_input(rng, tensor) for _ in range(count)]
    if tensor.dtype == "float32":
        extremes = ODD_FLOATS
    else:
        info = np.iinfo(tensor.dtype)
        extremes = np.array([info.min, info.max], tensor.dtype)
    made += [rng.choice(extremes, tensor.shape) for _ in range(3)]
    return [[array] for array in made]


def is_stateful(layer: CustomLayer) -> bool:
    return bool(Engine(layer.to_bytes()).get("features") & Feature.STATEFUL)


# ---- SignalDelay ----


def delay(shape: tuple[int, ...] = (2, 8), length: int = 3) -> CustomLayer:
    x = Tensor(shape, "int16")
    return CustomLayer("SignalDelay", [x], [x], {"delay_length": length})


@pytest.mark.parametrize("length", [0, 1, 3, 7, 8, 9, 20, 300])
@pytest.mark.parametrize("shape", [(8,), (1, 8), (3, 2, 5), (1,), (2, 1)])
def test_every_delay_equals_tflm(shape: tuple[int, ...], length: int) -> None:
    layer = delay(shape, length)
    assert_equal_to_tflm(layer.to_bytes(), frames(layer), resets=RESETS)


def test_a_delayed_output_may_have_another_shape() -> None:
    layer = delay().with_output(0, shape=[4, 4])
    assert_equal_to_tflm(layer.to_bytes(), frames(layer), resets=RESETS)


DELAY_REFUSED: CustomRefusals = {
    **OPTIONS,
    "negative delay": ("param", lambda c: c.with_options(delay_length=-1)),
    "a delay of gigabytes": ("limit", lambda c: c.with_options(delay_length=1 << 30)),
    "int8": ("type", lambda c: c.with_input(0, dtype="int8")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
    "rank 0": ("shape", lambda c: c.with_input(0, shape=[]).with_output(0, shape=[])),
    "empty input": ("shape", lambda c: c.with_input(0, shape=[0, 8])),
    "output too small": ("shape", lambda c: c.with_output(0, shape=[2, 7])),
    "output too large": ("shape", lambda c: c.with_output(0, shape=[2, 9])),
}


@pytest.mark.parametrize("case", DELAY_REFUSED)
def test_a_wrong_delay_is_refused(case: str) -> None:
    status, change = DELAY_REFUSED[case]
    assert_refused(change(delay()), status)


# ---- SignalFramer ----


def framer(
    size: int, step: int, *, steps: int = 1, rows: tuple[int, ...] = (2,), prefill: bool = False
) -> CustomLayer:
    """Return a layer whose invokes take so many steps of each row."""
    x = Tensor([*rows, steps * step], "int16")
    outputs = [Tensor([*rows, steps, size], "int16"), Tensor([], "bool")]
    options = {"frame_size": size, "frame_step": step, "prefill": prefill}
    return CustomLayer("SignalFramer", [x], outputs, options)


FRAMERS: dict[str, CustomLayer] = {
    "speech": framer(480, 160, rows=(1,)),
    "no multiple": framer(10, 4),
    "prefilled": framer(10, 4, prefill=True),
    "prefilled multiple": framer(12, 4, prefill=True),
    "several steps": framer(7, 3, steps=4),
    "several prefilled steps": framer(7, 3, steps=4, prefill=True),
    "without overlap": framer(5, 5),
    "without overlap, prefilled": framer(5, 5, prefill=True),
    "with gaps": framer(3, 5, steps=2),
    "one sample": framer(1, 1),
    "a vector": framer(6, 2, rows=()),
    "many rows": framer(6, 2, rows=(2, 3)),
}


@pytest.mark.parametrize("case", FRAMERS)
def test_every_full_frame_equals_tflms(case: str) -> None:
    layer = FRAMERS[case]
    seen = set()
    for got, want in both(layer, frames(layer), RESETS):
        assert got[1] == want[1]
        seen.add(bool(got[1]))
        if got[1]:
            np.testing.assert_array_equal(got[0], want[0])
    assert True in seen
    size, step, prefill = layer.options.values()
    assert (False in seen) == (size > step and not prefill)


def test_frames_that_are_not_full_are_zeros() -> None:
    engine = Engine(framer(7, 3, steps=2).to_bytes())
    x = np.arange(12, dtype=np.int16).reshape(2, 6) + 1
    outputs, valid = engine.run([x])
    assert not valid
    assert not outputs.any()
    outputs, valid = engine.run([x])  # the first frame needs 3 steps
    assert valid
    assert outputs.all()


def test_the_full_frames_of_an_invoke_that_is_not_all_valid_equal_tflms() -> None:
    layer = framer(7, 3, steps=4)
    (got, want), *_ = both(layer, frames(layer, 1))
    assert not got[1]
    assert not want[1]
    assert not got[0][:, :2].any()
    np.testing.assert_array_equal(got[0][:, 2:], want[0][:, 2:])


FRAMER_REFUSED: CustomRefusals = {
    **OPTIONS,
    "size 0": ("param", lambda c: c.with_options(frame_size=0)),
    "negative size": ("param", lambda c: c.with_options(frame_size=-5)),
    "step 0": ("param", lambda c: c.with_options(frame_step=0)),
    "negative step": ("param", lambda c: c.with_options(frame_step=-3)),
    "prefilled with gaps": ("param", lambda c: c.with_options(frame_size=2, prefill=True)),
    "no whole steps": ("shape", lambda c: c.with_options(frame_step=4)),
    "step of more than the input": ("shape", lambda c: c.with_options(frame_step=12)),
    "frames of another size": ("shape", lambda c: c.with_options(frame_size=6)),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
    "int8 flag": ("type", lambda c: c.with_output(1, dtype="int8")),
    "flag of rank 1": ("shape", lambda c: c.with_output(1, shape=[1])),
    "output of the input's rank": ("shape", lambda c: c.with_output(0, shape=[2, 14])),
    "one output": ("model", lambda c: replace(c, outputs=c.outputs[:1])),
    "rank 0": ("shape", lambda c: c.with_input(0, shape=[]).with_output(0, shape=[1])),
}


@pytest.mark.parametrize("case", FRAMER_REFUSED)
def test_a_wrong_framer_is_refused(case: str) -> None:
    status, change = FRAMER_REFUSED[case]
    assert_refused(change(framer(7, 3, steps=2)), status)


# ---- SignalStacker ----


def stacker(channels: int = 4, left: int = 1, right: int = 1, step: int = 2) -> CustomLayer:
    outputs = [Tensor([channels * (left + right + 1)], "int16"), Tensor([], "bool")]
    options = {
        "num_channels": channels,
        "stacker_left_context": left,
        "stacker_right_context": right,
        "stacker_step": step,
    }
    return CustomLayer("SignalStacker", [Tensor([channels], "int16")], outputs, options)


STACKERS = [(1, 1, 2), (0, 0, 1), (2, 0, 1), (2, 0, 3), (0, 3, 1), (0, 3, 4), (3, 2, 5), (1, 4, 6)]


@pytest.mark.parametrize(("left", "right", "step"), STACKERS)
def test_every_stack_equals_tflms(left: int, right: int, step: int) -> None:
    layer = stacker(3, left, right, step)
    pairs = both(layer, frames(layer, 30), RESETS)
    valid = 0
    for got, want in pairs:
        assert got[1] == want[1]
        if got[1]:
            np.testing.assert_array_equal(got[0], want[0])
        else:
            assert not got[0].any()
        valid += bool(got[1])
    assert valid > 0
    assert (valid < len(pairs)) == (step > 1 or right > 0)


def test_a_stacker_takes_the_first_channels_of_a_wider_input() -> None:
    layer = stacker(4, 2, 0, 1).with_input(0, shape=[6])
    assert_equal_to_tflm(layer.to_bytes(), frames(layer), resets=RESETS)


STACKER_REFUSED: CustomRefusals = {
    **OPTIONS,
    "no channels": ("param", lambda c: c.with_options(num_channels=0)),
    "negative channels": ("param", lambda c: c.with_options(num_channels=-4)),
    "negative left": ("param", lambda c: c.with_options(stacker_left_context=-1)),
    "negative right": ("param", lambda c: c.with_options(stacker_right_context=-1)),
    "step 0": ("param", lambda c: c.with_options(stacker_step=0)),
    "step over the stack": ("param", lambda c: c.with_options(stacker_step=4)),
    "huge context": ("shape", lambda c: c.with_options(stacker_left_context=(1 << 31) - 1)),
    "input too short": ("shape", lambda c: c.with_input(0, shape=[3])),
    "output too short": ("shape", lambda c: c.with_output(0, shape=[11])),
    "output too long": ("shape", lambda c: c.with_output(0, shape=[13])),
    "input of rank 2": ("shape", lambda c: c.with_input(0, shape=[1, 4])),
    "output of rank 2": ("shape", lambda c: c.with_output(0, shape=[1, 12])),
    "flag of rank 1": ("shape", lambda c: c.with_output(1, shape=[1])),
    "int8 input": ("type", lambda c: c.with_input(0, dtype="int8")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
    "int8 flag": ("type", lambda c: c.with_output(1, dtype="int8")),
}


@pytest.mark.parametrize("case", STACKER_REFUSED)
def test_a_wrong_stacker_is_refused(case: str) -> None:
    status, change = STACKER_REFUSED[case]
    assert_refused(change(stacker()), status)


# ---- SignalOverlapAdd ----


def overlap_add(
    dtype: str = "int16", size: int = 8, step: int = 3, count: int = 2, rows: tuple[int, ...] = (2,)
) -> CustomLayer:
    """Return a layer that takes `count` frames of each row."""
    x, y = Tensor([*rows, count, size], dtype), Tensor([*rows, count * step], dtype)
    return CustomLayer("SignalOverlapAdd", [x], [y], {"T": int(TYPES[dtype]), "frame_step": step})


@pytest.mark.parametrize(("size", "step"), [(8, 3), (8, 8), (8, 1), (1, 1), (480, 160)])
@pytest.mark.parametrize("rows", [(), (1,), (2, 3)])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_every_overlap_equals_tflm(dtype: str, rows: tuple[int, ...], size: int, step: int) -> None:
    layer = overlap_add(dtype, size, step, 3, rows)
    assert_equal_to_tflm(layer.to_bytes(), frames(layer), resets=RESETS)


OVERLAP_REFUSED: CustomRefusals = {
    **OPTIONS,
    "step 0": ("param", lambda c: c.with_options(frame_step=0)),
    "negative step": ("param", lambda c: c.with_options(frame_step=-1)),
    "step over the frame": ("param", lambda c: c.with_options(frame_step=9)),
    "another step": ("shape", lambda c: c.with_options(frame_step=2)),
    "type int32": ("type", lambda c: c.with_options(T=2)),
    "type of other tensors": ("type", lambda c: c.with_options(T=0)),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "float output": ("type", lambda c: c.with_output(0, dtype="float32")),
    "ranks equal": ("shape", lambda c: c.with_output(0, shape=[2, 6, 1])),
    "input of rank 1": ("shape", lambda c: c.with_input(0, shape=[8]).with_output(0, shape=[])),
    "empty input": ("shape", lambda c: c.with_input(0, shape=[2, 0, 8])),
}


@pytest.mark.parametrize("case", OVERLAP_REFUSED)
def test_a_wrong_overlap_is_refused(case: str) -> None:
    status, change = OVERLAP_REFUSED[case]
    assert_refused(change(overlap_add()), status)


# ---- the state ----


@pytest.mark.parametrize(
    "layer",
    [delay(), framer(7, 3), stacker(), overlap_add()],
    ids=["delay", "framer", "stacker", "overlap_add"],
)
def test_a_model_with_such_an_op_is_stateful_and_repeats_itself_after_a_reset(
    layer: CustomLayer,
) -> None:
    assert is_stateful(layer)
    engine, sequence = Engine(layer.to_bytes()), frames(layer)
    first = [[y.tobytes() for y in engine.run(x)] for x in sequence]
    going_on = [[y.tobytes() for y in engine.run(x)] for x in sequence]
    engine.reset()
    again = [[y.tobytes() for y in engine.run(x)] for x in sequence]
    assert again == first
    assert going_on != first


def test_states_of_nodes_and_of_called_subgraphs_are_all_reset() -> None:
    x = Tensor([4], "int16")
    once = Graph([x, x], [custom_delay(0, 1, 2)], [], [])
    once.tensors[0] = Tensor([4], "int16", data=[1, 2, 3, 4])
    ops = [
        Op("CALL_ONCE", [], [], ("CallOnceOptions", {"init_subgraph_index": 1})),
        custom_delay(0, 1, 5),
        custom_delay(1, 2, 1),
        copy(2, 3),
    ]
    model = Model([Graph([x, x, x, x], ops, [0], [3]), once]).to_bytes()
    rng = np.random.default_rng(5)
    sequence = [[random_input(rng, x)] for _ in range(12)]
    assert_equal_to_tflm(model, sequence, resets=RESETS)


def custom_delay(source: int, to: int, length: int) -> Op:
    options = {"delay_length": length}
    return Op("CUSTOM", [source], [to], None, 1, "SignalDelay", flexbuffer(options))
