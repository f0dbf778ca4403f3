"""QUANTIZE equals TFLM bit for bit in every pair of types."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, assert_refused, frames
from tests.support.models import Tensor
from tests.support.unary import COUNTS, INPUT_PARAMS, OUTPUT_PARAMS

PAIRS = [
    ("float32", "int8"),
    ("float32", "int16"),
    ("int8", "int8"),
    ("int8", "uint8"),
    ("int8", "int16"),
    ("int8", "int32"),
    ("int16", "int8"),
    ("int16", "int16"),
    ("int16", "int32"),
    ("int32", "int8"),
    ("int32", "int16"),
    ("uint8", "int8"),
]
EVERY_PAIR = pytest.mark.parametrize("pair", PAIRS, ids="_to_".join)
INTEGERS = pytest.mark.parametrize("pair", PAIRS[2:], ids="_to_".join)
SCALES = [(0.05, 0.05), (0.05, 0.031), (0.002, 0.7), (3.0, 0.01), (1e-6, 1.0), (7e-5, 7e-5)]


def quantize(
    pair: tuple[str, str] = ("int8", "int8"),
    shape: Sequence[int] = (2, 3),
    *,
    scales: tuple[float, float] = (0.05, 0.07),
    zero_points: tuple[int, int] = (0, 0),
) -> Layer:
    x = Tensor(shape, pair[0], scale=scales[0], zero_point=zero_points[0])
    if pair[0] == "float32":
        x = Tensor(shape)
    y = Tensor(shape, pair[1], scale=scales[1], zero_point=zero_points[1])
    return Layer("QUANTIZE", [x], y, "QuantizeOptions")


def ends(dtype: str) -> list[int]:
    """Return the zero points at the ends of a type's range, and 0."""
    if dtype == "float32":
        return [0]
    info = np.iinfo(dtype)
    return [info.min, 0, info.max] if info.min < 0 else [0, 128, 255]


def values(layer: Layer) -> np.ndarray:
    """Return every value of a small type, or numbers around the edges of the output's range."""
    dtype = layer.inputs[0].dtype
    if dtype in ("int8", "uint8", "int16"):
        info = np.iinfo(dtype)
        return np.arange(info.min, info.max + 1).astype(dtype)
    rng = np.random.default_rng(0)
    info = np.iinfo(layer.output.dtype)
    scale = float(np.float32(layer.output.scale))
    steps = rng.uniform(2.2 * info.min, 2.2 * info.max, 3000)
    halves = np.arange(-300, 300) + 0.5
    if dtype == "float32":
        odd = np.array([0, -0.0, 1e-45, 1e30 * scale * 0, scale * 1e8, -scale * 1e8])
        return np.concatenate([steps * scale, halves * scale, odd]).astype(np.float32)
    ratio = scale / float(np.float32(layer.inputs[0].scale))
    steps = np.concatenate([steps, halves]) * ratio + layer.inputs[0].zero_point
    return np.clip(steps, -(2.0**31), 2.0**31 - 1).astype(np.int32)


def check_values(layer: Layer) -> None:
    x = values(layer)
    whole = layer.with_input(0, shape=x.shape).with_output(shape=x.shape)
    assert_equal_to_tflm(whole.to_bytes(), [[x]])


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3, 5), (2, 1, 3, 1, 2, 2)], ids=str)
@INTEGERS
def test_every_shape_equals_tflm(pair: tuple[str, str], shape: Sequence[int]) -> None:
    layer = quantize(pair, shape)
    inputs = frames(np.random.default_rng(1), *layer.inputs)
    assert_equal_to_tflm(layer.to_bytes(), inputs)


@pytest.mark.parametrize("scales", SCALES, ids=str)
@EVERY_PAIR
def test_every_value_at_any_scale_equals_tflm(
    pair: tuple[str, str], scales: tuple[float, float]
) -> None:
    check_values(quantize(pair, scales=scales))


@pytest.mark.parametrize("out_end", [0, 1, 2])
@pytest.mark.parametrize("in_end", [0, 1, 2])
@EVERY_PAIR
def test_zero_points_at_the_ends_equal_tflm(
    pair: tuple[str, str], in_end: int, out_end: int
) -> None:
    into, out = ends(pair[0]), ends(pair[1])
    zero_points = into[in_end % len(into)], out[out_end]
    check_values(quantize(pair, scales=(0.05, 0.05), zero_points=zero_points))
    check_values(quantize(pair, scales=(0.05, 0.011), zero_points=zero_points))


@pytest.mark.parametrize("seed", range(6))
@EVERY_PAIR
def test_random_scales_and_zero_points_equal_tflm(pair: tuple[str, str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    zero_points = tuple(
        int(rng.integers(max(ends(t)[0], -999), min(ends(t)[-1], 999) + 1)) for t in pair
    )
    scales = tuple(float(s) for s in np.exp(rng.uniform(-7, 2, 2)).astype(np.float32))
    check_values(quantize(pair, scales=scales, zero_points=zero_points))


@pytest.mark.parametrize("to", ["int8", "int16"])
@pytest.mark.parametrize("zero_point", [-128, 0, 5, 127])
def test_a_float_beyond_every_integer_equals_tflm(to: str, zero_point: int) -> None:
    x = np.array([np.inf, -np.inf, 3e38, -3e38, np.nan, 1e10, -1e10], np.float32)
    layer = quantize(("float32", to), x.shape, zero_points=(0, zero_point))
    assert_equal_to_tflm(layer.to_bytes(), [[x]])


REFUSALS: Refusals = {
    **COUNTS,
    **INPUT_PARAMS,
    **OUTPUT_PARAMS,
    "float to uint8": (
        "type",
        lambda c: c.with_input(0, dtype="float32").with_output(dtype="uint8"),
    ),
    "float to int32": (
        "type",
        lambda c: c.with_input(0, dtype="float32").with_output(dtype="int32"),
    ),
    "int16 to uint8": ("type", lambda c: c.with_input(0, dtype="int16").with_output(dtype="uint8")),
    "int32 to int32": ("type", lambda c: c.with_input(0, dtype="int32").with_output(dtype="int32")),
    "uint8 to uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int64 to int8": ("type", lambda c: c.with_input(0, dtype="int64")),
    "int8 to float": ("type", lambda c: c.with_output(dtype="float32")),
    "bool to int8": ("type", lambda c: c.with_input(0, dtype="bool")),
    "two output scales": ("param", lambda c: c.with_output(scale=[0.1, 0.1])),
    "ratio of scales over 2^30": ("param", lambda c: c.with_output(scale=1e-12)),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_malformed_quantize_is_refused(what: str) -> None:
    status, change = REFUSALS[what]
    assert_refused(change(quantize()), status)
