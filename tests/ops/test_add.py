"""ADD and SUB equal TFLM bit for bit, whatever the shapes that broadcast."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.binary import (
    OPTION_REFUSALS,
    QUANTIZED_REFUSALS,
    SHAPE_REFUSALS,
    SHAPES,
    TYPE_REFUSALS,
    binary,
    check,
    check_every_pair,
)
from tests.support.layers import ACTIVATIONS, Layer, Refusals, assert_refused

OPS = pytest.mark.parametrize("op", ["ADD", "SUB"])
DTYPES = pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32"])


def layer(op: str, *args: object, **options: object) -> Layer:
    return binary(op, f"{op.title()}Options", *args, **options)


@pytest.mark.parametrize("shapes", SHAPES)
@DTYPES
@OPS
def test_every_pair_of_shapes_equals_tflm(op: str, dtype: str, shapes: str) -> None:
    check(layer(op, dtype, SHAPES[shapes]), 1)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shapes", ["the same", "alternating"])
@DTYPES
@OPS
def test_every_fused_activation_equals_tflm(
    op: str, dtype: str, shapes: str, activation: str
) -> None:
    check(layer(op, dtype, SHAPES[shapes], activation=activation), 2)


@pytest.mark.parametrize("zero_points", [(-128, 127, -128), (127, -128, 127), (3, -9, 40)])
@pytest.mark.parametrize("activation", ["none", "relu6"])
@OPS
def test_every_pair_of_int8_values_at_extreme_zero_points_equals_tflm(
    op: str, zero_points: tuple[int, int, int], activation: str
) -> None:
    check_every_pair(layer(op, activation=activation, zero_points=zero_points))


@pytest.mark.parametrize("seed", range(20))
@OPS
def test_every_pair_of_int8_values_at_random_scales_equals_tflm(op: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    zero_points = [int(z) for z in rng.integers(-128, 128, 3)]
    scales = [float(scale) for scale in np.exp(rng.uniform(-6, -2, 3)).astype(np.float32)]
    check_every_pair(layer(op, scales=scales, zero_points=zero_points))


@pytest.mark.parametrize(
    "scales",
    [
        (1e-6, 1.0, 1.0),
        (1.0, 1e-6, 1.0),
        (1e-12, 1.0, 1.0),
        (1.0, 1.0, 1e6),
        (1.0, 1.0, 1e12),
        (1.0, 1.0, 1e-3),
        (1.0, 1.0, 3e-6),
        (1e-30, 1e-30, 1e-30),
        (1e30, 1e30, 1e30),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
@OPS
def test_extreme_scales_equal_tflm(op: str, dtype: str, scales: tuple[float, float, float]) -> None:
    if dtype == "int16" and scales[2] == 3e-6:
        scales = (1.0, 1.0, 1e-4)  # 2^15 of them must stay above the inputs' scale
    check(layer(op, dtype, scales=scales), 3)


@pytest.mark.parametrize("seed", range(10))
@OPS
def test_int16_at_random_scales_equals_tflm(op: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = [float(scale) for scale in np.exp(rng.uniform(-10, -6, 3)).astype(np.float32)]
    check(layer(op, "int16", ((50, 1), (1, 40)), scales=scales), seed)


def test_int16_may_have_zero_points_in_add() -> None:
    check(layer("ADD", "int16", zero_points=(-300, 20000, 77)), 4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_quantized_int32_output_is_added_all_the_same(activation: str) -> None:
    check(layer("ADD", "int32", activation=activation).with_output(scale=0.5), 5)


INT8: Refusals = {
    **SHAPE_REFUSALS,
    **TYPE_REFUSALS,
    **OPTION_REFUSALS,
    **QUANTIZED_REFUSALS,
    "sum of scales over the output's range": (
        "param",
        lambda c: c.with_output(scale=1e-8),
    ),
    "one scale vanishes beside the other": (
        "param",
        lambda c: c.with_input(0, scale=1e-38).with_input(1, scale=3e38),
    ),
}


@pytest.mark.parametrize("what", INT8)
@OPS
def test_a_malformed_int8_op_is_refused(op: str, what: str) -> None:
    status, change = INT8[what]
    assert_refused(change(layer(op)), status)


@pytest.mark.parametrize("quantized", [0, 1])
@OPS
def test_quantized_int32_inputs_are_refused_as_in_tflm(op: str, quantized: int) -> None:
    assert_refused(layer(op, "int32").with_input(quantized, scale=0.5), "param")


def test_a_quantized_int32_output_is_refused_by_sub_as_in_tflm() -> None:
    assert_refused(layer("SUB", "int32").with_output(scale=0.5), "param")
