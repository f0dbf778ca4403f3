"""PAD and PADV2, which are one op in TFLM, equal TFLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.models import Tensor, single_op
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    random_bits,
    tensor,
)

CODES = ["PAD", "PADV2"]
TYPES = ["float32", "int8", "int16", "int32"]
CASES = [  # shape, paddings
    ([5], [[2, 1]]),
    ([5], [[0, 3]]),
    ([3, 4], [[1, 0], [0, 2]]),
    ([3, 4], [[0, 0], [0, 0]]),
    ([3, 4], [[2, 2], [0, 0]]),
    ([2, 3, 4], [[1, 1], [2, 0], [0, 3]]),
    ([1, 5, 4, 2], [[0, 0], [1, 1], [1, 2], [0, 0]]),
    ([2, 3, 2, 3], [[1, 0], [0, 1], [2, 1], [1, 1]]),
    ([2, 3, 2, 3], [[0, 0], [0, 1], [0, 0], [0, 1]]),
    ([2, 1, 2, 3, 2], [[1, 0], [0, 1], [2, 1], [1, 1], [0, 2]]),
]


def padded(shape: list[int], paddings: Any) -> list[int]:
    return [int(d + sum(p)) for d, p in zip(shape, paddings, strict=True)]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("code", CODES)
def test_padding_with_zero_equals_tflm(code: str, dtype: str, case: tuple[list[int], Any]) -> None:
    shape, paddings = case
    inputs = [tensor(dtype, shape), constant(paddings)]
    assert_moves_as_tflm(code, inputs, [tensor(dtype, padded(shape, paddings))])


@pytest.mark.parametrize("zero_point", [-128, -1, 0, 127])
def test_int8_pads_with_the_outputs_zero_point(zero_point: int) -> None:
    inputs = [tensor("int8", [2, 3], zero_point=5), constant([[1, 1], [0, 2]])]
    output = tensor("int8", [4, 5], zero_point=zero_point)
    assert_moves_as_tflm("PAD", inputs, [output])


def test_int16_pads_with_0_whatever_the_zero_point_as_in_tflm() -> None:
    inputs = [tensor("int16", [2, 3], zero_point=9), constant([[1, 1], [0, 2]])]
    assert_moves_as_tflm("PAD", inputs, [tensor("int16", [4, 5], zero_point=9)])


def test_int8_without_quantization_pads_with_0() -> None:
    inputs = [Tensor([2, 3], "int8"), constant([[1, 1], [0, 2]])]
    assert_moves_as_tflm("PAD", inputs, [Tensor([4, 5], "int8")])


VALUES = {
    "float32": [1.5, -0.0, np.nan, np.inf, 1e-40],
    "int8": [-128, 0, 127],
    "int16": [-32768, 1, 32767],
    "int32": [-(2**31), -1, 2**31 - 1, 0x01020304],
}


@pytest.mark.parametrize("case", CASES[::2], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("code", CODES)
def test_padding_with_a_constant_equals_tflm(
    code: str, dtype: str, case: tuple[list[int], Any]
) -> None:
    shape, paddings = case
    for value in VALUES[dtype]:
        scalar = tensor(dtype, [], data=value)
        inputs = [tensor(dtype, shape), constant(paddings), scalar]
        assert_moves_as_tflm(code, inputs, [tensor(dtype, padded(shape, paddings))])


@pytest.mark.parametrize("dtype", TYPES)
def test_the_value_may_be_computed(dtype: str) -> None:
    x, value = tensor(dtype, [2, 3]), tensor(dtype, [1])
    model = single_op("PADV2", [x, constant([[3, 1], [0, 5]]), value], [tensor(dtype, [6, 8])])
    rng = np.random.default_rng(3)
    assert_equal_to_tflm(model, [[random_bits(rng, x), random_bits(rng, value)] for _ in range(4)])


def plain(dtype: str = "int8", **changes: Tensor) -> list[Tensor]:
    """Return the inputs that pad [2, 3] to [3, 5], with changes."""
    inputs = {"x": tensor(dtype, [2, 3]), "paddings": constant([[1, 0], [1, 1]])}
    return list((inputs | changes).values())


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    assert_both_refuse("PAD", plain(dtype), [tensor(dtype, [3, 5])], status="type")


def test_paddings_that_are_not_constant_are_refused() -> None:
    inputs = plain(paddings=tensor("int32", [2, 2]))
    assert_both_refuse("PAD", inputs, [tensor("int8", [3, 5])], status="param")


def test_paddings_of_int64_are_refused() -> None:
    inputs = plain(paddings=constant([[1, 0], [1, 1]], "int64"))
    assert_op_refused("PAD", inputs, [tensor("int8", [3, 5])], status="type")


@pytest.mark.parametrize(
    "paddings", [[[1, 0]], [[1, 0], [1, 1], [0, 0]], [1, 0, 1], [[0, 0], [1, 1]], [[1, 0], [1, 2]]]
)
def test_paddings_that_do_not_fit_are_refused(paddings: list[Any]) -> None:
    inputs = plain(paddings=constant(paddings))
    assert_both_refuse("PAD", inputs, [tensor("int8", [3, 5])], status="shape")


@pytest.mark.parametrize(
    "paddings",
    [[[-1, 2], [1, 1]], [[2, -1], [1, 1]], [[2**31 - 1, -(2**31) + 2], [1, 1]]],
)
def test_negative_paddings_are_refused(paddings: list[Any]) -> None:
    inputs = plain(paddings=constant(paddings))
    assert_op_refused("PAD", inputs, [tensor("int8", [3, 5])], status="param")


def test_paddings_beyond_int32_do_not_wrap() -> None:
    inputs = plain(paddings=constant([[2**31 - 1, 2**31 - 1], [1, 1]]))
    assert_op_refused("PAD", inputs, [tensor("int8", [0x7FFFFFFF, 1])], status="shape")
    assert_op_refused("PAD", inputs, [tensor("int8", [1, 5])], status="shape")


def test_more_than_five_dimensions_are_refused() -> None:
    inputs = [tensor("int8", [1] * 6), constant([[0, 0]] * 6)]
    assert_both_refuse("PAD", inputs, [tensor("int8", [1] * 6)], status="shape")


@pytest.mark.parametrize("output", [[15], [3, 5, 1]])
def test_an_output_of_another_rank_is_refused(output: list[int]) -> None:
    assert_both_refuse("PAD", plain(), [tensor("int8", output)], status="shape")


def test_an_output_of_another_type_is_refused() -> None:
    assert_both_refuse("PAD", plain("int32"), [tensor("float32", [3, 5])], status="type")


@pytest.mark.parametrize("zero_point", [-129, 128])
def test_a_zero_point_outside_int8_is_refused(zero_point: int) -> None:
    output = tensor("int8", [3, 5], zero_point=zero_point)
    assert_both_refuse("PAD", plain(), [output], status="param")


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (tensor("int8", [], data=3, zero_point=1), "param"),
        (tensor("int8", [], data=3, scale=0.25), "param"),
        (tensor("int16", [], data=3), "type"),
        (tensor("int8", [2], data=[3, 3]), "shape"),
        (tensor("int8", [0]), "shape"),
    ],
)
def test_a_value_that_does_not_fit_the_output_is_refused(value: Tensor, status: str) -> None:
    inputs = [*plain(), value]
    assert_both_refuse("PADV2", inputs, [tensor("int8", [3, 5])], status=status)


@pytest.mark.parametrize("count", [1, 4])
def test_another_number_of_inputs_is_refused(count: int) -> None:
    inputs = [*plain(), tensor("int8", [], data=1), constant([0])][:count]
    assert_both_refuse("PAD", inputs, [tensor("int8", [3, 5])], status="model")
