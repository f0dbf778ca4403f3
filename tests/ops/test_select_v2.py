"""SELECT_V2 equals TFLM bit for bit, whatever the three shapes that broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused
from tests.support.models import Tensor
from tests.support.moves import random_bits

DTYPES = ["int8", "int16", "float32"]

# condition, true case, false case
SHAPES: dict[str, tuple[Sequence[int], Sequence[int], Sequence[int]]] = {
    "scalars": ((), (), ()),
    "one element each, of any rank": ((1, 1), (), (1, 1, 1)),
    "the same": ((2, 3, 4), (2, 3, 4), (2, 3, 4)),
    "the same, of rank 6": ((2, 1, 3, 2, 1, 2),) * 3,
    "a scalar condition": ((), (2, 3), (2, 3)),
    "a condition of one": ((1,), (2, 3), (2, 3)),
    "two scalars to choose from": ((2, 3), (), ()),
    "a scalar in the true case": ((2, 3, 4), (1,), (2, 3, 4)),
    "a scalar in the false case": ((2, 3, 4), (2, 3, 4), ()),
    "a condition by row": ((4, 1), (4, 5), (4, 5)),
    "a condition by column": ((5,), (4, 5), (4, 5)),
    "three directions": ((3, 1, 1), (4, 1), (5,)),
    "three directions, turned": ((5,), (3, 1, 1), (4, 1)),
    "alternating": ((2, 1, 3, 1, 2), (1, 3, 1, 2, 2), (2, 3, 1, 2, 1)),
    "alternating, of rank 6": ((2, 1, 3, 1, 2, 1), (1, 3, 1, 2, 1, 2), (1, 1, 3, 1, 1, 2)),
    "only the condition is large": ((2, 3, 4, 5), (1, 3, 1, 1), (5,)),
    "the middle": ((1, 3, 1), (2, 3, 4), (2, 1, 1)),
    "a channel of an image": ((2, 3, 4, 1), (2, 3, 4, 6), (6,)),
}


def select(dtype: str = "int8", case: str = "three directions") -> Layer:
    shapes = SHAPES[case]
    out = np.broadcast_shapes(*(tuple(shape) for shape in shapes))
    choices = [activations(shape, dtype, 0.05, 3) for shape in shapes[1:]]
    inputs = [Tensor(shapes[0], "bool"), *choices]
    return Layer("SELECT_V2", inputs, activations(out, dtype, 0.05, 3), "SelectV2Options")


def check(layer: Layer, seed: int) -> None:
    """Outputs must be TFLM's for any bits, and conditions of all kinds."""
    rng = np.random.default_rng(seed)
    conditions = [random_bits(rng, layer.inputs[0]) for _ in range(3)]
    conditions += [np.zeros_like(conditions[0]), np.ones_like(conditions[0])]
    frames = [[c, *(random_bits(rng, tensor) for tensor in layer.inputs[1:])] for c in conditions]
    assert_equal_to_tflm(layer.to_bytes(), frames)


@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_shape_equals_tflm(dtype: str, case: str) -> None:
    check(select(dtype, case), 1)


@pytest.mark.parametrize("seed", range(10, 60))
def test_random_shapes_equal_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    full = rng.integers(1, 4, rng.integers(0, 7)).tolist()
    shapes = []
    for _ in range(3):
        kept = full[int(rng.integers(0, len(full) + 1)) :]
        shapes.append([1 if rng.random() < 0.4 else size for size in kept])
    out = np.broadcast_shapes(*(tuple(shape) for shape in shapes))
    layer = select(DTYPES[seed % 3])
    for i, shape in enumerate(shapes):
        layer = layer.with_input(i, shape=shape)
    check(layer.with_output(shape=out), seed)


def test_among_single_elements_the_output_may_have_any_rank_as_in_tflm() -> None:
    for shape in ([], [1], [1] * 4):
        check(select(case="one element each, of any rank").with_output(shape=shape), 5)


def test_a_constant_condition_equals_tflm() -> None:
    layer = select("int16", "a channel of an image")
    data = np.random.default_rng(2).random(layer.inputs[0].shape) < 0.5
    rng = np.random.default_rng(3)
    frame = [random_bits(rng, tensor) for tensor in layer.inputs[1:]]
    assert_equal_to_tflm(layer.with_input(0, data=data).to_bytes(), [frame])


def test_quantization_is_ignored_as_in_tflm() -> None:
    check(select().with_input(1, scale=None).with_input(2, scale=0.3).with_output(scale=2.0), 4)


REFUSED: Refusals = {
    "a condition of int8": ("type", lambda c: c.with_input(0, dtype="int8")),
    "a condition of int32": ("type", lambda c: c.with_input(0, dtype="int32")),
    "cases that differ": ("type", lambda c: c.with_input(2, dtype="int16")),
    "another type of output": ("type", lambda c: c.with_output(dtype="int16")),
    "shapes that don't broadcast": ("shape", lambda c: c.with_input(1, shape=[4, 2])),
    "a condition too large": ("shape", lambda c: c.with_input(0, shape=[3, 1, 2])),
    "output too large": ("shape", lambda c: c.with_output(shape=[3, 4, 6])),
    "output too small": ("shape", lambda c: c.with_output(shape=[3, 4, 1])),
    "output of more dimensions": ("shape", lambda c: c.with_output(shape=[1, 3, 4, 5])),
    "output of fewer dimensions": ("shape", lambda c: c.with_output(shape=[12, 5])),
    "rank 7": (
        "shape",
        lambda c: c.with_input(2, shape=[1] * 6 + [5]).with_output(shape=[1] * 4 + [3, 4, 5]),
    ),
    "empty": ("shape", lambda c: c.with_input(2, shape=[0])),
    "two inputs": ("model", lambda c: replace(c, inputs=c.inputs[:2])),
    "four inputs": ("model", lambda c: replace(c, inputs=[*c.inputs, Tensor([1])])),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions")),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_selections_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(select()), status)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool"])
def test_types_that_tflm_lacks_are_refused(dtype: str) -> None:
    layer = select().with_input(1, dtype=dtype).with_input(2, dtype=dtype)
    assert_refused(layer.with_output(dtype=dtype), "type")
