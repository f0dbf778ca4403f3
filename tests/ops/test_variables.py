"""VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE keep state as TFLM does, also across resets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm, assert_refused
from tests.support.models import Graph, Model, Op, Tensor
from tests.support.stateful import RESOURCE, assign, copy, delay, frames, handle, read, setter
from tflm_wasm._abi import Feature, Status

X = Tensor([1, 2], "int8", scale=0.5, zero_point=3)


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16", "int32", "bool"])
@pytest.mark.parametrize("resets", [(), (1, 7), (0, 3, 4)])
def test_a_variable_keeps_its_value_until_a_reset(dtype: str, resets: tuple[int, ...]) -> None:
    quantization = {"scale": 0.5} if dtype in ("int8", "int16") else {}
    sequence = frames(10, [1, 2], "uint8" if dtype == "bool" else dtype)
    if dtype == "bool":
        sequence = [[x > 127] for [x] in sequence]
    assert_equal_to_tflm(delay(dtype, **quantization).to_bytes(), sequence, resets=resets)


@pytest.mark.parametrize(
    ("dtype", "zero_point"), [("int8", 7), ("int8", -128), ("int16", -2), ("int16", 513)]
)
def test_a_reset_writes_the_zero_point_as_int8_to_each_byte(dtype: str, zero_point: int) -> None:
    """TFLM does so for int16 as well, where the elements then are not zero points."""
    value = Tensor([1, 2], dtype, scale=0.5, zero_point=zero_point)
    ops = [handle(1, "v"), read(1, 2), assign(1, 0)]
    model = Model([Graph([value, RESOURCE, value], ops, [0], [2])]).to_bytes()
    assert_equal_to_tflm(model, frames(6, [1, 2], dtype, abs(zero_point)), resets=(3,))
    first = Engine(model).run([np.zeros([1, 2], dtype)])[0]
    assert first.tobytes() == bytes([zero_point & 255]) * first.nbytes


def two_variables(first: tuple[str, str | None], second: tuple[str, str | None]) -> Model:
    """Return a model that sets one variable, then reads another one that it set before."""
    ops = [
        handle(1, *first),
        handle(2, *second),
        read(2, 3),
        read(1, 5),
        assign(1, 0),
        assign(2, 4),
    ]
    constant = Tensor([1, 2], "int8", data=[[9, -9]], scale=0.5, zero_point=1)
    tensors = [X, RESOURCE, RESOURCE, X, constant, X]
    return Model([Graph(tensors, ops, [0], [3, 5])])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a", "c"), ("b", "c")),
        (("a", "c"), ("a", "c")),
        (("a", ""), ("a", "")),
        (("a", "c"), ("a", None)),
        (("a", None), ("a", None)),
        (("a", None), ("b", None)),
        (("", None), ("", None)),
        (("abc", "x"), ("abd", "x")),
        (("ab", "x"), ("abc", "x")),
    ],
)
def test_handles_share_a_variable_by_name_and_container_as_in_tflm(
    first: tuple[str, str | None], second: tuple[str, str | None]
) -> None:
    model = two_variables(first, second).to_bytes()
    assert_equal_to_tflm(model, frames(5, [1, 2], "int8"), resets=(3,))


@pytest.mark.parametrize("containers", [(None, "c"), ("c", "d"), ("c", ""), ("", "c")])
def test_variables_of_one_name_in_two_containers_are_two(
    containers: tuple[str | None, str | None],
) -> None:
    """TFLM compares so too, but its wheel only makes room for one variable a name."""
    engine = Engine(two_variables(("a", containers[0]), ("a", containers[1])).to_bytes())
    x = np.array([[4, 5]], np.int8)
    engine.run([x])
    assert [y.tolist() for y in engine.run([x])] == [[[9, -9]], [[4, 5]]]


def test_a_variable_may_be_read_before_the_assignment_that_sizes_it() -> None:
    ops = [handle(1, "v"), read(1, 2), handle(3, "v"), assign(3, 0)]
    model = Model([Graph([X, RESOURCE, X, RESOURCE], ops, [0], [2])])
    assert_equal_to_tflm(model.to_bytes(), frames(4, [1, 2], "int8"), resets=(2,))


def test_a_shape_that_differs_is_fine_when_the_bytes_are_as_many() -> None:
    other = Tensor([2, 1, 1], "int8")
    ops = [handle(1, "v"), read(1, 2), assign(1, 0)]
    model = Model([Graph([X, RESOURCE, other], ops, [0], [2])])
    assert_equal_to_tflm(model.to_bytes(), frames(3, [1, 2], "int8"))


def test_a_model_with_a_variable_is_stateful() -> None:
    assert Engine(delay().to_bytes()).get("features") & Feature.STATEFUL
    plain = Model([Graph([X, X], [copy(0, 1)], [0], [1])])
    assert not Engine(plain.to_bytes()).get("features") & Feature.STATEFUL


def test_a_variable_that_nothing_assigns_fails_at_the_read() -> None:
    ops = [handle(1, "v"), read(1, 2), assign(3, 0), handle(3, "w")]
    model = Model([Graph([X, RESOURCE, X, RESOURCE], ops, [0], [2])])
    with pytest.raises(EngineError, match=r"op 1 READ_VARIABLE.*0 bytes, not 2") as caught:
        Engine(model.to_bytes()).run([np.zeros([1, 2], np.int8)])
    assert caught.value.status is Status.RUNTIME


def test_a_read_of_another_size_fails_when_it_runs() -> None:
    ops = [handle(1, "v"), read(1, 2), assign(1, 0)]
    model = Model([Graph([X, RESOURCE, Tensor([3], "int8")], ops, [0], [2])])
    with pytest.raises(EngineError, match="2 bytes, not 3") as caught:
        Engine(model.to_bytes()).run([np.zeros([1, 2], np.int8)])
    assert caught.value.status is Status.RUNTIME


def test_an_assignment_of_another_size_is_refused() -> None:
    constant = Tensor([3], "int8", data=[1, 2, 3])
    ops = [handle(1, "v"), assign(1, 0), assign(1, 2), copy(0, 3)]
    model = Model([Graph([X, RESOURCE, constant, X], ops, [0], [3])])
    assert_refused(model.to_bytes(), "shape", "op 2 ASSIGN_VARIABLE")


@pytest.mark.parametrize("op", [read(1, 2), assign(1, 0)], ids=["read", "assign"])
def test_a_handle_that_nothing_makes_holds_no_variable(op: Op) -> None:
    model = Model([Graph([X, RESOURCE, X], [op, copy(0, 2)], [0], [2])])
    engine = Engine(model.to_bytes())
    with pytest.raises(EngineError, match="the handle holds no variable") as caught:
        engine.run([np.zeros([1, 2], np.int8)])
    assert caught.value.status is Status.RUNTIME


def malformed() -> dict[str, tuple[list[Tensor], list[Op], str]]:
    """Return tensors (0 the input, 1 the output), ops and status of models to refuse."""
    value, int32, two = Tensor([1, 2], "int8"), Tensor([1], "int32"), Tensor([2], "resource")
    v = handle(2, "v")

    def with_inputs(op: Op, inputs: list[int], outputs: list[int]) -> Op:
        return Op(op.code, inputs, outputs, op.options)

    return {
        "no name": ([RESOURCE], [handle(2, None)], "param"),
        "handle of another type": ([int32], [v], "type"),
        "handle with an input": ([RESOURCE], [with_inputs(v, [0], [2])], "model"),
        "handle with two outputs": ([RESOURCE] * 2, [with_inputs(v, [], [2, 3])], "model"),
        "read of no resource": ([value], [read(0, 2)], "type"),
        "read of two handles": ([two, value], [handle(2, "v"), read(2, 3)], "shape"),
        "read into a resource": ([RESOURCE] * 2, [v, read(2, 3)], "type"),
        "read of nothing": ([RESOURCE, value], [v, with_inputs(read(2, 3), [], [3])], "model"),
        "read of an absent one": ([value], [with_inputs(read(2, 2), [-1], [2])], "model"),
        "assignment to no resource": ([value], [assign(0, 0)], "type"),
        "assignment of a resource": ([RESOURCE], [v, assign(2, 2)], "type"),
        "assignment of nothing": ([RESOURCE], [v, with_inputs(assign(2, 0), [2], [])], "model"),
        "assignment with output": (
            [RESOURCE, value],
            [v, with_inputs(assign(2, 0), [2, 0], [3])],
            "model",
        ),
    }


@pytest.mark.parametrize("case", malformed())
def test_malformed_uses_of_variables_are_refused(case: str) -> None:
    tensors, ops, status = malformed()[case]
    model = Model([Graph([X, X, *tensors], [copy(0, 1), *ops], [0], [1])])
    assert_refused(model.to_bytes(), status)


@pytest.mark.parametrize("place", ["input", "output"])
def test_a_resource_is_no_input_or_output_of_the_model(place: str) -> None:
    inputs, outputs = ([0, 2], [1]) if place == "input" else ([0], [1, 2])
    graph = Graph([X, X, RESOURCE], [copy(0, 1), handle(2, "v")], inputs, outputs)
    assert_refused(Model([graph]).to_bytes(), "model", place)


def test_many_variables_keep_apart() -> None:
    rng = np.random.default_rng(7)
    count = 20
    tensors: list[Tensor] = [X]
    ops: list[Op] = []
    order: Any = rng.permutation(count)
    for i in range(count):
        tensors += [RESOURCE, X]
        ops += [handle(1 + 2 * i, f"v{order[i]}"), read(1 + 2 * i, 2 + 2 * i)]
    for i in reversed(range(count)):
        ops.append(assign(1 + 2 * i, 2 * i))  # each variable takes what the one before it had
    model = Model([Graph(tensors, ops, [0], [2 * i for i in range(1, count + 1)])])
    assert_equal_to_tflm(model.to_bytes(), frames(30, [1, 2], "int8"), resets=(24,))


def test_subgraphs_share_variables() -> None:
    value = Tensor([1, 2], "int8", data=[[5, 6]])
    ops = [Op("CALL_ONCE", [], [], ("CallOnceOptions", {"init_subgraph_index": 1}))]
    ops += [handle(1, "v"), read(1, 2)]
    model = Model([Graph([X, RESOURCE, X], ops, [0], [2]), setter("v", value)])
    assert_equal_to_tflm(model.to_bytes(), frames(3, [1, 2], "int8"))
