"""DIV, SQUARED_DIFFERENCE, FLOOR_DIV and FLOOR_MOD equal TFLM."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import binary
from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.layers import ACTIVATIONS, Layer, Refusals, assert_refused
from tests.support.unary import FLOATS
from tflm_wasm import _abi

SHAPES = {name: s for name, s in binary.SHAPES.items() if max(map(len, s)) <= 4}
TABLES = {
    "DIV": "DivOptions",
    "SQUARED_DIFFERENCE": None,
    "FLOOR_DIV": None,
    "FLOOR_MOD": None,
}
CASES = [
    ("DIV", "float32"),
    ("DIV", "int32"),
    ("DIV", "int8"),
    ("SQUARED_DIFFERENCE", "float32"),
    ("SQUARED_DIFFERENCE", "int32"),
    ("SQUARED_DIFFERENCE", "int16"),
    ("SQUARED_DIFFERENCE", "int8"),
    ("FLOOR_DIV", "float32"),
    ("FLOOR_MOD", "float32"),
]


def layer(op: str, dtype: str, shapes: binary.Shapes = ((2, 3), (2, 3)), **more: object) -> Layer:
    return binary.binary(op, TABLES[op], dtype, shapes, **more)  # type: ignore[arg-type]


def divisors(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return anything but 0."""
    if dtype == "float32":
        return rng.choice(FLOATS[FLOATS != 0], shape)
    info = np.iinfo(dtype)
    some = rng.integers(1, info.max, shape, endpoint=True) * rng.choice([-1, 1], shape)
    return np.where(rng.random(shape) < 0.5, some, rng.choice([-3, 1, 7], shape)).astype(dtype)


def dividends(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "float32":
        return rng.choice(FLOATS, shape)
    info = np.iinfo(dtype)
    some = rng.integers(info.min + 1, info.max, shape, endpoint=True)
    return np.where(rng.random(shape) < 0.8, some, 0).astype(dtype)


def check(made: Layer, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (tuple(tensor.shape) for tensor in made.inputs)
    dtype = made.output.dtype
    frames = [[dividends(rng, dtype, a), divisors(rng, dtype, b)] for _ in range(4)]
    assert_equal_to_tflm(made.to_bytes(), frames)


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(("op", "dtype"), CASES)
def test_every_shape_equals_tflm(op: str, dtype: str, shapes: str) -> None:
    check(layer(op, dtype, SHAPES[shapes]), 1)


@pytest.mark.parametrize(("op", "dtype"), [c for c in CASES if c[1] == "float32"])
def test_every_kind_of_float_equals_tflm(op: str, dtype: str) -> None:
    check(layer(op, dtype, ((20000,), (20000,))), 2)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "int32", "int8"])
def test_every_fused_activation_of_div_equals_tflm(dtype: str, activation: str) -> None:
    check(layer("DIV", dtype, ((2000,), (2000,)), activation=activation), 3)


@pytest.mark.parametrize("seed", range(24))
def test_every_quotient_of_int8_equals_tflm(seed: int) -> None:
    """The one divisor that is 0 is left out."""
    rng = np.random.default_rng(seed)
    scales = [float(x) for x in np.exp(rng.uniform(-7, -1, 3))]
    zero = int(rng.choice([-128, 0, 5, 127]))
    points = [int(rng.integers(-128, 128)), zero, int(rng.integers(-128, 128))]
    made = layer("DIV", "int8", ((256, 1), (1, 255)), scales=scales, zero_points=points)
    every = np.arange(-128, 128).astype(np.int8)
    inputs = [every.reshape(256, 1), every[every != zero].reshape(1, 255)]
    assert_equal_to_tflm(made.to_bytes(), [inputs])


@pytest.mark.parametrize("seed", range(24))
def test_every_squared_difference_of_int8_equals_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = [float(x) for x in np.exp(rng.uniform(-6, -1, 3))]
    points = [int(x) for x in rng.integers(-128, 128, 3)]
    made = layer("SQUARED_DIFFERENCE", "int8", scales=scales, zero_points=points)
    binary.check_every_pair(made)


@pytest.mark.parametrize("seed", range(24))
def test_squared_differences_of_int16_equal_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = [float(x) for x in np.exp(rng.uniform(-9, -4, 3))]
    scales[2] = scales[0] * float(np.exp(rng.uniform(0, 9)))
    binary.check(layer("SQUARED_DIFFERENCE", "int16", ((999,), (999,)), scales=scales), seed)


@pytest.mark.parametrize(
    ("op", "dtype", "zero"),
    [("DIV", "int32", 0), ("DIV", "int8", 5), ("FLOOR_DIV", "float32", 0)],
)
def test_a_division_by_zero_is_an_error_at_run_time(op: str, dtype: str, zero: int) -> None:
    made = layer(op, dtype, ((2,), (2,)), zero_points=(0, 5, 0))
    engine = Engine(made.to_bytes())
    engine.run([np.asarray([0, 7], dtype), np.asarray([zero + 1, -1], dtype)])
    with pytest.raises(EngineError) as caught:
        engine.run([np.asarray([0, 7], dtype), np.asarray([1, zero], dtype)])
    assert caught.value.status is _abi.Status.RUNTIME


def test_the_one_quotient_that_overflows_int32_wraps() -> None:
    """TFLM crashes."""
    engine = Engine(layer("DIV", "int32", ((1,), (1,))).to_bytes())
    (got,) = engine.run([np.asarray([-(2**31)], np.int32), np.asarray([-1], np.int32)])
    assert got[0] == -(2**31)


def _everywhere(made: Layer, dtype: str) -> Layer:
    return made.with_input(0, dtype=dtype).with_input(1, dtype=dtype).with_output(dtype=dtype)


TYPES: Refusals = {
    **{k: v for k, v in binary.TYPE_REFUSALS.items() if k != "int64"},
    "int64": ("type", lambda c: _everywhere(c, "int64")),
}


@pytest.mark.parametrize("change", [*binary.SHAPE_REFUSALS, *TYPES])
@pytest.mark.parametrize(
    ("op", "dtype"),
    [("DIV", "int8"), ("SQUARED_DIFFERENCE", "int8"), ("FLOOR_DIV", "float32")],
)
def test_malformed_ops_are_refused(op: str, dtype: str, change: str) -> None:
    status, apply = {**binary.SHAPE_REFUSALS, **TYPES}[change]
    assert_refused(apply(layer(op, dtype)), status)


@pytest.mark.parametrize("change", binary.QUANTIZED_REFUSALS)
@pytest.mark.parametrize("op", ["DIV", "SQUARED_DIFFERENCE"])
def test_int8_that_is_badly_quantized_is_refused(op: str, change: str) -> None:
    status, apply = binary.QUANTIZED_REFUSALS[change]
    assert_refused(apply(layer(op, "int8")), status)


@pytest.mark.parametrize("change", binary.OPTION_REFUSALS)
def test_a_div_with_other_options_is_refused(change: str) -> None:
    status, apply = binary.OPTION_REFUSALS[change]
    assert_refused(apply(layer("DIV", "int8")), status)


@pytest.mark.parametrize(
    ("op", "dtype"), [("DIV", "int16"), ("FLOOR_DIV", "int32"), ("FLOOR_MOD", "int8")]
)
def test_types_that_tflm_lacks_are_refused(op: str, dtype: str) -> None:
    assert_refused(layer(op, dtype), "type")


def test_a_div_of_quantized_int32_is_refused() -> None:
    assert_refused(layer("DIV", "int32").with_input(1, scale=0.5), "param")


def test_a_squared_difference_of_int16_with_a_zero_point_is_refused() -> None:
    made = layer("SQUARED_DIFFERENCE", "int16")
    assert_refused(made.with_input(0, zero_point=3), "param")
    assert_refused(made.with_output(zero_point=3), "param")
