"""Random nests of loops and branches: their buffers, their arena, run at once and in steps."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

import tflm_wasm
from tests.support.control import (
    CONDITION,
    COUNTER,
    count,
    counting,
    if_,
    join,
    loop,
    truth,
    until,
    while_,
)
from tests.support.engine import Engine, assert_equal_to_tflm, oracle
from tests.support.models import Graph, Model, Op, Tensor, flexbuffer
from tests.support.nests import Nest
from tests.support.stateful import copy
from tflm_wasm import GuestStatusError, GuestTimeout, Limits
from tflm_wasm._abi import Status

SEEDS = range(40)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_live_buffer_is_overwritten_by_a_subgraph(seed: int) -> None:
    nest = Nest(seed)
    assert_equal_to_tflm(nest.model.to_bytes(), nest.frames())


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_the_arena_of_nested_subgraphs_is_no_larger_than_tflms(seed: int) -> None:
    model = Nest(seed).model.to_bytes()
    oracle().open(model)
    used = oracle().arena_used()
    assert used is not None
    assert Engine(model).get("arena_needed") <= used


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_tensors_of_subgraphs_may_be_planned_offline(seed: int) -> None:
    """A plan that gives every tensor a place of its own changes no output."""
    nest = Nest(seed)
    count = sum(len(graph.tensors) for graph in nest.model.graphs)
    offsets = [i * 128 if i % 3 else -1 for i in range(count)]
    plan = struct.pack(f"<{3 + count}i", 1, len(nest.model.graphs), count, *offsets)
    nest.model.metadata["OfflineMemoryAllocation"] = plan
    assert_equal_to_tflm(nest.model.to_bytes(), nest.frames())


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_a_profile_of_loops_and_branches_gives_the_bytes_of_a_run(seed: int) -> None:
    nest = Nest(seed)
    module = tflm_wasm.build(nest.model.to_bytes())
    with module.open() as timed, module.open() as plain:
        for frame in nest.frames():
            expected = [array.tobytes() for array in plain.run(*frame)]
            profile = timed.profile(*frame)
            assert [output.view.tobytes() for output in timed.outputs] == expected
    assert [op.name for op in profile.ops] == [op.code for op in nest.model.graphs[0].ops]


def endless(vector: Tensor) -> bytes:
    """Return a loop that never ends for a counter below 1; each round copies a vector."""
    body = Graph([COUNTER, vector], [], [0, 1], [0, 1])
    return loop(until(1, [COUNTER, vector]), body).to_bytes()


def test_a_loop_that_never_ends_is_an_error_of_the_run_and_the_session_lives_on() -> None:
    vector = np.zeros(1, np.int8)
    with tflm_wasm.build(endless(Tensor([1], "int8"))).open() as session:
        with pytest.raises(GuestStatusError, match="rounds of loops") as caught:
            session.run(count(0), vector)
        assert caught.value.status is Status.RUNTIME
        assert caught.value.op_index == 0
        assert session.run(count(1), vector)[0].tolist() == [1]


def test_a_loop_of_long_rounds_is_ended_by_the_time_limit() -> None:
    vector = np.zeros(60_000, np.int8)
    module = tflm_wasm.build(endless(Tensor([60_000], "int8")))
    with module.open(limits=Limits(time_s=0.2)) as session:
        with pytest.raises(GuestTimeout):
            session.run(count(0), vector)
        session.reopen()
        assert session.run(count(1), vector)[0].tolist() == [1]


def test_rounds_are_counted_anew_in_each_run_and_through_its_steps() -> None:
    body = counting(Graph([COUNTER], [], [0], [0]))
    model = loop(until(1 << 19, [COUNTER]), body)
    loops = [while_([0], [i], 1, 2) for i in (1, 2, 3)]
    model.graphs[0] = Graph([COUNTER] * 4, loops, [0], [3])
    with tflm_wasm.build(model.to_bytes()).open() as session:
        session.run(count(1 << 18))
        session.profile(count(1 << 18))
        with pytest.raises(GuestStatusError, match="op 2 WHILE: more than"):
            session.run(count(0))
        with pytest.raises(GuestStatusError, match="op 2 WHILE: more than"):
            session.profile(count(0))


FRAME = Tensor([1, 1, 1, 2], "int8", scale=0.5)
KEPT = Tensor([1, 3, 1, 2], "int8", scale=0.5)


def circular(source: int, to: int, period: int) -> Op:
    options = flexbuffer({"cycles_max": period})
    return Op("CUSTOM", [source], [to], None, 1, "CIRCULAR_BUFFER", options)


def random_frame(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-128, 128, FRAME.shape).astype(np.int8)


def test_an_operator_of_a_branch_ends_the_run_as_in_tflm() -> None:
    """What follows the IF does not run either, until the buffer of the branch lets it."""
    state = replace(KEPT, variable=True)
    then = Graph([FRAME, state, KEPT], [circular(0, 1, 3), copy(1, 2)], [0], [2])
    otherwise = Graph([FRAME, KEPT], [join([0, 0, 0], 1, axis=1)], [0], [1])
    ops = [if_([0, 1], [2], 1, 2), copy(2, 3)]
    main = Graph([CONDITION, FRAME, KEPT, KEPT], ops, [0, 1], [3])
    rng = np.random.default_rng(5)
    inputs = [[truth(letter == "t"), random_frame(rng)] for letter in "ttftfttttftt"]
    assert_equal_to_tflm(Model([main, then, otherwise]).to_bytes(), inputs, resets=(7,))


def test_an_operator_of_a_loop_ends_the_run_in_the_middle_of_it_as_in_tflm() -> None:
    """The next run starts the loop anew; the buffer goes on."""
    state = replace(KEPT, variable=True)
    tensors = [COUNTER, FRAME, KEPT, state, KEPT]
    body = counting(Graph(tensors, [circular(1, 3, 2), copy(3, 4)], [0, 1, 2], [0, 1, 4]))
    condition = until(3, [COUNTER, FRAME, KEPT])
    constant = replace(KEPT, data=np.arange(6).reshape(KEPT.shape))
    ops = [while_([0, 1, 2], [3, 4, 5], 1, 2), copy(3, 6), copy(5, 7)]
    tensors = [COUNTER, FRAME, constant, COUNTER, FRAME, KEPT, COUNTER, KEPT]
    main = Graph(tensors, ops, [0, 1], [6, 7])
    rng = np.random.default_rng(6)
    inputs = [[count(i % 4), random_frame(rng)] for i in (2, 2, 3, 2, 2, 1, 2, 0, 2, 3, 2)]
    assert_equal_to_tflm(Model([main, condition, body]).to_bytes(), inputs, resets=(6,))
