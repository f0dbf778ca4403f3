"""Ops from one tensor to another of its shape: layers, every value as input, malformed variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, frames
from tests.support.models import Tensor

Quantization = tuple[float, int]  # scale, zero point


def _floats() -> np.ndarray:
    """Return random bit patterns, ordinary numbers, a fine grid, and the odd ones, seeded."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 20000, dtype=np.uint32).view(np.float32)
    bits[np.isnan(bits)] = np.nan  # no signalling ones
    odd = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-38, 3e38, -3e38, 6.0, -9.0]
    parts = [bits, rng.normal(0, 1, 20000), rng.normal(0, 10, 20000), np.linspace(-20, 20, 20001)]
    return np.concatenate([np.asarray(part, np.float32) for part in [*parts, odd]])


FLOATS = _floats()


def unary(
    code: str,
    dtype: str,
    shape: Sequence[int],
    outputs: Mapping[str, Quantization] | None = None,
    *,
    scale: float = 0.05,
    zero_point: int = 0,
) -> Layer:
    """Return a layer; `outputs` maps integer types to the output's scale and zero point."""
    if dtype == "float32":
        return Layer(code, [Tensor(shape)], Tensor(shape))
    out_scale, out_zero_point = (outputs or {}).get(dtype, (scale, zero_point))
    return Layer(
        code,
        [Tensor(shape, dtype, scale=scale, zero_point=zero_point)],
        Tensor(shape, dtype, scale=out_scale, zero_point=out_zero_point),
    )


def check(layer: Layer, seed: int, *, ulps: int = 0) -> None:
    """Outputs must be TFLM's on extremes, zeros, noise and odd floats."""
    inputs = frames(np.random.default_rng(seed), *layer.inputs)
    assert_equal_to_tflm(layer.to_bytes(), inputs, ulps=ulps)


def check_every_value(layer: Layer) -> None:
    """Outputs must be TFLM's on each value of the integer input type."""
    info = np.iinfo(layer.inputs[0].dtype)
    values = np.arange(info.min, info.max + 1).astype(info.dtype)
    whole = layer.with_input(0, shape=values.shape).with_output(shape=values.shape)
    assert_equal_to_tflm(whole.to_bytes(), [[values]])


TYPES: Refusals = {
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int32": ("type", lambda c: c.with_input(0, dtype="int32").with_output(dtype="int32")),
    "int64": ("type", lambda c: c.with_input(0, dtype="int64").with_output(dtype="int64")),
    "bool": ("type", lambda c: c.with_input(0, dtype="bool").with_output(dtype="bool")),
    "int8 to int16": ("type", lambda c: c.with_output(dtype="int16", zero_point=0)),
    "int8 to float": ("type", lambda c: c.with_output(dtype="float32")),
    "float to int8": ("type", lambda c: c.with_input(0, dtype="float32")),
}

COUNTS: Refusals = {
    "more outputs than inputs": ("shape", lambda c: c.with_output(shape=[100])),
    "fewer outputs than inputs": ("shape", lambda c: c.with_output(shape=[1])),
    "two inputs": ("model", lambda c: replace(c, inputs=[c.inputs[0], Tensor([1])])),
    "no inputs": ("model", lambda c: replace(c, inputs=[])),
}

INPUT_PARAMS: Refusals = {
    "input not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "input scale 0": ("param", lambda c: c.with_input(0, scale=0.0)),
    "input scale negative": ("param", lambda c: c.with_input(0, scale=-1.0)),
    "input scale NaN": ("param", lambda c: c.with_input(0, scale=np.nan)),
    "input scale infinite": ("param", lambda c: c.with_input(0, scale=np.inf)),
    "input zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
}

OUTPUT_PARAMS: Refusals = {
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "output scale 0": ("param", lambda c: c.with_output(scale=0.0)),
    "output scale NaN": ("param", lambda c: c.with_output(scale=np.nan)),
    "output zero point -129": ("param", lambda c: c.with_output(zero_point=-129)),
}

# What any op of float32, int8 and int16 must be refused for, when it has int8.
UNARY_I8: Refusals = {**TYPES, **COUNTS, **INPUT_PARAMS}
