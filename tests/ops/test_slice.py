"""SLICE equals TFLM, also with a begin that changes from run to run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.models import Tensor, single_op
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)
from tflm_wasm._abi import Status

TYPES = ["float32", "int8", "int16", "int32", "bool"]
CASES = [  # shape, begin, size
    ([7], [2], [4]),
    ([7], [0], [7]),
    ([7], [6], [1]),
    ([7], [3], [-1]),
    ([4, 5], [1, 2], [2, 3]),
    ([4, 5], [0, 1], [-1, 2]),
    ([4, 5], [3, 4], [-1, -1]),
    ([2, 3, 4], [1, 0, 2], [1, 3, 1]),
    ([2, 3, 4], [0, 1, 0], [2, 2, 4]),
    ([3, 2, 4, 3], [1, 1, 0, 1], [2, 1, 4, 2]),
    ([1, 1, 1, 9], [0, 0, 0, 3], [1, 1, 1, 5]),
    ([2, 3, 2, 4, 3], [1, 1, 0, 1, 0], [1, 2, 2, 2, 3]),
    ([2, 3, 2, 4, 3], [0, 0, 0, 0, 1], [-1, -1, -1, -1, 1]),
]


def shape_of(shape: list[int], begin: list[int], size: list[int]) -> list[int]:
    return [d - b if s == -1 else s for d, b, s in zip(shape, begin, size, strict=True)]


@pytest.mark.parametrize("indices", ["int32", "int64"])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_slice_equals_tflm(
    dtype: str, case: tuple[list[int], list[int], list[int]], indices: str
) -> None:
    shape, begin, size = case
    inputs = [tensor(dtype, shape), constant(begin, indices), constant(size, indices)]
    assert_moves_as_tflm("SLICE", inputs, [tensor(dtype, shape_of(*case))], seed=len(shape))


def moving(indices: str = "int32", sizes: list[int] | None = None) -> bytes:
    """Return a model that takes 2 by 3 of 5 by 6, from where its second input says."""
    size = Tensor([2], indices) if sizes is None else constant(sizes, indices)
    inputs = [tensor("int8", [5, 6]), Tensor([2], indices), size]
    return single_op("SLICE", inputs, [tensor("int8", [2, 3])])


X = np.arange(30, dtype=np.int8).reshape(5, 6)


@pytest.mark.parametrize("indices", ["int32", "int64"])
def test_the_begin_may_be_computed(indices: str) -> None:
    begins = [[0, 0], [3, 3], [1, 2], [2, 0]]
    frames = [[X, np.array(begin, indices)] for begin in begins]
    assert_equal_to_tflm(moving(indices, [2, 3]), frames)


def test_the_size_may_be_computed() -> None:
    given: list[tuple[list[int], list[int]]] = [
        ([0, 0], [2, 3]),
        ([3, 1], [-1, 3]),
        ([3, 3], [-1, -1]),
        ([1, 3], [2, -1]),
    ]
    frames = [[X, np.array(b, np.int32), np.array(s, np.int32)] for b, s in given]
    assert_equal_to_tflm(moving(), frames)


@pytest.mark.parametrize("indices", ["int32", "int64"])
@pytest.mark.parametrize(
    ("begin", "size"),
    [
        ([-1, 0], [2, 3]),
        ([4, 0], [2, 3]),
        ([0, 4], [2, 3]),
        ([0, 0], [1, 3]),
        ([0, 0], [2, 4]),
        ([2, 0], [-1, 3]),
        ([4, 0], [-1, 3]),
        ([0, 0], [-2, 3]),
        ([0, 2**31 - 1], [2, 3]),
        ([-(2**31), 0], [2, 3]),
        ([0, 0], [2, 2**31 - 1]),
    ],
)
def test_indices_outside_fail_when_it_runs_and_do_no_harm(
    begin: list[int], size: list[int], indices: str
) -> None:
    engine = Engine(moving(indices))
    with pytest.raises(EngineError, match="op 0 SLICE: begin") as caught:
        engine.run([X, np.array(begin, indices), np.array(size, indices)])
    assert caught.value.status is Status.RUNTIME
    good = engine.run([X, np.array([1, 2], indices), np.array([2, 3], indices)])
    assert good[0].tolist() == X[1:3, 2:5].tolist()


def test_an_int64_index_is_not_cut_to_int32() -> None:
    engine = Engine(moving("int64", [2, 3]))
    with pytest.raises(EngineError):
        engine.run([X, np.array([2**32, 0])])


def plain(dtype: str = "int8", **changes: Tensor) -> list[Tensor]:
    """Return the inputs that slice [2, 4] to [2, 2], with changes."""
    inputs = {"x": tensor(dtype, [2, 4]), "begin": constant([0, 1]), "size": constant([2, 2])}
    return list((inputs | changes).values())


@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint32"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    assert_both_refuse("SLICE", plain(dtype), [tensor(dtype, [2, 2])], status="type")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"begin": constant([0, -1])}, "param"),
        ({"begin": constant([0, 3])}, "param"),
        ({"begin": constant([2**31 - 1, 1])}, "param"),
        ({"size": constant([2, 3])}, "param"),
        ({"size": constant([2, -1])}, "param"),
        ({"size": constant([2, 1])}, "param"),
        ({"begin": constant([0])}, "shape"),
        ({"size": constant([2, 2, 1])}, "shape"),
        ({"begin": constant([[0, 1]])}, "shape"),
        ({"begin": constant(0)}, "shape"),
        ({"begin": constant([0, 1], "int64")}, "type"),
        ({"size": constant([2, 2], "int16")}, "type"),
        ({"x": tensor("int8", [4])}, "shape"),
        ({"x": tensor("int8", [1, 4])}, "shape"),
        ({"x": tensor("int16", [2, 4])}, "type"),
    ],
)
def test_indices_or_inputs_that_do_not_fit_are_refused(
    changes: dict[str, Any], status: str
) -> None:
    assert_op_refused("SLICE", plain(**changes), [tensor("int8", [2, 2])], status=status)


@pytest.mark.parametrize("output", [[2, 3], [3, 2], [2, 5], [2], [2, 2, 1], [1, 2, 2]])
def test_an_output_of_another_shape_is_refused(output: list[int]) -> None:
    model = single_op("SLICE", plain(), [tensor("int8", output)])
    with pytest.raises(EngineError) as caught:
        Engine(model)
    assert caught.value.status in (Status.SHAPE, Status.PARAM)


def test_more_than_five_dimensions_are_refused() -> None:
    inputs = [tensor("int8", [2] * 6), constant([0] * 6), constant([2] * 6)]
    assert_op_refused("SLICE", inputs, [tensor("int8", [2] * 6)], status="shape")


@pytest.mark.parametrize("count", [2, 4])
def test_another_number_of_inputs_is_refused(count: int) -> None:
    inputs = [*plain(), constant([0])][:count]
    assert_both_refuse("SLICE", inputs, [tensor("int8", [2, 2])], status="model")
