"""TOPK_V2, which TFLM lacks, equals LiteRT in every type."""

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
from tests.support.moves import constant, tensor
from tflm_wasm._abi import Status

TYPES = ["float32", "int8", "uint8", "int16", "int32", "int64"]
CASES = [([7], 3), ([7], 7), ([7], 1), ([3, 5], 2), ([2, 3, 6], 4), ([4, 1], 1), ([1, 40], 25)]


def model(dtype: str, shape: list[int], k: Tensor, length: int, indices: str = "int32") -> bytes:
    output = [*shape[:-1], length]
    outputs = [tensor(dtype, output), Tensor(output, indices)]
    return single_op("TOPK_V2", [tensor(dtype, shape), k], outputs)


def values(rng: np.random.Generator, dtype: str, shape: list[int]) -> np.ndarray:
    """Return values over the whole range of the type, with repetitions."""
    if dtype == "float32":
        return rng.choice(rng.standard_normal(9).astype(np.float32), shape)
    info = np.iinfo(dtype)
    few = rng.integers(info.min, info.max, 9, dtype=dtype, endpoint=True)
    return rng.choice(np.append(few, np.array([info.min, info.max], dtype)), shape)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_k_equals_litert(dtype: str, case: tuple[list[int], int]) -> None:
    shape, k = case
    rng = np.random.default_rng(k)
    frames = [[values(rng, dtype, shape)] for _ in range(5)]
    assert_equal_to_litert(model(dtype, shape, constant(k), k), frames)


@pytest.mark.parametrize("indices", ["int16", "int32"])
@pytest.mark.parametrize("count", ["int16", "int32"])
def test_k_and_indices_may_be_int16(count: str, indices: str) -> None:
    x = np.random.default_rng(1).standard_normal([2, 9]).astype(np.float32)
    assert_equal_to_litert(model("float32", [2, 9], constant([4], count), 4, indices), [[x]])


def test_zeros_of_either_sign_are_equal_and_infinities_are_in_order() -> None:
    x = np.array([0.0, -0.0, 1e-45, -1e-45, np.inf, -np.inf, -0.0, 0.0], np.float32)
    assert_equal_to_litert(model("float32", [8], constant(8), 8), [[x], [-x], [x[::-1].copy()]])


def test_nan_comes_last() -> None:
    x = np.array([np.nan, 1.0, -np.inf, np.nan, 2.0], np.float32)
    got, where = Engine(model("float32", [5], constant(5), 5), extended=True).run([x])
    assert where.tolist() == [4, 1, 2, 0, 3]
    assert np.isnan(got[3:]).all()


def test_k_may_be_computed_but_must_be_the_outputs() -> None:
    given = model("int8", [2, 5], Tensor([], "int32"), 3)
    x = np.arange(10, dtype=np.int8).reshape(2, 5)
    assert_equal_to_litert(given, [[x, np.array(3, np.int32)]])
    engine = Engine(given, extended=True)
    for k in (2, 4, 0, -1, 6):
        with pytest.raises(EngineError, match=f"op 0 TOPK_V2: k is {k};") as caught:
            engine.run([x, np.array(k, np.int32)])
        assert caught.value.status is Status.RUNTIME


def test_the_strict_profile_names_the_extended_one() -> None:
    assert_only_extended(model("int8", [5], constant(2), 2), "op", "op 0: TFLM lacks TOPK_V2")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"k": constant(3)}, "param"),
        ({"k": constant([2, 2])}, "shape"),
        ({"k": constant(2, "int64")}, "type"),
        ({"x": tensor("bool", [3, 5]), "values": tensor("bool", [3, 2])}, "type"),
        ({"values": tensor("uint8", [3, 2])}, "type"),
        ({"values": tensor("int8", [2, 2])}, "shape"),
        ({"values": tensor("int8", [6])}, "shape"),
        ({"indices": Tensor([3, 3], "int32")}, "shape"),
        ({"indices": Tensor([3, 2], "int64")}, "type"),
        ({"x": tensor("int8", [3, 1])}, "shape"),
        ({"x": tensor("int8", [])}, "shape"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], status: str) -> None:
    named: dict[str, Any] = {
        "x": tensor("int8", [3, 5]),
        "k": constant(2),
        "values": tensor("int8", [3, 2]),
        "indices": Tensor([3, 2], "int32"),
    } | changes
    inputs, outputs = [named["x"], named["k"]], [named["values"], named["indices"]]
    assert_beyond_refused("TOPK_V2", inputs, outputs, status=status)


def test_rows_too_long_for_int16_indices_are_refused() -> None:
    outputs = [tensor("int8", [1]), Tensor([1], "int16")]
    inputs = [tensor("int8", [32768]), constant(1)]
    assert_beyond_refused("TOPK_V2", inputs, outputs, status="shape", text="too long")
