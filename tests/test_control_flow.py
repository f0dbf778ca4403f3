"""Random nests of loops and branches: their buffers, their arena, run at once and in steps."""

from __future__ import annotations

import struct

import numpy as np
import pytest

import tflm_wasm
from tests.support.control import COUNTER, count, counting, loop, until, while_
from tests.support.engine import Engine, assert_equal_to_tflm, oracle
from tests.support.models import Graph, Tensor
from tests.support.nests import Nest
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
