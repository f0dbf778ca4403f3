"""POW, which TFLM lacks: int32 equals LiteRT, float32 within a unit in the last place."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError
from tests.support.litert import (
    assert_beyond_refused,
    assert_equal_to_litert,
    assert_only_extended,
)
from tests.support.models import Tensor, single_op
from tflm_wasm._abi import Status

SPECIAL = [0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, np.inf, -np.inf, np.nan, 1e-40, -1e-40]
SPECIAL += [3e38, -3e38, 2.0**24, 2.0**24 + 2, 16777215.0, -16777215.0, 1e30]
SHAPES = [([7], [7]), ([2, 3], [3]), ([3], [2, 3]), ([2, 1, 4], [3, 1]), ([], [4])]


def model(dtype: str, a: list[int], b: list[int]) -> bytes:
    output = Tensor(np.broadcast_shapes(tuple(a), tuple(b)), dtype)
    return single_op("POW", [Tensor(a, dtype), Tensor(b, dtype)], [output])


@pytest.mark.parametrize("reach", [1, 5, 40])
def test_floats_are_within_a_unit_of_litert(reach: int) -> None:
    rng = np.random.default_rng(reach)
    x = rng.uniform(0, 10, [4, 500]).astype(np.float32)
    y = rng.uniform(-reach, reach, [4, 500]).astype(np.float32)
    whole = np.round(y)
    frames = [[x, y], [x, whole], [-x, whole], [-x, y]]
    assert_equal_to_litert(model("float32", [4, 500], [4, 500]), frames, ulps=1)


def test_special_floats_equal_litert() -> None:
    x, y = np.meshgrid(np.array(SPECIAL, np.float32), np.array(SPECIAL, np.float32))
    assert_equal_to_litert(model("float32", list(x.shape), list(x.shape)), [[x, y]])


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_shapes_broadcast_as_in_litert(dtype: str, shapes: tuple[list[int], list[int]]) -> None:
    rng = np.random.default_rng(1)
    x, y = (rng.integers(0, 8, shape).astype(dtype) for shape in shapes)
    assert_equal_to_litert(model(dtype, *shapes), [[x, y]], ulps=1)


@pytest.mark.parametrize("exponent", [1, 2, 3, 7, 31, 64, 2e9, 1.000005, 2.000001])
def test_a_common_whole_exponent_is_multiplied_out_as_in_litert(exponent: float) -> None:
    rng = np.random.default_rng(2)
    x = (10 * rng.standard_normal(1000)).astype(np.float32)
    x[:4] = [0.0, -0.0, 1e20, -1e20]
    y = np.float32(exponent).reshape(())
    assert_equal_to_litert(model("float32", [1000], []), [[x, y]])


@pytest.mark.parametrize("exponent", [0, -1, -2, 0.5, 1.5, 1.00002, 3e9, np.inf])
def test_another_common_exponent_is_within_a_unit_of_litert(exponent: float) -> None:
    rng = np.random.default_rng(3)
    x = (10 * rng.standard_normal(1000)).astype(np.float32)
    y = np.float32(exponent).reshape(())
    assert_equal_to_litert(model("float32", [1000], []), [[x, y]], ulps=1)


def test_integers_equal_litert() -> None:
    pairs = [(x, n) for x in range(-12, 13) for n in range(9)]
    pairs += [(x, n) for x in (-1, 0, 1) for n in (30, 31, 2**31 - 2, 2**31 - 1)]
    pairs += [(2, 30), (-2, 31), (-2, 30), (46340, 2), (-46340, 2), (2**31 - 1, 1), (-(2**31), 1)]
    pairs += [(-(2**31), 0), (1290, 3), (-1290, 3)]
    x, n = np.array(pairs, np.int32).T
    assert_equal_to_litert(model("int32", [len(x)], [len(n)]), [[x, n]])


@pytest.mark.parametrize(
    ("x", "n"), [(2, 31), (-2, 32), (46341, 2), (-(2**31), 2), (10, 10), (3, -1), (1, -1), (0, -5)]
)
def test_a_negative_exponent_or_a_power_beyond_int32_fails_when_it_runs(x: int, n: int) -> None:
    engine = Engine(model("int32", [2], [2]), extended=True)
    with pytest.raises(EngineError, match="op 0 POW") as caught:
        engine.run([np.array([1, x], np.int32), np.array([1, n], np.int32)])
    assert caught.value.status is Status.RUNTIME
    (good,) = engine.run([np.array([3, 4], np.int32), np.array([2, 0], np.int32)])
    assert good.tolist() == [9, 1]


def test_the_strict_profile_names_the_extended_one() -> None:
    assert_only_extended(model("float32", [3], [3]), "op", "op 0: TFLM lacks POW")


@pytest.mark.parametrize(
    ("x", "y", "out", "status"),
    [
        (Tensor([3], "int8"), Tensor([3], "int8"), Tensor([3], "int8"), "type"),
        (Tensor([3], "int64"), Tensor([3], "int64"), Tensor([3], "int64"), "type"),
        (Tensor([3]), Tensor([3], "int32"), Tensor([3]), "type"),
        (Tensor([3]), Tensor([3]), Tensor([3], "int32"), "type"),
        (Tensor([3]), Tensor([2]), Tensor([3]), "shape"),
        (Tensor([3]), Tensor([3]), Tensor([4]), "shape"),
    ],
)
def test_what_it_does_not_have_is_refused(x: Tensor, y: Tensor, out: Tensor, status: str) -> None:
    assert_beyond_refused("POW", [x, y], [out], status=status)
