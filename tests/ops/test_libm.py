"""The engine's own libm gives the float nearest to the true value, seen through the ops using it.

The true value is numpy's in float64, which is off by less than 2^-50 of itself: it decides between
two floats but for one argument in 10^7, and none of the seeded ones here is such.
"""

from __future__ import annotations

import numpy as np

from tests.support.engine import Engine
from tests.support.layers import Layer
from tests.support.models import Tensor
from tests.support.unary import FLOATS, unary


def nearest(x: np.ndarray) -> np.ndarray:
    """Return float64 values rounded to float32."""
    with np.errstate(over="ignore", under="ignore"):
        return x.astype(np.float32)


def run(layer: Layer, x: np.ndarray) -> np.ndarray:
    [got] = Engine(layer.to_bytes()).run([x])
    return got


def test_exp_is_nearest_from_minus_110_to_minus_9_where_logistic_is_exp() -> None:
    x = np.random.default_rng(1).uniform(-110, -9.001, 100_000).astype(np.float32)
    got = run(unary("LOGISTIC", "float32", x.shape), x)
    np.testing.assert_array_equal(got, nearest(np.exp(x.astype(np.float64))))
    assert np.any(got == 0)
    assert np.any((got > 0) & (got < np.finfo(np.float32).tiny))


def test_exp_is_nearest_around_zero_inside_of_logistic() -> None:
    x = np.random.default_rng(2).uniform(-9, 16.6, 100_000).astype(np.float32)
    x[:20_000] /= np.float32(1e6)
    got = run(unary("LOGISTIC", "float32", x.shape), x)
    exp = nearest(np.exp(-x.astype(np.float64)))
    np.testing.assert_array_equal(got, np.float32(1) / (np.float32(1) + exp))


def test_exp_of_large_numbers_is_nearest_and_overflows_inside_of_softmax() -> None:
    x = np.random.default_rng(3).uniform(-92, 0, (20_000, 2)).astype(np.float32)
    x[:, 1] = 0  # beta -1 makes e^-x of the first, 1 of the second
    layer = Layer("SOFTMAX", [Tensor(x.shape)], Tensor(x.shape), "SoftmaxOptions", {"beta": -1.0})
    got = run(layer, x)
    exp = nearest(np.exp(-x.astype(np.float64)))
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(got, exp / exp.sum(axis=1, keepdims=True))
    assert np.any(np.isnan(got))  # infinity / infinity


def test_tanh_is_nearest() -> None:
    got = run(unary("TANH", "float32", FLOATS.shape), FLOATS)
    np.testing.assert_array_equal(got, nearest(np.tanh(FLOATS.astype(np.float64))))
    assert np.signbit(got[FLOATS == 0]).any()  # tanh -0 = -0
