"""SPACE_TO_DEPTH and DEPTH_TO_SPACE equal TFLM."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.engine import Engine
from tests.support.models import Tensor, single_op
from tests.support.moves import (
    Options,
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    random_bits,
    tensor,
)

TYPES = ["float32", "int8"]
CODES = ["SPACE_TO_DEPTH", "DEPTH_TO_SPACE"]
CASES = [  # shape in space, block
    ([1, 2, 4, 1], 2),
    ([1, 4, 4, 3], 2),
    ([2, 3, 6, 2], 3),
    ([3, 5, 4, 2], 1),
    ([1, 4, 8, 5], 4),
    ([2, 7, 7, 1], 7),
]


def deep(shape: list[int], block: int) -> list[int]:
    batch, height, width, depth = shape
    return [batch, height // block, width // block, depth * block * block]


def options(code: str, block: int) -> Options:
    table = {"SPACE_TO_DEPTH": "SpaceToDepthOptions", "DEPTH_TO_SPACE": "DepthToSpaceOptions"}
    return (table[code], {"block_size": block})


def tensors(code: str, dtype: str, shape: list[int], block: int) -> tuple[Tensor, Tensor]:
    """Return the input and the output."""
    space, depth = tensor(dtype, shape), tensor(dtype, deep(shape, block))
    return (space, depth) if code == "SPACE_TO_DEPTH" else (depth, space)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("code", CODES)
def test_every_block_equals_tflm(code: str, dtype: str, case: tuple[list[int], int]) -> None:
    x, y = tensors(code, dtype, *case)
    assert_moves_as_tflm(code, [x], [y], options(code, case[1]), seed=case[1])


def test_one_undoes_the_other() -> None:
    x, y = tensors("SPACE_TO_DEPTH", "int8", [2, 6, 9, 2], 3)
    values = random_bits(np.random.default_rng(1), x)
    there = Engine(single_op("SPACE_TO_DEPTH", [x], [y], options("SPACE_TO_DEPTH", 3)))
    back = Engine(single_op("DEPTH_TO_SPACE", [y], [x], options("DEPTH_TO_SPACE", 3)))
    assert back.run(there.run([values]))[0].tobytes() == values.tobytes()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "bool"])
@pytest.mark.parametrize("code", CODES)
def test_a_type_tflm_lacks_is_refused(code: str, dtype: str) -> None:
    x, y = tensors(code, dtype, [1, 4, 4, 1], 2)
    assert_both_refuse(code, [x], [y], options(code, 2), status="type")


@pytest.mark.parametrize("code", CODES)
def test_an_output_of_another_type_is_refused(code: str) -> None:
    x, y = tensors(code, "int8", [1, 4, 4, 1], 2)
    assert_both_refuse(code, [x], [tensor("float32", y.shape)], options(code, 2), status="type")


@pytest.mark.parametrize("block", [0, -1, -2, -(2**31)])
@pytest.mark.parametrize("code", CODES)
def test_a_block_that_is_not_positive_is_refused(code: str, block: int) -> None:
    """TFLM divides by it."""
    x, y = tensors(code, "int8", [1, 4, 4, 1], 2)
    assert_op_refused(code, [x], [y], options(code, block), status="param", text="block size")


@pytest.mark.parametrize("code", CODES)
def test_without_options_there_is_no_block(code: str) -> None:
    x, y = tensors(code, "int8", [1, 4, 4, 1], 2)
    assert_op_refused(code, [x], [y], status="param")


@pytest.mark.parametrize("block", [1, 3, 4, 2**16, 2**31 - 1])
@pytest.mark.parametrize("code", CODES)
def test_a_block_that_does_not_fit_is_refused(code: str, block: int) -> None:
    x, y = tensors(code, "int8", [1, 4, 4, 1], 2)
    assert_op_refused(code, [x], [y], options(code, block), status="shape")


@pytest.mark.parametrize("shape", [[2, 2, 2, 4], [1, 4, 2, 4], [1, 2, 2, 5], [1, 2, 2, 8], [16]])
@pytest.mark.parametrize("code", CODES)
def test_shapes_that_do_not_fit_are_refused(code: str, shape: list[int]) -> None:
    space, other = tensor("int8", [1, 4, 4, 1]), tensor("int8", shape)
    pair = (space, other) if code == "SPACE_TO_DEPTH" else (other, space)
    assert_op_refused(code, pair[:1], pair[1:], options(code, 2), status="shape")


@pytest.mark.parametrize("code", CODES)
def test_three_dimensions_are_refused(code: str) -> None:
    x, y = tensor("int8", [4, 4, 1]), tensor("int8", [4, 4, 1])
    assert_both_refuse(code, [x], [y], options(code, 1), status="shape")


@pytest.mark.parametrize("code", CODES)
def test_a_second_input_is_refused(code: str) -> None:
    x, y = tensors(code, "int8", [1, 4, 4, 1], 2)
    assert_both_refuse(code, [x, x], [y], options(code, 2), status="model")
