"""RELU and RELU6 equal TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.layers import Refusals, assert_refused
from tests.support.unary import (
    FLOATS,
    OUTPUT_PARAMS,
    UNARY_I8,
    check,
    check_every_value,
    unary,
)

OPS = pytest.mark.parametrize("op", ["RELU", "RELU6"])
SCALES = [1e-4, 0.01, 0.0234375, 0.05, 1.0, 20.0, 1e6]


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3, 5), (2, 1, 3, 1, 2, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
@OPS
def test_every_shape_equals_tflm(op: str, dtype: str, shape: Sequence[int]) -> None:
    check(unary(op, dtype, shape), 1)


@OPS
def test_every_kind_of_float_equals_tflm(op: str) -> None:
    assert_equal_to_tflm(unary(op, "float32", FLOATS.shape).to_bytes(), [[FLOATS]])


@pytest.mark.parametrize("output", [(0.02, -128), (0.3, 127), (0.05, 3)])
@pytest.mark.parametrize("zero_point", [-128, -7, 0, 127])
@pytest.mark.parametrize("scale", SCALES)
@OPS
def test_every_int8_value_equals_tflm(
    op: str, scale: float, zero_point: int, output: tuple[float, int]
) -> None:
    layer = unary(op, "int8", (1,), {"int8": output}, scale=scale, zero_point=zero_point)
    check_every_value(layer)


@pytest.mark.parametrize("out_scale", [1e-4, 3e-4, 0.05])
@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1.83e-4, 3e-3, 0.5])
@OPS
def test_every_int16_value_equals_tflm(op: str, scale: float, out_scale: float) -> None:
    check_every_value(unary(op, "int16", (1,), {"int16": (out_scale, 0)}, scale=scale))


@pytest.mark.parametrize("zero_point", [-30000, 5, 32767])
def test_an_int16_zero_point_counts_in_relu6_as_in_tflm(zero_point: int) -> None:
    check_every_value(unary("RELU6", "int16", (1,), scale=1e-3, zero_point=zero_point))


def test_six_beyond_every_integer_is_the_type_s_maximum() -> None:
    x = np.array([-128, -1, 0, 1, 127], np.int8)
    layer = unary("RELU6", "int8", x.shape, scale=1e-12)
    [got] = Engine(layer.to_bytes()).run([x])
    assert got.tolist() == [0, 0, 0, 1, 127]


@pytest.mark.parametrize("what", UNARY_I8)
@OPS
def test_a_malformed_int8_op_is_refused(op: str, what: str) -> None:
    status, change = UNARY_I8[what]
    assert_refused(change(unary(op, "int8", (2, 3))), status)


RELU: Refusals = {
    **OUTPUT_PARAMS,
    "ratio of scales over 2^30": ("param", lambda c: c.with_output(scale=1e-12)),
    "int16 with a zero point": (
        "param",
        lambda c: c.with_input(0, dtype="int16", zero_point=1).with_output(dtype="int16"),
    ),
}


@pytest.mark.parametrize("what", RELU)
def test_a_relu_without_output_quantization_is_refused(what: str) -> None:
    status, change = RELU[what]
    assert_refused(change(unary("RELU", "int8", (2, 3))), status)
