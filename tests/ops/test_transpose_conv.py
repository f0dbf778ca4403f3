"""TRANSPOSE_CONV equals TFLM bit for bit, and refuses what does not fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.layers import (
    ACTIVATIONS,
    Layer,
    Refusals,
    activations,
    assert_refused,
    bias,
    compare,
    output_scale,
    weights,
    windowed,
)
from tests.support.models import Tensor

# (batch, height, width) of the output, depth in and out, taps, strides (height, width), padding
SHAPES = {
    "1x1": ((1, 5, 4), 3, 4, (1, 1), (1, 1), "same"),
    "1x1 strided": ((2, 7, 5), 4, 3, (1, 1), (2, 3), "same"),
    "3x3 same": ((1, 6, 7), 3, 5, (3, 3), (1, 1), "same"),
    "3x3 valid": ((2, 6, 7), 3, 5, (3, 3), (1, 1), "valid"),
    "3x3 stride 2 same, even": ((1, 8, 6), 2, 4, (3, 3), (2, 2), "same"),
    "3x3 stride 2 same, odd": ((3, 7, 9), 2, 4, (3, 3), (2, 2), "same"),
    "3x3 stride 2 valid": ((1, 9, 7), 1, 8, (3, 3), (2, 2), "valid"),
    "valid with rows to spare": ((1, 11, 10), 3, 2, (3, 2), (4, 3), "valid"),
    "2x2 stride 2": ((1, 8, 8), 4, 3, (2, 2), (2, 2), "valid"),
    "even taps": ((1, 7, 7), 2, 3, (4, 2), (1, 2), "same"),
    "one tall": ((1, 9, 1), 5, 2, (5, 1), (2, 1), "same"),
    "one wide": ((1, 1, 9), 5, 2, (1, 5), (1, 2), "valid"),
    "window larger than image": ((1, 3, 2), 2, 3, (7, 5), (1, 1), "same"),
    "stride larger than window": ((1, 10, 12), 2, 3, (2, 2), (4, 5), "valid"),
    "stride larger than window, same": ((1, 9, 9), 2, 3, (2, 2), (4, 5), "same"),
    "from one pixel": ((2, 4, 4), 3, 6, (4, 4), (1, 1), "valid"),
    "deep": ((1, 1, 2), 1100, 2, (1, 1), (1, 1), "same"),
}


def transpose_conv(
    seed: int,
    dtype: str = "int8",
    shape: str = "3x3 stride 2 same, odd",
    *,
    activation: str = "none",
    per_channel: bool = True,
    bias_type: str | None = "default",
    gain: float = 1.5,
    zero_points: tuple[int, int] | None = None,
) -> Layer:
    """Return a layer; bias_type None leaves the bias out."""
    rng = np.random.default_rng(seed)
    image, depth, channels, taps, strides, padding = SHAPES[shape]
    if zero_points is None:
        zero_points = (int(rng.integers(-40, 40)), int(rng.integers(-40, 40)))
    if dtype != "int8":
        zero_points = (0, 0)
    small = [
        windowed(size, count, stride, 1, padding)
        for size, count, stride in zip(image[1:], taps, strides, strict=True)
    ]
    x = activations((image[0], *small, depth), dtype, 0.05, zero_points[0])
    w = weights(rng, (channels, *taps, depth), dtype, 0, per_channel=per_channel)
    if bias_type == "default":
        bias_type = {"int8": "int32", "int16": "int64", "float32": "float32"}[dtype]
    size = (*image, channels)
    inputs = [Tensor([4], "int32", size), w, x]
    if bias_type == "int16":
        inputs.append(Tensor([channels], "int16", rng.integers(-32768, 32768, channels)))
    elif bias_type is not None:
        inputs.append(bias(rng, channels, bias_type, x, w))
    out = activations(
        size, dtype, output_scale(x, w, taps[0] * taps[1] * depth, gain), zero_points[1]
    )
    options = {
        "padding": ("same", "valid").index(padding),
        "stride_h": strides[0],
        "stride_w": strides[1],
        "fused_activation_function": ACTIVATIONS[activation],
    }
    return Layer("TRANSPOSE_CONV", inputs, out, "TransposeConvOptions", options)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_every_window_equals_tflm(dtype: str, shape: str, seed: int) -> None:
    compare(transpose_conv(seed, dtype, shape, per_channel=seed == 1), seed)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
@pytest.mark.parametrize("gain", [0.05, 1.0, 300.0])
def test_every_fused_activation_and_saturation_equals_tflm(
    dtype: str, activation: str, gain: float
) -> None:
    compare(transpose_conv(3, dtype, activation=activation, gain=gain), 3)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_a_layer_without_bias_equals_tflm(dtype: str) -> None:
    compare(transpose_conv(4, dtype, bias_type=None), 4)


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
def test_an_int16_bias_equals_tflm(per_channel: bool) -> None:  # noqa: FBT001
    layer = transpose_conv(5, "int16", bias_type="int16", per_channel=per_channel, gain=0.1)
    small = layer.with_input(1, data=np.sign(layer.inputs[1].data))
    compare(small, 5)


@pytest.mark.parametrize("output", [-128, 127])
@pytest.mark.parametrize("input", [-128, 127])
def test_zero_points_at_the_ends_equal_tflm(input: int, output: int) -> None:  # noqa: A002
    compare(transpose_conv(6, activation="relu6", zero_points=(input, output)), 6)


@pytest.mark.parametrize("seed", range(10, 26))
def test_the_multipliers_of_random_scales_equal_tflm(seed: int) -> None:
    compare(transpose_conv(seed, ["int8", "int16"][seed % 2], per_channel=seed % 4 > 1), seed)


@pytest.mark.parametrize(("dtype", "gain"), [("int8", 1e-8), ("int8", 1e6), ("int16", 1e-8)])
def test_extreme_scales_equal_tflm(dtype: str, gain: float) -> None:
    compare(transpose_conv(7, dtype, bias_type=None, gain=gain), 7)


def test_accumulators_wrap_as_in_tflm() -> None:
    biases = np.asarray([2**31 - 1, -(2**31), 2**31 - 40000, 0])
    compare(transpose_conv(8).with_input(3, data=biases), 8)


def test_int16_sums_over_32_bits_equal_tflm() -> None:
    layer = transpose_conv(9, "int16", "deep", gain=0.01)
    compare(layer.with_input(1, data=np.full((2, 1, 1, 1100), -128)), 9)


@pytest.mark.parametrize("padding", [0, 1], ids=["same", "valid"])
@pytest.mark.parametrize("size", [(9, 9), (7, 8), (1, 1), (30, 2)])
def test_an_output_of_any_size_equals_tflm(size: tuple[int, int], padding: int) -> None:
    layer = transpose_conv(18).with_output(shape=[3, *size, 4])
    compare(layer.with_options(padding=padding), 18)


def test_the_shape_input_is_not_read() -> None:
    compare(transpose_conv(30).with_input(0, data=[7, 7, 7, 7]), 30)


def test_filter_and_bias_may_be_computed() -> None:
    compare(transpose_conv(31).with_input(1, data=None).with_input(3, data=None), 31)


REFUSED: Refusals = {
    "types of input and output differ": ("type", lambda c: c.with_output(dtype="int16")),
    "uint8 input": ("type", lambda c: c.with_input(2, dtype="uint8")),
    "float input, int8 filter (hybrid)": (
        "type",
        lambda c: c.with_input(2, dtype="float32").with_output(dtype="float32"),
    ),
    "int16 filter": ("type", lambda c: c.with_input(1, dtype="int16")),
    "float bias": ("type", lambda c: c.with_input(3, dtype="float32")),
    "int64 bias for int8": ("type", lambda c: c.with_input(3, dtype="int64")),
    "int16 bias for int8": ("type", lambda c: c.with_input(3, dtype="int16")),
    "int32 bias for int16": (
        "type",
        lambda c: c.with_input(2, dtype="int16").with_output(dtype="int16"),
    ),
    "bias too short": ("shape", lambda c: c.with_input(3, shape=[1], data=[0])),
    "fused tanh": ("param", lambda c: c.with_options(fused_activation_function=4)),
    "stride 0": ("param", lambda c: c.with_options(stride_h=0)),
    "negative stride": ("param", lambda c: c.with_options(stride_w=-1)),
    "stride over 65535": ("param", lambda c: c.with_options(stride_w=65536)),
    "padding 2": ("param", lambda c: c.with_options(padding=2)),
    "no options": ("param", lambda c: replace(c, table=None)),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions", options={})),
    "input of rank 3": ("shape", lambda c: c.with_input(2, shape=[4, 5, 2])),
    "filter of rank 3": ("shape", lambda c: c.with_input(1, shape=[4, 9, 2])),
    "output of rank 3": ("shape", lambda c: c.with_output(shape=[7, 9, 4])),
    "batches differ": ("shape", lambda c: c.with_output(shape=[2, 7, 9, 4])),
    "output of other channels": ("shape", lambda c: c.with_output(shape=[3, 7, 9, 5])),
    "filter of other depth": ("shape", lambda c: c.with_input(2, shape=[3, 4, 5, 3])),
    "filter without depth": (
        "shape",
        lambda c: c.with_input(1, shape=[4, 3, 3, 0], data=None).with_input(2, shape=[3, 4, 5, 0]),
    ),
    "empty output": (
        "shape",
        lambda c: c.with_input(2, shape=[0, 4, 5, 2]).with_output(shape=[0, 7, 9, 4]),
    ),
    "input not quantized": ("param", lambda c: c.with_input(2, scale=None)),
    "filter not quantized": ("param", lambda c: c.with_input(1, scale=None)),
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "too few filter scales": ("param", lambda c: c.with_input(1, scale=[0.1] * 2)),
    "multiplier over 2^30": ("param", lambda c: c.with_output(scale=1e-15)),
    "input scale NaN": ("param", lambda c: c.with_input(2, scale=np.nan)),
    "input zero point 128": ("param", lambda c: c.with_input(2, zero_point=128)),
    "two inputs": ("model", lambda c: replace(c, inputs=c.inputs[:2])),
    "five inputs": ("model", lambda c: replace(c, inputs=[*c.inputs, Tensor([1])])),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_layers_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(transpose_conv(20)), status)
