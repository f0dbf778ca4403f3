"""CONCATENATION equals TFLM in every type and along every axis."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.models import Tensor
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)

TYPES = ["float32", "int8", "int16", "int32", "int64", "bool"]
CASES = [  # rank, axis, lengths along the axis
    (1, 0, (3, 5)),
    (2, 0, (1, 2)),
    (2, 1, (4, 1, 7)),
    (2, -1, (2, 2)),
    (3, -3, (2, 1)),
    (3, 1, (3, 3, 3)),
    (4, 3, (5, 2)),
    (4, 1, (1,) * 10),
    (4, 0, (6,)),
    (5, 2, (1, 4)),
    (6, -1, (3, 2, 1)),
]


def options(axis: int, activation: int = 0) -> tuple[str, dict[str, Any]]:
    return ("ConcatenationOptions", {"axis": axis, "fused_activation_function": activation})


def parts(
    dtype: str, rank: int, axis: int, lengths: tuple[int, ...], **more: Any
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the inputs and the output."""
    shape = [2, 3, 1, 2, 2, 3][:rank]

    def of(length: int) -> Tensor:
        dims = list(shape)
        dims[axis] = length
        return tensor(dtype, dims, **more)

    return [of(length) for length in lengths], [of(sum(lengths))]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_concatenation_equals_tflm(dtype: str, case: tuple[int, int, tuple[int, ...]]) -> None:
    rank, axis, lengths = case
    inputs, outputs = parts(dtype, rank, axis, lengths)
    assert_moves_as_tflm("CONCATENATION", inputs, outputs, options(axis), seed=rank * 10 + axis)


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_int8_keeps_its_values_whatever_the_zero_point(zero_point: int) -> None:
    inputs, outputs = parts("int8", 2, 1, (3, 4), zero_point=zero_point)
    assert_moves_as_tflm("CONCATENATION", inputs, outputs, options(1))


def test_constants_take_part() -> None:
    inputs = [constant([[1, 2], [3, 4]]), tensor("int32", [2, 3]), constant([[-1], [-2]])]
    assert_moves_as_tflm("CONCATENATION", inputs, [tensor("int32", [2, 6])], options(1))


def test_absent_options_mean_axis_0() -> None:
    inputs, outputs = parts("int8", 2, 0, (1, 2))
    assert_moves_as_tflm("CONCATENATION", inputs, outputs)


@pytest.mark.parametrize("dtype", ["uint8", "uint32"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    inputs, outputs = parts(dtype, 2, 1, (2, 2))
    assert_both_refuse("CONCATENATION", inputs, outputs, options(1), status="type")


def test_inputs_of_another_type_are_refused() -> None:
    inputs = [tensor("float32", [2, 2]), tensor("int32", [2, 2])]
    outputs = [tensor("float32", [2, 4])]
    assert_both_refuse("CONCATENATION", inputs, outputs, options(1), status="type")


def test_an_output_of_another_type_is_refused() -> None:
    inputs, _ = parts("int32", 2, 1, (2, 2))
    outputs = [tensor("float32", [2, 4])]
    assert_both_refuse("CONCATENATION", inputs, outputs, options(1), status="type")


@pytest.mark.parametrize("changed", [{"scale": 0.75}, {"zero_point": -6}, {"scale": None}])
@pytest.mark.parametrize("part", [0, 1])
def test_int8_inputs_that_would_need_rescaling_are_refused(
    part: int, changed: dict[str, Any]
) -> None:
    inputs, outputs = parts("int8", 2, 1, (2, 2))
    inputs[part] = tensor("int8", [2, 2], **changed)
    assert_both_refuse("CONCATENATION", inputs, outputs, options(1), status="param")


@pytest.mark.parametrize("where", ["input", "output"])
def test_int16_with_a_zero_point_is_refused(where: str) -> None:
    inputs, outputs = parts("int16", 2, 1, (2, 2))
    if where == "input":
        inputs[1] = tensor("int16", [2, 2], zero_point=1)
    else:
        outputs = [tensor("int16", [2, 4], zero_point=1)]
    assert_both_refuse("CONCATENATION", inputs, outputs, options(1), status="param")


def test_int16_scales_may_differ_as_in_tflm() -> None:
    inputs = [tensor("int16", [2, 2], scale=0.5), tensor("int16", [2, 1], scale=0.125)]
    assert_moves_as_tflm("CONCATENATION", inputs, [tensor("int16", [2, 3])], options(1))


def test_more_than_ten_inputs_are_refused() -> None:
    inputs, outputs = parts("int8", 2, 1, (1,) * 11)
    assert_both_refuse("CONCATENATION", inputs, outputs, options(1), status="model")


def test_more_than_six_dimensions_are_refused() -> None:
    inputs = [tensor("int8", [1] * 7)] * 2
    outputs = [tensor("int8", [2] + [1] * 6)]
    assert_both_refuse("CONCATENATION", inputs, outputs, options(0), status="shape")


@pytest.mark.parametrize("activation", [1, 2, 3, 4])
def test_a_fused_activation_is_refused(activation: int) -> None:
    inputs, outputs = parts("float32", 2, 1, (2, 2))
    assert_both_refuse("CONCATENATION", inputs, outputs, options(1, activation), status="param")


@pytest.mark.parametrize("axis", [2, -3, 2**31 - 1, -(2**31)])
def test_an_axis_that_is_not_there_is_refused(axis: int) -> None:
    inputs, outputs = parts("int8", 2, 1, (2, 2))
    text = f"axis {axis} of 2 dimensions"
    assert_op_refused("CONCATENATION", inputs, outputs, options(axis), status="param", text=text)


def test_a_scalar_has_no_axis() -> None:
    inputs, outputs = [tensor("float32", [])], [tensor("float32", [])]
    assert_op_refused("CONCATENATION", inputs, outputs, options(0), status="param")


@pytest.mark.parametrize(
    ("first", "second", "output"),
    [
        ([2, 2], [2, 3], [2, 4]),
        ([2, 2], [2, 3], [2, 6]),
        ([2, 2], [3, 2], [2, 4]),
        ([2, 2], [2], [2, 3]),
        ([2, 2], [2, 2, 1], [2, 4]),
        ([3, 2], [3, 2], [2, 4]),
    ],
)
def test_shapes_that_do_not_add_up_are_refused(
    first: list[int], second: list[int], output: list[int]
) -> None:
    inputs = [tensor("int8", first), tensor("int8", second)]
    assert_op_refused("CONCATENATION", inputs, [tensor("int8", output)], options(1), status="shape")
