"""ABS, RSQRT, ELU, HARD_SWISH and functions of one float equal TFLM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, assert_refused
from tests.support.models import Tensor
from tests.support.unary import (
    FLOATS,
    INPUT_PARAMS,
    OUTPUT_PARAMS,
    TYPES,
    check,
    check_every_value,
    unary,
)
from tflm_wasm import _abi

# units in the last place that the x86-64 oracle's libm is off
FLOAT_OPS = {
    "NEG": 0,
    "SQUARE": 0,
    "SQRT": 0,
    "CEIL": 0,
    "FLOOR": 0,
    "ROUND": 0,
    "EXP": 1,
    "LOG": 1,
    "SIN": 1,
    "COS": 1,
}
INT8_OPS = {"ABS": 0, "RSQRT": 0, "ELU": 1, "HARD_SWISH": 0}
ALL_OPS = {**FLOAT_OPS, **INT8_OPS}
SHAPES: list[tuple[int, ...]] = [(), (1,), (7,), (2, 3, 5), (2, 1, 3, 1, 2, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", ALL_OPS)
def test_every_shape_of_floats_equals_tflm(op: str, shape: Sequence[int]) -> None:
    check(unary(op, "float32", shape), 1, ulps=ALL_OPS[op])


@pytest.mark.parametrize("op", ALL_OPS)
def test_every_kind_of_float_equals_tflm(op: str) -> None:
    layer = unary(op, "float32", FLOATS.shape)
    assert_equal_to_tflm(layer.to_bytes(), [[FLOATS]], ulps=ALL_OPS[op])


def test_halves_round_to_even_as_in_tflm() -> None:
    x = np.arange(-40, 40, 0.25).astype(np.float32)
    x = np.concatenate([x, np.nextafter(x, np.float32(99)), np.nextafter(x, np.float32(-99))])
    assert_equal_to_tflm(unary("ROUND", "float32", x.shape).to_bytes(), [[x]])


@pytest.mark.parametrize("op", ["SIN", "COS"])
def test_large_angles_equal_tflm(op: str) -> None:
    rng = np.random.default_rng(3)
    large = np.exp(rng.uniform(5, 88, 20000)) * rng.choice([-1, 1], 20000)
    x = np.concatenate([large, np.arange(-9999, 9999) * np.pi / 2]).astype(np.float32)
    assert_equal_to_tflm(unary(op, "float32", x.shape).to_bytes(), [[x]], ulps=1)


def random_layer(op: str, dtype: str, seed: int) -> Layer:
    """Return a layer of random scales and zero points."""
    rng = np.random.default_rng(seed)
    scales = [float(np.float32(x)) for x in np.exp(rng.uniform(-6, -1, 2))]
    points = [int(x) for x in rng.integers(-128, 128, 2)] if dtype == "int8" else [0, 0]
    if seed % 4 == 0 and dtype == "int8":
        points = [int(x) for x in rng.choice([-128, 127], 2)]
    if op == "RSQRT":
        points[0] = -128
    output = (scales[1], points[1])
    return unary(op, dtype, (1,), {dtype: output}, scale=scales[0], zero_point=points[0])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("op", INT8_OPS)
def test_every_int8_value_equals_tflm(op: str, seed: int) -> None:
    check_every_value(random_layer(op, "int8", seed))


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 0.0234375, 1.0, 100.0])
@pytest.mark.parametrize("out_scale", [1e-3, 0.0234375, 1.0, 100.0])
@pytest.mark.parametrize("op", ["ABS", "ELU", "HARD_SWISH"])
def test_extreme_scales_equal_tflm(op: str, out_scale: float, scale: float) -> None:
    if op == "HARD_SWISH" and scale / out_scale > 100:
        assert_refused(unary(op, "int8", (1,), {"int8": (out_scale, 5)}, scale=scale), "param")
        return
    check_every_value(unary(op, "int8", (1,), {"int8": (out_scale, 5)}, scale=scale, zero_point=9))


@pytest.mark.parametrize("seed", range(20))
def test_the_rsqrt_of_every_positive_int16_value_equals_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = [float(np.float32(x)) for x in np.exp(rng.uniform(-10, 0, 2))]
    values = np.arange(1 << 15).astype(np.int16)
    layer = unary("RSQRT", "int16", values.shape, {"int16": (scales[1], 0)}, scale=scales[0])
    assert_equal_to_tflm(layer.to_bytes(), [[values]])


@pytest.mark.parametrize("seed", range(20))
def test_the_abs_of_every_int16_value_equals_tflm(seed: int) -> None:
    check_every_value(random_layer("ABS", "int16", seed))


def test_the_abs_of_int16_that_is_not_quantized_equals_tflm() -> None:
    layer = unary("ABS", "int16", (1,))
    check_every_value(layer.with_input(0, scale=None).with_output(scale=None))


def test_a_negative_value_is_an_error_of_rsqrt_at_run_time() -> None:
    for dtype, zero_point in (("int8", -3), ("int16", 0)):
        layer = unary("RSQRT", dtype, (2,), scale=0.05, zero_point=zero_point)
        engine = Engine(layer.to_bytes())
        engine.run([np.asarray([zero_point, 127], dtype)])
        with pytest.raises(EngineError) as caught:
            engine.run([np.asarray([1, zero_point - 1], dtype)])
        assert caught.value.status is _abi.Status.RUNTIME


SHAPE: Refusals = {
    "more outputs than inputs": ("shape", lambda c: c.with_output(shape=[100])),
    "two inputs": ("model", lambda c: replace(c, inputs=[c.inputs[0], Tensor([1])])),
    "no inputs": ("model", lambda c: replace(c, inputs=[])),
}
QUANTIZED: Refusals = {
    **TYPES,
    **SHAPE,
    **INPUT_PARAMS,
    **OUTPUT_PARAMS,
    "output scale too small": ("param", lambda c: c.with_output(scale=1e-30)),
}
FLOAT_ONLY: Refusals = {
    **SHAPE,
    "output of another shape": ("shape", lambda c: c.with_output(shape=[1, 7])),
    "int8": ("type", lambda c: c.with_input(0, dtype="int8").with_output(dtype="int8")),
    "float32 to int8": ("type", lambda c: c.with_output(dtype="int8")),
}


@pytest.mark.parametrize("change", QUANTIZED)
@pytest.mark.parametrize("op", ["ABS", "RSQRT", "HARD_SWISH"])
def test_malformed_int8_ops_are_refused(op: str, change: str) -> None:
    status, apply = QUANTIZED[change]
    assert_refused(apply(unary(op, "int8", (7,))), status)


@pytest.mark.parametrize("change", [*TYPES, *SHAPE, *INPUT_PARAMS, *OUTPUT_PARAMS])
def test_a_malformed_elu_is_refused(change: str) -> None:
    status, apply = QUANTIZED[change]
    assert_refused(apply(unary("ELU", "int8", (7,))), status)


@pytest.mark.parametrize("change", FLOAT_ONLY)
@pytest.mark.parametrize("op", FLOAT_OPS)
def test_malformed_float_ops_are_refused(op: str, change: str) -> None:
    status, apply = FLOAT_ONLY[change]
    assert_refused(apply(unary(op, "float32", (7,))), status)


@pytest.mark.parametrize("op", ["ELU", "HARD_SWISH"])
def test_int16_is_refused_where_tflm_lacks_it(op: str) -> None:
    assert_refused(unary(op, "int16", (7,)), "type")


@pytest.mark.parametrize("tensor", ["input", "output"])
@pytest.mark.parametrize("op", ["ABS", "RSQRT"])
def test_an_int16_op_with_a_zero_point_is_refused(op: str, tensor: str) -> None:
    layer = unary(op, "int16", (7,))
    changed = (
        layer.with_input(0, zero_point=1) if tensor == "input" else layer.with_output(zero_point=1)
    )
    assert_refused(changed, "param")
