"""Hybrid layers, float32 with int8 weights, which TFLM lacks, equal LiteRT's reference kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support.engine import Engine
from tests.support.litert import (
    assert_beyond_refused,
    assert_equal_to_litert,
    assert_only_extended,
)
from tests.support.models import Tensor, single_op
from tests.support.moves import Options

SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6, TANH = range(5)


def weights(rng: np.random.Generator, shape: list[int], axis: int, *, per_channel: bool) -> Tensor:
    """Return weights from -127 to 127: LiteRT has the sign of -128 wrong on x86."""
    data = rng.integers(-127, 128, shape).astype(np.int8)
    scale = rng.uniform(0.005, 0.05, shape[axis] if per_channel else 1).astype(np.float32)
    return Tensor(shape, "int8", data, scale.tolist(), axis=axis)


def frames(rng: np.random.Generator, shape: list[int]) -> list[list[np.ndarray]]:
    """Return inputs of all kinds: of either sign, of both, tiny, all 0, and ties in rounding."""
    normal = rng.standard_normal(shape).astype(np.float32)
    one_batch = normal.copy()
    one_batch[0] = 0
    ties = (np.arange(normal.size).reshape(shape) % 255 - 127).astype(np.float32) * 0.5
    ties.flat[0] = 127
    just_below = np.full(shape, np.nextafter(np.float32(0.5), np.float32(0)))
    just_below.flat[0] = 127
    made = [normal, 40 * normal, np.abs(normal), -np.abs(normal), normal + 3, 1e-30 * normal]
    made += [np.zeros(shape), one_batch, ties, -ties, just_below, np.ones(shape)]
    return [[x.astype(np.float32)] for x in made]


# ---- FULLY_CONNECTED ----


def dense_options(*, asymmetric: bool = False, activation: int = NONE) -> Options:
    fields = {"asymmetric_quantize_inputs": asymmetric, "fused_activation_function": activation}
    return ("FullyConnectedOptions", fields)


@pytest.mark.parametrize("activation", [NONE, RELU, RELU_N1_TO_1, RELU6])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("size", [(1, 3, 2), (2, 8, 5), (3, 21, 4), (2, 67, 3)], ids=str)
def test_fully_connected_equals_litert(
    size: tuple[int, int, int], activation: int, *, asymmetric: bool, per_channel: bool
) -> None:
    batches, depth, channels = size
    rng = np.random.default_rng(depth)
    w = weights(rng, [channels, depth], 0, per_channel=per_channel)
    bias = Tensor([channels], data=rng.standard_normal(channels).astype(np.float32))
    inputs = [Tensor([batches, depth]), w, bias]
    options = dense_options(asymmetric=asymmetric, activation=activation)
    model = single_op("FULLY_CONNECTED", inputs, [Tensor([batches, channels])], options)
    assert_equal_to_litert(model, frames(rng, [batches, depth]))


@pytest.mark.parametrize("asymmetric", [False, True])
def test_fully_connected_without_a_bias_equals_litert(*, asymmetric: bool) -> None:
    rng = np.random.default_rng(1)
    inputs = [Tensor([2, 9]), weights(rng, [4, 9], 0, per_channel=True)]
    options = dense_options(asymmetric=asymmetric)
    model = single_op("FULLY_CONNECTED", inputs, [Tensor([2, 4])], options)
    assert_equal_to_litert(model, frames(rng, [2, 9]))


def test_a_bias_of_minus_0_stays_one_when_all_inputs_are_0_as_in_litert() -> None:
    rng = np.random.default_rng(2)
    bias = Tensor([3], data=[-0.0, 1.0, 0.0])
    inputs = [Tensor([2, 9]), weights(rng, [3, 9], 0, per_channel=False), bias]
    model = single_op("FULLY_CONNECTED", inputs, [Tensor([2, 3])], dense_options())
    half = np.zeros([2, 9], np.float32)
    half[1] = 1
    assert_equal_to_litert(model, [[np.zeros([2, 9], np.float32)], [half]])


@pytest.mark.parametrize("shapes", [([2, 3, 8], [6, 5]), ([4, 4], [2, 5])], ids=str)
def test_the_input_is_taken_as_rows_of_the_weights_depth(
    shapes: tuple[list[int], list[int]],
) -> None:
    rng = np.random.default_rng(3)
    inputs = [Tensor(shapes[0]), weights(rng, [5, 8], 0, per_channel=True)]
    model = single_op("FULLY_CONNECTED", inputs, [Tensor(shapes[1])], dense_options())
    assert_equal_to_litert(model, frames(rng, shapes[0]))


def test_kept_dimensions_equal_litert() -> None:
    rng = np.random.default_rng(4)
    inputs = [Tensor([2, 3, 8]), weights(rng, [5, 8], 0, per_channel=False)]
    options = ("FullyConnectedOptions", {"keep_num_dims": True})
    model = single_op("FULLY_CONNECTED", inputs, [Tensor([2, 3, 5])], options)
    assert_equal_to_litert(model, frames(rng, [2, 3, 8]))


# ---- CONV_2D and DEPTHWISE_CONV_2D ----

WINDOWS: list[dict[str, Any]] = [
    {"kernel": (1, 1)},
    {"kernel": (3, 3)},
    {"kernel": (3, 2), "stride": (2, 1)},
    {"kernel": (2, 3), "padding": VALID, "stride": (1, 2)},
    {"kernel": (3, 3), "dilation": (2, 2)},
    {"kernel": (2, 2), "dilation": (1, 3), "padding": VALID},
]


def length(size: int, taps: int, stride: int, dilation: int, padding: int) -> int:
    span = (taps - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else (size - span) // stride + 1


def image(
    code: str,
    window: dict[str, Any],
    w: Callable[[tuple[int, int]], Tensor],
    channels: int,
    *,
    shape: list[int],
    activation: int = NONE,
    bias: bool = True,
) -> bytes:
    """Return a model of one convolution; `w` makes its weights for a kernel's size."""
    (kernel, stride, dilation, padding) = (
        window["kernel"],
        window.get("stride", (1, 1)),
        window.get("dilation", (1, 1)),
        window.get("padding", SAME),
    )
    fields = {
        "padding": padding,
        "stride_h": stride[0],
        "stride_w": stride[1],
        "dilation_h_factor": dilation[0],
        "dilation_w_factor": dilation[1],
        "fused_activation_function": activation,
    }
    options = ("Conv2DOptions", fields)
    if code == "DEPTHWISE_CONV_2D":
        options = ("DepthwiseConv2DOptions", fields | {"depth_multiplier": channels // shape[3]})
    inputs = [Tensor(shape), w(kernel)]
    if bias:
        inputs.append(Tensor([channels], data=np.linspace(-1, 1, channels, dtype=np.float32)))
    sides = [length(shape[i + 1], kernel[i], stride[i], dilation[i], padding) for i in range(2)]
    return single_op(code, inputs, [Tensor([shape[0], *sides, channels])], options)


@pytest.mark.parametrize("activation", [NONE, RELU6])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_conv_2d_equals_litert(
    window: dict[str, Any], activation: int, *, per_channel: bool
) -> None:
    rng = np.random.default_rng(5)
    shape = [2, 6, 5, 3]
    model = image(
        "CONV_2D",
        window,
        lambda kernel: weights(rng, [4, *kernel, 3], 0, per_channel=per_channel),
        4,
        shape=shape,
        activation=activation,
    )
    assert_equal_to_litert(model, frames(rng, shape))


def test_equal_scales_of_all_channels_are_one_scale_as_in_litert() -> None:
    rng = np.random.default_rng(6)
    shape = [2, 4, 4, 3]

    def uniform(kernel: tuple[int, int]) -> Tensor:
        w = weights(rng, [4, *kernel, 3], 0, per_channel=True)
        w.scale = [0.02] * 4
        return w

    model = image("CONV_2D", {"kernel": (3, 3)}, uniform, 4, shape=shape)
    assert_equal_to_litert(model, frames(rng, shape))


@pytest.mark.parametrize("groups", [2, 3])
def test_conv_2d_in_groups_equals_litert(groups: int) -> None:
    rng = np.random.default_rng(7)
    shape = [2, 4, 5, 6]
    model = image(
        "CONV_2D",
        {"kernel": (3, 2), "stride": (2, 1)},
        lambda kernel: weights(rng, [12, *kernel, 6 // groups], 0, per_channel=True),
        12,
        shape=shape,
    )
    assert_equal_to_litert(model, frames(rng, shape))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_depthwise_conv_2d_equals_litert(
    window: dict[str, Any], multiplier: int, *, bias: bool
) -> None:
    rng = np.random.default_rng(8)
    shape, channels = [2, 6, 5, 3], 3 * multiplier
    model = image(
        "DEPTHWISE_CONV_2D",
        window,
        lambda kernel: weights(rng, [1, *kernel, channels], 3, per_channel=True),
        channels,
        shape=shape,
        activation=RELU,
        bias=bias,
    )
    assert_equal_to_litert(model, frames(rng, shape))


# ---- what it does not have ----


def dense(**changes: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Return inputs and outputs of a FULLY_CONNECTED of 2 by 4 to 2 by 3, with changes."""
    named = {
        "x": Tensor([2, 4]),
        "w": Tensor([3, 4], "int8", np.ones([3, 4]), 0.5),
        "bias": Tensor([3], data=[0, 0, 0]),
        "y": Tensor([2, 3]),
    } | changes
    return [named["x"], named["w"], named["bias"]], [named["y"]]


def test_the_strict_profile_names_the_extended_one() -> None:
    model = single_op("FULLY_CONNECTED", *dense(), dense_options())
    assert_only_extended(model, "type", "op 0 FULLY_CONNECTED: TFLM lacks INT8 weights for FLOAT32")
    rng = np.random.default_rng(9)
    shape = [1, 4, 4, 2]
    conv = image(
        "CONV_2D",
        {"kernel": (3, 3)},
        lambda kernel: weights(rng, [2, *kernel, 2], 0, per_channel=True),
        2,
        shape=shape,
    )
    assert_only_extended(conv, "type", "op 0 CONV_2D: TFLM lacks INT8 weights for FLOAT32")
    depthwise = image(
        "DEPTHWISE_CONV_2D",
        {"kernel": (3, 3)},
        lambda kernel: weights(rng, [1, *kernel, 2], 3, per_channel=True),
        2,
        shape=shape,
    )
    assert_only_extended(depthwise, "type", "op 0 DEPTHWISE_CONV_2D: TFLM lacks INT8 weights")


@pytest.mark.parametrize(
    ("changes", "activation", "status"),
    [
        ({"w": Tensor([3, 4], "int8", np.ones([3, 4]))}, NONE, "param"),
        ({"w": Tensor([3, 4], "int8", np.ones([3, 4]), [0.5, 0.5])}, NONE, "param"),
        ({"w": Tensor([3, 4], "int8", np.ones([3, 4]), [0.5] * 3, axis=1)}, NONE, "param"),
        ({"w": Tensor([3, 4], "int8", np.ones([3, 4]), 0.0)}, NONE, "param"),
        ({"w": Tensor([3, 4], "int8", np.ones([3, 4]), -0.5)}, NONE, "param"),
        ({"w": Tensor([3, 4], "int8", np.ones([3, 4]), np.inf)}, NONE, "param"),
        ({"w": Tensor([3, 4], "uint8", np.ones([3, 4]), 0.5)}, NONE, "type"),
        ({"bias": Tensor([3], "int32", data=[0, 0, 0])}, NONE, "type"),
        ({"bias": Tensor([2], data=[0, 0])}, NONE, "shape"),
        ({"y": Tensor([2, 3], "int8", scale=0.5)}, NONE, "type"),
        ({}, TANH, "param"),
    ],
)
def test_what_does_not_fit_is_refused(
    changes: dict[str, Any], activation: int, status: str
) -> None:
    options = dense_options(activation=activation)
    assert_beyond_refused("FULLY_CONNECTED", *dense(**changes), options, status=status)


def test_depthwise_weights_with_one_scale_are_refused() -> None:
    """LiteRT reads scales that are not there."""
    options = ("DepthwiseConv2DOptions", {"stride_h": 1, "stride_w": 1, "depth_multiplier": 1})
    inputs = [Tensor([1, 3, 3, 2]), Tensor([1, 1, 1, 2], "int8", np.ones([1, 1, 1, 2]), 0.5)]
    output = [Tensor([1, 3, 3, 2])]
    assert_beyond_refused("DEPTHWISE_CONV_2D", inputs, output, options, status="param")


def test_groups_with_one_scale_are_refused() -> None:
    """LiteRT reads what it did not allocate."""
    options = ("Conv2DOptions", {"stride_h": 1, "stride_w": 1})
    inputs = [Tensor([1, 3, 3, 4]), Tensor([2, 1, 1, 2], "int8", np.ones([2, 1, 1, 2]), 0.5)]
    output = [Tensor([1, 3, 3, 2])]
    assert_beyond_refused("CONV_2D", inputs, output, options, status="param")


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-45])
@pytest.mark.parametrize("asymmetric", [False, True])
def test_extreme_inputs_do_no_harm(value: float, *, asymmetric: bool) -> None:
    model = single_op("FULLY_CONNECTED", *dense(), dense_options(asymmetric=asymmetric))
    engine = Engine(model, extended=True)
    x = np.array([[1, value, -1, 0], [1, 2, 3, 4]], np.float32)
    with_extremes = engine.run([x])[0]
    x[0] = 0
    assert with_extremes[1].tobytes() == engine.run([x])[0][1].tobytes()
