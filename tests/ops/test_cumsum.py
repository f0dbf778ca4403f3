"""CUMSUM equals TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused, compare
from tests.support.models import Tensor
from tflm_wasm import _abi

# shape, axis
CASES: dict[str, tuple[Sequence[int], int]] = {
    "one element": ((1,), 0),
    "rank 1": ((11,), 0),
    "rows": ((4, 9), 1),
    "columns": ((9, 4), 0),
    "last from the end": ((3, 4, 5), -1),
    "first from the end": ((3, 4, 5), -3),
    "middle": ((2, 6, 3), 1),
    "of one": ((3, 1, 2), 1),
    "rank 4": ((2, 3, 7, 2), 2),
    "rank 6": ((2, 1, 3, 4, 1, 2), 3),
}
WAYS = {
    "forward": {},
    "exclusive": {"exclusive": True},
    "reverse": {"reverse": True},
    "exclusive, reverse": {"exclusive": True, "reverse": True},
}


def cumsum(
    dtype: str = "int8",
    case: str = "middle",
    way: str = "forward",
    *,
    scales: tuple[float, float] = (0.05, 0.2),
    zero_points: tuple[int, int] = (3, -5),
    axis: Any = None,
) -> Layer:
    shape, given = CASES[case]
    inputs = [
        activations(shape, dtype, scales[0], zero_points[0]),
        Tensor([1], "int32", [given] if axis is None else axis),
    ]
    output = activations(shape, dtype, scales[1], zero_points[1])
    return Layer("CUMSUM", inputs, output, "CumsumOptions", WAYS[way])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_every_axis_and_direction_equals_tflm(dtype: str, case: str, way: str) -> None:
    compare(cumsum(dtype, case, way), 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(10, 25))
def test_random_scales_and_zero_points_equal_tflm(seed: int, way: str) -> None:
    rng = np.random.default_rng(seed)
    first = float(np.exp(rng.uniform(-7, 0)))
    scales = (first, first * float(np.exp(rng.uniform(-6, 4))))
    points = (int(rng.integers(-128, 128)), int(rng.integers(-128, 128)))
    compare(cumsum("int8", "rank 4", way, scales=scales, zero_points=points), seed)


@pytest.mark.parametrize("ratio", [2.0**18.99, 1.0, 2.0**-13, 2.0**-30])
def test_extreme_ratios_of_scales_equal_tflm(ratio: float) -> None:
    compare(cumsum("int8", "rows", scales=(ratio, 1.0)), 2)


def test_sums_that_exceed_32_bits_wrap_as_in_tflm() -> None:
    layer = replace(cumsum("int8", "rank 1", zero_points=(-128, 0)), code="CUMSUM")
    layer = layer.with_input(0, shape=[60]).with_output(shape=[60], scale=5.0)
    compare(layer, 3)


def test_a_sum_starts_at_the_value_of_quantized_zero_as_in_tflm() -> None:
    layer = cumsum("int8", "rank 1", scales=(1.0, 1.0), zero_points=(10, 0))
    tens = np.full(11, 10, np.int8)  # each stands for 0
    assert_equal_to_tflm(layer.to_bytes(), [[tens]])
    [sums] = Engine(layer.to_bytes()).run([tens])
    assert np.all(sums == -10)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)], ids=str)
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_an_axis_that_is_computed_equals_tflm(dtype: str, shape: Sequence[int]) -> None:
    layer = cumsum(dtype).with_input(1, shape=shape, data=None)
    rng = np.random.default_rng(4)
    frames = [
        [rng.integers(-128, 128, (2, 6, 3)).astype(dtype), np.full(shape, axis, np.int32)]
        for axis in range(-3, 3)
    ]
    assert_equal_to_tflm(layer.to_bytes(), frames)


@pytest.mark.parametrize("axis", [3, -4, 2**31 - 1, -(2**31)])
def test_a_computed_axis_out_of_range_is_an_error_at_run_time(axis: int) -> None:
    engine = Engine(cumsum().with_input(1, data=None).to_bytes())
    values = np.zeros((2, 6, 3), np.int8)
    engine.run([values, np.asarray([2], np.int32)])
    with pytest.raises(EngineError) as caught:
        engine.run([values, np.asarray([axis], np.int32)])
    assert caught.value.status is _abi.Status.RUNTIME


REFUSED: Refusals = {
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int16": ("type", lambda c: c.with_input(0, dtype="int16").with_output(dtype="int16")),
    "int8 to float": ("type", lambda c: c.with_output(dtype="float32")),
    "an axis of int64": ("type", lambda c: c.with_input(1, dtype="int64")),
    "two axes": ("shape", lambda c: c.with_input(1, shape=[2], data=[0, 1])),
    "no axis": ("shape", lambda c: c.with_input(1, shape=[0], data=None)),
    "axis 3": ("param", lambda c: c.with_input(1, data=[3])),
    "axis -4": ("param", lambda c: c.with_input(1, data=[-4])),
    "rank 0": ("shape", lambda c: c.with_input(0, shape=[]).with_output(shape=[])),
    "another shape": ("shape", lambda c: c.with_output(shape=[2, 3, 6])),
    "input not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "ratio of 2^19": ("param", lambda c: c.with_input(0, scale=2.0**19).with_output(scale=1.0)),
    "input zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
    "output zero point -129": ("param", lambda c: c.with_output(zero_point=-129)),
    "one input": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions", options={})),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_sums_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(cumsum()), status)
