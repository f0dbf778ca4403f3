"""CONV_2D equals TFLM bit for bit, and refuses what does not fit together."""

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

# (batch, height, width), depth in and out, taps, strides, dilations (height, width), padding
SHAPES = {
    "1x1": ((1, 5, 4), 3, 4, (1, 1), (1, 1), (1, 1), "same"),
    "1x1 strided": ((2, 7, 5), 4, 3, (1, 1), (2, 3), (1, 1), "valid"),
    "3x3 same": ((1, 6, 7), 3, 5, (3, 3), (1, 1), (1, 1), "same"),
    "3x3 valid": ((2, 6, 7), 3, 5, (3, 3), (1, 1), (1, 1), "valid"),
    "3x3 stride 2 same, even": ((1, 8, 6), 2, 4, (3, 3), (2, 2), (1, 1), "same"),
    "3x3 stride 2 same, odd": ((3, 7, 9), 2, 4, (3, 3), (2, 2), (1, 1), "same"),
    "3x3 stride 2 valid": ((1, 8, 7), 1, 8, (3, 3), (2, 2), (1, 1), "valid"),
    "10x4 keyword": ((1, 49, 10), 1, 8, (10, 4), (2, 2), (1, 1), "same"),
    "even taps": ((1, 7, 7), 2, 3, (4, 2), (1, 1), (1, 1), "same"),
    "one tall": ((1, 9, 1), 5, 2, (5, 1), (1, 1), (1, 1), "same"),
    "one wide": ((1, 1, 9), 5, 2, (1, 5), (1, 2), (1, 1), "valid"),
    "dilated same": ((1, 9, 8), 2, 3, (3, 2), (1, 1), (2, 3), "same"),
    "dilated valid": ((2, 9, 8), 2, 3, (3, 2), (2, 1), (3, 2), "valid"),
    "no tap inside": ((1, 2, 2), 2, 3, (2, 2), (1, 1), (5, 5), "same"),
    "window larger than image": ((1, 3, 2), 2, 3, (7, 5), (1, 1), (1, 1), "same"),
    "stride larger than window": ((1, 9, 9), 2, 3, (2, 2), (4, 5), (1, 1), "valid"),
    "whole image": ((2, 4, 4), 3, 6, (4, 4), (1, 1), (1, 1), "valid"),
    "deep": ((1, 1, 2), 1100, 2, (1, 1), (1, 1), (1, 1), "same"),
    "one pixel": ((1, 1, 1), 16, 16, (3, 3), (1, 1), (1, 1), "same"),
    "rows of whole vectors": ((2, 5, 6), 8, 9, (3, 3), (2, 1), (1, 1), "same"),
    "rows of whole vectors, dilated": ((1, 7, 6), 16, 3, (2, 3), (1, 1), (2, 2), "same"),
    "1x1 of whole vectors": ((2, 3, 5), 24, 7, (1, 1), (1, 1), (1, 1), "same"),
    "1x1 of whole vectors, strided": ((2, 5, 7), 16, 5, (1, 1), (2, 3), (1, 1), "same"),
    "long rows": ((1, 2, 150), 3, 5, (1, 3), (1, 1), (1, 1), "same"),
    "short rows under a tall window": ((1, 49, 10), 1, 9, (10, 4), (2, 2), (1, 1), "same"),
    "rows of many vectors": ((2, 9, 9), 40, 5, (5, 5), (2, 1), (1, 1), "same"),
    "tiles": ((1, 8, 8), 16, 8, (3, 3), (1, 1), (1, 1), "same"),
    "tiles of odd images": ((2, 13, 11), 24, 10, (3, 3), (1, 1), (1, 1), "same"),
    "tiles in several parts": ((1, 33, 35), 32, 9, (3, 3), (1, 1), (1, 1), "valid"),
    "too many channels for tiles": ((1, 8, 8), 264, 8, (3, 3), (1, 1), (1, 1), "same"),
    "one pixel, as wide, padded above": ((2, 3, 3), 8, 6, (5, 3), (3, 3), (1, 1), "same"),
    "one pixel, as wide, dilated": ((2, 5, 1), 8, 6, (3, 1), (1, 1), (2, 1), "valid"),
    "two pixels of a row": ((1, 2, 4), 8, 6, (2, 3), (1, 1), (1, 1), "valid"),
    "two pixels": ((2, 4, 1), 12, 6, (4, 1), (1, 1), (1, 1), "valid"),
}


def conv(
    seed: int,
    dtype: str = "int8",
    shape: str = "3x3 same",
    *,
    activation: str = "none",
    per_channel: bool = True,
    bias_type: str | None = "default",
    groups: int = 1,
    gain: float = 1.5,
    zero_points: tuple[int, int] | None = None,
    input_scale: float = 0.05,
) -> Layer:
    """Return a layer; bias_type None leaves the bias out."""
    rng = np.random.default_rng(seed)
    image, depth, channels, taps, strides, dilations, padding = SHAPES[shape]
    depth, channels = depth * groups, channels * groups
    if zero_points is None:
        zero_points = (int(rng.integers(-40, 40)), int(rng.integers(-40, 40)))
    if dtype != "int8":
        zero_points = (0, 0)
    filter_shape = (channels, *taps, depth // groups)
    out = [
        windowed(*axis, padding) for axis in zip(image[1:], taps, strides, dilations, strict=True)
    ]
    x = activations((*image, depth), dtype, input_scale, zero_points[0])
    w = weights(rng, filter_shape, dtype, 0, per_channel=per_channel)
    if bias_type == "default":
        bias_type = {"int8": "int32", "int16": "int64", "float32": "float32"}[dtype]
    inputs = [x, w] if bias_type is None else [x, w, bias(rng, channels, bias_type, x, w)]
    scale = output_scale(x, w, taps[0] * taps[1] * depth // groups, gain)
    return Layer(
        "CONV_2D",
        inputs,
        activations((image[0], *out, channels), dtype, scale, zero_points[1]),
        "Conv2DOptions",
        {
            "padding": ("same", "valid").index(padding),
            "stride_h": strides[0],
            "stride_w": strides[1],
            "dilation_h_factor": dilations[0],
            "dilation_w_factor": dilations[1],
            "fused_activation_function": ACTIVATIONS[activation],
        },
    )


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_every_window_equals_tflm(dtype: str, shape: str, seed: int) -> None:
    compare(conv(seed, dtype, shape, per_channel=seed == 1), seed)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
@pytest.mark.parametrize("gain", [0.05, 1.0, 300.0])
def test_every_fused_activation_and_saturation_equals_tflm(
    dtype: str, activation: str, gain: float
) -> None:
    compare(conv(3, dtype, activation=activation, gain=gain), 3)


@pytest.mark.parametrize("shape", ["1x1", "3x3 stride 2 same, odd"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_grouped_convolutions_equal_tflm(dtype: str, shape: str, per_channel: bool) -> None:  # noqa: FBT001
    compare(conv(4, dtype, shape, groups=3, per_channel=per_channel), 4)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_a_convolution_without_bias_equals_tflm(dtype: str) -> None:
    compare(conv(5, dtype, bias_type=None), 5)


@pytest.mark.parametrize("gain", [0.5, 4.0, 5000.0])
def test_an_int16_convolution_with_an_int32_bias_rounds_twice_as_tflm_does(gain: float) -> None:
    compare(conv(6, "int16", "3x3 valid", bias_type="int32", gain=gain), 6)


@pytest.mark.parametrize("bias_type", [0, 2, 4], ids=["float", "int32", "int64"])
def test_quantized_bias_type_chooses_the_accumulator_when_there_is_no_bias(bias_type: int) -> None:
    layer = conv(7, "int16", "3x3 valid", bias_type=None)
    compare(layer.with_options(quantized_bias_type=bias_type), 7)


@pytest.mark.parametrize("output", [-128, 0, 127])
@pytest.mark.parametrize("input", [-128, 0, 127])
def test_zero_points_at_the_ends_equal_tflm(input: int, output: int) -> None:  # noqa: A002
    compare(conv(8, activation="relu6", zero_points=(input, output)), 8)


def test_zero_points_of_int16_are_ignored_as_in_tflm() -> None:
    layer = conv(9, "int16").with_input(0, zero_point=300).with_output(zero_point=-77)
    compare(layer, 9)


@pytest.mark.parametrize(
    ("dtype", "gain"),
    [("int8", 1e-8), ("int8", 1e-4), ("int8", 1e3), ("int8", 1e6), ("int16", 1e-8), ("int16", 100)],
)
def test_extreme_scales_equal_tflm(dtype: str, gain: float) -> None:
    compare(conv(10, dtype, gain=gain), 10)


def test_accumulators_wrap_as_in_tflm() -> None:
    layer = conv(11).with_input(2, data=np.asarray([2**31 - 1, -(2**31), 2**31 - 40000, 0, 5]))
    compare(layer, 11)


@pytest.mark.parametrize("bias_type", ["int32", "int64"])
def test_int16_sums_over_32_bits_equal_tflm(bias_type: str) -> None:
    layer = conv(14, "int16", "deep", bias_type=bias_type, gain=0.01)
    compare(layer.with_input(1, data=np.full((2, 1, 1, 1100), -128)), 14)


def test_weights_and_bias_may_be_computed() -> None:
    layer = conv(12).with_input(1, data=None).with_input(2, data=None)
    compare(layer, 12)


def test_a_channel_with_scale_0_is_its_zero_point_as_in_tflm() -> None:
    layer = conv(13)
    scales = np.array(layer.inputs[1].scale)
    scales[2] = 0
    compare(layer.with_input(1, scale=scales), 13)


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize("shape", SHAPES)
def test_int4_filters_equal_tflm(shape: str, per_channel: bool) -> None:  # noqa: FBT001
    compare(with_int4_weights(conv(40, shape=shape, per_channel=per_channel), 40), 40)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_int4_filters_in_groups_with_fused_activations_equal_tflm(
    activation: str, groups: int
) -> None:
    layer = conv(41, shape="even taps", groups=groups, activation=activation, gain=30.0)
    compare(with_int4_weights(layer, 41), 41)


def test_an_int4_filter_takes_no_more_arena_than_in_tflm() -> None:
    assert_arena_at_most_tflms(with_int4_weights(conv(42, shape="deep"), 42))


REFUSED: Refusals = {
    **WEIGHTED_REFUSALS,
    **WINDOW_REFUSALS,
    "weights of rank 3": ("shape", lambda c: c.with_input(1, shape=[45, 3, 1])),
    "depth no multiple of the filter's": ("shape", lambda c: c.with_input(0, shape=[1, 6, 7, 4])),
    "depth less than the filter's": ("shape", lambda c: c.with_input(0, shape=[1, 6, 7, 2])),
    "channels no multiple of groups": ("shape", lambda c: c.with_input(0, shape=[1, 6, 7, 6])),
    "int4 filter for int16": (
        "type",
        lambda c: with_int4_weights(
            c.with_input(0, dtype="int16", zero_point=0).with_output(dtype="int16"), 1
        ),
    ),
    "int4 filter for float": (
        "type",
        lambda c: with_int4_weights(
            c.with_input(0, dtype="float32").with_output(dtype="float32"), 1
        ),
    ),
    "empty filter": ("param", lambda c: c.with_input(1, shape=[5, 0, 3, 3], data=None)),
    "dilation 0": ("param", lambda c: c.with_options(dilation_w_factor=0)),
    "negative dilation": ("param", lambda c: c.with_options(dilation_h_factor=-2)),
    "dilation that overflows": ("param", lambda c: c.with_options(dilation_h_factor=2**30)),
    "scales along another axis": ("param", lambda c: c.with_input(1, axis=1)),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_convolutions_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(conv(20)), status)


@pytest.mark.parametrize("bias_type", ["int32", "int64"])
def test_an_int64_accumulator_is_scaled_by_less_than_2_to_the_14(bias_type: str) -> None:
    layer = conv(21, "int16", per_channel=False, bias_type=bias_type, input_scale=1.0)
    layer = layer.with_input(1, scale=1.0).with_input(2, data=np.arange(5))
    compare(layer.with_output(scale=1.01 * 2**-14), 21)
    over = layer.with_output(scale=0.99 * 2**-14)
    if bias_type == "int32":
        compare(over, 21)
    else:
        assert_refused(over, "param")


def test_a_float_bias_is_needed_for_floats() -> None:
    assert_refused(conv(22, "float32").with_input(2, dtype="int32"), "type")
