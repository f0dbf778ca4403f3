"""RESHAPE, SQUEEZE and EXPAND_DIMS copy the bytes under another shape, as TFLM does."""

from __future__ import annotations

import pytest

from tests.support.models import Tensor
from tests.support.moves import (
    Options,
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)

ANY = ["float32", "int8", "int16", "int32", "int64", "uint8", "uint32", "bool"]
SHAPES = [
    ([6], [2, 3]),
    ([2, 3, 4], [24]),
    ([2, 3, 4], [4, 3, 2]),
    ([1], []),
    ([], [1, 1]),
    ([1, 2, 1, 3, 1, 2], [12]),
    ([5], [5]),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ANY)
def test_reshape_equals_tflm(dtype: str, shapes: tuple[list[int], list[int]]) -> None:
    before, after = shapes
    options: Options = ("ReshapeOptions", {"new_shape": after})
    assert_moves_as_tflm("RESHAPE", [tensor(dtype, before)], [tensor(dtype, after)], options)


@pytest.mark.parametrize("shape", [[2, 3], [-1, 3], [7, 7], [0]], ids=str)
def test_reshape_reads_the_outputs_shape_not_the_shape_input_as_tflm(shape: list[int]) -> None:
    inputs = [tensor("int8", [6]), constant(shape)]
    assert_moves_as_tflm("RESHAPE", inputs, [tensor("int8", [2, 3])])


def test_reshape_copies_a_constant() -> None:
    inputs = [constant([[1, 2], [3, 4]])]
    assert_moves_as_tflm("RESHAPE", inputs, [tensor("int32", [4])])


@pytest.mark.parametrize("output", [[5], [7], [2, 4], []])
def test_reshape_to_another_number_of_elements_is_refused(output: list[int]) -> None:
    assert_both_refuse("RESHAPE", [tensor("int8", [6])], [tensor("int8", output)], status="shape")


def test_reshape_to_another_type_is_refused() -> None:
    inputs = [tensor("float32", [6])]
    assert_both_refuse("RESHAPE", inputs, [tensor("int32", [6])], status="type")


def test_reshape_with_three_inputs_is_refused() -> None:
    inputs = [tensor("int8", [6]), constant([6]), constant([6])]
    assert_both_refuse("RESHAPE", inputs, [tensor("int8", [6])], status="model")


# ---- SQUEEZE ----

SQUEEZED = [  # input, dimensions to leave out, output
    ([1, 2, 1, 3], [], [2, 3]),
    ([1, 2, 1, 3], [0], [2, 1, 3]),
    ([1, 2, 1, 3], [2], [1, 2, 3]),
    ([1, 2, 1, 3], [-2, 0], [2, 3]),
    ([1, 2, 1, 3], [0, 0, -4], [2, 1, 3]),
    ([1, 1, 1], [], []),
    ([1, 1, 1], [1], [1, 1]),
    ([2, 3], [], [2, 3]),
    ([1, 1, 4, 1, 1, 2], [], [4, 2]),
]


def squeeze_options(dims: list[int]) -> Options:
    return ("SqueezeOptions", {"squeeze_dims": dims})


@pytest.mark.parametrize("case", SQUEEZED, ids=str)
@pytest.mark.parametrize("dtype", ANY)
def test_squeeze_equals_tflm(dtype: str, case: tuple[list[int], list[int], list[int]]) -> None:
    before, dims, after = case
    inputs, outputs = [tensor(dtype, before)], [tensor(dtype, after)]
    assert_moves_as_tflm("SQUEEZE", inputs, outputs, squeeze_options(dims))


def test_squeeze_without_options_leaves_out_all_of_length_1() -> None:
    assert_moves_as_tflm("SQUEEZE", [tensor("int8", [1, 4, 1])], [tensor("int8", [4])])


@pytest.mark.parametrize("dims", [[1], [0, 1], [4], [-5], [2**31 - 1], [-(2**31)]])
def test_squeezing_a_dimension_that_is_not_1_is_refused(dims: list[int]) -> None:
    inputs, outputs = [tensor("int8", [1, 2, 1, 3])], [tensor("int8", [2, 3])]
    assert_both_refuse("SQUEEZE", inputs, outputs, squeeze_options(dims), status="param")


def test_squeezing_more_than_eight_dimensions_is_refused() -> None:
    inputs, outputs = [tensor("int8", [1, 2])], [tensor("int8", [2])]
    assert_both_refuse("SQUEEZE", inputs, outputs, squeeze_options([0] * 9), status="param")


@pytest.mark.parametrize("output", [[3, 2], [6], [2, 1, 3], [2, 3, 1], [2, 4], [2]])
def test_squeezing_to_another_shape_is_refused(output: list[int]) -> None:
    inputs, outputs = [tensor("int8", [1, 2, 1, 3])], [tensor("int8", output)]
    assert_op_refused("SQUEEZE", inputs, outputs, squeeze_options([]), status="shape")


def test_squeezing_to_another_type_is_refused() -> None:
    inputs, outputs = [tensor("float32", [1, 2])], [tensor("int32", [2])]
    assert_op_refused("SQUEEZE", inputs, outputs, squeeze_options([]), status="type")


# ---- EXPAND_DIMS ----

EXPANDED = [  # input, axis, output
    ([2, 3], 0, [1, 2, 3]),
    ([2, 3], 1, [2, 1, 3]),
    ([2, 3], 2, [2, 3, 1]),
    ([2, 3], -1, [2, 3, 1]),
    ([2, 3], -3, [1, 2, 3]),
    ([], 0, [1]),
    ([4, 1, 2], -2, [4, 1, 1, 2]),
]


@pytest.mark.parametrize("case", EXPANDED, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
def test_expand_dims_equals_tflm(dtype: str, case: tuple[list[int], int, list[int]]) -> None:
    before, axis, after = case
    for given in (constant([axis]), constant(axis)):
        assert_moves_as_tflm("EXPAND_DIMS", [tensor(dtype, before), given], [tensor(dtype, after)])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
def test_expanding_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    inputs = [tensor(dtype, [2, 3]), constant([0])]
    assert_both_refuse("EXPAND_DIMS", inputs, [tensor(dtype, [1, 2, 3])], status="type")


@pytest.mark.parametrize(
    ("axis", "status"),
    [
        (tensor("int32", [1]), "param"),
        (constant([0], "int64"), "type"),
        (constant([[0]]), "shape"),
        (constant([3]), "param"),
        (constant([2**31 - 1]), "param"),
    ],
)
def test_an_axis_that_does_not_fit_is_refused(axis: Tensor, status: str) -> None:
    inputs = [tensor("int8", [2, 3]), axis]
    assert_both_refuse("EXPAND_DIMS", inputs, [tensor("int8", [1, 2, 3])], status=status)


@pytest.mark.parametrize("axis", [-4, -(2**31)])
def test_an_axis_before_the_first_is_refused(axis: int) -> None:
    inputs = [tensor("int8", [2, 3]), constant([axis])]
    assert_op_refused("EXPAND_DIMS", inputs, [tensor("int8", [1, 2, 3])], status="param")


@pytest.mark.parametrize("output", [[2, 1, 3], [1, 3, 2], [1, 6], [6], [1, 1, 2, 3]])
def test_expanding_to_another_shape_is_refused(output: list[int]) -> None:
    inputs = [tensor("int8", [2, 3]), constant([0])]
    assert_both_refuse("EXPAND_DIMS", inputs, [tensor("int8", output)], status="shape")


def test_expanding_to_another_type_is_refused() -> None:
    inputs = [tensor("float32", [2, 3]), constant([0])]
    assert_op_refused("EXPAND_DIMS", inputs, [tensor("int8", [1, 2, 3])], status="type")
