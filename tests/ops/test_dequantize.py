"""DEQUANTIZE equals TFLM bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.layers import Layer, Refusals, assert_refused
from tests.support.models import Tensor
from tests.support.unary import COUNTS, INPUT_PARAMS, check, check_every_value

ENDS = {"int8": (-128, 0, 127), "uint8": (0, 128, 255), "int16": (-32768, 0, 32767)}
DTYPES = pytest.mark.parametrize("dtype", ENDS)


def dequantize(
    dtype: str = "int8",
    shape: tuple[int, ...] = (2, 3),
    *,
    scale: float = 0.05,
    zero_point: int = 0,
) -> Layer:
    x = Tensor(shape, dtype, scale=scale, zero_point=zero_point)
    return Layer("DEQUANTIZE", [x], Tensor(shape), "DequantizeOptions")


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3, 5), (2, 1, 3, 1, 2, 2)], ids=str)
@DTYPES
def test_every_shape_equals_tflm(dtype: str, shape: tuple[int, ...]) -> None:
    check(dequantize(dtype, shape), 1)


@pytest.mark.parametrize("end", [0, 1, 2])
@pytest.mark.parametrize("scale", [1e-45, 1e-40, 1e-6, 0.0390625, 0.1, 1.0, 12345.678, 3e38])
@DTYPES
def test_every_value_equals_tflm(dtype: str, scale: float, end: int) -> None:
    check_every_value(dequantize(dtype, scale=scale, zero_point=ENDS[dtype][end]))


@pytest.mark.parametrize("seed", range(20))
@DTYPES
def test_every_value_at_a_random_scale_equals_tflm(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = float(np.float32(np.exp(rng.uniform(-9, 3))))
    zero_point = int(rng.integers(ENDS[dtype][0], ENDS[dtype][2]))
    check_every_value(dequantize(dtype, scale=scale, zero_point=zero_point))


REFUSALS: Refusals = {
    **COUNTS,
    **INPUT_PARAMS,
    "int32": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int64": ("type", lambda c: c.with_input(0, dtype="int64")),
    "float": ("type", lambda c: c.with_input(0, dtype="float32")),
    "bool": ("type", lambda c: c.with_input(0, dtype="bool")),
    "int8 to int8": ("type", lambda c: c.with_output(dtype="int8")),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_malformed_dequantize_is_refused(what: str) -> None:
    status, change = REFUSALS[what]
    assert_refused(change(dequantize()), status)
