"""DEPTHWISE_CONV_2D equals TFLM bit for bit, and refuses what does not fit together."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.layers import (
    ACTIVATIONS,
    WEIGHTED_REFUSALS,
    WINDOW_REFUSALS,
    Layer,
    Refusals,
    activations,
    assert_arena_at_most_tflms,
    assert_refused,
    bias,
    compare,
    output_scale,
    weights,
    windowed,
    with_int4_weights,
)

# (batch, height, width), depth, multiplier, taps, strides, dilations (height, width), padding
SHAPES = {
    "1x1": ((1, 5, 4), 3, 1, (1, 1), (1, 1), (1, 1), "same"),
    "3x3 same": ((1, 6, 7), 5, 1, (3, 3), (1, 1), (1, 1), "same"),
    "3x3 valid": ((2, 6, 7), 5, 1, (3, 3), (1, 1), (1, 1), "valid"),
    "3x3 multiplier 2": ((2, 5, 6), 3, 2, (3, 3), (1, 1), (1, 1), "same"),
    "multiplier 8 of 1 channel": ((1, 49, 10), 1, 8, (10, 8), (2, 2), (1, 1), "same"),
    "multiplier 3, valid, strided": ((1, 8, 7), 4, 3, (2, 3), (2, 3), (1, 1), "valid"),
    "3x3 stride 2 same, even": ((1, 8, 6), 8, 1, (3, 3), (2, 2), (1, 1), "same"),
    "3x3 stride 2 same, odd": ((3, 7, 9), 6, 1, (3, 3), (2, 2), (1, 1), "same"),
    "one tall, streaming": ((1, 30, 1), 7, 1, (3, 1), (1, 1), (1, 1), "valid"),
    "one wide": ((1, 1, 9), 5, 2, (1, 5), (1, 2), (1, 1), "same"),
    "dilated same": ((1, 9, 8), 3, 1, (3, 2), (1, 1), (2, 3), "same"),
    "dilated valid": ((2, 9, 8), 3, 2, (3, 2), (2, 1), (3, 2), "valid"),
    "no tap inside": ((1, 2, 2), 3, 1, (2, 2), (1, 1), (5, 5), "same"),
    "window larger than image": ((1, 3, 2), 2, 2, (7, 5), (1, 1), (1, 1), "same"),
    "stride larger than window": ((1, 9, 9), 3, 1, (2, 2), (4, 5), (1, 1), "valid"),
    "large window": ((1, 30, 30), 2, 1, (30, 30), (1, 1), (1, 1), "valid"),
    "whole image": ((2, 4, 4), 9, 1, (4, 4), (1, 1), (1, 1), "valid"),
    "whole image, whole vectors": ((2, 4, 4), 16, 1, (4, 4), (1, 1), (1, 1), "valid"),
    "one pixel": ((1, 1, 1), 8, 1, (3, 3), (1, 1), (1, 1), "same"),
    "long row": ((1, 3, 150), 8, 1, (3, 3), (1, 1), (1, 1), "same"),
    "long row, strided": ((1, 4, 300), 9, 1, (2, 5), (1, 2), (1, 1), "valid"),
    "many rows": ((2, 45, 6), 16, 1, (3, 3), (1, 1), (1, 1), "same"),
    "5x5": ((1, 9, 10), 12, 1, (5, 5), (1, 1), (1, 1), "same"),
    "4x4 strided": ((2, 11, 9), 8, 1, (4, 4), (2, 2), (1, 1), "same"),
    "wide row": ((1, 2, 7), 16, 1, (2, 3), (1, 1), (1, 1), "same"),
}


def depthwise(
    seed: int,
    dtype: str = "int8",
    shape: str = "3x3 same",
    *,
    activation: str = "none",
    per_channel: bool = True,
    with_bias: bool = True,
    gain: float = 1.5,
    zero_points: tuple[int, int] | None = None,
) -> Layer:
    rng = np.random.default_rng(seed)
    image, depth, multiplier, taps, strides, dilations, padding = SHAPES[shape]
    if zero_points is None:
        zero_points = (int(rng.integers(-40, 40)), int(rng.integers(-40, 40)))
    if dtype != "int8":
        zero_points = (0, 0)
    out = [
        windowed(*axis, padding) for axis in zip(image[1:], taps, strides, dilations, strict=True)
    ]
    channels = depth * multiplier
    x = activations((*image, depth), dtype, zero_point=zero_points[0])
    w = weights(rng, (1, *taps, channels), dtype, 3, per_channel=per_channel)
    bias_type = {"int8": "int32", "int16": "int64", "float32": "float32"}[dtype]
    scale = output_scale(x, w, taps[0] * taps[1], gain)
    return Layer(
        "DEPTHWISE_CONV_2D",
        [x, w, bias(rng, channels, bias_type, x, w)] if with_bias else [x, w],
        activations((image[0], *out, channels), dtype, scale, zero_points[1]),
        "DepthwiseConv2DOptions",
        {
            "padding": ("same", "valid").index(padding),
            "stride_h": strides[0],
            "stride_w": strides[1],
            "depth_multiplier": multiplier,
            "dilation_h_factor": dilations[0],
            "dilation_w_factor": dilations[1],
            "fused_activation_function": ACTIVATIONS[activation],
        },
    )


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_every_window_equals_tflm(dtype: str, shape: str, seed: int) -> None:
    compare(depthwise(seed, dtype, shape, per_channel=seed == 1), seed)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
@pytest.mark.parametrize("gain", [0.05, 1.0, 300.0])
def test_every_fused_activation_and_saturation_equals_tflm(
    dtype: str, activation: str, gain: float
) -> None:
    compare(depthwise(3, dtype, activation=activation, gain=gain), 3)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_a_convolution_without_bias_equals_tflm(dtype: str) -> None:
    compare(depthwise(4, dtype, with_bias=False), 4)


@pytest.mark.parametrize("output", [-128, 0, 127])
@pytest.mark.parametrize("input", [-128, 0, 127])
def test_zero_points_at_the_ends_equal_tflm(input: int, output: int) -> None:  # noqa: A002
    compare(depthwise(5, activation="relu6", zero_points=(input, output)), 5)


def test_zero_points_of_int16_are_ignored_as_in_tflm() -> None:
    layer = depthwise(6, "int16").with_input(0, zero_point=300).with_output(zero_point=-77)
    compare(layer, 6)


@pytest.mark.parametrize(
    ("dtype", "gain"),
    [("int8", 1e-8), ("int8", 1e-4), ("int8", 1e3), ("int8", 1e6), ("int16", 1e-8), ("int16", 100)],
)
def test_extreme_scales_equal_tflm(dtype: str, gain: float) -> None:
    compare(depthwise(7, dtype, gain=gain), 7)


def test_accumulators_wrap_as_in_tflm() -> None:
    biases = np.asarray([2**31 - 1, -(2**31), 2**31 - 40000, 0, 5])
    compare(depthwise(8).with_input(2, data=biases), 8)


def test_int16_sums_over_32_bits_equal_tflm() -> None:
    layer = depthwise(10, "int16", "large window", gain=0.01)
    compare(layer.with_input(1, data=np.full((1, 30, 30, 2), -128)), 10)


def test_weights_and_bias_may_be_computed() -> None:
    compare(depthwise(9).with_input(1, data=None).with_input(2, data=None), 9)


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize("shape", SHAPES)
def test_int4_filters_equal_tflm(shape: str, per_channel: bool) -> None:  # noqa: FBT001
    compare(with_int4_weights(depthwise(40, shape=shape, per_channel=per_channel), 40), 40)


def test_an_int4_filter_takes_no_more_arena_than_in_tflm() -> None:
    assert_arena_at_most_tflms(with_int4_weights(depthwise(42, shape="large window"), 42))


REFUSED: Refusals = {
    **WEIGHTED_REFUSALS,
    **WINDOW_REFUSALS,
    "weights of rank 3": ("shape", lambda c: c.with_input(1, shape=[3, 3, 5])),
    "several filters": ("shape", lambda c: c.with_input(1, shape=[3, 3, 1, 5])),
    "depth that makes other channels": ("shape", lambda c: c.with_input(0, shape=[1, 6, 7, 4])),
    "multiplier 0": ("shape", lambda c: c.with_options(depth_multiplier=0)),
    "multiplier that does not fit": ("shape", lambda c: c.with_options(depth_multiplier=2)),
    "multiplier that overflows": ("shape", lambda c: c.with_options(depth_multiplier=2**30 + 1)),
    "negative multiplier": ("shape", lambda c: c.with_options(depth_multiplier=-1)),
    "dilation 0": ("param", lambda c: c.with_options(dilation_w_factor=0)),
    "dilation that overflows": ("param", lambda c: c.with_options(dilation_h_factor=2**30)),
    "scales along another axis": ("param", lambda c: c.with_input(1, axis=0)),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_convolutions_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(depthwise(20)), status)


def test_an_int32_bias_of_an_int16_convolution_is_refused_because_tflm_reads_it_as_int64() -> None:
    assert_refused(depthwise(21, "int16").with_input(2, dtype="int32"), "type")
