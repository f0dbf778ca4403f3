"""Ops with weights: convolutions, fully connected layers, products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod, sqrt
from typing import Any

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import Space, scale_of
from tflm_wasm.conformance._writer import Model, Tensor, op_model

_SAME, _VALID = 0, 1
_WEIGHTS = ("noise", "noise", "few", "ends", "low", "high", "zero")
_SIDE = 9  # largest height and width


def _types(kind: str) -> tuple[str, str]:
    """Return the types of activations and of weights."""
    first, _, second = kind.partition("-")
    return first, second or first


def _weights(d: Space, shape: Sequence[int], dtype: str, axis: int) -> Tensor:
    """Return constant weights with one scale, or one for each channel of `axis`."""
    if dtype == "float32":
        data = d.array("weights", shape, dtype, ("normal", "wide", "halves", "odd", "zero"))
        return Tensor(shape, data=data)
    data = d.array("weights", shape, dtype, _WEIGHTS)
    scale: Any = d.scale("weights.scale")
    if d.below("weights.channels", 2):
        spread = np.exp2(d.reals("weights.scales", [shape[axis]], -3, 3))
        scale = (scale * spread).astype(np.float32).tolist()
    zero_point = d.zero_point("weights.zero", dtype) if d.one_in("weights.offset", 12) else 0
    return Tensor(shape, dtype, data, scale=scale, zero_point=zero_point, axis=axis)


def _bias(d: Space, channels: int, dtypes: Sequence[str], x: Tensor, weights: Tensor) -> list[Any]:
    """Return the input after the weights: a constant bias, an absent one, or no such input."""
    how = d.below("bias", 8)
    if how < 2:
        return [None] if how else []
    dtype = d.pick("bias.type", dtypes)
    if dtype == "float32":
        return [Tensor([channels], data=d.array("bias.data", [channels], dtype, ("normal", "odd")))]
    mode = d.pick("bias.mode", ("some", "some", "many", "ends", "noise", "zero"))
    if mode in ("some", "many"):
        size = {"some": 1 << 12, "many": 1 << 24}[mode]
        size = min(size, np.iinfo(dtype).max)
        data = d.numbers("bias.data", [channels], -size, size, dtype)
    else:
        data = d.array("bias.data", [channels], dtype, (mode,))
    scales = np.float32(scale_of(x)) * np.atleast_1d(np.asarray(weights.scale, np.float32))
    return [Tensor([channels], dtype, data, scale=scales.tolist())]


def _output(d: Space, shape: Sequence[int], x: Tensor, weights: Tensor, products: int) -> Tensor:
    if x.dtype == "float32":
        return Tensor(shape)
    natural = float(np.median(np.asarray(weights.scale))) * scale_of(x)
    natural *= (5.0 if weights.dtype == "int4" else 60.0) * sqrt(products)
    return d.tensor("output", shape, x.dtype, scale=d.near("output.near", natural))


def _window(d: Space, size: int, axis: str, padding: int, *, dilated: bool = True) -> list[int]:
    """Return taps, stride, dilation and the size of the output along one axis."""
    taps = d.size(f"taps_{axis}", 5)
    stride = d.pick(f"stride_{axis}", (1, 1, 2, 3))
    dilation = d.pick(f"dilation_{axis}", (1, 1, 1, 2, 3)) if dilated else 1
    if padding == _VALID and (taps - 1) * dilation + 1 > size:
        taps, dilation = min(taps, size), 1
    span = (taps - 1) * dilation + 1
    result = -(-size // stride) if padding == _SAME else (size - span) // stride + 1
    return [taps, stride, dilation, result]


def _options(height: Sequence[int], width: Sequence[int], padding: int) -> dict[str, Any]:
    return {
        "padding": padding,
        "stride_h": height[1],
        "stride_w": width[1],
        "dilation_h_factor": height[2],
        "dilation_w_factor": width[2],
    }


_BIASES = {
    "float32": ("float32",),
    "int8": ("int32",),
    "int16": ("int64", "int32"),
}


@generates("CONV_2D", "float32 int8 int8-int4 int16-int8", frames=4)
def conv_2d(d: Space, op: str, kind: str) -> Model:
    """Groups, strides, dilations, both paddings, any of the biases."""
    dtype, weight_type = _types(kind)
    padding = d.pick("padding", (_SAME, _VALID))
    shape = [d.size("batch", 3), d.size("h", _SIDE), d.size("w", _SIDE)]
    groups = d.pick("groups", (1, 1, 1, 2, 3))
    depth, channels = d.size("depth", 6), d.size("channels", 4) * groups
    height = _window(d, shape[1], "h", padding)
    width = _window(d, shape[2], "w", padding)
    x = d.tensor("x", [*shape, depth * groups], dtype)
    weights = _weights(d, [channels, height[0], width[0], depth], weight_type, 0)
    bias = _bias(d, channels, _BIASES[dtype], x, weights)
    products = height[0] * width[0] * depth
    y = _output(d, [shape[0], height[3], width[3], channels], x, weights, products)
    options = {**_options(height, width, padding), "fused_activation_function": d.activation()}
    if dtype == "int16" and d.one_in("quantized_bias", 4):
        options["quantized_bias_type"] = 2  # int32
    return op_model(op, [x, weights, *bias], [y], ("Conv2DOptions", options))


@generates("DEPTHWISE_CONV_2D", "float32 int8 int8-int4 int16-int8", frames=4)
def depthwise_conv_2d(d: Space, op: str, kind: str) -> Model:
    """As CONV_2D, one filter or several for each channel."""
    dtype, weight_type = _types(kind)
    padding = d.pick("padding", (_SAME, _VALID))
    shape = [d.size("batch", 3), d.size("h", _SIDE), d.size("w", _SIDE), d.size("depth", 9)]
    multiplier = d.pick("multiplier", (1, 1, 2, 3))
    channels = shape[3] * multiplier
    height = _window(d, shape[1], "h", padding)
    width = _window(d, shape[2], "w", padding)
    x = d.tensor("x", shape, dtype)
    weights = _weights(d, [1, height[0], width[0], channels], weight_type, 3)
    biases = {**_BIASES, "int16": ("int64",) * 11 + ("int32",)}
    bias = _bias(d, channels, biases[dtype], x, weights)
    y = _output(d, [shape[0], height[3], width[3], channels], x, weights, height[0] * width[0])
    options = {
        **_options(height, width, padding),
        "depth_multiplier": multiplier,
        "fused_activation_function": d.activation(),
    }
    return op_model(op, [x, weights, *bias], [y], ("DepthwiseConv2DOptions", options))


@generates("TRANSPOSE_CONV", "float32 int8 int16-int8")
def transpose_conv(d: Space, op: str, kind: str) -> Model:
    """The output's shape is a constant input; both paddings, strides over and under the taps."""
    dtype, weight_type = _types(kind)
    padding = d.pick("padding", (_SAME, _VALID))
    shape = [d.size("batch", 2), d.size("h", 5), d.size("w", 5), d.size("depth", 5)]
    channels = d.size("channels", 5)
    taps = [d.size("taps_h", 4), d.size("taps_w", 4)]
    strides = [d.pick("stride_h", (1, 1, 2, 3)), d.pick("stride_w", (1, 1, 2, 3))]
    sides = []
    for axis, size in enumerate(shape[1:3]):
        spare = d.below(f"spare.{axis}", 24) % strides[axis]
        if padding == _SAME:
            sides.append(size * strides[axis] - spare)
        else:
            sides.append((size - 1) * strides[axis] + taps[axis] + spare)
        if d.one_in(f"wrong.{axis}", 40):
            sides[-1] += strides[axis]
    x = d.tensor("x", shape, dtype)
    weights = _weights(d, [channels, *taps, shape[3]], weight_type, 0)
    biases = {**_BIASES, "int16": ("int64", "int16")}
    bias = _bias(d, channels, biases[dtype], x, weights)
    y = _output(d, [shape[0], *sides, channels], x, weights, prod(taps) * shape[3])
    options = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "fused_activation_function": d.activation(),
    }
    result = Tensor([4], "int32", np.array(y.shape))
    inputs = [result, weights, x, *bias]
    return op_model(op, inputs, [y], ("TransposeConvOptions", options))


@generates("FULLY_CONNECTED", "float32 int8 int8-int4 int16-int8")
def fully_connected(d: Space, op: str, kind: str) -> Model:
    """Inputs of any rank, with and without keep_num_dims; weights constant or computed."""
    dtype, weight_type = _types(kind)
    depth, channels = d.size("depth", 40), d.size("channels", 12)
    outer = [d.size(f"outer.{i}", 4) for i in range(d.whole("outer.rank", 1, 3))]
    x = d.tensor("x", [*outer, depth], dtype)
    weights = _weights(d, [channels, depth], weight_type, 0)
    bias = _bias(d, channels, _BIASES[dtype], x, weights)
    keep = bool(d.below("keep", 2))
    y = _output(d, [*(outer if keep else [prod(outer)]), channels], x, weights, depth)
    per_tensor = not isinstance(weights.scale, list)
    if weights.dtype != "int4" and per_tensor and d.one_in("weights.computed", 6):
        weights = replace(weights, data=None)
    options = {
        "fused_activation_function": d.activation(),
        "keep_num_dims": keep,
        "weights_format": 1 if d.one_in("weights_format", 30) else 0,
    }
    if dtype == "int16" and d.one_in("quantized_bias", 4):
        options["quantized_bias_type"] = 2  # int32
    inputs = [x, weights, *bias]
    return op_model(op, inputs, [y], ("FullyConnectedOptions", options))


@generates("BATCH_MATMUL", "float32 int8 int16")
def batch_matmul(d: Space, op: str, kind: str) -> Model:
    """Either side transposed, constant or computed; batches that broadcast."""
    rows, depth, columns = d.size("rows", 7), d.size("depth", 12), d.size("columns", 7)
    batches = [d.size(f"batch.{i}", 3) for i in range(d.whole("batches", 0, 3))]
    adjoint = [bool(d.below("adj_x", 2)), bool(d.below("adj_y", 2))]
    sides = []
    for i, matrix in enumerate(([rows, depth], [depth, columns])):
        mine = [1 if d.one_in(f"one.{i}.{j}", 5) else n for j, n in enumerate(batches)]
        mine = mine[d.below(f"fewer.{i}", len(mine) + 1) if d.one_in(f"short.{i}", 4) else 0 :]
        shape = [*mine, *(matrix[::-1] if adjoint[i] else matrix)]
        sides.append(d.operand(f"side.{i}", d.tensor(f"x{i}", shape, kind)))
    shapes = [list(side.shape[:-2]) for side in sides]
    outer = np.broadcast_shapes(*map(tuple, shapes))
    y = _output(d, [*outer, rows, columns], sides[0], sides[1], depth)
    options = {"adj_x": adjoint[0], "adj_y": adjoint[1], "asymmetric_quantize_inputs": False}
    return op_model(op, sides, [y], ("BatchMatMulOptions", options))
