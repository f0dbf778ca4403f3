"""SPLIT_V equals TFLM in every type and along every axis."""

from __future__ import annotations

import pytest

from tests.support.models import Tensor
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)

TYPES = ["float32", "int8", "int16", "int32"]
CASES = [  # shape, axis, lengths
    ([6], 0, (1, 2, 3)),
    ([4, 3], 0, (3, 1)),
    ([4, 3], 1, (1, 2)),
    ([4, 3], -1, (3,)),
    ([2, 7, 5], 1, (6, 1)),
    ([2, 3, 4, 5], -2, (1, 1, 2)),
    ([2, 3, 4, 6], 3, (5, 1)),
    ([2, 3, 1, 2, 8], 4, (1, 2, 4, 1)),
    ([1, 12, 3], 1, (1,) * 12),
]
OPTIONS = ("SplitVOptions", {"num_splits": 2})


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_split_v_equals_tflm(dtype: str, case: tuple[list[int], int, tuple[int, ...]]) -> None:
    shape, axis, lengths = case
    outputs = []
    for length in lengths:
        part = list(shape)
        part[axis] = length
        outputs.append(tensor(dtype, part))
    inputs = [tensor(dtype, shape), constant(list(lengths)), constant(axis)]
    options = ("SplitVOptions", {"num_splits": len(lengths)})
    assert_moves_as_tflm("SPLIT_V", inputs, outputs, options, seed=len(lengths))


def parts(dtype: str, first: int = 1, second: int = 3) -> list[Tensor]:
    return [tensor(dtype, [2, first]), tensor(dtype, [2, second])]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    inputs = [tensor(dtype, [2, 4]), constant([1, 3]), constant(1)]
    assert_both_refuse("SPLIT_V", inputs, parts(dtype), OPTIONS, status="type")


def test_an_axis_that_is_not_constant_is_refused() -> None:
    inputs = [tensor("int8", [2, 4]), constant([1, 3]), tensor("int32", [])]
    assert_both_refuse("SPLIT_V", inputs, parts("int8"), OPTIONS, status="param")


def test_a_missing_axis_is_refused() -> None:
    inputs = [tensor("int8", [2, 4]), constant([1, 3])]
    assert_both_refuse("SPLIT_V", inputs, parts("int8"), OPTIONS, status="model")


@pytest.mark.parametrize("axis", [2, -3, -(2**31)])
def test_an_axis_that_is_not_there_is_refused(axis: int) -> None:
    inputs = [tensor("int8", [2, 4]), constant([1, 3]), constant(axis)]
    assert_both_refuse("SPLIT_V", inputs, parts("int8"), OPTIONS, status="param")


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 3), (1, 4)])
def test_parts_that_do_not_make_the_whole_are_refused(first: int, second: int) -> None:
    inputs = [tensor("int8", [2, 4]), constant([1, 3]), constant(1)]
    assert_op_refused("SPLIT_V", inputs, parts("int8", first, second), OPTIONS, status="shape")


def test_outputs_of_another_rank_are_refused() -> None:
    inputs = [tensor("int8", [2, 4]), constant([1, 3]), constant(1)]
    outputs = [tensor("int8", [2]), tensor("int8", [2, 3])]
    assert_op_refused("SPLIT_V", inputs, outputs, OPTIONS, status="shape")
