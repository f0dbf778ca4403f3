"""MIRROR_PAD equals TFLM in both modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.models import Tensor, single_op
from tests.support.moves import (
    Options,
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)
from tflm_wasm._abi import Status

REFLECT, SYMMETRIC = 0, 1
CASES = [  # shape, paddings; valid in both modes
    ([5], [[2, 1]]),
    ([5], [[0, 0]]),
    ([5], [[4, 4]]),
    ([3, 4], [[2, 0], [0, 3]]),
    ([2, 3], [[1, 1], [2, 2]]),
    ([2, 3, 4], [[1, 0], [2, 1], [0, 3]]),
    ([1, 3, 3, 2], [[0, 0], [1, 1], [2, 2], [0, 0]]),
    ([2, 2, 3, 2, 2], [[1, 1], [0, 1], [2, 0], [0, 0], [1, 1]]),
    ([2, 1, 2, 1, 2, 1, 3], [[1, 0], [0, 0], [0, 1], [0, 0], [1, 1], [0, 0], [1, 2]]),
]
TOO_LONG_BEHIND = [([3], [[1, 7]]), ([1], [[0, 3]]), ([2, 3], [[0, 4], [1, 5]])]


def options(mode: int) -> Options:
    return ("MirrorPadOptions", {"mode": mode})


def padded(shape: list[int], paddings: Any) -> list[int]:
    return [int(d + sum(p)) for d, p in zip(shape, paddings, strict=True)]


@pytest.mark.parametrize("values", ["int32", "int64"])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("mode", [REFLECT, SYMMETRIC])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_every_padding_equals_tflm(
    dtype: str, mode: int, case: tuple[list[int], Any], values: str
) -> None:
    inputs = [tensor(dtype, case[0]), constant(case[1], values)]
    assert_moves_as_tflm("MIRROR_PAD", inputs, [tensor(dtype, padded(*case))], options(mode))


@pytest.mark.parametrize("case", TOO_LONG_BEHIND, ids=str)
@pytest.mark.parametrize("mode", [REFLECT, SYMMETRIC])
def test_more_behind_than_there_is_to_mirror_repeats_the_first_element_as_in_tflm(
    mode: int, case: tuple[list[int], Any]
) -> None:
    inputs = [tensor("int8", case[0]), constant(case[1])]
    assert_moves_as_tflm("MIRROR_PAD", inputs, [tensor("int8", padded(*case))], options(mode))


def test_symmetric_mirrors_as_much_as_there_is() -> None:
    inputs = [tensor("int8", [3]), constant([[3, 3]])]
    assert_moves_as_tflm("MIRROR_PAD", inputs, [tensor("int8", [9])], options(SYMMETRIC))


def test_without_options_the_mode_is_symmetric_as_in_tflm() -> None:
    inputs = [tensor("int8", [3]), constant([[2, 1]])]
    assert_moves_as_tflm("MIRROR_PAD", inputs, [tensor("int8", [6])])


def test_a_scalar_is_copied() -> None:
    model = single_op(
        "MIRROR_PAD",
        [tensor("int8", []), Tensor([0, 2], "int32")],
        [tensor("int8", [])],
        options(REFLECT),
    )
    assert_equal_to_tflm(model, [[np.int8(5).reshape(()), np.zeros([0, 2], np.int32)]])


def computed(mode: int = REFLECT, values: str = "int32") -> bytes:
    """Return a model of 3 by 4 to 5 by 7 whose paddings are an input."""
    inputs = [tensor("int8", [3, 4]), Tensor([2, 2], values)]
    return single_op("MIRROR_PAD", inputs, [tensor("int8", [5, 7])], options(mode))


X = np.arange(12, dtype=np.int8).reshape(3, 4)


@pytest.mark.parametrize("values", ["int32", "int64"])
@pytest.mark.parametrize("mode", [REFLECT, SYMMETRIC])
def test_the_paddings_may_be_computed(mode: int, values: str) -> None:
    given = [[[0, 2], [0, 3]], [[1, 1], [2, 1]], [[2, 0], [3, 0]]]
    frames = [[X, np.array(paddings, values)] for paddings in given]
    assert_equal_to_tflm(computed(mode, values), frames)


@pytest.mark.parametrize(
    "paddings",
    [
        [[3, -1], [0, 3]],
        [[-1, 3], [0, 3]],
        [[2, 1], [0, 3]],
        [[0, 1], [0, 3]],
        [[0, 2], [2**31 - 1, -(2**31)]],
        [[0, 2], [-(2**31), 2**31 - 1]],
    ],
)
def test_paddings_that_do_not_fit_fail_when_it_runs(paddings: list[list[int]]) -> None:
    engine = Engine(computed())
    with pytest.raises(EngineError, match="op 0 MIRROR_PAD") as caught:
        engine.run([X, np.array(paddings, np.int32)])
    assert caught.value.status is Status.RUNTIME
    (good,) = engine.run([X, np.array([[0, 2], [0, 3]], np.int32)])
    assert good[0].tolist() == [0, 1, 2, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("shape", "paddings", "mode"),
    [([3], [[3, 0]], REFLECT), ([1], [[1, 0]], REFLECT), ([3], [[4, 0]], SYMMETRIC)],
)
def test_more_in_front_than_there_is_to_mirror_is_refused(
    shape: list[int], paddings: list[list[int]], mode: int
) -> None:
    """TFLM reads behind its input here."""
    inputs, outputs = [tensor("int8", shape), constant(paddings)], [padded(shape, paddings)]
    output = [tensor("int8", outputs[0])]
    assert_op_refused("MIRROR_PAD", inputs, output, options(mode), status="param")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "bool"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    inputs = [tensor(dtype, [3]), constant([[1, 1]])]
    outputs = [tensor(dtype, [5])]
    assert_both_refuse("MIRROR_PAD", inputs, outputs, options(REFLECT), status="type")


@pytest.mark.parametrize(
    ("x", "paddings", "y", "status"),
    [
        ([2, 3], constant([[1, 1], [1, 1]]), [4, 6], "param"),
        ([2, 3], constant([[1, 1], [1, 1]]), [3, 5], "param"),
        ([2, 3], constant([[1, 1], [-1, 1]]), [4, 3], "param"),
        ([2, 3], constant([[1, 1], [1, 1]]), [20], "shape"),
        ([2, 3], constant([[1, 1]]), [4, 5], "shape"),
        ([2, 3], constant([1, 1, 1, 1]), [4, 5], "shape"),
        ([2, 3], constant([[1, 1, 0], [1, 1, 0]]), [4, 5], "shape"),
        ([2, 3], constant([[1, 1], [1, 1]], "int16"), [4, 5], "type"),
        ([2, 3], Tensor([2, 2], "int32"), [4, 2], "shape"),
        ([0, 3], constant([[0, 2], [1, 1]]), [2, 5], "shape"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    x: list[int], paddings: Tensor, y: list[int], status: str
) -> None:
    inputs, outputs = [tensor("int8", x), paddings], [tensor("int8", y)]
    assert_op_refused("MIRROR_PAD", inputs, outputs, options(REFLECT), status=status)


def test_an_output_of_another_type_is_refused() -> None:
    inputs, outputs = [tensor("int8", [3]), constant([[1, 1]])], [tensor("float32", [5])]
    assert_op_refused("MIRROR_PAD", inputs, outputs, options(REFLECT), status="type")


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_inputs_is_refused(count: int) -> None:
    inputs = [tensor("int8", [3]), constant([[1, 1]]), constant([0])][:count]
    outputs = [tensor("int8", [5])]
    assert_op_refused("MIRROR_PAD", inputs, outputs, options(REFLECT), status="model")
