"""Ops of two tensors that broadcast: layers, pairs of shapes, malformed variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import ACTIVATIONS, Layer, Refusals, activations, frames
from tests.support.models import Tensor

Shapes = tuple[Sequence[int], Sequence[int]]

SHAPES: dict[str, Shapes] = {
    "scalars of rank 0": ((), ()),
    "one element": ((1,), (1,)),
    "the same": ((2, 3, 4, 5), (2, 3, 4, 5)),
    "the same, of rank 6": ((2, 1, 3, 2, 1, 2), (2, 1, 3, 2, 1, 2)),
    "ranks 2 and 4 that are the same": ((3, 5), (1, 1, 3, 5)),
    "second a scalar": ((2, 3, 5), (1,)),
    "first a scalar": ((), (2, 3, 5)),
    "second a row": ((4, 3, 5), (5,)),
    "first a row": ((1, 1, 5), (2, 3, 5)),
    "second a column": ((4, 5), (4, 1)),
    "first a column": ((4, 1), (4, 5)),
    "an outer product": ((4, 1), (1, 5)),
    "an outer product, turned": ((1, 5), (4, 1)),
    "a product over the outside": ((1, 3), (4, 1, 1)),
    "alternating": ((2, 1, 3, 1, 2), (1, 3, 1, 2, 2)),
    "alternating, of rank 6": ((2, 1, 3, 1, 2, 1), (1, 3, 1, 2, 1, 2)),
    "fivefold": ((2, 3, 1, 5, 4), (2, 1, 3, 1, 4)),
    "a channel of an image": ((2, 3, 4, 6), (2, 1, 1, 6)),
    "the middle": ((2, 3, 4), (1, 3, 1)),
}


def binary(
    code: str,
    table: str | None,
    dtype: str = "int8",
    shapes: Shapes = ((2, 3), (2, 3)),
    *,
    activation: str = "none",
    scales: Sequence[float] = (0.05, 0.07, 0.09),
    zero_points: Sequence[int] = (0, 0, 0),
) -> Layer:
    """Return a layer; scales and zero points are of the inputs and the output."""
    shape = np.broadcast_shapes(*(tuple(shape) for shape in shapes))
    tensors = [
        Tensor(shape, dtype)
        if dtype in ("int32", "int64", "bool")
        else activations(shape, dtype, scale, zero_point)
        for shape, scale, zero_point in zip([*shapes, shape], scales, zero_points, strict=True)
    ]
    options = {"fused_activation_function": ACTIVATIONS[activation]} if table else {}
    return Layer(code, tensors[:2], tensors[2], table, options)


def check(layer: Layer, seed: int) -> None:
    """Outputs must be TFLM's: extremes and noise against each other, odd floats."""
    rng = np.random.default_rng(seed)
    first, second = (frames(rng, tensor) for tensor in layer.inputs)
    pairs = [[*a, *b] for a in first[:4] for b in second[:4]]
    pairs += [[*first[4], *second[4]], [*first[5], *second[5]], [*first[5], *second[5][::-1]]]
    assert_equal_to_tflm(layer.to_bytes(), pairs)


def check_every_pair(layer: Layer) -> None:
    """Outputs must be TFLM's on all pairs of int8 values."""
    values = np.arange(-128, 128).astype(np.int8)
    whole = layer.with_input(0, shape=[256, 1]).with_input(1, shape=[1, 256])
    inputs = [values.reshape(256, 1), values.reshape(1, 256)]
    assert_equal_to_tflm(whole.with_output(shape=[256, 256]).to_bytes(), [inputs])


def _everywhere(layer: Layer, dtype: str) -> Layer:
    return layer.with_input(0, dtype=dtype).with_input(1, dtype=dtype).with_output(dtype=dtype)


# What an op whose tensors, [2, 3], have the same type everywhere must be refused for.
SHAPE_REFUSALS: Refusals = {
    "sizes that differ": ("shape", lambda c: c.with_input(0, shape=[3, 3])),
    "sizes where neither is 1": ("shape", lambda c: c.with_input(1, shape=[2, 2])),
    "output too large": ("shape", lambda c: c.with_output(shape=[4, 3])),
    "output too small": ("shape", lambda c: c.with_output(shape=[1, 3])),
    "output of another rank": ("shape", lambda c: c.with_output(shape=[2, 2, 3])),
    "output transposed": ("shape", lambda c: c.with_output(shape=[3, 2])),
    "output larger than scalars": (
        "shape",
        lambda c: c.with_input(0, shape=[1]).with_input(1, shape=[1]),
    ),
    "seven dimensions": (
        "shape",
        lambda c: c.with_input(1, shape=[1] * 5 + [2, 3]).with_output(shape=[1] * 5 + [2, 3]),
    ),
    "empty input": ("shape", lambda c: c.with_input(0, shape=[0, 3])),
    "one input": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "three inputs": ("model", lambda c: replace(c, inputs=[*c.inputs, Tensor([1])])),
}

TYPE_REFUSALS: Refusals = {
    "uint8": ("type", lambda c: _everywhere(c, "uint8")),
    "int64": ("type", lambda c: _everywhere(c, "int64")),
    "bool": ("type", lambda c: _everywhere(c, "bool")),
    "another type of input 1": ("type", lambda c: c.with_input(1, dtype="int16")),
    "another type of output": ("type", lambda c: c.with_output(dtype="int16")),
}

OPTION_REFUSALS: Refusals = {
    "fused tanh": ("param", lambda c: c.with_options(fused_activation_function=4)),
    "fused activation 99": ("param", lambda c: c.with_options(fused_activation_function=99)),
    "options of another op": ("model", lambda c: replace(c, table="GatherOptions", options={})),
}

# What one with int8 must be refused for.
QUANTIZED_REFUSALS: Refusals = {
    "input 0 not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "input 1 not quantized": ("param", lambda c: c.with_input(1, scale=None)),
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "input 0 scale 0": ("param", lambda c: c.with_input(0, scale=0.0)),
    "input 1 scale NaN": ("param", lambda c: c.with_input(1, scale=np.nan)),
    "output scale negative": ("param", lambda c: c.with_output(scale=-1.0)),
    "output scale infinite": ("param", lambda c: c.with_output(scale=np.inf)),
    "output scale too small": ("param", lambda c: c.with_output(scale=1e-20)),
    "input 0 zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
    "input 1 zero point -129": ("param", lambda c: c.with_input(1, zero_point=-129)),
    "output zero point 999": ("param", lambda c: c.with_output(zero_point=999)),
}
