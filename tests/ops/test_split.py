"""SPLIT equals TFLM in every type and along every axis."""

from __future__ import annotations

import pytest

from tests.support.engine import assert_refused
from tests.support.models import Graph, Model, Op
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)

TYPES = ["float32", "int8", "int16", "int32"]
CASES = [  # shape, axis, parts
    ([6], 0, 3),
    ([4, 3], 0, 2),
    ([4, 3], 1, 3),
    ([4, 3], -1, 1),
    ([2, 6, 5], 1, 2),
    ([2, 3, 4, 5], -2, 4),
    ([2, 3, 4, 6], 3, 2),
    ([2, 3, 1, 2, 8], 4, 4),
    ([1, 10], 1, 10),
]
OPTIONS = ("SplitOptions", {"num_splits": 2})


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_split_equals_tflm(dtype: str, case: tuple[list[int], int, int]) -> None:
    shape, axis, count = case
    part = list(shape)
    part[axis] //= count
    inputs = [constant([axis]), tensor(dtype, shape)]
    outputs = [tensor(dtype, part) for _ in range(count)]
    options = ("SplitOptions", {"num_splits": count})
    assert_moves_as_tflm("SPLIT", inputs, outputs, options, seed=count)


def test_the_axis_may_be_a_scalar() -> None:
    inputs = [constant(1), tensor("int8", [2, 4])]
    assert_moves_as_tflm("SPLIT", inputs, [tensor("int8", [2, 2])] * 2, OPTIONS)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "uint32"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    inputs = [constant([1]), tensor(dtype, [2, 4])]
    assert_both_refuse("SPLIT", inputs, [tensor(dtype, [2, 2])] * 2, OPTIONS, status="type")


def test_an_axis_that_is_not_constant_is_refused() -> None:
    inputs = [tensor("int32", [1]), tensor("int8", [2, 4])]
    assert_both_refuse("SPLIT", inputs, [tensor("int8", [2, 2])] * 2, OPTIONS, status="param")


@pytest.mark.parametrize("axis", [2, -3, 2**31 - 1])
def test_an_axis_that_is_not_there_is_refused(axis: int) -> None:
    inputs = [constant([axis]), tensor("int8", [2, 4])]
    assert_both_refuse("SPLIT", inputs, [tensor("int8", [2, 2])] * 2, OPTIONS, status="param")


def test_an_axis_of_another_type_is_refused() -> None:
    inputs = [constant([1], "int64"), tensor("int8", [2, 4])]
    assert_op_refused("SPLIT", inputs, [tensor("int8", [2, 2])] * 2, OPTIONS, status="type")


def test_outputs_of_another_type_are_refused() -> None:
    inputs = [constant([1]), tensor("int32", [2, 4])]
    assert_op_refused("SPLIT", inputs, [tensor("float32", [2, 2])] * 2, OPTIONS, status="type")


def test_no_outputs_are_refused() -> None:
    tensors = [tensor("int8", [1]), tensor("int8", [1]), constant([1]), tensor("int8", [0, 0])]
    ops = [Op("SPLIT", [2, 3], [], OPTIONS), Op("RESHAPE", [0], [1])]
    model = Model([Graph(tensors, ops, [0, 3], [1])])
    assert_refused(model.to_bytes(), "model", "op 0 SPLIT: no parts")


@pytest.mark.parametrize(
    "outputs", [[[2, 2], [2, 1]], [[2, 1], [2, 3]], [[2, 3], [2, 1]], [[4], [4]], [[1, 2], [1, 2]]]
)
def test_parts_that_do_not_make_the_whole_are_refused(outputs: list[list[int]]) -> None:
    inputs = [constant([1]), tensor("int8", [2, 4])]
    parts = [tensor("int8", shape) for shape in outputs]
    assert_op_refused("SPLIT", inputs, parts, OPTIONS, status="shape")
