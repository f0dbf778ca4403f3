"""REVERSE_V2 equals TFLM along every run of dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.models import Tensor, single_op
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)
from tflm_wasm._abi import Status

TYPES = ["float32", "int8", "uint8", "int16", "int32", "int64", "bool"]
CASES = [  # shape, axes
    ([7], [0]),
    ([7], [-1]),
    ([3, 4], [0]),
    ([3, 4], [1]),
    ([3, 4], [1, 0]),
    ([2, 3, 4], [1]),
    ([2, 3, 4], [0, 1]),
    ([2, 3, 4], [-1, 1]),
    ([2, 3, 4], [2, 0, 1]),
    ([2, 3, 1], [1]),
    ([1, 3, 1], [1, 2]),
    ([2, 3, 2, 4], [2, -3]),
    ([2, 1, 3, 2, 1, 2], [3, 2, 4]),
    ([2, 1, 3, 2, 1, 2], [0]),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_run_of_axes_equals_tflm(dtype: str, case: tuple[list[int], list[int]]) -> None:
    shape, axes = case
    inputs = [tensor(dtype, shape), constant(axes)]
    assert_moves_as_tflm("REVERSE_V2", inputs, [tensor(dtype, shape)], seed=len(shape))


def computed() -> bytes:
    """Return a model of 2 by 3 by 4 whose two axes are an input."""
    inputs = [tensor("int8", [2, 3, 4]), Tensor([2], "int32")]
    return single_op("REVERSE_V2", inputs, [tensor("int8", [2, 3, 4])])


X = np.arange(24, dtype=np.int8).reshape(2, 3, 4)


def test_the_axes_may_be_computed() -> None:
    frames = [[X, np.array(axes, np.int32)] for axes in ([0, 1], [2, 1], [-2, -1], [1, -3])]
    assert_equal_to_tflm(computed(), frames)


@pytest.mark.parametrize(
    "axes", [[0, 2], [1, 1], [0, 3], [-4, 0], [2**31 - 1, 0], [-(2**31), 1], [2, -1]]
)
def test_axes_that_do_not_fit_fail_when_it_runs(axes: list[int]) -> None:
    engine = Engine(computed())
    with pytest.raises(EngineError, match="op 0 REVERSE_V2") as caught:
        engine.run([X, np.array(axes, np.int32)])
    assert caught.value.status is Status.RUNTIME
    (good,) = engine.run([X, np.array([0, 1], np.int32)])
    assert good.tolist() == X[::-1, ::-1].tolist()


@pytest.mark.parametrize("axes", [[0, 2], [1, 1], [3], [-4]])
def test_constant_axes_that_do_not_fit_are_refused(axes: list[int]) -> None:
    inputs = [tensor("int8", [2, 3, 4]), constant(axes)]
    assert_both_refuse("REVERSE_V2", inputs, [tensor("int8", [2, 3, 4])], status="param")


@pytest.mark.parametrize("dtype", ["uint32", "float64"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    inputs = [tensor(dtype, [2, 3]), constant([0])]
    assert_both_refuse("REVERSE_V2", inputs, [tensor(dtype, [2, 3])], status="type")


@pytest.mark.parametrize(
    ("axes", "status"),
    [
        (constant([0], "int64"), "type"),
        (constant(0), "shape"),
        (constant([[0]]), "shape"),
        (constant([0, 1, 1]), "shape"),
    ],
)
def test_axes_of_another_kind_are_refused(axes: Tensor, status: str) -> None:
    inputs = [tensor("int8", [2, 3]), axes]
    assert_both_refuse("REVERSE_V2", inputs, [tensor("int8", [2, 3])], status=status)


def test_no_axes_are_refused() -> None:
    """TFLM reads in front of an array here."""
    inputs = [tensor("int8", [2, 3]), Tensor([0], "int32")]
    assert_op_refused("REVERSE_V2", inputs, [tensor("int8", [2, 3])], status="shape")


def test_seven_dimensions_are_refused() -> None:
    inputs = [tensor("int8", [1] * 7), constant([0])]
    assert_both_refuse("REVERSE_V2", inputs, [tensor("int8", [1] * 7)], status="shape")


def test_an_output_of_another_type_or_shape_is_refused() -> None:
    inputs = [tensor("int8", [2, 3]), constant([0])]
    assert_both_refuse("REVERSE_V2", inputs, [tensor("uint8", [2, 3])], status="type")
    assert_op_refused("REVERSE_V2", inputs, [tensor("int8", [3, 2])], status="shape")


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_inputs_is_refused(count: int) -> None:
    inputs = [tensor("int8", [2, 3]), constant([0]), constant([0])][:count]
    assert_both_refuse("REVERSE_V2", inputs, [tensor("int8", [2, 3])], status="model")
