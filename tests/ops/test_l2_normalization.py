"""L2_NORMALIZATION equals TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused, compare
from tests.support.models import Tensor

SHAPES = [(1,), (9,), (4, 1), (3, 7), (2, 5, 6), (2, 3, 4, 5), (1, 2000)]


def norm(dtype: str = "int8", shape: Sequence[int] = (3, 7), zero_point: int = 0) -> Layer:
    tensor = activations(shape, dtype, 0.05, zero_point)
    output = activations(shape, dtype, 1 / 128, 0)
    options = {"fused_activation_function": 0}
    return Layer("L2_NORMALIZATION", [tensor], output, "L2NormOptions", options)


@pytest.mark.parametrize("zero_point", [-128, -1, 0, 60, 127])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_every_shape_and_zero_point_equals_tflm(
    dtype: str, shape: Sequence[int], zero_point: int
) -> None:
    compare(norm(dtype, shape, zero_point), 1)


def test_every_pair_of_int8_values_equals_tflm() -> None:
    first, second = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    rows = np.stack([first.ravel(), second.ravel()], axis=1).astype(np.int8)
    assert_equal_to_tflm(norm(shape=rows.shape).to_bytes(), [[rows]])


@pytest.mark.parametrize("seed", range(10, 30))
def test_sums_of_every_size_equal_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (20, int(np.exp(rng.uniform(0, 9))))
    layer = norm("int8", shape, int(rng.integers(-128, 128)))
    spread = np.exp(rng.uniform(-1, 5, (20, 1)))
    rows = np.clip(rng.normal(0, spread, shape), -128, 127).astype(np.int8)
    assert_equal_to_tflm(layer.to_bytes(), [[rows]])


def test_a_sum_that_exceeds_32_bits_wraps_as_in_tflm() -> None:
    layer = norm("int8", (1, 33100), -128)
    assert_equal_to_tflm(layer.to_bytes(), [[np.full((1, 33100), 127, np.int8)]])


def test_small_and_large_floats_equal_tflm() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(0, 1, (200, 6)) * np.exp(rng.uniform(-60, 60, (200, 1)))
    assert_equal_to_tflm(norm("float32", (200, 6)).to_bytes(), [[rows.astype(np.float32)]])


def test_the_quantization_of_the_output_and_the_scale_of_the_input_are_ignored_as_in_tflm() -> None:
    compare(norm(zero_point=3).with_output(scale=0.3, zero_point=9), 3)
    compare(norm().with_output(scale=None).with_input(0, scale=None), 4)


def test_absent_options_are_no_activation() -> None:
    compare(replace(norm(), table=None), 5)


REFUSED: Refusals = {
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int16": ("type", lambda c: c.with_input(0, dtype="int16").with_output(dtype="int16")),
    "int8 to float": ("type", lambda c: c.with_output(dtype="float32")),
    "rank 0": ("shape", lambda c: c.with_input(0, shape=[]).with_output(shape=[])),
    "rank 5": ("shape", lambda c: c.with_input(0, shape=[1] * 5).with_output(shape=[1] * 5)),
    "another shape": ("shape", lambda c: c.with_output(shape=[7, 3])),
    "another rank": ("shape", lambda c: c.with_output(shape=[21])),
    "input zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
    "fused relu": ("param", lambda c: c.with_options(fused_activation_function=1)),
    "fused tanh": ("param", lambda c: c.with_options(fused_activation_function=4)),
    "two inputs": ("model", lambda c: replace(c, inputs=[c.inputs[0], Tensor([1])])),
    "other options": ("model", lambda c: replace(c, table="AddOptions")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_malformed_normalization_is_refused(what: str) -> None:
    status, change = REFUSED[what]
    assert_refused(change(norm()), status)
