"""DYNAMIC_UPDATE_SLICE equals TFLM, wherever the update shall go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.models import Tensor, single_op
from tests.support.moves import (
    assert_both_refuse,
    assert_op_refused,
    constant,
    random_bits,
    tensor,
)

TYPES = ["float32", "int8", "int16", "int32"]
SHAPES = [  # operand, update
    ([7], [3]),
    ([7], [7]),
    ([4, 5], [2, 3]),
    ([4, 5], [4, 1]),
    ([3, 4, 5], [1, 4, 2]),
    ([2, 3, 4, 2], [2, 1, 2, 2]),
    ([2, 3, 2, 2, 3], [1, 2, 2, 1, 3]),
    ([2, 1, 3, 2, 2, 2], [1, 1, 2, 1, 2, 1]),
]


def model(dtype: str, shape: list[int], update: list[int], starts: Tensor) -> bytes:
    inputs = [tensor(dtype, shape), tensor(dtype, update), starts]
    return single_op("DYNAMIC_UPDATE_SLICE", inputs, [tensor(dtype, shape)])


def bits(rng: np.random.Generator, dtype: str, *shapes: list[int]) -> list[np.ndarray]:
    return [random_bits(rng, tensor(dtype, shape)) for shape in shapes]


@pytest.mark.parametrize("indices", ["int32", "int64"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_start_inside_or_outside_equals_tflm(
    dtype: str, shapes: tuple[list[int], list[int]], indices: str
) -> None:
    rng = np.random.default_rng(len(shapes[0]))
    rank = len(shapes[0])
    starts = [rng.integers(-2, 6, rank) for _ in range(5)] + [np.zeros(rank)]
    frames = [[*bits(rng, dtype, *shapes), np.array(s, indices)] for s in starts]
    assert_equal_to_tflm(model(dtype, *shapes, Tensor([rank], indices)), frames)


@pytest.mark.parametrize("indices", ["int32", "int64"])
def test_extreme_starts_equal_tflm(indices: str) -> None:
    info = np.iinfo(indices)
    rng = np.random.default_rng(3)
    starts = [[info.min, info.max], [info.max, info.min], [info.min + 1, info.max - 1]]
    frames = [[*bits(rng, "int8", [4, 5], [2, 2]), np.array(s, indices)] for s in starts]
    assert_equal_to_tflm(model("int8", [4, 5], [2, 2], Tensor([2], indices)), frames)


def test_an_int64_start_is_not_cut_to_int32() -> None:
    frame = [*bits(np.random.default_rng(4), "int8", [4], [2]), np.array([2**32])]
    assert_equal_to_tflm(model("int8", [4], [2], Tensor([1], "int64")), [frame])


def test_the_start_may_be_constant_and_the_update_empty() -> None:
    frame = bits(np.random.default_rng(5), "int8", [4, 5], [2, 0])
    assert_equal_to_tflm(model("int8", [4, 5], [2, 0], constant([1, 1])), [frame])


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    inputs = [tensor(dtype, [4]), tensor(dtype, [2]), constant([1])]
    assert_both_refuse("DYNAMIC_UPDATE_SLICE", inputs, [tensor(dtype, [4])], status="type")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"update": tensor("int16", [2, 2])}, "type"),
        ({"start": constant([0, 0], "int16")}, "type"),
        ({"start": constant([0])}, "shape"),
        ({"start": constant([0, 0, 0])}, "shape"),
        ({"start": constant([[0, 0]])}, "shape"),
        ({"update": tensor("int8", [2])}, "shape"),
        ({"update": tensor("int8", [2, 6])}, "shape"),
        ({"update": tensor("int8", [5, 2])}, "shape"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(changes: dict[str, Any], status: str) -> None:
    inputs = {"x": tensor("int8", [4, 5]), "update": tensor("int8", [2, 2])}
    inputs = inputs | {"start": constant([0, 0])} | changes
    outputs = [tensor("int8", [4, 5])]
    assert_both_refuse("DYNAMIC_UPDATE_SLICE", list(inputs.values()), outputs, status=status)


@pytest.mark.parametrize(
    ("output", "status"), [(tensor("int16", [4, 5]), "type"), (tensor("int8", [5, 4]), "shape")]
)
def test_an_output_unlike_the_operand_is_refused(output: Tensor, status: str) -> None:
    inputs = [tensor("int8", [4, 5]), tensor("int8", [2, 2]), constant([0, 0])]
    assert_op_refused("DYNAMIC_UPDATE_SLICE", inputs, [output], status=status)


@pytest.mark.parametrize("rank", [0, 7])
def test_ranks_outside_1_to_6_are_refused(rank: int) -> None:
    x, start = tensor("int8", [1] * rank), Tensor([rank], "int32")
    assert_both_refuse("DYNAMIC_UPDATE_SLICE", [x, x, start], [x], status="shape")


@pytest.mark.parametrize("count", [2, 4])
def test_another_number_of_inputs_is_refused(count: int) -> None:
    inputs = [tensor("int8", [4]), tensor("int8", [2]), constant([1]), constant([1])][:count]
    assert_both_refuse("DYNAMIC_UPDATE_SLICE", inputs, [tensor("int8", [4])], status="model")
