"""PACK and UNPACK equal TFLM in every type and along every axis."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine import assert_refused
from tests.support.models import Graph, Model, Op, Tensor
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)

PACKED = ["float32", "int8", "int16", "int32", "int64"]
UNPACKED = ["float32", "int8", "int16", "int32"]
CASES = [  # shape of a part, axis, parts
    ([], 0, 3),
    ([4], 0, 2),
    ([4], 1, 3),
    ([4], -1, 1),
    ([2, 3], 1, 2),
    ([2, 3], -3, 5),
    ([2, 3, 4], 2, 3),
    ([2, 1, 4, 3], 4, 2),
    ([1], 0, 12),
]


def pack_options(count: int, axis: int) -> tuple[str, dict[str, Any]]:
    return ("PackOptions", {"values_count": count, "axis": axis})


def unpack_options(count: int, axis: int) -> tuple[str, dict[str, Any]]:
    return ("UnpackOptions", {"num": count, "axis": axis})


def tensors(dtype: str, shape: list[int], axis: int, count: int) -> tuple[list[Tensor], Tensor]:
    """Return the parts and the whole."""
    at = axis if axis >= 0 else axis + len(shape) + 1
    whole = [*shape[:at], count, *shape[at:]]
    return [tensor(dtype, shape) for _ in range(count)], tensor(dtype, whole)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", PACKED)
def test_pack_equals_tflm(dtype: str, case: tuple[list[int], int, int]) -> None:
    shape, axis, count = case
    parts, whole = tensors(dtype, shape, axis, count)
    assert_moves_as_tflm("PACK", parts, [whole], pack_options(count, axis), seed=count)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", UNPACKED)
def test_unpack_equals_tflm(dtype: str, case: tuple[list[int], int, int]) -> None:
    shape, axis, count = case
    parts, whole = tensors(dtype, shape, axis, count)
    assert_moves_as_tflm("UNPACK", [whole], parts, unpack_options(count, axis), seed=count)


def test_constants_are_packed_too() -> None:
    inputs = [constant([1, 2]), tensor("int32", [2]), constant([-3, 4])]
    assert_moves_as_tflm("PACK", inputs, [tensor("int32", [2, 3])], pack_options(3, 1))


@pytest.mark.parametrize("dtype", ["uint8", "bool", "uint32"])
def test_pack_refuses_a_type_tflm_lacks(dtype: str) -> None:
    parts, whole = tensors(dtype, [2, 3], 1, 2)
    assert_both_refuse("PACK", parts, [whole], pack_options(2, 1), status="type")


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64"])
def test_unpack_refuses_a_type_tflm_lacks(dtype: str) -> None:
    parts, whole = tensors(dtype, [2, 3], 1, 2)
    assert_both_refuse("UNPACK", [whole], parts, unpack_options(2, 1), status="type")


@pytest.mark.parametrize(
    ("count", "axis"), [(2, 3), (2, -4), (2, 2**31 - 1), (1, 1), (3, 1), (0, 1), (-1, 1)]
)
def test_options_that_do_not_fit_are_refused(count: int, axis: int) -> None:
    parts, whole = tensors("int8", [2, 3], 1, 2)
    assert_op_refused("PACK", parts, [whole], pack_options(count, axis), status="param")
    assert_op_refused("UNPACK", [whole], parts, unpack_options(count, axis), status="param")


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ([2, 3], [2, 3, 2]),
        ([3, 2], [2, 2, 3]),
        ([6], [2, 2, 3]),
        ([2, 3, 1], [2, 2, 3]),
        ([2, 3], [2, 4, 3]),
        ([2, 3], [4, 3]),
    ],
)
def test_shapes_that_do_not_fit_are_refused(part: list[int], whole: list[int]) -> None:
    parts, all_of_it = [tensor("int8", part)] * 2, tensor("int8", whole)
    assert_op_refused("PACK", parts, [all_of_it], pack_options(2, 1), status="shape")
    assert_op_refused("UNPACK", [all_of_it], parts, unpack_options(2, 1), status="shape")


def test_one_part_of_another_shape_is_refused() -> None:
    parts = [tensor("int8", [2, 3]), tensor("int8", [3, 2])]
    whole = tensor("int8", [2, 2, 3])
    assert_op_refused("PACK", parts, [whole], pack_options(2, 1), status="shape")
    assert_op_refused("UNPACK", [whole], parts, unpack_options(2, 1), status="shape")


def test_one_part_of_another_type_is_refused() -> None:
    parts = [tensor("int32", [2]), tensor("float32", [2])]
    whole = tensor("int32", [2, 2])
    assert_op_refused("PACK", parts, [whole], pack_options(2, 1), status="type")
    assert_op_refused("UNPACK", [whole], parts, unpack_options(2, 1), status="type")


def test_nothing_to_pack_is_refused() -> None:
    whole = tensor("int8", [1, 2])
    assert_op_refused("PACK", [], [whole], pack_options(0, 0), status="model")


def test_unpacking_nothing_is_refused() -> None:
    tensors = [tensor("int8", [1]), tensor("int8", [1]), tensor("int8", [0, 0])]
    ops = [Op("UNPACK", [2], [], unpack_options(0, 1)), Op("RESHAPE", [0], [1])]
    model = Model([Graph(tensors, ops, [0, 2], [1])])
    assert_refused(model.to_bytes(), "model", "op 0 UNPACK: no parts")
