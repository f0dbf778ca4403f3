"""MAXIMUM, MINIMUM, the comparisons and the logical ops equal TFLM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support import binary
from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, assert_refused
from tests.support.models import Tensor
from tests.support.moves import random_bits

TYPES = {
    "MAXIMUM": ["int8", "int16", "int32", "int64", "float32"],
    "MINIMUM": ["int8", "int16", "int32", "int64", "float32"],
    "EQUAL": ["bool", "int8", "int32", "int64", "float32"],
    "NOT_EQUAL": ["bool", "int8", "int32", "int64", "float32"],
    "GREATER": ["int8", "int32", "int64", "float32"],
    "GREATER_EQUAL": ["int8", "int32", "int64", "float32"],
    "LESS": ["int8", "int32", "int64", "float32"],
    "LESS_EQUAL": ["int8", "int32", "int64", "float32"],
    "LOGICAL_AND": ["bool"],
    "LOGICAL_OR": ["bool"],
}
EXTREMES = ["MAXIMUM", "MINIMUM"]
COMPARISONS = ["EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"]
CASES = [(op, dtype) for op, dtypes in TYPES.items() for dtype in dtypes]


def layer(
    op: str,
    dtype: str,
    shapes: binary.Shapes = ((2, 3), (2, 3)),
    scales: Sequence[float] = (0.05, 0.07),
    zero_points: Sequence[int] = (0, 0),
) -> Layer:
    """Return a layer of an op; its output is bool unless it takes the larger or smaller."""
    plain = binary.binary(
        op, None, dtype, shapes, scales=(*scales, 0.05), zero_points=(*zero_points, 0)
    )
    return plain if op in EXTREMES else plain.with_output(dtype="bool", scale=None)


def values(rng: np.random.Generator, tensor: Tensor) -> np.ndarray:
    """Return values of which many are equal, and some are the type's limits or odd."""
    if tensor.dtype == "bool":
        return random_bits(rng, tensor)
    few = rng.integers(-3, 4, tensor.shape)
    odd: list[float] = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-45]
    if tensor.dtype != "float32":
        info = np.iinfo(tensor.dtype)
        odd = [info.min, info.max, info.min + 1, info.max - 1]
    mixed = rng.choice(np.asarray(odd, tensor.dtype), tensor.shape)
    return np.where(rng.random(tensor.shape) < 0.7, few.astype(tensor.dtype), mixed)


@pytest.mark.parametrize("shapes", binary.SHAPES)
@pytest.mark.parametrize(("op", "dtype"), CASES)
def test_every_shape_equals_tflm(op: str, dtype: str, shapes: str) -> None:
    pair = binary.SHAPES[shapes]
    if op.startswith("LOGICAL") and max(map(len, pair)) > 4:
        pair = ((2, 1, 3, 1), (1, 5, 1, 1))  # TFLM's has no more dimensions
    made = layer(op, dtype, pair)
    rng = np.random.default_rng(1)
    frames = [[values(rng, t) for t in made.inputs] for _ in range(4)]
    assert_equal_to_tflm(made.to_bytes(), frames)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("op", COMPARISONS)
def test_every_pair_of_int8_values_is_compared_as_in_tflm(op: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = [float(x) for x in np.exp(rng.uniform(-9, -0.05, 2))]
    if seed % 2:
        scales = [scales[0], scales[0] * 1.0001]
    zero_points = [int(x) for x in rng.choice([-128, -7, 0, 3, 127], 2)]
    binary.check_every_pair(layer(op, "int8", scales=scales, zero_points=zero_points))


@pytest.mark.parametrize("zero_points", [(0, 0), (300, -7)])
def test_int16_values_are_compared_at_their_scales(zero_points: tuple[int, int]) -> None:
    """TFLM compares them by parameters that it never sets, so there is nothing to equal."""
    rng = np.random.default_rng(0)
    made = layer("GREATER", "int16", ((3000,), (3000,)), (0.5, 0.25), zero_points)
    first = rng.integers(-16000, 16000, 3000).astype(np.int16)
    second = (2 * first + rng.integers(-9, 10, 3000)).astype(np.int16)
    (got,) = Engine(made.to_bytes()).run([first, second])
    reals = [
        (x.astype(float) - zero) * scale
        for x, zero, scale in zip((first, second), zero_points, (0.5, 0.25), strict=True)
    ]
    np.testing.assert_array_equal(got, reals[0] > reals[1])


@pytest.mark.parametrize("scale", [0.99999, 0.5, 1e-4, 1e-9])
def test_extreme_scales_compare_as_in_tflm(scale: float) -> None:
    binary.check_every_pair(layer("LESS", "int8", scales=(scale, 0.3)))


def test_the_logical_not_of_every_shape_equals_tflm() -> None:
    rng = np.random.default_rng(2)
    for shape in [(), (1,), (2, 3, 5)]:
        tensor = Tensor(shape, "bool")
        made = Layer("LOGICAL_NOT", [tensor], tensor)
        assert_equal_to_tflm(made.to_bytes(), [[random_bits(rng, tensor)] for _ in range(4)])


TWO_TYPES: Refusals = {
    "inputs of two types": ("type", lambda c: c.with_input(1, dtype="int64")),
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_input(1, dtype="uint8")),
}
SCALES: Refusals = {
    "input 0 not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "input 1 not quantized": ("param", lambda c: c.with_input(1, scale=None)),
    "input 0 scale 1": ("param", lambda c: c.with_input(0, scale=1.0)),
    "input 0 scale rounded up to 1": ("param", lambda c: c.with_input(0, scale=1.0 - 2**-40)),
    "input 1 scale NaN": ("param", lambda c: c.with_input(1, scale=np.nan)),
    "input 1 scale 0": ("param", lambda c: c.with_input(1, scale=0.0)),
    "input 0 zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
}


@pytest.mark.parametrize("change", [*binary.SHAPE_REFUSALS, *TWO_TYPES])
@pytest.mark.parametrize(
    ("op", "dtype"), [("MAXIMUM", "int8"), ("EQUAL", "int32"), ("LOGICAL_OR", "bool")]
)
def test_malformed_ops_are_refused(op: str, dtype: str, change: str) -> None:
    status, apply = {**binary.SHAPE_REFUSALS, **TWO_TYPES}[change]
    assert_refused(apply(layer(op, dtype)), status)


@pytest.mark.parametrize("change", SCALES)
def test_comparisons_of_int8_that_cannot_be_scaled_are_refused(change: str) -> None:
    status, apply = SCALES[change]
    assert_refused(apply(layer("GREATER", "int8")), status)


@pytest.mark.parametrize(
    ("op", "dtype"),
    [("LESS", "int16"), ("GREATER", "bool"), ("LOGICAL_AND", "int8"), ("MINIMUM", "bool")],
)
def test_types_that_tflm_lacks_are_refused(op: str, dtype: str) -> None:
    assert_refused(layer(op, dtype), "type")


@pytest.mark.parametrize("op", ["EQUAL", "LOGICAL_AND"])
def test_an_output_that_is_not_bool_is_refused(op: str) -> None:
    made = layer(op, TYPES[op][0])
    assert_refused(made.with_output(dtype="int8"), "type")


@pytest.mark.parametrize(
    ("inputs", "output", "status"),
    [("int8", "bool", "type"), ("bool", "int8", "type"), ("float32", "float32", "type")],
)
def test_a_logical_not_of_other_types_is_refused(inputs: str, output: str, status: str) -> None:
    made = Layer("LOGICAL_NOT", [Tensor([3], inputs)], Tensor([3], output))
    assert_refused(made, status)


def test_a_logical_not_of_other_shape_is_refused() -> None:
    assert_refused(Layer("LOGICAL_NOT", [Tensor([3], "bool")], Tensor([4], "bool")), "shape")
    made = Layer("MAXIMUM", [Tensor([1])] * 2, Tensor([1]), "GatherOptions")
    assert_refused(made, "model")
