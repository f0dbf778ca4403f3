"""L2_POOL_2D equals TFLM bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.test_pool_2d import SHAPES, pool
from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import ACTIVATIONS, WINDOW_REFUSALS, Layer, assert_refused, compare


def l2_pool(shape: str = "3x3 overlapping, same", activation: str = "none") -> Layer:
    return pool("L2_POOL_2D", "float32", shape, activation)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_window_equals_tflm(shape: str, seed: int) -> None:
    compare(l2_pool(shape), seed)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fused_activations_equal_tflm(activation: str) -> None:
    compare(l2_pool(activation=activation), 3)


def test_squares_that_overflow_or_vanish_equal_tflm() -> None:
    rng = np.random.default_rng(4)
    layer = l2_pool()
    shape = layer.inputs[0].shape
    frames = [(rng.normal(0, 1, shape) * scale).astype(np.float32) for scale in (1e-25, 1e19)]
    assert_equal_to_tflm(layer.to_bytes(), [[frame] for frame in frames])


@pytest.mark.parametrize("change", WINDOW_REFUSALS)
def test_malformed_windows_are_refused(change: str) -> None:
    status, apply = WINDOW_REFUSALS[change]
    assert_refused(apply(l2_pool()), status)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "int32"])
def test_integers_are_refused_as_by_tflm(dtype: str) -> None:
    quantized = l2_pool().with_input(0, dtype=dtype, scale=0.1).with_output(dtype=dtype, scale=0.1)
    assert_refused(quantized, "type")


def test_other_malformed_pools_are_refused() -> None:
    assert_refused(l2_pool().with_options(filter_height=0), "param")
    assert_refused(l2_pool().with_options(fused_activation_function=4), "param")
    assert_refused(l2_pool().with_output(dtype="int8"), "type")
