"""TILE, which TFLM lacks, equals LiteRT in every type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError
from tests.support.litert import (
    assert_beyond_refused,
    assert_equal_to_litert,
    assert_only_extended,
)
from tests.support.models import Tensor, single_op
from tests.support.moves import constant, random_bits, tensor
from tflm_wasm._abi import Status

TYPES = ["float32", "int8", "uint8", "int16", "int32", "int64", "bool"]
CASES = [  # shape, multipliers
    ([3], [4]),
    ([3], [1]),
    ([2, 3], [1, 2]),
    ([2, 3], [3, 1]),
    ([2, 3], [2, 4]),
    ([1, 2, 1], [3, 2, 5]),
    ([2, 1, 3, 2], [2, 3, 1, 2]),
    ([2, 2, 1, 2, 2], [1, 2, 3, 1, 2]),
    ([1, 2, 1, 2, 1, 2, 1, 2], [2, 1, 2, 1, 2, 1, 2, 2]),
    ([], []),
]


def tiled(shape: list[int], times: list[int]) -> list[int]:
    return [s * t for s, t in zip(shape, times, strict=True)]


@pytest.mark.parametrize("multipliers", ["int32", "int64"])
@pytest.mark.parametrize("case", CASES[:-1], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_tiling_equals_litert(
    dtype: str, case: tuple[list[int], list[int]], multipliers: str
) -> None:
    shape, times = case
    inputs = [tensor(dtype, shape), constant(times, multipliers)]
    model = single_op("TILE", inputs, [tensor(dtype, tiled(shape, times))])
    rng = np.random.default_rng(len(shape))
    assert_equal_to_litert(model, [[random_bits(rng, inputs[0])] for _ in range(2)])


def test_a_scalar_is_copied() -> None:
    inputs = [tensor("int8", []), Tensor([0], "int32")]
    model = single_op("TILE", inputs, [tensor("int8", [])])
    frame = [np.array(7, np.int8), np.zeros([0], np.int32)]
    assert_equal_to_litert(model, [frame])


def computed() -> bytes:
    inputs = [tensor("int8", [2, 3]), Tensor([2], "int32")]
    return single_op("TILE", inputs, [tensor("int8", [4, 9])])


X = np.arange(6, dtype=np.int8).reshape(2, 3)


def test_the_multipliers_may_be_computed() -> None:
    assert_equal_to_litert(computed(), [[X, np.array([2, 3], np.int32)]])


@pytest.mark.parametrize("times", [[3, 2], [2, 2], [0, 3], [-2, 3], [2**31 - 1, 3]])
def test_multipliers_that_do_not_fit_the_shape_fail_when_it_runs(times: list[int]) -> None:
    engine = Engine(computed(), extended=True)
    with pytest.raises(EngineError, match="op 0 TILE") as caught:
        engine.run([X, np.array(times, np.int32)])
    assert caught.value.status is Status.RUNTIME


def test_the_strict_profile_names_the_extended_one() -> None:
    assert_only_extended(computed(), "op", "op 0: TFLM lacks TILE")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"times": constant([2, 2])}, "param"),
        ({"times": constant([2, -3])}, "param"),
        ({"times": constant([2])}, "shape"),
        ({"times": constant([2, 3], "int16")}, "type"),
        ({"y": tensor("int8", [4, 8])}, "shape"),
        ({"y": tensor("int8", [36])}, "shape"),
        ({"y": tensor("uint8", [4, 9])}, "type"),
        ({"x": tensor("int8", [2, 0])}, "shape"),
        ({"x": tensor("complex128", [2, 3]), "y": tensor("complex128", [4, 9])}, "type"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], status: str) -> None:
    named = {"x": tensor("int8", [2, 3]), "times": constant([2, 3]), "y": tensor("int8", [4, 9])}
    x, times, y = (named | changes).values()
    assert_beyond_refused("TILE", [x, times], [y], status=status)
