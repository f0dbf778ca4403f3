"""AVERAGE_POOL_2D and MAX_POOL_2D equal TFLM bit for bit, and refuse what does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.layers import (
    ACTIVATIONS,
    WINDOW_REFUSALS,
    Layer,
    Refusals,
    activations,
    assert_refused,
    compare,
    windowed,
)
from tests.support.models import Tensor

OPS = ["AVERAGE_POOL_2D", "MAX_POOL_2D"]
DTYPES = ["int8", "int16", "float32"]

# (batch, height, width, channels), window, strides (height, width), padding
SHAPES = {
    "2x2": ((1, 6, 8, 3), (2, 2), (2, 2), "valid"),
    "2x2, odd image, same": ((1, 7, 9, 3), (2, 2), (2, 2), "same"),
    "2x2, odd image, valid": ((2, 7, 9, 3), (2, 2), (2, 2), "valid"),
    "3x3 overlapping, same": ((2, 5, 6, 4), (3, 3), (1, 1), "same"),
    "3x3 overlapping, valid": ((1, 5, 6, 4), (3, 3), (2, 1), "valid"),
    "whole image": ((2, 8, 8, 16), (8, 8), (8, 8), "valid"),
    "whole image, stride 2": ((1, 25, 5, 7), (25, 5), (2, 2), "valid"),
    "tall": ((1, 11, 2, 2), (4, 1), (3, 1), "same"),
    "wide": ((1, 2, 11, 2), (1, 5), (1, 4), "same"),
    "1x1 strided": ((1, 7, 7, 2), (1, 1), (3, 2), "same"),
    "stride larger than window": ((1, 10, 11, 2), (2, 3), (4, 5), "valid"),
    "window larger than image": ((1, 3, 2, 5), (9, 8), (1, 1), "same"),
    "one pixel": ((1, 1, 1, 1), (2, 2), (2, 2), "same"),
}


def pool(
    op: str,
    dtype: str = "int8",
    shape: str = "3x3 overlapping, same",
    activation: str = "none",
    scale: float = 0.05,
    zero_point: int = 0,
) -> Layer:
    image, window, strides, padding = SHAPES[shape]
    out = [
        windowed(size, taps, stride, 1, padding)
        for size, taps, stride in zip(image[1:3], window, strides, strict=True)
    ]
    return Layer(
        op,
        [activations(image, dtype, scale, zero_point)],
        activations((image[0], *out, image[3]), dtype, scale, zero_point),
        "Pool2DOptions",
        {
            "padding": ("same", "valid").index(padding),
            "stride_h": strides[0],
            "stride_w": strides[1],
            "filter_height": window[0],
            "filter_width": window[1],
            "fused_activation_function": ACTIVATIONS[activation],
        },
    )


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_every_window_equals_tflm(op: str, dtype: str, shape: str, seed: int) -> None:
    compare(pool(op, dtype, shape), seed)


@pytest.mark.parametrize("zero_point", [-128, -3, 127])
@pytest.mark.parametrize("scale", [1e-6, 0.05, 3.0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("op", OPS)
def test_fused_activations_of_int8_equal_tflm(
    op: str, activation: str, scale: float, zero_point: int
) -> None:
    compare(pool(op, "int8", activation=activation, scale=scale, zero_point=zero_point), 3)


@pytest.mark.parametrize("zero_point", [-32768, 100, 32767])
@pytest.mark.parametrize("scale", [1e-4, 0.05])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("op", OPS)
def test_fused_activations_of_int16_equal_tflm(
    op: str, activation: str, scale: float, zero_point: int
) -> None:
    compare(pool(op, "int16", activation=activation, scale=scale, zero_point=zero_point), 4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("op", OPS)
def test_fused_activations_of_floats_equal_tflm(op: str, activation: str) -> None:
    compare(pool(op, "float32", activation=activation), 5)


@pytest.mark.parametrize("op", OPS)
def test_scales_may_differ_by_a_millionth_as_in_tflm(op: str) -> None:
    layer = pool(op, scale=0.5)
    for sign in (-1, 1):
        compare(layer.with_output(scale=0.5 + sign * 9e-7), 6)
        assert_refused(layer.with_output(scale=0.5 + sign * 12e-7), "param")


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("op", OPS)
def test_a_pool_without_activation_needs_no_quantization_as_in_tflm(op: str, dtype: str) -> None:
    layer = pool(op, dtype)
    for scale, zero_point in ((None, 0), (0.0, 128), (-1.0, -40000)):
        changes = {"scale": scale, "zero_point": zero_point}
        compare(layer.with_input(0, **changes).with_output(**changes), 7)


REFUSED: Refusals = {
    **WINDOW_REFUSALS,
    "types differ": ("type", lambda c: c.with_output(dtype="int16")),
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int32": ("type", lambda c: c.with_input(0, dtype="int32").with_output(dtype="int32")),
    "window height 0": ("param", lambda c: c.with_options(filter_height=0)),
    "negative window width": ("param", lambda c: c.with_options(filter_width=-1)),
    "window over 65535": ("param", lambda c: c.with_options(filter_width=65536)),
    "window that overflows": ("param", lambda c: c.with_options(filter_height=2**31 - 1)),
    "window larger than image, valid": (
        "shape",
        lambda c: c.with_options(padding=1, filter_height=6),
    ),
    "fused tanh": ("param", lambda c: c.with_options(fused_activation_function=4)),
    "zero points differ": ("param", lambda c: c.with_output(zero_point=1)),
    "only the output quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "an activation but no quantization": (
        "param",
        lambda c: (
            c.with_input(0, scale=None)
            .with_output(scale=None)
            .with_options(fused_activation_function=1)
        ),
    ),
    "scale NaN": ("param", lambda c: c.with_input(0, scale=np.nan).with_output(scale=np.nan)),
    "zero point 128 and an activation": (
        "param",
        lambda c: (
            c.with_input(0, zero_point=128)
            .with_output(zero_point=128)
            .with_options(fused_activation_function=3)
        ),
    ),
    "two inputs": ("model", lambda c: replace(c, inputs=[*c.inputs, Tensor([1])])),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions", options={})),
}


@pytest.mark.parametrize("change", REFUSED)
@pytest.mark.parametrize("op", OPS)
def test_malformed_pools_are_refused(op: str, change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(pool(op)), status)
