"""IF runs one of two subgraphs, as TFLM does, with all that these keep and whatever they call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.control import CONDITION, binary, branching, if_, join, truth
from tests.support.engine import Engine, assert_equal_to_tflm, assert_refused, oracle
from tests.support.models import Graph, Model, Op, Tensor, random_input
from tests.support.stateful import RESOURCE, assign, call_once, copy, handle, read, setter

X = Tensor([2], "int32")
TRUE = Tensor([], "bool", data=[True])
TEN = Tensor([2], "int32", data=[10, -10])
PLUS = Graph([X, TEN, X], [binary("ADD", 0, 1, 2)], [0], [2])
TIMES = Graph([X, TEN, X], [binary("MUL", 0, 1, 2)], [0], [2])
SAME = Graph([X], [], [0], [0])
INPUT = np.array([3, 5], np.int32)


def frames(pattern: str, seed: int = 0) -> list[list[np.ndarray]]:
    """Return a frame for each letter: t takes the one branch, f the other one."""
    rng = np.random.default_rng(seed)
    return [
        [truth(letter == "t"), rng.integers(-1000, 1000, 2).astype(np.int32)] for letter in pattern
    ]


def test_the_condition_chooses_the_branch() -> None:
    assert_equal_to_tflm(branching(PLUS, TIMES).to_bytes(), frames("tftfft"))


@pytest.mark.parametrize("byte", [0, 1, 2, 128, 255])
def test_any_byte_but_0_is_true_as_in_tflm(byte: int) -> None:
    assert_equal_to_tflm(branching(PLUS, TIMES).to_bytes(), [[truth(byte), INPUT]])


@pytest.mark.parametrize("shape", [[], [1], [1, 1, 1]])
def test_a_condition_is_one_element_of_any_rank(shape: list[int]) -> None:
    model = branching(PLUS, TIMES)
    model.graphs[0].tensors[0] = Tensor(shape, "bool")
    data = [[truth(value).reshape(shape), INPUT] for value in (0, 1)]
    assert_equal_to_tflm(model.to_bytes(), data)


@pytest.mark.parametrize("value", [False, True])
def test_a_condition_may_be_constant(value: bool) -> None:  # noqa: FBT001
    constant = Tensor([1], "bool", data=[value])
    main = Graph([constant, X, X], [if_([0, 1], [2], 1, 2)], [1], [2])
    assert_equal_to_tflm(Model([main, PLUS, TIMES]).to_bytes(), [[INPUT]])


@pytest.mark.parametrize(
    "dtype", ["float32", "int8", "uint8", "int16", "int32", "uint32", "int64", "bool"]
)
def test_bytes_of_every_type_move_in_and_out(dtype: str) -> None:
    first, second = Tensor([2, 3], dtype), Tensor([5], dtype)
    crossed = Graph([first, second, second], [copy(1, 2)], [0, 1], [0, 2])
    straight = Graph([first, second, first], [copy(0, 2)], [0, 1], [2, 1])
    rng = np.random.default_rng(1)
    data = [
        [truth(value), random_input(rng, first), random_input(rng, second)] for value in (0, 1, 0)
    ]
    assert_equal_to_tflm(branching(crossed, straight).to_bytes(), data)


def test_a_branch_may_give_what_it_takes_in_another_order_twice_or_a_constant() -> None:
    then = Graph([X, X, X, TEN], [], [0, 1, 2], [2, 0, 0, 3])
    otherwise = Graph([X, X, X, TEN, X], [binary("SUB", 0, 1, 4)], [2, 0, 1], [3, 4, 0, 1])
    rng = np.random.default_rng(2)
    data = [[truth(value), *(random_input(rng, X) for _ in range(3))] for value in (1, 0, 1)]
    assert_equal_to_tflm(branching(then, otherwise).to_bytes(), data)


def test_a_branch_may_take_one_tensor_twice() -> None:
    then = Graph([X], [], [0, 0], [0])
    data = [[truth(1), INPUT, INPUT + 1]]
    assert_equal_to_tflm(branching(then, Graph([X, X], [], [0, 1], [0])).to_bytes(), data)


def test_types_may_differ_where_the_sizes_agree_as_in_tflm() -> None:
    real, short = Tensor([2], "float32"), Tensor([4], "int16")
    model = branching(SAME, Graph([real, short], [], [0], [0]))
    model.graphs[2] = Graph([real, short, short], [], [0], [0])
    assert_equal_to_tflm(model.to_bytes(), frames("tf"))


def test_both_branches_may_be_one_and_several_ops_may_share_them() -> None:
    ops = [if_([0, 1], [2], 1, 1), if_([0, 2], [3], 2, 1), if_([0, 1], [4], 1, 2)]
    main = Graph([CONDITION, X, X, X, X], ops, [0, 1], [2, 3, 4])
    assert_equal_to_tflm(Model([main, PLUS, TIMES]).to_bytes(), frames("ttff"))


def test_an_output_may_be_the_input() -> None:
    main = Graph([CONDITION, X], [if_([0, 1], [1], 1, 2)], [0, 1], [1])
    assert_equal_to_tflm(Model([main, PLUS, TIMES]).to_bytes(), frames("tf"))


def test_an_output_may_be_the_condition() -> None:
    main = Graph([CONDITION, CONDITION], [if_([0, 1], [0], 1, 2)], [0, 1], [0])
    same = Graph([CONDITION], [], [0], [0])
    other = Graph([CONDITION] * 2, [Op("LOGICAL_NOT", [0], [1])], [0], [1])
    data = [[truth(a), truth(b)] for a in (0, 1) for b in (0, 1)]
    assert_equal_to_tflm(Model([main, other, same]).to_bytes(), data)


def nested(depth: int) -> Model:
    """Return a model whose branches are IFs again; each level makes the vector longer."""
    graphs = []
    result = Tensor([4 + 2 * depth], "int32")
    for level in range(depth + 1):
        vector, longer = Tensor([2 + 2 * level], "int32"), Tensor([4 + 2 * level], "int32")
        more = Tensor([2], "int32", data=[level, -level])
        ops = [join([1, 2], 3)]
        if level < depth:
            ops.append(if_([0, 0, 3], [4], level + 1, level + 1))
        given = 4 if level < depth else 3
        graphs.append(Graph([CONDITION, vector, more, longer, result], ops, [0, 1], [given]))
    return Model(graphs)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_branches_nest(depth: int) -> None:
    assert_equal_to_tflm(nested(depth).to_bytes(), frames("tf", depth))


def test_branches_that_nest_too_deep_are_refused() -> None:
    assert_refused(nested(5).to_bytes(), "limit", "nested more than 4 deep")


# ---- state ----


def test_a_branch_without_outputs_may_change_a_variable() -> None:
    then = Graph([X, RESOURCE], [handle(1, "v"), assign(1, 0)], [0], [])
    otherwise = Graph([X], [], [0], [])
    ops = [handle(2, "v"), read(2, 3), if_([0, 1], [], 1, 2)]
    main = Graph([CONDITION, X, RESOURCE, X], ops, [0, 1], [3])
    assert_equal_to_tflm(Model([main, then, otherwise]).to_bytes(), frames("tfftf"), resets=(4,))


def accumulating(code: str) -> Graph:
    """Return a branch that combines its input with a variable, which it makes and keeps."""
    ops = [handle(3, "v"), read(3, 1), binary(code, 0, 1, 2), assign(3, 2)]
    return Graph([X, X, X, RESOURCE], ops, [0], [2])


def test_branches_share_a_variable() -> None:
    model = branching(accumulating("ADD"), accumulating("SUB"))
    assert_equal_to_tflm(model.to_bytes(), frames("ttfftft"), resets=(5,))


def test_a_handle_goes_into_a_branch() -> None:
    then = Graph(
        [RESOURCE, X, X, X], [read(0, 2), binary("ADD", 1, 2, 3), assign(0, 3)], [0, 1], [3]
    )
    otherwise = Graph([RESOURCE, X, X], [read(0, 2)], [0, 1], [2])
    ops = [call_once(3), handle(2, "v"), if_([0, 2, 1], [3], 1, 2), read(2, 4)]
    main = Graph([CONDITION, X, RESOURCE, X, X], ops, [0, 1], [3, 4])
    model = Model([main, then, otherwise, setter("v", TEN)])
    assert_equal_to_tflm(model.to_bytes(), frames("tftftt"), resets=(4,))


def test_a_branch_chooses_a_variable() -> None:
    then = Graph([RESOURCE], [handle(0, "a")], [], [0])
    otherwise = Graph([RESOURCE], [handle(0, "b")], [], [0])
    ops = [call_once(3), call_once(4), handle(3, "a"), handle(4, "b")]
    ops += [if_([0], [2], 1, 2), assign(2, 1), read(3, 5), read(4, 6)]
    main = Graph([CONDITION, X, RESOURCE, RESOURCE, RESOURCE, X, X], ops, [0, 1], [5, 6])
    setters = [setter("a", TEN), setter("b", Tensor([2], "int32", data=[1, 2]))]
    model = Model([main, then, otherwise, *setters])
    assert_equal_to_tflm(model.to_bytes(), frames("tffttf"), resets=(3,))


def test_call_once_in_a_branch_runs_when_the_branch_is_first_taken() -> None:
    then, otherwise = accumulating("ADD"), accumulating("SUB")
    then.ops.insert(0, call_once(3))
    model = branching(then, otherwise, setter("v", TEN))
    assert_equal_to_tflm(model.to_bytes(), frames("fftftft"), resets=(5,))


def test_a_variable_tensor_of_a_branch_keeps_its_value_until_a_reset() -> None:
    state = Tensor([4], "int32", variable=True)
    axis = Tensor([], "int32", data=0)
    joined, dropped = Tensor([6], "int32"), Tensor([2], "int32")
    split = Op("SPLIT_V", [2, 4, 4], [3, 1], ("SplitVOptions", {"num_splits": 2}))
    then = Graph([X, state, joined, dropped, axis], [join([1, 0], 2), split], [0], [3])
    assert_equal_to_tflm(branching(then, SAME).to_bytes(), frames("ttftttft"), resets=(5,))


# ---- memory ----


def test_the_arena_is_no_larger_than_tflms() -> None:
    model = nested(4).to_bytes()
    oracle().open(model)
    used = oracle().arena_used()
    assert used is not None
    assert Engine(model).get("arena_needed") <= used


def test_what_is_alive_around_a_branch_is_not_overwritten() -> None:
    big = Tensor([64], "int32")
    then = Graph([big] * 3, [binary("ADD", 0, 0, 1), binary("ADD", 1, 0, 2)], [0], [2])
    ops = [binary("ADD", 1, 1, 2), if_([0, 1], [3], 1, 1), binary("SUB", 3, 2, 4)]
    main = Graph([CONDITION, big, big, big, big], ops, [0, 1], [3, 4])
    rng = np.random.default_rng(3)
    data = [[truth(1), random_input(rng, big)]]
    assert_equal_to_tflm(Model([main, then]).to_bytes(), data)


# ---- what is refused ----


def with_main(op: Op, *tensors: Tensor) -> Model:
    return Model([Graph([CONDITION, X, X, *tensors], [op], [0, 1], [2]), SAME, PLUS])


def of_branches(then: Graph, otherwise: Graph) -> Callable[[], Model]:
    def make() -> Model:
        model = with_main(if_([0, 1], [2], 1, 2))
        return Model([model.graphs[0], then, otherwise])

    return make


LONG, LONG_TENSOR = Tensor([3], "int32"), Tensor([3], "int32", data=[1, 2, 3])

REFUSED: dict[str, tuple[str, str, Callable[[], Model]]] = {
    "no inputs": ("model", "no condition", lambda: with_main(if_([], [2], 1, 2))),
    "condition absent": ("model", "no condition", lambda: with_main(if_([-1, 1], [2], 1, 2))),
    "condition of another type": ("type", "INT32", lambda: with_main(if_([1, 1], [2], 1, 2))),
    "two conditions": (
        "shape",
        "2 conditions",
        lambda: with_main(if_([3, 1], [2], 1, 2), Tensor([2], "bool", data=[0, 1])),
    ),
    "no options": ("model", "subgraph 0 of 3", lambda: with_main(Op("IF", [0, 1], [2]))),
    "then the main subgraph": ("model", "subgraph 0", lambda: with_main(if_([0, 1], [2], 0, 1))),
    "else the main subgraph": ("model", "subgraph 0", lambda: with_main(if_([0, 1], [2], 1, 0))),
    "then not there": ("model", "subgraph 3 of 3", lambda: with_main(if_([0, 1], [2], 3, 1))),
    "else negative": ("model", "subgraph -1", lambda: with_main(if_([0, 1], [2], 1, -1))),
    "options of another op": (
        "model",
        "options of type",
        lambda: with_main(Op("IF", [0, 1], [2], ("AddOptions", {}))),
    ),
    "too few inputs": (
        "model",
        "inputs of then: 0 tensors, not 1",
        lambda: with_main(if_([0], [2], 1, 2)),
    ),
    "too many inputs": ("model", "2 tensors", lambda: with_main(if_([0, 1, 1], [2], 1, 2))),
    "an input absent": ("model", "missing", lambda: with_main(if_([0, -1], [2], 1, 2))),
    "too few outputs": ("model", "outputs of then", lambda: with_main(if_([0, 1], [], 1, 2))),
    "too many outputs": ("model", "outputs", lambda: with_main(if_([0, 1], [2, 2], 1, 2))),
    "else takes more": (
        "model",
        "inputs of else",
        of_branches(SAME, Graph([X, X], [], [0, 1], [0])),
    ),
    "else gives nothing": ("model", "outputs of else", of_branches(SAME, Graph([X], [], [0], []))),
    "then takes more bytes": (
        "shape",
        "from 8 to 12 bytes",
        of_branches(Graph([LONG, X], [copy(1, 1)], [0], [1]), SAME),
    ),
    "else gives more bytes": (
        "shape",
        "outputs of else: tensor 0 from 12 to 8 bytes",
        of_branches(SAME, Graph([X, LONG_TENSOR], [], [0], [1])),
    ),
    "a constant for an input": (
        "model",
        "goes to a constant",
        of_branches(SAME, Graph([TEN], [], [0], [0])),
    ),
    "a handle for a number": (
        "type",
        "from INT32 to RESOURCE",
        of_branches(Graph([RESOURCE, X], [read(0, 1)], [0], [1]), SAME),
    ),
    "a number for a handle": (
        "type",
        "from RESOURCE to INT32",
        of_branches(Graph([X, RESOURCE], [handle(1, "v")], [0], [1]), SAME),
    ),
    "a branch that calls itself": (
        "limit",
        "nested",
        of_branches(Graph([TRUE, X], [if_([0, 1], [1], 1, 1)], [1], [1]), SAME),
    ),
    "an output that nothing writes": (
        "model",
        "nothing writes output 0",
        of_branches(Graph([X, X], [], [0], [1]), SAME),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_malformed_if_is_refused(case: str) -> None:
    status, text, make = REFUSED[case]
    assert_refused(make().to_bytes(), status, text)
