"""BROADCAST_TO and BROADCAST_ARGS equal TFLM."""

from __future__ import annotations

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

TYPES = ["float32", "int8", "int16", "int32", "int64", "uint8", "uint32", "bool"]
TYPES += ["float16", "float64", "uint64", "complex64", "complex128"]
CASES = [  # input, output
    ([], [3]),
    ([1], [5]),
    ([4], [4]),
    ([3], [2, 3]),
    ([2, 1], [2, 4]),
    ([2, 1], [3, 2, 4]),
    ([1, 3, 1], [2, 3, 4]),
    ([2, 1, 3], [2, 4, 3]),
    ([1, 1, 1], [2, 3, 4]),
    ([3, 1, 2, 1], [3, 4, 2, 3]),
    ([1, 2, 1, 2, 1], [2, 2, 3, 2, 2]),
    ([2], [2, 1, 3, 1, 2]),
]


@pytest.mark.parametrize("indices", ["int32", "int64"])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_broadcast_equals_tflm(
    dtype: str, case: tuple[list[int], list[int]], indices: str
) -> None:
    shape, output = case
    inputs = [tensor(dtype, shape), constant(output, indices)]
    assert_moves_as_tflm("BROADCAST_TO", inputs, [tensor(dtype, output)])


@pytest.mark.parametrize(
    ("shape", "status"),
    [
        (Tensor([2], "int32"), "param"),
        (constant([2, 3], "int16"), "type"),
        (constant([[2, 3]]), "shape"),
        (constant([3]), "shape"),
        (constant([2, 2, 3]), "shape"),
        (constant([2, 4]), "shape"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(shape: Tensor, status: str) -> None:
    inputs = [tensor("int8", [1, 3]), shape]
    assert_both_refuse("BROADCAST_TO", inputs, [tensor("int8", [2, 3])], status=status)


@pytest.mark.parametrize(
    ("shape", "output"), [([2], [3]), ([1, 2], [2]), ([2, 3], [2, 1]), ([1] * 6, [1] * 6), ([], [])]
)
def test_shapes_that_do_not_broadcast_are_refused(shape: list[int], output: list[int]) -> None:
    inputs = [tensor("int8", shape), constant(output)]
    status = "shape" if output else "param"
    assert_both_refuse("BROADCAST_TO", inputs, [tensor("int8", output)], status=status)


def test_another_type_is_refused() -> None:
    inputs = [tensor("int8", [1]), constant([2])]
    assert_both_refuse("BROADCAST_TO", inputs, [tensor("uint8", [2])], status="type")


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_inputs_is_refused(count: int) -> None:
    inputs = [tensor("int8", [1]), constant([2]), constant([2])][:count]
    assert_both_refuse("BROADCAST_TO", inputs, [tensor("int8", [2])], status="model")


# ---- BROADCAST_ARGS ----

PAIRS = [  # shapes, length of the output
    ([2, 1, 3], [1, 4, 3], 3),
    ([5], [2, 3, 1], 3),
    ([2, 3, 1], [5], 3),
    ([7, 1], [7, 1], 2),
    ([1], [1], 1),
    ([0, 4], [1, 1], 2),
    ([-1, 4], [1, 4], 2),
    ([2, 3], [3], 5),
    ([4, 5], [3, 1, 1], 2),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_every_pair_of_shapes_equals_tflm(
    dtype: str, pair: tuple[list[int], list[int], int]
) -> None:
    a, b, length = pair
    inputs = [Tensor([len(a)], dtype), constant(b, dtype)]
    model = single_op("BROADCAST_ARGS", inputs, [Tensor([length], dtype)])
    assert_equal_to_tflm(model, [[np.array(a, dtype)]])


def test_int64_is_cut_to_int32_as_in_tflm() -> None:
    inputs = [Tensor([3], "int64"), constant([1, 2**33 + 1, 2**31], "int64")]
    model = single_op("BROADCAST_ARGS", inputs, [Tensor([3], "int64")])
    assert_equal_to_tflm(model, [[np.array([2**33 + 5, 2**34 + 7, 1])]])


def test_shapes_that_do_not_fit_fail_when_it_runs() -> None:
    """TFLM aborts."""
    engine = Engine(single_op("BROADCAST_ARGS", [Tensor([2], "int32")] * 2, [Tensor([2], "int32")]))
    with pytest.raises(EngineError, match="op 0 BROADCAST_ARGS: 3 and 4") as caught:
        engine.run([np.array([2, 3], np.int32), np.array([2, 4], np.int32)])
    assert caught.value.status is Status.RUNTIME


@pytest.mark.parametrize(
    ("a", "b", "output", "status"),
    [
        (Tensor([2], "int16"), Tensor([2], "int16"), Tensor([2], "int16"), "type"),
        (Tensor([2], "int32"), Tensor([2], "int64"), Tensor([2], "int32"), "type"),
        (Tensor([2], "int32"), Tensor([2], "int32"), Tensor([2], "int64"), "type"),
        (Tensor([], "int32"), Tensor([2], "int32"), Tensor([2], "int32"), "shape"),
        (Tensor([2], "int32"), Tensor([1, 2], "int32"), Tensor([2], "int32"), "shape"),
        (Tensor([2], "int32"), Tensor([2], "int32"), Tensor([2, 1], "int32"), "shape"),
    ],
)
def test_what_is_no_pair_of_shapes_is_refused(
    a: Tensor, b: Tensor, output: Tensor, status: str
) -> None:
    assert_both_refuse("BROADCAST_ARGS", [a, b], [output], status=status)


@pytest.mark.parametrize("count", [1, 3])
def test_one_shape_or_three_are_refused(count: int) -> None:
    inputs, outputs = [Tensor([2], "int32")] * count, [Tensor([2], "int32")]
    assert_op_refused("BROADCAST_ARGS", inputs, outputs, status="model")
