"""WHILE loops as TFLM does, over every kind of body and condition, and always ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.support.control import (
    CONDITION,
    COUNTER,
    binary,
    count,
    counting,
    if_,
    join,
    loop,
    until,
    while_,
)
from tests.support.engine import Engine, EngineError, assert_equal_to_tflm, assert_refused
from tests.support.models import Graph, Model, Op, Tensor, random_input
from tests.support.stateful import RESOURCE, assign, call_once, copy, handle, read, setter
from tflm_wasm._abi import Status

X = Tensor([2], "int32")
START = np.array([1, 3], np.int32)


def adding(tensor: Tensor = X) -> Graph:
    """Return a body of a counter and a vector to which it adds itself."""
    return counting(Graph([COUNTER, tensor, tensor], [binary("ADD", 1, 1, 2)], [0, 1], [0, 2]))


def adding_loop(limit: int, tensor: Tensor = X) -> Model:
    return loop(until(limit, [COUNTER, tensor]), adding(tensor))


@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 31, 1000])
def test_the_body_runs_as_often_as_the_condition_says(rounds: int) -> None:
    frames = [[count(start), START] for start in (0, 1, -1, rounds, rounds + 1)]
    assert_equal_to_tflm(adding_loop(rounds).to_bytes(), frames)


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8", "int16", "int64", "bool"])
def test_bytes_of_every_type_go_round(dtype: str) -> None:
    first, second = Tensor([2, 3], dtype), Tensor([6], dtype)
    body = Graph(
        [COUNTER, first, second, second, first], [copy(1, 3), copy(2, 4)], [0, 1, 2], [0, 4, 3]
    )
    model = loop(until(5, [COUNTER, first, second]), counting(body)).to_bytes()
    rng = np.random.default_rng(1)
    frames = [[count(i), random_input(rng, first), random_input(rng, second)] for i in range(3)]
    assert_equal_to_tflm(model, frames)


def test_a_body_without_ops_of_its_own_swaps_its_variables() -> None:
    body = counting(Graph([COUNTER, X, X, X], [], [0, 1, 2, 3], [0, 2, 3, 1]))
    model = loop(until(7, [COUNTER, X, X, X]), body).to_bytes()
    frames = [[count(i), START, 2 * START, 3 * START] for i in range(4)]
    assert_equal_to_tflm(model, frames)


def test_a_body_may_give_a_constant_and_one_tensor_twice() -> None:
    constant = Tensor([2], "int32", data=[7, 9])
    body = counting(Graph([COUNTER, X, X, X, constant], [], [0, 1, 2, 3], [0, 4, 1, 1]))
    model = loop(until(2, [COUNTER, X, X, X]), body).to_bytes()
    assert_equal_to_tflm(model, [[count(i), START, 2 * START, 3 * START] for i in range(3)])


def test_a_condition_may_have_many_ops_and_branches() -> None:
    """The loop runs a first round, and goes on while the sum of the vector is below 100."""
    early = Graph([X, Tensor([1], "bool", data=[True])], [], [0], [1])
    axis, hundred = Tensor([], "int32", data=0), Tensor([1], "int32", data=[100])
    split = Op("SPLIT", [1, 0], [2, 3], ("SplitOptions", {"num_splits": 2}))
    ops = [split, binary("ADD", 2, 3, 4), binary("LESS", 4, 5, 6)]
    late = Graph([X, axis, COUNTER, COUNTER, COUNTER, hundred, CONDITION], ops, [0], [6])
    one = Tensor([1], "int32", data=[1])
    ops = [binary("LESS", 0, 2, 3), if_([3, 1], [4], 3, 4), binary("LOGICAL_AND", 4, 4, 5)]
    condition = Graph([COUNTER, X, one, CONDITION, CONDITION, CONDITION], ops, [0, 1], [5])
    model = loop(condition, adding(), early, late).to_bytes()
    starts = [[1, 3], [60, 50], [-100, 101], [2, 1]]
    frames = [[count(i), np.array(x, np.int32)] for i in (0, 1) for x in starts]
    assert_equal_to_tflm(model, frames)


def test_a_condition_may_give_more_and_take_what_it_does_not_read() -> None:
    condition = until(4, [COUNTER, X])
    condition = replace(condition, outputs=[*condition.outputs, 0, 1])
    assert_equal_to_tflm(loop(condition, adding()).to_bytes(), [[count(0), START]])


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32"])
def test_a_condition_of_another_type_is_its_first_byte_as_in_tflm(dtype: str) -> None:
    """The loop goes down to 256, whose lowest byte is 0, when the type has it."""
    minus = Tensor([1], "int32", data=[-1])
    result = Tensor([1], dtype)
    cast = Op("CAST", [0], [2], ("CastOptions", {}))
    condition = Graph([COUNTER, X, result], [cast], [0, 1], [2])
    tensors = [COUNTER, X, minus, COUNTER, X]
    body = Graph(tensors, [binary("ADD", 0, 2, 3), binary("ADD", 1, 1, 4)], [0, 1], [3, 4])
    frames = [[count(start), START] for start in (0, 1, 5, 260)]
    assert_equal_to_tflm(loop(condition, body).to_bytes(), frames)


def test_the_first_of_several_conditions_counts_as_in_tflm() -> None:
    condition = until(4, [COUNTER, X])
    condition.tensors[2] = Tensor([3], "int32", data=[4, 100, 100])
    condition.tensors[3] = Tensor([3], "bool")
    assert_equal_to_tflm(loop(condition, adding()).to_bytes(), [[count(0), START]])


@pytest.mark.parametrize("outputs", [[0, 1], [0, 3], [2, 1]])
def test_outputs_may_be_inputs(outputs: list[int]) -> None:
    model = adding_loop(5)
    main = Graph([COUNTER, X, COUNTER, X], [while_([0, 1], outputs, 1, 2)], [0, 1], outputs)
    model.graphs[0] = main
    assert_equal_to_tflm(model.to_bytes(), [[count(0), START], [count(9), START]])


def test_outputs_that_are_the_inputs_crossed_are_copied_one_by_one_as_in_tflm() -> None:
    model = loop(
        until(5, [COUNTER, X, X]), counting(Graph([COUNTER, X, X], [], [0, 1, 2], [0, 2, 1]))
    )
    for limit in (0, 5):
        model.graphs[0] = Graph(
            [COUNTER, X, X, COUNTER], [while_([0, 1, 2], [3, 2, 1], 1, 2)], [0, 1, 2], [3, 1, 2]
        )
        model.graphs[1] = until(limit, [COUNTER, X, X])
        assert_equal_to_tflm(model.to_bytes(), [[count(0), START, 2 * START]])


def test_a_loop_may_share_its_subgraphs_with_others() -> None:
    ops = [while_([0, 1], [2, 3], 1, 2), while_([0, 3], [4, 5], 1, 2), while_([2, 5], [6, 7], 1, 2)]
    main = Graph([COUNTER, X] * 4, ops, [0, 1], [3, 5, 7])
    model = Model([main, until(3, [COUNTER, X]), adding()])
    assert_equal_to_tflm(model.to_bytes(), [[count(i), START] for i in range(4)])


def test_condition_and_body_may_be_one_subgraph() -> None:
    """Its variable is the condition, which it turns."""
    byte = Tensor([1], "bool")
    both = Graph([byte, byte], [Op("LOGICAL_NOT", [0], [1])], [0], [1])
    model = Model([Graph([byte, byte], [while_([0], [1], 1, 1)], [0], [1]), both]).to_bytes()
    assert_equal_to_tflm(model, [[np.array([value])] for value in (False, True, True)])


def test_a_loop_without_variables_runs_on_state() -> None:
    """It counts in a resource variable, up to the next multiple of 5."""
    five, one = Tensor([1], "int32", data=[5]), Tensor([1], "int32", data=[1])
    tensors = [RESOURCE, COUNTER, five, CONDITION]
    condition = Graph(tensors, [handle(0, "v"), read(0, 1), binary("LESS", 1, 2, 3)], [], [3])
    ops = [handle(0, "v"), read(0, 1), binary("ADD", 1, 2, 3), assign(0, 3)]
    body = Graph([RESOURCE, COUNTER, one, COUNTER], ops, [], [])
    ops = [handle(1, "v"), assign(1, 0), while_([], [], 1, 2), read(1, 2)]
    main = Graph([COUNTER, RESOURCE, COUNTER], ops, [0], [2])
    model = Model([main, condition, body]).to_bytes()
    assert_equal_to_tflm(model, [[count(i)] for i in (0, 4, 5, 6, -3)])


# ---- nesting ----


def nested_loops(depth: int, rounds: int) -> Model:
    """Return loops in loops, each of so many rounds; the innermost one adds."""
    graphs = [adding_loop(rounds).graphs[0]]
    for level in range(1, depth + 1):
        condition = until(rounds, [COUNTER, X])
        if level == depth:
            body = adding()
        else:
            zero = Tensor([1], "int32", data=[0])
            inner = while_([2, 1], [3, 4], 2 * level + 1, 2 * level + 2)
            body = counting(Graph([COUNTER, X, zero, COUNTER, X], [inner], [0, 1], [0, 4]))
        graphs += [condition, body]
    return Model(graphs)


@pytest.mark.parametrize(("depth", "rounds"), [(1, 5), (2, 4), (3, 3), (4, 2)])
def test_loops_nest(depth: int, rounds: int) -> None:
    model = nested_loops(depth, rounds).to_bytes()
    assert_equal_to_tflm(model, [[count(i), START] for i in range(3)])


def test_loops_that_nest_too_deep_are_refused() -> None:
    assert_refused(nested_loops(5, 2).to_bytes(), "limit", "nested more than 4 deep")


def test_a_loop_in_a_branch_in_a_loop() -> None:
    """Every other round an inner loop runs to 3, else the vector is negated."""
    two, zero = Tensor([1], "int32", data=[2]), Tensor([1], "int32", data=[0])
    inner = Graph([X, zero, COUNTER, X], [while_([1, 0], [2, 3], 5, 6)], [0], [3])
    minus = Tensor([2], "int32", data=[-1, -1])
    negate = Graph([X, minus, X], [binary("MUL", 0, 1, 2)], [0], [2])
    half, twice, odd = COUNTER, COUNTER, CONDITION
    tensors = [COUNTER, X, two, half, twice, odd, X]
    ops = [binary("DIV", 0, 2, 3), binary("MUL", 3, 2, 4), binary("LESS", 4, 0, 5)]
    body = counting(Graph(tensors, [*ops, if_([5, 1], [6], 3, 4)], [0, 1], [0, 6]))
    more = [inner, negate, until(3, [COUNTER, X]), adding()]
    model = loop(until(6, [COUNTER, X]), body, *more).to_bytes()
    assert_equal_to_tflm(model, [[count(i), START] for i in range(7)])


# ---- state ----


def test_a_variable_of_the_body_goes_on_over_rounds_and_runs() -> None:
    ops = [handle(3, "v"), read(3, 4), binary("ADD", 1, 4, 2), assign(3, 2)]
    body = counting(Graph([COUNTER, X, X, RESOURCE, X], ops, [0, 1], [0, 2]))
    model = loop(until(3, [COUNTER, X]), body).to_bytes()
    frames = [[count(i % 4), START + i] for i in range(8)]
    assert_equal_to_tflm(model, frames, resets=(5,))


def test_call_once_in_a_body_runs_in_the_first_round() -> None:
    ops = [call_once(3), handle(3, "v"), read(3, 4), binary("ADD", 1, 4, 2), assign(3, 2)]
    body = counting(Graph([COUNTER, X, X, RESOURCE, X], ops, [0, 1], [0, 2]))
    start = setter("v", Tensor([2], "int32", data=[1000, 2000]))
    model = loop(until(3, [COUNTER, X]), body, start).to_bytes()
    assert_equal_to_tflm(model, [[count(i), START] for i in (3, 1, 0, 2)], resets=(3,))


def test_a_variable_tensor_of_the_body_keeps_its_value() -> None:
    state = Tensor([4], "int32", variable=True)
    axis = Tensor([], "int32", data=0)
    split = Op("SPLIT_V", [3, 4, 4], [5, 2], ("SplitVOptions", {"num_splits": 2}))
    tensors = [COUNTER, X, state, Tensor([6], "int32"), axis, X]
    body = counting(Graph(tensors, [join([2, 1], 3), split], [0, 1], [0, 5]))
    model = loop(until(5, [COUNTER, X]), body).to_bytes()
    assert_equal_to_tflm(model, [[count(i), START + i] for i in (0, 3, 1, 4, 2)], resets=(3,))


def test_handles_go_round() -> None:
    """A loop whose variable is a handle, and one that swaps two."""
    ops = [read(1, 3), binary("ADD", 3, 4, 5), assign(1, 5)]
    ten = Tensor([2], "int32", data=[10, 20])
    body = counting(Graph([COUNTER, RESOURCE, RESOURCE, X, ten, X], ops, [0, 1, 2], [0, 2, 1]))
    condition = until(3, [COUNTER, RESOURCE, RESOURCE])
    ops = [call_once(3), call_once(4), handle(1, "a"), handle(2, "b")]
    ops += [while_([0, 1, 2], [3, 4, 5], 1, 2), read(1, 6), read(2, 7), read(4, 8)]
    tensors = [COUNTER, RESOURCE, RESOURCE, COUNTER, RESOURCE, RESOURCE, X, X, X]
    setters = [setter(name, Tensor([2], "int32", data=[1, 2])) for name in "ab"]
    model = Model([Graph(tensors, ops, [0], [3, 6, 7, 8]), condition, body, *setters])
    assert_equal_to_tflm(model.to_bytes(), [[count(i)] for i in (0, 1, 2, 3, 0)], resets=(3,))


# ---- ending ----

TOO_MANY = r"op 0 WHILE: more than 1048576 rounds of loops in a run"


def endless() -> Model:
    """Return a loop that ends at once for a counter over 0, and never else."""
    constant = Tensor([1], "int32", data=[0])
    same = Graph([COUNTER, constant, CONDITION], [binary("LESS_EQUAL", 0, 1, 2)], [0], [2])
    return loop(same, Graph([COUNTER], [], [0], [0]))


def test_a_loop_that_never_ends_is_ended_and_the_next_run_is_whole() -> None:
    engine = Engine(endless().to_bytes())
    with pytest.raises(EngineError, match=TOO_MANY) as caught:
        engine.run([count(0)])
    assert caught.value.status is Status.RUNTIME
    assert engine.run([count(7)])[0].tolist() == [7]


@pytest.mark.parametrize(("rounds", "ends"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_a_million_rounds_are_fine(rounds: int, ends: bool) -> None:  # noqa: FBT001
    body = counting(Graph([COUNTER], [], [0], [0]))
    engine = Engine(loop(until(rounds, [COUNTER]), body).to_bytes())
    if ends:
        assert engine.run([count(0)])[0].tolist() == [rounds]
    else:
        with pytest.raises(EngineError, match=TOO_MANY):
            engine.run([count(0)])
    assert engine.run([count(1)])[0].tolist() == [rounds]


def test_the_rounds_of_all_loops_are_counted_together() -> None:
    """The inner loop runs 2^11 rounds each time, so that 2^9 rounds of the outer are too many."""
    model = nested_loops(2, 1 << 11)
    engine = Engine(model.to_bytes())
    with pytest.raises(EngineError, match="subgraph 2 op 0 WHILE: more than"):
        engine.run([count(0), START])
    engine.run([count((1 << 11) - 500), START])


# ---- what is refused ----


def changed(**graphs: Graph) -> Callable[[], Model]:
    def make() -> Model:
        model = adding_loop(3)
        order = ("main", "condition", "body")
        return Model([graphs.get(name, model.graphs[i]) for i, name in enumerate(order)])

    return make


def with_op(op: Op) -> Callable[[], Model]:
    return changed(
        main=Graph([COUNTER, X, COUNTER, X], [op, copy(0, 2), copy(1, 3)], [0, 1], [2, 3])
    )


LONG = Tensor([3], "int32")
LONG_LOOP = Graph([COUNTER, LONG, COUNTER, LONG], [while_([0, 1], [2, 3], 1, 2)], [0, 1], [2, 3])
RETURNS = Graph([COUNTER, X, Tensor([1], "bool", data=[True])], [], [0, 1], [2])

REFUSED: dict[str, tuple[str, str, Callable[[], Model]]] = {
    "no options": ("model", "subgraph 0 of 3", with_op(Op("WHILE", [0, 1], [2, 3]))),
    "condition not there": ("model", "subgraph 3", with_op(while_([0, 1], [2, 3], 3, 2))),
    "body the main subgraph": ("model", "subgraph 0", with_op(while_([0, 1], [2, 3], 1, 0))),
    "body negative": ("model", "subgraph -2", with_op(while_([0, 1], [2, 3], 1, -2))),
    "fewer outputs": ("model", "inputs to outputs", with_op(while_([0, 1], [2], 1, 2))),
    "fewer inputs": ("model", "inputs to outputs", with_op(while_([0], [2, 3], 1, 2))),
    "fewer of both": ("model", "inputs of the condition", with_op(while_([0], [2], 1, 2))),
    "an input absent": ("model", "missing", with_op(while_([0, -1], [2, 3], 1, 2))),
    "outputs of other sizes": ("shape", "4 to 8 bytes", with_op(while_([0, 1], [3, 2], 1, 2))),
    "variables of other sizes": (
        "shape",
        "inputs of the condition: tensor 1 from 12 to 8 bytes",
        changed(main=LONG_LOOP),
    ),
    "body takes other sizes": (
        "shape",
        "inputs of the body",
        changed(body=adding(LONG)),
    ),
    "a shape that changes": (
        "shape",
        "outputs of the body: tensor 1 from 16 to 8 bytes",
        changed(body=Graph([COUNTER, X, Tensor([4], "int32")], [join([1, 1], 2)], [0, 1], [0, 2])),
    ),
    "body takes more": (
        "model",
        "inputs of the body",
        changed(body=Graph([COUNTER, X, X], [], [0, 1, 2], [0, 1])),
    ),
    "body gives less": (
        "model",
        "outputs of the body",
        changed(body=Graph([COUNTER, X], [], [0, 1], [0])),
    ),
    "condition takes less": (
        "model",
        "inputs of the condition",
        changed(condition=replace(RETURNS, inputs=[0])),
    ),
    "condition gives nothing": (
        "model",
        "gives nothing",
        changed(condition=replace(RETURNS, outputs=[])),
    ),
    "condition gives a handle": (
        "type",
        "RESOURCE",
        changed(condition=Graph([COUNTER, X, RESOURCE], [handle(2, "v")], [0, 1], [2])),
    ),
    "condition gives no element": (
        "shape",
        "the condition is empty",
        changed(condition=Graph([COUNTER, X, Tensor([0], "bool")], [], [0, 1], [2])),
    ),
    "condition takes a constant": (
        "model",
        "goes to a constant",
        changed(
            condition=Graph(
                [COUNTER, Tensor([2], "int32", data=[1, 2]), *RETURNS.tensors[2:]], [], [0, 1], [2]
            )
        ),
    ),
    "a handle for a number": (
        "type",
        "from INT32 to RESOURCE",
        changed(body=Graph([COUNTER, RESOURCE, X], [read(1, 2)], [0, 1], [0, 2])),
    ),
    "a body that loops itself": (
        "limit",
        "nested more than",
        changed(body=Graph([COUNTER, X], [while_([0, 1], [0, 1], 1, 2)], [0, 1], [0, 1])),
    ),
    "a body that reads before it writes": (
        "model",
        "read before anything wrote it",
        changed(body=Graph([COUNTER, X, X], [copy(2, 1)], [0, 1], [0, 1])),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_malformed_while_is_refused(case: str) -> None:
    status, text, make = REFUSED[case]
    assert_refused(make().to_bytes(), status, text)
