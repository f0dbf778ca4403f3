"""LOG_SOFTMAX equals TFLM: bit for bit in int8, to the last places in float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, assert_refused, frames
from tests.support.models import Tensor

SHAPES = [(1,), (9,), (1, 12), (3, 7), (2, 3, 4, 5), (1, 1, 1, 2, 3, 4), (2, 1), (1, 1000)]
# The logarithm of the sum is near the nearest float in both, but not always the same one. Where
# most of an output cancels out, a last place of the sum is several of the output's.
FLOAT_ULPS, FLOAT_ATOL = 2, 2.4e-7


def log_softmax(
    dtype: str = "int8", shape: Sequence[int] = (3, 7), *, scale: float = 0.1, zero_point: int = 0
) -> Layer:
    """Return a layer with the output quantization that int8 must have."""
    x, y = Tensor(shape), Tensor(shape)
    if dtype != "float32":
        x = Tensor(shape, dtype, scale=scale, zero_point=zero_point)
        y = Tensor(shape, dtype, scale=1 / 16, zero_point=127)
    return Layer("LOG_SOFTMAX", [x], y, "LogSoftmaxOptions")


def check(layer: Layer, seed: int) -> None:
    inputs = frames(np.random.default_rng(seed), *layer.inputs)
    exact = layer.output.dtype != "float32"
    tolerance = {} if exact else {"ulps": FLOAT_ULPS, "atol": FLOAT_ATOL}
    assert_equal_to_tflm(layer.to_bytes(), inputs, **tolerance)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_every_shape_equals_tflm(dtype: str, shape: Sequence[int]) -> None:
    check(log_softmax(dtype, shape), 1)


@pytest.mark.parametrize(
    "scale", [2e-8, 1e-6, 1e-3, 1 / 16, 0.7, 7.99, 8.0, 15.9, 16.0, 40.0, 1e30]
)
def test_every_scale_equals_tflm(scale: float) -> None:
    check(log_softmax(shape=(6, 40), scale=scale), 2)


@pytest.mark.parametrize("zero_point", [-128, -1, 127])
def test_the_input_zero_point_does_not_matter(zero_point: int) -> None:
    check(log_softmax(zero_point=zero_point), 3)


@pytest.mark.parametrize("scale", np.exp(np.linspace(-9, 3, 25)), ids="{:.3g}".format)
def test_every_difference_of_int8_inputs_equals_tflm(scale: float) -> None:
    rows = np.stack([np.full(256, 127), np.arange(-128, 128)], axis=1).astype(np.int8)
    assert_equal_to_tflm(log_softmax(shape=rows.shape, scale=scale).to_bytes(), [[rows]])


@pytest.mark.parametrize("seed", range(10, 40))
def test_sums_of_every_size_equal_tflm(seed: int) -> None:
    """The logarithm is of 1 to 4095."""
    rng = np.random.default_rng(seed)
    depth = int(np.exp(rng.uniform(0, np.log(4095))))
    rows = rng.integers(-128, 128, (20, depth)).astype(np.int8)
    layer = log_softmax(shape=rows.shape, scale=float(np.exp(rng.uniform(-7, 0))))
    few = np.where(rng.random(rows.shape) < 0.5, 100, rows).astype(np.int8)
    assert_equal_to_tflm(layer.to_bytes(), [[rows], [few]])


def test_a_sum_that_overflows_in_tflm_saturates() -> None:
    layer = log_softmax(shape=(1, 70000))
    [row] = Engine(layer.to_bytes()).run([np.ones((1, 70000), np.int8)])
    assert np.all(row == 127 - round(16 * np.log(4096)))


@pytest.mark.parametrize("depth", [1, 2, 3, 12, 100])
@pytest.mark.parametrize("spread", [0.01, 1.0, 4.0, 20.0])
def test_realistic_float_rows_equal_tflm_and_are_near_float64(spread: float, depth: int) -> None:
    x = np.random.default_rng(4).normal(0, spread, (500, depth)).astype(np.float32)
    model = log_softmax("float32", x.shape).to_bytes()
    assert_equal_to_tflm(model, [[x]], ulps=FLOAT_ULPS, atol=FLOAT_ATOL)
    [got] = Engine(model).run([x])
    centred = x.astype(np.float64) - x.max(axis=1, keepdims=True)
    want = centred - np.log(np.exp(centred).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


INT8: Refusals = {
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int16": ("type", lambda c: c.with_input(0, dtype="int16").with_output(dtype="int16")),
    "int8 to float": ("type", lambda c: c.with_output(dtype="float32")),
    "float to int8": ("type", lambda c: c.with_input(0, dtype="float32")),
    "another shape": ("shape", lambda c: c.with_output(shape=[7, 3])),
    "rank 0": ("shape", lambda c: c.with_input(0, shape=[]).with_output(shape=[])),
    "output scale": ("param", lambda c: c.with_output(scale=1 / 15)),
    "output zero point": ("param", lambda c: c.with_output(zero_point=126)),
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "input not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "input scale 0": ("param", lambda c: c.with_input(0, scale=0.0)),
    "input scale NaN": ("param", lambda c: c.with_input(0, scale=np.nan)),
    "input scale below 2^-26": ("param", lambda c: c.with_input(0, scale=1.4e-8)),
    "input zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
    "two inputs": ("model", lambda c: replace(c, inputs=[c.inputs[0], Tensor([1])])),
    "other options": ("model", lambda c: replace(c, table="AddOptions")),
}


@pytest.mark.parametrize("what", INT8)
def test_a_malformed_log_softmax_is_refused(what: str) -> None:
    status, change = INT8[what]
    assert_refused(change(log_softmax()), status)
