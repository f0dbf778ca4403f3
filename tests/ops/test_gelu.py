"""GELU, which TFLM lacks: int8 equals LiteRT, float32 as far as LiteRT's approximations allow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.engine import Engine, compare
from tests.support.litert import (
    assert_beyond_refused,
    assert_equal_to_litert,
    assert_only_extended,
)
from tests.support.models import Tensor, single_op
from tests.support.moves import Options

BOTH = pytest.mark.parametrize("approximate", [False, True])
# LiteRT's vectorized tanh and erfc are that far off; this engine's are within half a unit.
ATOL = 1e-6


def options(*, approximate: bool) -> Options:
    return ("GeluOptions", {"approximate": approximate})


def quantized(seed: int, *, approximate: bool) -> bytes:
    rng = np.random.default_rng(seed)
    scales, zero_points = rng.uniform(0.001, 0.2, 2), rng.integers(-128, 128, 2)
    x, y = (
        Tensor([256], "int8", scale=float(s), zero_point=int(z))
        for s, z in zip(scales, zero_points, strict=True)
    )
    return single_op("GELU", [x], [y], options(approximate=approximate))


@BOTH
@pytest.mark.parametrize("seed", range(40))
def test_every_int8_equals_litert(seed: int, *, approximate: bool) -> None:
    x = np.arange(-128, 128, dtype=np.int8)
    assert_equal_to_litert(quantized(seed, approximate=approximate), [[x]])


@BOTH
@pytest.mark.parametrize("reach", [0.01, 1, 4, 12, 100])
def test_floats_are_close_to_litert(reach: float, *, approximate: bool) -> None:
    x = np.linspace(-reach, reach, 2003, dtype=np.float32)
    model = single_op("GELU", [Tensor([2003])], [Tensor([2003])], options(approximate=approximate))
    assert_equal_to_litert(model, [[x]], ulps=10, atol=ATOL)


def formula(x: float, *, approximate: bool) -> np.float32:
    """Return LiteRT's formula for one value: float32 steps, each function the nearest float."""
    f = np.float32
    half = f(0.5) * f(x)
    if not approximate:
        return half * f(math.erfc(f(x) * f(-math.sqrt(0.5))))
    inner = f(math.sqrt(2 / math.pi)) * (f(x) + f(0.044715) * (f(x) * f(x) * f(x)))
    return half * (f(1.0) + f(math.tanh(inner)))


@BOTH
def test_floats_are_the_formulas_also_far_out(*, approximate: bool) -> None:
    x = np.concatenate([np.linspace(-14, 14, 1999), np.geomspace(1e-40, 1e12, 99)])
    x = x.astype(np.float32)
    model = single_op(
        "GELU", [Tensor(x.shape)], [Tensor(x.shape)], options(approximate=approximate)
    )
    (got,) = Engine(model, extended=True).run([x])
    wanted = np.array([formula(value, approximate=approximate) for value in x.tolist()])
    compare(got, wanted, 1, 0.0, 0)


def test_without_options_it_is_the_exact_one() -> None:
    model = single_op("GELU", [Tensor([5])], [Tensor([5])])
    x = np.array([-3, -1, 0, 1, 3], np.float32)
    (got,) = Engine(model, extended=True).run([x])
    assert got[0] == pytest.approx(-0.0040496942, rel=1e-6)


def test_the_strict_profile_names_the_extended_one() -> None:
    model = single_op("GELU", [Tensor([5])], [Tensor([5])], options(approximate=True))
    assert_only_extended(model, "op", "op 0: TFLM lacks GELU")


@pytest.mark.parametrize(
    ("x", "y", "status"),
    [
        (Tensor([5], "int16", scale=1.0), Tensor([5], "int16", scale=1.0), "type"),
        (Tensor([5]), Tensor([5], "int8", scale=1.0), "type"),
        (Tensor([5]), Tensor([6]), "shape"),
        (Tensor([5], "int8"), Tensor([5], "int8", scale=1.0), "param"),
    ],
)
def test_what_it_does_not_have_is_refused(x: Tensor, y: Tensor, status: str) -> None:
    assert_beyond_refused("GELU", [x], [y], options(approximate=False), status=status)
