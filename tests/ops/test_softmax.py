"""SOFTMAX equals TFLM: bit for bit when quantized, within 2 ulp for float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, assert_refused, frames
from tests.support.models import Tensor

SHAPES = [(1,), (9,), (1, 12), (3, 7), (2, 3, 4, 5), (1, 1, 1, 2, 3, 4), (2, 1), (1, 509)]
OUTPUTS = {
    ("int8", "int8"): (1 / 256, -128),
    ("int8", "int16"): (1 / 65536, -32768),
    ("int16", "int16"): (1 / 32768, 0),
    ("float32", "float32"): (None, 0),
}
PAIRS = pytest.mark.parametrize("pair", OUTPUTS, ids="_to_".join)
# The e^x of TFLM's libm misses the nearest float for 1 x in 25,000; up to 1 result in 1000 differs.
FLOAT_ULPS = 2


def softmax(
    pair: tuple[str, str] = ("int8", "int8"),
    shape: Sequence[int] = (3, 7),
    *,
    beta: float = 1.0,
    scale: float = 0.1,
    zero_point: int = 0,
) -> Layer:
    """Return a layer with the output quantization that its types must have."""
    out_scale, out_zero_point = OUTPUTS[pair]
    x = Tensor(shape, pair[0], scale=None if out_scale is None else scale, zero_point=zero_point)
    y = Tensor(shape, pair[1], scale=out_scale, zero_point=out_zero_point)
    return Layer("SOFTMAX", [x], y, "SoftmaxOptions", {"beta": beta})


def check(layer: Layer, seed: int) -> None:
    ulps = FLOAT_ULPS if layer.output.dtype == "float32" else None
    inputs = frames(np.random.default_rng(seed), *layer.inputs)
    assert_equal_to_tflm(layer.to_bytes(), inputs, ulps=ulps)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@PAIRS
def test_every_shape_equals_tflm(pair: tuple[str, str], shape: Sequence[int]) -> None:
    check(softmax(pair, shape), 1)


@pytest.mark.parametrize("beta", [1e-3, 0.5, 1.0, 3.0, 100.0])
@pytest.mark.parametrize("scale", [2e-5, 1e-3, 0.0390625, 0.7, 16.0, 1e3])
@PAIRS
def test_every_scale_and_beta_equals_tflm(pair: tuple[str, str], scale: float, beta: float) -> None:
    check(softmax(pair, (6, 40), scale=scale, beta=beta), 2)


@pytest.mark.parametrize("zero_point", [-128, -1, 127])
@pytest.mark.parametrize("to", ["int8", "int16"])
def test_the_input_zero_point_does_not_matter(to: str, zero_point: int) -> None:
    check(softmax(("int8", to), zero_point=zero_point), 3)


@pytest.mark.parametrize("scale", np.exp(np.linspace(-9, 3, 25)), ids="{:.3g}".format)
@pytest.mark.parametrize("to", ["int8", "int16"])
def test_every_difference_of_int8_inputs_equals_tflm(to: str, scale: float) -> None:
    rows = np.stack([np.full(256, 127), np.arange(-128, 128)], axis=1).astype(np.int8)
    layer = softmax(("int8", to), rows.shape, scale=scale)
    assert_equal_to_tflm(layer.to_bytes(), [[rows]])


@pytest.mark.parametrize("scale", [10 / 65535, 1e-5, 1e-3, 0.02])
def test_every_difference_of_int16_inputs_equals_tflm(scale: float) -> None:
    values = np.arange(-32768, 32768)
    rows = np.stack([np.full(65536, 32767), values], axis=1).astype(np.int16)
    layer = softmax(("int16", "int16"), rows.shape, scale=scale)
    assert_equal_to_tflm(layer.to_bytes(), [[rows]])


@pytest.mark.parametrize("count", [2, 3, 31, 100, 255, 511])
@PAIRS
def test_equal_inputs_share_one_equally_as_in_tflm(pair: tuple[str, str], count: int) -> None:
    layer = softmax(pair, (1, count))
    ones = np.ones((1, count), pair[0])
    assert_equal_to_tflm(layer.to_bytes(), [[ones]], ulps=FLOAT_ULPS)


@pytest.mark.parametrize("count", [512, 5000, 40000])
def test_a_share_too_small_for_int8_is_zero_where_tflm_aborts(count: int) -> None:
    [share] = Engine(softmax(shape=(1, count)).to_bytes()).run([np.ones((1, count), np.int8)])
    assert np.all(share == -128)


@pytest.mark.parametrize("pair", [("int8", "int16"), ("int16", "int16")], ids="_to_".join)
def test_a_sum_that_overflows_in_tflm_saturates(pair: tuple[str, str]) -> None:
    layer = softmax(pair, (1, 70000))
    [share] = Engine(layer.to_bytes()).run([np.ones((1, 70000), pair[0])])
    assert np.all(share == share[0, 0])
    assert share[0, 0] - OUTPUTS[pair][1] <= 16


def test_realistic_float_rows_equal_tflm_and_are_near_float64() -> None:
    x = np.random.default_rng(4).normal(0, 4, (500, 12)).astype(np.float32)
    model = softmax(("float32", "float32"), x.shape).to_bytes()
    assert_equal_to_tflm(model, [[x]], ulps=FLOAT_ULPS)
    [got] = Engine(model).run([x])
    e = np.exp((x - x.max(axis=1, keepdims=True)).astype(np.float64))
    want = (e / e.sum(axis=1, keepdims=True)).astype(np.float32)
    np.testing.assert_array_max_ulp(got, want, 12)  # the sum is rounded 12 times


INT8: Refusals = {
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int8 to float": ("type", lambda c: c.with_output(dtype="float32")),
    "float to int8": ("type", lambda c: c.with_input(0, dtype="float32")),
    "int16 to int8": ("type", lambda c: c.with_input(0, dtype="int16")),
    "another shape": ("shape", lambda c: c.with_output(shape=[7, 3])),
    "rank 0": ("shape", lambda c: c.with_input(0, shape=[]).with_output(shape=[])),
    "output scale": ("param", lambda c: c.with_output(scale=1 / 255)),
    "output zero point": ("param", lambda c: c.with_output(zero_point=-127)),
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "input not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "input scale 0": ("param", lambda c: c.with_input(0, scale=0.0)),
    "input scale NaN": ("param", lambda c: c.with_input(0, scale=np.nan)),
    "input zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
    "beta 0": ("param", lambda c: c.with_options(beta=0.0)),
    "no beta": ("param", lambda c: replace(c, options={})),
    "beta NaN": ("param", lambda c: c.with_options(beta=np.nan)),
    "beta infinite": ("param", lambda c: c.with_options(beta=np.inf)),
    "beta negative": ("param", lambda c: c.with_options(beta=-1.0)),
    "beta times scale too small": ("param", lambda c: c.with_options(beta=1e-8)),
    "two inputs": ("model", lambda c: replace(c, inputs=[c.inputs[0], Tensor([1])])),
    "other options": ("model", lambda c: replace(c, table="AddOptions", options={})),
}


@pytest.mark.parametrize("what", INT8)
def test_a_malformed_int8_softmax_is_refused(what: str) -> None:
    status, change = INT8[what]
    assert_refused(change(softmax()), status)


INT16: Refusals = {
    "output scale": ("param", lambda c: c.with_output(scale=1.002 / 32768)),
    "output zero point": ("param", lambda c: c.with_output(zero_point=1)),
    "input zero point": ("param", lambda c: c.with_input(0, zero_point=-1)),
    "beta NaN": ("param", lambda c: c.with_options(beta=np.nan)),
    "beta negative": ("param", lambda c: c.with_options(beta=-1.0)),
    "beta times scale too large": ("param", lambda c: c.with_options(beta=1e30)),
}


@pytest.mark.parametrize("what", INT16)
def test_a_malformed_int16_softmax_is_refused(what: str) -> None:
    status, change = INT16[what]
    assert_refused(change(softmax(("int16", "int16"))), status)
