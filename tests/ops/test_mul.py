"""MUL equals TFLM bit for bit, whatever the shapes that broadcast."""

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

DTYPES = pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32"])


def mul(*args: object, **options: object) -> Layer:
    return binary("MUL", "MulOptions", *args, **options)


@pytest.mark.parametrize("shapes", SHAPES)
@DTYPES
def test_every_pair_of_shapes_equals_tflm(dtype: str, shapes: str) -> None:
    check(mul(dtype, SHAPES[shapes]), 1)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shapes", ["the same", "alternating"])
@DTYPES
def test_every_fused_activation_equals_tflm(dtype: str, shapes: str, activation: str) -> None:
    check(mul(dtype, SHAPES[shapes], activation=activation), 2)


@pytest.mark.parametrize("zero_points", [(-128, 127, -128), (127, -128, 127), (3, -9, 40)])
@pytest.mark.parametrize("activation", ["none", "relu6"])
def test_every_pair_of_int8_values_at_extreme_zero_points_equals_tflm(
    zero_points: tuple[int, int, int], activation: str
) -> None:
    check_every_pair(mul(activation=activation, zero_points=zero_points))


@pytest.mark.parametrize("zeros", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_inputs_of_scale_0_make_0_as_in_tflm(dtype: str, zeros: tuple[int, ...]) -> None:
    layer = mul(dtype, SHAPES["the same"])
    for i in zeros:
        layer = layer.with_input(i, scale=0.0)
    check(layer, 3)


@pytest.mark.parametrize("seed", range(20))
def test_every_pair_of_int8_values_at_random_scales_equals_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    zero_points = [int(z) for z in rng.integers(-128, 128, 3)]
    scales = [float(scale) for scale in np.exp(rng.uniform(-6, -2, 3)).astype(np.float32)]
    check_every_pair(mul(scales=scales, zero_points=zero_points))


@pytest.mark.parametrize(
    "scales",
    [
        (1e-6, 1.0, 1.0),
        (1e-6, 1e-6, 1.0),
        (1.0, 1.0, 1e-4),
        (10.0, 10.0, 1e-6),
        (1.0, 1.0, 1e12),
        (1e-30, 1e-30, 1e-30),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_extreme_scales_equal_tflm(dtype: str, scales: tuple[float, float, float]) -> None:
    check(mul(dtype, scales=scales), 3)


@pytest.mark.parametrize("seed", range(10))
def test_int16_at_random_scales_equals_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = [float(scale) for scale in np.exp(rng.uniform(-10, -4, 3)).astype(np.float32)]
    check(mul("int16", ((50, 1), (1, 40)), scales=scales), seed)


INT8: Refusals = {
    **SHAPE_REFUSALS,
    **TYPE_REFUSALS,
    **OPTION_REFUSALS,
    **{key: case for key, case in QUANTIZED_REFUSALS.items() if key != "input 0 scale 0"},
}


@pytest.mark.parametrize("what", INT8)
def test_a_malformed_int8_op_is_refused(what: str) -> None:
    status, change = INT8[what]
    assert_refused(change(mul()), status)


@pytest.mark.parametrize("zero_points", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_an_int16_zero_point_is_refused_as_in_tflm(zero_points: tuple[int, int, int]) -> None:
    assert_refused(mul("int16", zero_points=zero_points), "param")
