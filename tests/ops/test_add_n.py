"""ADD_N equals TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused, compare
from tests.support.models import Graph, Model, Op, Tensor, random_input

SHAPES = [(), (1,), (7,), (2, 3), (2, 3, 4, 5), (2, 1, 3, 2, 1, 2)]


def add_n(
    dtype: str = "int8",
    count: int = 3,
    shape: Sequence[int] = (2, 3),
    *,
    scales: tuple[float, float] = (0.05, 0.11),
    zero_points: tuple[int, int] = (3, -5),
) -> Layer:
    inputs = [activations(shape, dtype, scales[0], zero_points[0]) for _ in range(count)]
    return Layer(
        "ADD_N", inputs, activations(shape, dtype, scales[1], zero_points[1]), "AddNOptions"
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_every_shape_equals_tflm(dtype: str, count: int, shape: Sequence[int]) -> None:
    compare(add_n(dtype, count, shape), 1)


@pytest.mark.parametrize("seed", range(10, 40))
def test_random_scales_and_zero_points_equal_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = float(np.exp(rng.uniform(-7, 0)))
    scales = (first, first * float(np.exp(rng.uniform(-6, 4))))
    points = (int(rng.integers(-128, 128)), int(rng.integers(-128, 128)))
    layer = add_n("int8", int(rng.integers(2, 12)), (50,), scales=scales, zero_points=points)
    frames = [[random_input(rng, tensor) for tensor in layer.inputs] for _ in range(5)]
    assert_equal_to_tflm(layer.to_bytes(), frames)


@pytest.mark.parametrize("ratio", [2.0**18.99, 1.0, 2.0**-13, 2.0**-30])
def test_extreme_ratios_of_scales_equal_tflm(ratio: float) -> None:
    compare(add_n(scales=(ratio, 1.0)), 2)


def test_floats_are_added_in_the_order_of_the_inputs() -> None:
    layer = add_n("float32", 4, (1,))
    terms = [np.asarray([x], np.float32) for x in (1e8, 1.0, -1e8, 3.0)]
    assert_equal_to_tflm(layer.to_bytes(), [terms, terms[::-1]])
    [total] = Engine(layer.to_bytes()).run(terms)
    assert total == 3.0


def test_sums_that_exceed_32_bits_wrap_as_in_tflm() -> None:
    compare(add_n("int8", 30, scales=(1.0, 8.0), zero_points=(-128, 0)), 3)


def test_constant_inputs_equal_tflm() -> None:
    compare(add_n().with_input(1, data=np.arange(-3, 3).reshape(2, 3)), 4)
    compare(add_n("float32").with_input(2, data=np.ones((2, 3))), 5)


def of_indices(*indices: int) -> Model:
    """Return a model that adds tensors of two floats by their indices, the inputs being 0 and 1."""
    tensors = [Tensor([2]), Tensor([2]), Tensor([2])]
    return Model([Graph(tensors, [Op("ADD_N", indices, [2])], [0, 1], [2])])


def test_a_tensor_may_come_twice() -> None:
    frame = [np.asarray([1.5, -2.0], np.float32), np.asarray([0.25, 1e9], np.float32)]
    assert_equal_to_tflm(of_indices(0, 1, 0).to_bytes(), [frame])


def test_an_input_that_is_missing_is_refused() -> None:
    assert_refused(of_indices(0, -1, 1), "model")


def test_an_output_of_another_shape_and_as_many_elements_equals_tflm() -> None:
    compare(add_n().with_output(shape=[6]), 6)


REFUSED: Refusals = {
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int16": ("type", lambda c: c.with_input(0, dtype="int16").with_output(dtype="int16")),
    "an input of another type": ("type", lambda c: c.with_input(2, dtype="float32")),
    "an output of another type": ("type", lambda c: c.with_output(dtype="float32")),
    "an input of another shape": ("shape", lambda c: c.with_input(2, shape=[3, 2])),
    "an input that would broadcast": ("shape", lambda c: c.with_input(1, shape=[1])),
    "an output that is larger": ("shape", lambda c: c.with_output(shape=[2, 4])),
    "an output that is smaller": ("shape", lambda c: c.with_output(shape=[5])),
    "an input of another scale": ("param", lambda c: c.with_input(2, scale=0.06)),
    "an input of another zero point": ("param", lambda c: c.with_input(1, zero_point=4)),
    "input not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "zero point 128": ("param", lambda c: c.with_output(zero_point=128)),
    "output scale too small": ("param", lambda c: c.with_output(scale=1e-8)),
    "ratio of 2^19": ("param", lambda _: add_n(scales=(2.0**19, 1.0))),
    "one input": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "no input": ("model", lambda c: replace(c, inputs=[])),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions")),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_sums_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(add_n()), status)
