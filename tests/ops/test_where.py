"""WHERE and RANGE, which TFLM lacks: equal to LiteRT where the output's shape is the true one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError
from tests.support.litert import (
    assert_beyond_refused,
    assert_equal_to_litert,
    assert_only_extended,
)
from tests.support.models import Graph, Model, Op, Tensor, single_op
from tests.support.moves import constant
from tflm_wasm._abi import Status

TYPES = ["bool", "float32", "int8", "uint8", "int32", "uint32", "int64"]


def condition(dtype: str, shape: list[int], seed: int = 0) -> np.ndarray:
    """Return values of which about half are 0, and for floats some -0 and NaN."""
    rng = np.random.default_rng(seed)
    x = (rng.integers(0, 2, shape) * rng.integers(1, 100, shape)).astype(dtype)
    if dtype == "float32":
        x.flat[:4] = [-0.0, np.nan, 1e-45, np.inf]
    return x


@pytest.mark.parametrize("shape", [[9], [3, 4], [2, 3, 4], [2, 1, 3, 2, 2]], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_where_equals_litert(dtype: str, shape: list[int]) -> None:
    x = condition(dtype, shape)
    output = Tensor([np.count_nonzero(x), len(shape)], "int64")
    assert_equal_to_litert(single_op("WHERE", [Tensor(shape, dtype)], [output]), [[x]])


def where_of_constant(rows: int) -> bytes:
    tensors = [Tensor([4]), Tensor([4]), constant([0, 3, 0, -1]), Tensor([rows, 1], "int64")]
    ops = [Op("ABS", [0], [1]), Op("WHERE", [2], [3])]
    return Model([Graph(tensors, ops, [0], [1, 3])]).to_bytes()


def test_where_of_a_constant_is_known_when_it_loads() -> None:
    assert_equal_to_litert(where_of_constant(2), [[np.zeros(4, np.float32)]])
    with pytest.raises(EngineError, match="2 elements are set; shapes are static") as caught:
        Engine(where_of_constant(3), extended=True)
    assert caught.value.status is Status.SHAPE


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_another_number_of_elements_than_the_output_has_fails_when_it_runs(count: int) -> None:
    model = single_op("WHERE", [Tensor([5], "bool")], [Tensor([2, 1], "int64")])
    engine = Engine(model, extended=True)
    with pytest.raises(EngineError, match=f"op 0 WHERE: {count} elements are set") as caught:
        engine.run([np.arange(5) < count])
    assert caught.value.status is Status.RUNTIME
    assert engine.run([np.arange(5) > 2])[0].tolist() == [[3], [4]]


@pytest.mark.parametrize(
    ("x", "y", "status"),
    [
        (Tensor([5], "int16"), Tensor([2, 1], "int64"), "type"),
        (Tensor([5], "bool"), Tensor([2, 1], "int32"), "type"),
        (Tensor([5], "bool"), Tensor([2, 2], "int64"), "shape"),
        (Tensor([5], "bool"), Tensor([2], "int64"), "shape"),
        (Tensor([], "bool"), Tensor([1, 1], "int64"), "shape"),
    ],
)
def test_where_refuses_what_does_not_fit(x: Tensor, y: Tensor, status: str) -> None:
    assert_beyond_refused("WHERE", [x], [y], status=status)


def test_the_strict_profile_names_the_extended_one() -> None:
    assert_only_extended(where_of_constant(2), "op", "op 1: TFLM lacks WHERE")
    assert_only_extended(ranged("int32", [0, 5, 1], 5), "op", "op 1: TFLM lacks RANGE")


# ---- RANGE ----


def ranged(dtype: str, values: list[float], count: int) -> bytes:
    """Return a model of a constant range beside another operator."""
    tensors = [Tensor([4]), Tensor([4]), *(constant(value, dtype) for value in values)]
    tensors.append(Tensor([count], dtype))
    ops = [Op("ABS", [0], [1]), Op("RANGE", [2, 3, 4], [5])]
    return Model([Graph(tensors, ops, [0], [1, 5])]).to_bytes()


RANGES = [  # start, limit, delta, values
    (0, 5, 1, 5),
    (3, 18, 3, 5),
    (3, 17, 3, 5),
    (10, 0, -3, 4),
    (-5, 6, 2, 6),
    (0, 1, 100, 1),
    (1, 0, -100, 1),
]
REALS = [(0, 1, 0.1, 10), (0.5, 3, 0.3, 9), (3, -1, -0.7, 6), (0, 100, 0.37, 271), (0, 1, 1e9, 1)]
WIDE = [(2**40, 2**40 + 5, 2, 3), (-(2**62), 2**62, 2**61, 4), (2**31, 2**31 + 2, 1, 2)]


@pytest.mark.parametrize("case", RANGES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
def test_every_range_equals_litert(dtype: str, case: tuple[int, int, int, int]) -> None:
    assert_equal_to_litert(ranged(dtype, list(case[:3]), case[3]), [[np.zeros(4, np.float32)]])


@pytest.mark.parametrize("case", REALS, ids=str)
def test_ranges_of_reals_add_up_as_in_litert(case: tuple[float, float, float, int]) -> None:
    model = ranged("float32", list(case[:3]), case[3])
    assert_equal_to_litert(model, [[np.zeros(4, np.float32)]])


@pytest.mark.parametrize("case", WIDE, ids=str)
def test_ranges_of_int64_are_not_cut_to_int32(case: tuple[int, int, int, int]) -> None:
    model = ranged("int64", list(case[:3]), case[3])
    assert_equal_to_litert(model, [[np.zeros(4, np.float32)]])


def scalars(dtype: str, values: list[float]) -> list[np.ndarray]:
    return [np.array(value, dtype) for value in values]


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
def test_a_range_may_be_computed_but_must_be_as_long_as_the_output(dtype: str) -> None:
    model = single_op("RANGE", [Tensor([], dtype)] * 3, [Tensor([4], dtype)])
    frames = [scalars(dtype, values) for values in ([0, 4, 1], [7, 0, -2], [-1, 9, 3])]
    assert_equal_to_litert(model, frames)
    engine = Engine(model, extended=True)
    for values in ([0, 5, 1], [0, 3, 1], [0, 4, 0], [0, 4, -1], [4, 0, 1], [0, 0, 1]):
        with pytest.raises(EngineError, match="op 0 RANGE: ") as caught:
            engine.run(scalars(dtype, values))
        assert caught.value.status is Status.RUNTIME


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("float32", [0, np.inf, 1]),
        ("float32", [0, np.nan, 1]),
        ("float32", [0, 1, np.nan]),
        ("float32", [0, 3e38, 1e-38]),
        ("int32", [-(2**31), 2**31 - 1, 1]),
        ("int64", [-(2**63), 2**63 - 1, 1]),
        ("int64", [2**63 - 1, -(2**63), -(2**63)]),
    ],
)
def test_extreme_ranges_are_counted_right(dtype: str, values: list[float]) -> None:
    model = single_op("RANGE", [Tensor([], dtype)] * 3, [Tensor([4], dtype)])
    with pytest.raises(EngineError, match="op 0 RANGE: "):
        Engine(model, extended=True).run(scalars(dtype, values))


@pytest.mark.parametrize(
    ("values", "count", "text"),
    [
        ([0, 5, 1], 4, "5 values; shapes are static"),
        ([0, 5, 0], 5, "does not lead to the limit"),
        ([0, 5, -1], 5, "does not lead to the limit"),
    ],
)
def test_a_constant_range_that_does_not_fit_is_refused(
    values: list[float], count: int, text: str
) -> None:
    with pytest.raises(EngineError, match=text) as caught:
        Engine(ranged("int32", values, count), extended=True)
    assert caught.value.status is Status.SHAPE


@pytest.mark.parametrize(
    ("inputs", "output", "status"),
    [
        ([Tensor([], "int8")] * 3, Tensor([4], "int8"), "type"),
        ([Tensor([], "int32")] * 3, Tensor([4], "int64"), "type"),
        ([Tensor([], "int32")] * 2 + [Tensor([])], Tensor([4], "int32"), "type"),
        ([Tensor([1], "int32")] * 3, Tensor([4], "int32"), "shape"),
        ([Tensor([], "int32")] * 3, Tensor([4, 1], "int32"), "shape"),
        ([Tensor([], "int32")] * 2, Tensor([4], "int32"), "model"),
    ],
)
def test_range_refuses_what_does_not_fit(inputs: list[Tensor], output: Tensor, status: str) -> None:
    assert_beyond_refused("RANGE", inputs, [output], status=status)
