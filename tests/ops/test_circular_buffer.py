"""CIRCULAR_BUFFER keeps frames, and lets the graph go on only every so many, as in TFLM."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.custom import CustomLayer, CustomRefusals
from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.layers import assert_refused
from tests.support.models import Graph, Model, Op, Tensor, flexbuffer
from tests.support.stateful import copy
from tflm_wasm._abi import Feature
from tflm_wasm.oracles import Oracle, installed

needs_tflm = pytest.mark.skipif(
    not installed("tflite_micro"),
    reason="tflite_micro is missing: pip install 'tflm-wasm[oracles]' on x86-64 Linux",
)
RESETS = (5, 6, 14)


def circular(source: int, to: int, period: int | None = None) -> Op:
    options = b"" if period is None else flexbuffer({"cycles_max": period})
    return Op("CUSTOM", [source], [to], None, 1, "CIRCULAR_BUFFER", options)


def frame(depth: int = 3, zero_point: int = 4) -> Tensor:
    return Tensor([1, 1, 1, depth], "int8", scale=0.5, zero_point=zero_point)


def kept(slots: int, depth: int = 3, zero_point: int = 4) -> Tensor:
    shape = [1, slots, 1, depth]
    return Tensor(shape, "int8", scale=0.5, zero_point=zero_point, variable=True)


def streaming(period: int | None, slots: int = 4, depth: int = 3) -> Model:
    """Return a model whose output is a copy of the frames kept."""
    out = replace(kept(slots, depth), variable=False)
    tensors = [frame(depth), kept(slots, depth), out]
    return Model([Graph(tensors, [circular(0, 1, period), copy(1, 2)], [0], [2])])


def frames(count: int, depth: int = 3) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(count)
    return [[rng.integers(-128, 128, [1, 1, 1, depth]).astype(np.int8)] for _ in range(count)]


@pytest.mark.parametrize("slots", [1, 2, 4, 7])
@pytest.mark.parametrize("period", [1, 2, 3, 5])
def test_the_graph_goes_on_when_it_does_in_tflm(period: int, slots: int) -> None:
    assert_equal_to_tflm(streaming(period, slots).to_bytes(), frames(20), resets=RESETS)


def test_an_output_that_is_the_buffer_itself_is_always_current() -> None:
    tensors = [frame(), kept(4), replace(kept(4), variable=False)]
    graph = Graph(tensors, [circular(0, 1, 3), copy(1, 2)], [0], [1, 2])
    assert_equal_to_tflm(Model([graph]).to_bytes(), frames(20), resets=RESETS)


def test_an_output_in_front_of_the_buffer_is_always_current() -> None:
    tensors = [frame(), frame(), kept(4), replace(kept(4), variable=False)]
    graph = Graph(tensors, [copy(0, 1), circular(1, 2, 3), copy(2, 3)], [0], [1, 3])
    assert_equal_to_tflm(Model([graph]).to_bytes(), frames(20), resets=RESETS)


def test_outputs_of_an_invoke_that_ended_early_are_those_of_the_last_whole_one() -> None:
    engine = Engine(streaming(3).to_bytes())
    inputs = frames(7)
    outputs = [engine.run(x)[0] for x in inputs]
    assert [y.any() for y in outputs[:3]] == [False, False, True]
    np.testing.assert_array_equal(outputs[3], outputs[2])
    np.testing.assert_array_equal(outputs[4], outputs[2])
    np.testing.assert_array_equal(outputs[5][0, -1], inputs[5][0][0, 0])
    engine.reset()
    assert not engine.run(inputs[0])[0].any()


def test_outputs_outlive_invokes_whatever_else_needs_memory() -> None:
    """A large tensor in front of the buffer would otherwise share the output's memory."""
    wide = Tensor([1, 1, 20, 20], "int8", scale=0.5)
    large = Tensor([1, 1, 1, 400], "int8", scale=0.5)
    depth = 400
    tensors = [wide, large, large, kept(2, depth, 0), replace(kept(2, depth, 0), variable=False)]
    ops = [copy(0, 1), copy(1, 2), circular(2, 3, 2), copy(3, 4)]
    model = Model([Graph(tensors, ops, [0], [4])]).to_bytes()
    rng = np.random.default_rng(3)
    sequence = [[rng.integers(-128, 128, [1, 1, 20, 20]).astype(np.int8)] for _ in range(9)]
    assert_equal_to_tflm(model, sequence, resets=(4,))


def test_several_buffers_divide_the_rate_as_in_tflm() -> None:
    tensors = [frame(), kept(2), Tensor([1, 1, 1, 6], "int8", scale=0.5), kept(3, 6)]
    tensors += [replace(kept(3, 6), variable=False)]
    ops = [circular(0, 1, 2), copy(1, 2), circular(2, 3, 3), copy(3, 4)]
    model = Model([Graph(tensors, ops, [0], [4])]).to_bytes()
    assert_equal_to_tflm(model, frames(30), resets=(4, 11, 20))


def test_a_buffer_in_a_called_subgraph_ends_the_whole_invoke() -> None:
    once = Graph([frame(), kept(4)], [circular(0, 1, 3)], [], [])
    once.tensors[0] = replace(frame(), data=np.full([1, 1, 1, 3], 9))
    call = Op("CALL_ONCE", [], [], ("CallOnceOptions", {"init_subgraph_index": 1}))
    main = Graph([frame(), frame()], [call, copy(0, 1)], [0], [1])
    model = Model([main, once]).to_bytes()
    assert_equal_to_tflm(model, frames(12), resets=(7,))


@pytest.mark.parametrize("shape", [(1, 1, 2, 3), (2, 1, 1, 3), (1, 1, 1, 3, 2)])
def test_other_shapes_move_as_in_tflm(shape: tuple[int, ...]) -> None:
    """Only the first of several batches, and four dimensions, are moved."""
    slots = (shape[0], 4, *shape[2:])
    tensors = [
        Tensor(shape, "int8", scale=0.5),
        Tensor(slots, "int8", scale=0.5, variable=True),
        Tensor(slots, "int8", scale=0.5),
    ]
    model = Model([Graph(tensors, [circular(0, 1, 2), copy(1, 2)], [0], [2])]).to_bytes()
    rng = np.random.default_rng(1)
    sequence = [[rng.integers(-128, 128, shape).astype(np.int8)] for _ in range(9)]
    assert_equal_to_tflm(model, sequence, resets=(6,))


def test_a_model_with_a_buffer_is_stateful() -> None:
    assert Engine(streaming(1).to_bytes()).get("features") & Feature.STATEFUL


# ---- without a period in the model ----


def chain(shapes: list[tuple[int, int, int]], periods: list[int | None]) -> Model:
    """Return a model of buffers one behind the other, each of slots, width and depth."""
    tensors, ops = [Tensor([1, 1, 1, 1], "int8", scale=0.5)], []
    for (slots, width, depth), period in zip(shapes, periods, strict=True):
        source = len(tensors)
        tensors.append(Tensor([1, 1, width, depth], "int8", scale=0.5))
        shape = [1, slots, width, depth]
        tensors.append(Tensor(shape, "int8", scale=0.5, variable=True))
        first = Tensor([4], "int32", data=[0, 0, 0, 0])
        size = Tensor([4], "int32", data=[1, 1, 1, 1])
        tensors += [first, size, Tensor([1, 1, 1, 1], "int8", scale=0.5)]
        pads = Tensor([4, 2], "int32", data=[[0, 0], [0, 0], [0, width - 1], [0, depth - 1]])
        tensors.append(pads)
        ops += [
            Op("PAD", [0 if source == 1 else source - 2, source + 5], [source]),
            circular(source, source + 1, period),
            Op("SLICE", [source + 1, source + 2, source + 3], [source + 4]),
        ]
    return Model([Graph(tensors, ops, [0], [len(tensors) - 2])])


CHAINS: dict[str, tuple[list[tuple[int, int, int]], list[int | None]]] = {
    "an ordinary one": ([(4, 1, 3)], [None]),
    "options of 0": ([(4, 1, 3)], [0]),
    "negative options": ([(4, 1, 3)], [-3]),
    "5 slots": ([(5, 1, 3)], [None]),
    "13 slots": ([(13, 1, 3)], [None]),
    "25 slots": ([(25, 1, 3)], [None]),
    "the fifth": ([(2, 1, 2)] * 4 + [(2, 2, 96)], [None] * 5),
    "the fifth of those without a period": (
        [(2, 1, 2)] * 5 + [(2, 2, 96)],
        [None, 1, None, None, None, None],
    ),
    "the fourth": ([(2, 1, 2)] * 3 + [(2, 2, 96)], [None] * 4),
    "a last one in between": (
        [(2, 1, 2), (5, 1, 2)] + [(2, 1, 2)] * 3 + [(2, 2, 96)],
        [None] * 6,
    ),
    "the fifth after a last one": (
        [(2, 1, 2), (13, 1, 2)] + [(2, 1, 2)] * 4 + [(2, 2, 96)],
        [None] * 7,
    ),
}


@pytest.mark.oracle
@needs_tflm
@pytest.mark.parametrize("case", CHAINS)
def test_a_period_that_the_model_lacks_is_the_one_of_tflm(case: str) -> None:
    """TFLM counts buffers over all models of its process: each model here has a process."""
    model = chain(*CHAINS[case]).to_bytes()
    rng = np.random.default_rng(2)
    sequence = [[rng.integers(-128, 128, [1, 1, 1, 1]).astype(np.int8)] for _ in range(130)]
    with Oracle("tflite_micro") as tflm:
        tflm.open(model)
        expected = tflm.run_many(sequence)
    engine = Engine(model)
    got = [engine.run(x)[0].tobytes() for x in sequence]
    assert got == [y[0].tobytes() for y in expected]


# ---- refusals ----


def single() -> CustomLayer:
    return CustomLayer("CIRCULAR_BUFFER", [frame()], [kept(4)], {"cycles_max": 2})


REFUSED: CustomRefusals = {
    "options that are a number": ("model", lambda c: replace(c, options=b"\x05\x04\x01")),
    "options without entries": ("param", lambda c: replace(c, options={})),
    "options of text": ("param", lambda c: replace(c, options={"cycles_max": "2"})),
    "output no variable": ("model", lambda c: c.with_output(0, variable=False)),
    "two frames": ("shape", lambda c: c.with_input(0, shape=[1, 2, 1, 3])),
    "another batch": ("shape", lambda c: c.with_input(0, shape=[2, 1, 1, 3])),
    "another width": ("shape", lambda c: c.with_input(0, shape=[1, 1, 2, 3])),
    "another depth": ("shape", lambda c: c.with_input(0, shape=[1, 1, 1, 2])),
    "input of rank 3": ("shape", lambda c: c.with_input(0, shape=[1, 1, 3])),
    "output of rank 3": ("shape", lambda c: c.with_output(0, shape=[1, 4, 3])),
    "int16": ("type", lambda c: c.with_input(0, dtype="int16").with_output(0, dtype="int16")),
    "int8 to int16": ("type", lambda c: c.with_output(0, dtype="int16")),
    "no inputs": ("model", lambda c: replace(c, inputs=[])),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str) -> None:
    status, change = REFUSED[case]
    assert_refused(change(single()), status)
