"""ONE_HOT, which TFLM lacks, equals LiteRT in every type and along every axis."""

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
from tests.support.moves import Options, constant, random_bits
from tflm_wasm._abi import Status

TYPES = ["float32", "int8", "uint8", "int32", "int64", "bool"]
CASES = [  # shape of the indices, axis, depth
    ([], -1, 4),
    ([], 0, 4),
    ([5], -1, 3),
    ([5], 0, 3),
    ([5], 1, 1),
    ([2, 3], -1, 4),
    ([2, 3], 0, 4),
    ([2, 3], 1, 4),
    ([2, 1, 3], 2, 5),
]


def options(axis: int) -> Options:
    return ("OneHotOptions", {"axis": axis})


def hot(shape: list[int], axis: int, depth: int) -> list[int]:
    at = len(shape) if axis == -1 else axis
    return [*shape[:at], depth, *shape[at:]]


@pytest.mark.parametrize("indices", ["int32", "int64"])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_axis_equals_litert(
    dtype: str, case: tuple[list[int], int, int], indices: str
) -> None:
    shape, axis, depth = case
    value = Tensor([], dtype)
    inputs = [Tensor(shape, indices), constant(depth), value, value]
    model = single_op("ONE_HOT", inputs, [Tensor(hot(*case), dtype)], options(axis))
    rng = np.random.default_rng(depth)
    frames = []
    for _ in range(4):
        where = rng.integers(-1, depth + 1, shape).astype(indices)
        frames.append([np.asarray(where), random_bits(rng, value), random_bits(rng, value)])
    assert_equal_to_litert(model, frames)


def model(indices: str = "int32", depth: Tensor | None = None) -> bytes:
    on_off = [constant(1, "int8"), constant(0, "int8")]
    inputs = [Tensor([6], indices), constant(3) if depth is None else depth, *on_off]
    return single_op("ONE_HOT", inputs, [Tensor([6, 3], "int8")], options(-1))


def test_an_int64_index_is_cut_to_int32_as_in_litert() -> None:
    x = np.array([2**32 + 1, -(2**32), 2**31, 2**63 - 1, -(2**63), 2**33 + 2])
    assert_equal_to_litert(model("int64"), [[x]])


def test_extreme_indices_have_no_on_value() -> None:
    x = np.array([2**31 - 1, -(2**31), -1, 3, 0, 2], np.int32)
    assert_equal_to_litert(model(), [[x]])


def test_the_depth_may_be_computed_but_must_be_the_outputs() -> None:
    x = np.array([0, 1, 2, 3, 4, 5], np.int32)
    given = model(depth=Tensor([1], "int32"))
    assert_equal_to_litert(given, [[x, np.array([3], np.int32)]])
    engine = Engine(given, extended=True)
    for depth in (2, 4, -1, 0):
        with pytest.raises(EngineError, match="op 0 ONE_HOT: the depth is") as caught:
            engine.run([x, np.array([depth], np.int32)])
        assert caught.value.status is Status.RUNTIME


def test_the_strict_profile_names_the_extended_one() -> None:
    assert_only_extended(model(), "op", "op 0: TFLM lacks ONE_HOT")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"indices": Tensor([6], "int8")}, "type"),
        ({"depth": constant(3, "int64")}, "type"),
        ({"depth": constant(4)}, "param"),
        ({"depth": constant([3, 3])}, "shape"),
        ({"on": constant(1, "uint8")}, "type"),
        ({"off": constant(1, "uint8")}, "type"),
        ({"on": constant([1, 1], "int8")}, "shape"),
        ({"out": Tensor([6, 3], "int16")}, "type"),
        ({"out": Tensor([3, 6], "int8")}, "shape"),
        ({"out": Tensor([18], "int8")}, "shape"),
        ({"axis": 2}, "param"),
        ({"axis": -2}, "param"),
        ({"axis": 2**31 - 1}, "param"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], status: str) -> None:
    named: dict[str, Any] = {
        "indices": Tensor([6], "int32"),
        "depth": constant(3),
        "on": constant(1, "int8"),
        "off": constant(0, "int8"),
        "out": Tensor([6, 3], "int8"),
        "axis": -1,
    } | changes
    inputs = [named[key] for key in ("indices", "depth", "on", "off")]
    assert_beyond_refused("ONE_HOT", inputs, [named["out"]], options(named["axis"]), status=status)


def test_int16_values_are_refused_as_litert_does_when_it_runs() -> None:
    inputs = [Tensor([6], "int32"), constant(3), constant(1, "int16"), constant(0, "int16")]
    output = Tensor([6, 3], "int16")
    assert_beyond_refused("ONE_HOT", inputs, [output], options(-1), status="type")
