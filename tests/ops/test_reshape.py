"""RESHAPE, SQUEEZE and EXPAND_DIMS copy the bytes under another shape, as TFLM does."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.engine import Engine, assert_equal_to_tflm, assert_refused
from tests.support.models import Graph, Model, Op, Tensor, single_op
from tests.support.moves import (
    Options,
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    random_bits,
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


def reshaped_twice(
    between: list[int], *, dtype: str = "int8", last: list[int] | None = None
) -> bytes:
    """Return a model that reshapes [2, 6] to `between`, and that to `last`."""
    tensors = [tensor(dtype, [2, 6]), tensor(dtype, between), tensor(dtype, last or [12])]
    ops = [Op("RESHAPE", [0], [1]), Op("RESHAPE", [1], [2])]
    return Model([Graph(tensors, ops, [0], [2])]).to_bytes()


@pytest.mark.parametrize("shape", [[-1], [-1, 3], [4, -1], [2, -1, 2], [1, 12, -1]], ids=str)
@pytest.mark.parametrize("dtype", ANY)
def test_reshape_computes_a_dimension_of_minus_1_as_tflm(dtype: str, shape: list[int]) -> None:
    x = random_bits(np.random.default_rng(2), tensor(dtype, [2, 6]))
    assert_equal_to_tflm(reshaped_twice(shape, dtype=dtype), [[x]])


def test_what_reads_a_computed_shape_sees_it() -> None:
    tensors = [tensor("int8", [2, 6]), tensor("int8", [3, -1]), Tensor([2], "int32")]
    model = Model([Graph(tensors, [Op("RESHAPE", [0], [1]), Op("SHAPE", [1], [2])], [0], [2])])
    frame = [np.zeros([2, 6], np.int8)]
    assert Engine(model.to_bytes()).run(frame)[0].tolist() == [3, 4]
    assert_equal_to_tflm(model.to_bytes(), [frame])


@pytest.mark.parametrize("shape", [[5, -1], [-1, 24], [-1, 0], [-1, -1], [-2, 6]])
def test_a_dimension_that_can_not_be_computed_is_refused(shape: list[int]) -> None:
    assert_refused(reshaped_twice(shape), "shape")


def test_minus_1_after_minus_1_is_computed_too() -> None:
    x = np.arange(12, dtype=np.int8).reshape(2, 6)
    model = reshaped_twice([-1, 4], last=[2, -1, 2])
    assert Engine(model).run([x])[0].shape == (2, 3, 2)


def test_an_output_of_shape_0_is_a_scalar_when_there_is_no_shape_input() -> None:
    inputs, outputs = [tensor("int8", [1, 1])], [tensor("int8", [0])]
    assert_moves_as_tflm("RESHAPE", inputs, outputs)
    assert_op_refused("RESHAPE", [tensor("int8", [2])], outputs, status="shape")
    model = single_op("RESHAPE", [*inputs, constant([0])], outputs)
    assert_refused(model, "shape", "dynamic or empty")


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
