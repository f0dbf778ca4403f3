"""TANH equals TFLM: bit for bit when quantized, within 2 ulp for float32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, assert_refused
from tests.support.unary import (
    FLOATS,
    OUTPUT_PARAMS,
    UNARY_I8,
    check,
    check_every_value,
    unary,
)

# Ours is the nearest float; glibc's tanhf, which TFLM calls, misses it by up to 2 ulp 1 time in 11.
FLOAT_ULPS = 2


def tanh(
    dtype: str = "int8",
    shape: Sequence[int] = (2, 3),
    *,
    scale: float = 0.05,
    zero_point: int = 0,
) -> Layer:
    outputs = {"int8": (1 / 128, 0), "int16": (1 / 32768, 0)}
    return unary("TANH", dtype, shape, outputs, scale=scale, zero_point=zero_point)


@pytest.mark.parametrize("shape", [(1,), (7,), (2, 3, 5), (2, 1, 3, 1, 2, 2), (1, 1000)], ids=str)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_every_shape_equals_tflm(dtype: str, shape: Sequence[int]) -> None:
    check(tanh(dtype, shape), 1, ulps=FLOAT_ULPS)


@pytest.mark.parametrize("zero_point", [-128, -7, 0, 127])
@pytest.mark.parametrize("scale", [1e-8, 1e-4, 0.01, 0.0625, 0.3, 1.0, 5.0, 9.0, 1e6])
def test_every_int8_value_equals_tflm(scale: float, zero_point: int) -> None:
    check_every_value(tanh("int8", scale=scale, zero_point=zero_point))


@pytest.mark.parametrize("seed", range(40))
def test_every_int8_value_at_a_random_scale_equals_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale, zero_point = float(np.exp(rng.uniform(-6, 1))), int(rng.integers(-128, 128))
    check_every_value(tanh("int8", scale=scale, zero_point=zero_point))


@pytest.mark.parametrize(
    "scale", [1e-9, 1e-6, 2**-15, 2**-13, 2**-12, 2**-11, 3e-4, 1e-3, 0.1, 1.0, 1.33, 2.6]
)
def test_every_int16_value_equals_tflm(scale: float) -> None:
    check_every_value(tanh("int16", scale=scale))


@pytest.mark.parametrize("doubled", [1, 2])
@pytest.mark.parametrize("factor", [1 - 1e-3, 1 - 6e-4, 1 + 6e-4, 1 + 1e-3])
def test_an_int16_scale_near_a_power_of_two_is_taken_for_one_as_in_tflm(
    factor: float, doubled: int
) -> None:
    check_every_value(tanh("int16", scale=2**-12 * factor * doubled))


def test_float_values_are_within_2_ulp_of_tflm() -> None:
    assert_equal_to_tflm(tanh("float32", FLOATS.shape).to_bytes(), [[FLOATS]], ulps=FLOAT_ULPS)


@pytest.mark.parametrize("zero_point", [-128, 5, 127])
def test_the_int8_output_quantization_is_ignored_as_in_tflm(zero_point: int) -> None:
    check_every_value(tanh().with_output(scale=0.3, zero_point=zero_point))


INT8: Refusals = {
    **UNARY_I8,
    **OUTPUT_PARAMS,
    "input scale below 2^-28": ("param", lambda c: c.with_input(0, scale=3e-9)),
}


@pytest.mark.parametrize("what", INT8)
def test_a_malformed_int8_tanh_is_refused(what: str) -> None:
    status, change = INT8[what]
    assert_refused(change(tanh()), status)


INT16: Refusals = {
    "input zero point 1": ("param", lambda c: c.with_input(0, zero_point=1)),
    "output zero point 1": ("param", lambda c: c.with_output(zero_point=1)),
    "output scale 2^-14": ("param", lambda c: c.with_output(scale=2**-14)),
    "output scale near 2^-15": ("param", lambda c: c.with_output(scale=1.001 * 2**-15)),
    "input scale 2.7": ("param", lambda c: c.with_input(0, scale=2.7)),
}


@pytest.mark.parametrize("what", INT16)
def test_a_malformed_int16_tanh_is_refused(what: str) -> None:
    status, change = INT16[what]
    assert_refused(change(tanh("int16")), status)
