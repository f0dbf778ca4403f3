"""TRANSPOSE equals TFLM for every permutation of up to five dimensions."""

from __future__ import annotations

import itertools

import pytest

from tests.support.models import Tensor
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)

SHAPE = [2, 3, 4, 5, 2]
ORDERS = [order for rank in range(1, 5) for order in itertools.permutations(range(rank))]
DEEP = list(itertools.permutations(range(5)))[::7]


def permuted(shape: list[int], order: tuple[int, ...]) -> list[int]:
    return [shape[i] for i in order]


@pytest.mark.parametrize("order", ORDERS + DEEP, ids=str)
def test_every_order_equals_tflm(order: tuple[int, ...]) -> None:
    shape = SHAPE[: len(order)]
    outputs = [tensor("int8", permuted(shape, order))]
    assert_moves_as_tflm("TRANSPOSE", [tensor("int8", shape), constant(order)], outputs)


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
@pytest.mark.parametrize("shape", [[1, 7, 1, 3], [4, 1, 1, 4], [1, 1, 1, 1], [6, 5, 2, 1]], ids=str)
@pytest.mark.parametrize("order", [(0, 3, 1, 2), (3, 2, 1, 0), (0, 2, 3, 1), (1, 0, 2, 3)], ids=str)
def test_every_type_equals_tflm(dtype: str, shape: list[int], order: tuple[int, ...]) -> None:
    outputs = [tensor(dtype, permuted(shape, order))]
    assert_moves_as_tflm("TRANSPOSE", [tensor(dtype, shape), constant(order)], outputs)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    inputs = [tensor(dtype, [2, 3]), constant([1, 0])]
    assert_both_refuse("TRANSPOSE", inputs, [tensor(dtype, [3, 2])], status="type")


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (tensor("int32", [2]), "param"),
        (constant([0]), "shape"),
        (constant([1, 0, 2]), "shape"),
        (constant([[1, 0]]), "shape"),
        (constant([1, 2]), "param"),
        (constant([-1, 0]), "param"),
        (constant([2**31 - 1, 0]), "param"),
        (constant([1, -(2**31)]), "param"),
    ],
)
def test_a_permutation_that_does_not_fit_is_refused(order: Tensor, status: str) -> None:
    inputs = [tensor("int8", [2, 3]), order]
    assert_both_refuse("TRANSPOSE", inputs, [tensor("int8", [3, 2])], status=status)


@pytest.mark.parametrize(
    ("order", "status"), [(constant([1, 1]), "param"), (constant([1, 0], "int64"), "type")]
)
def test_a_repeated_dimension_or_another_type_is_refused(order: Tensor, status: str) -> None:
    inputs = [tensor("int8", [3, 3]), order]
    assert_op_refused("TRANSPOSE", inputs, [tensor("int8", [3, 3])], status=status)


@pytest.mark.parametrize("output", [[2, 3], [3, 3], [6], [3, 2, 1], [1, 3, 2]])
def test_an_output_of_another_shape_is_refused(output: list[int]) -> None:
    inputs = [tensor("int8", [2, 3]), constant([1, 0])]
    assert_op_refused("TRANSPOSE", inputs, [tensor("int8", output)], status="shape")


def test_an_output_of_another_type_is_refused() -> None:
    inputs = [tensor("int8", [2, 3]), constant([1, 0])]
    assert_both_refuse("TRANSPOSE", inputs, [tensor("int16", [3, 2])], status="type")


def test_more_than_five_dimensions_are_refused() -> None:
    inputs = [tensor("int8", [1] * 6), constant([0, 1, 2, 3, 4, 5])]
    assert_both_refuse("TRANSPOSE", inputs, [tensor("int8", [1] * 6)], status="shape")


def test_a_scalar_is_refused() -> None:
    """TFLM reads in front of an array here."""
    inputs = [tensor("int8", []), constant([])]
    assert_op_refused("TRANSPOSE", inputs, [tensor("int8", [])], status="param")
