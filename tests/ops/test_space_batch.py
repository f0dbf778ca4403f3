"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND equal TFLM, and LiteRT where TFLM is undefined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.litert import assert_equal_to_litert, assert_only_extended
from tests.support.models import Tensor, single_op
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    random_bits,
    tensor,
)
from tflm_wasm._abi import Status

TYPES = ["float32", "int8"]
CODES = ["SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"]
NONE = [[0, 0], [0, 0]]
CASES = [  # shape in space, block, margins
    ([1, 4, 4, 1], [2, 2], NONE),
    ([2, 6, 4, 3], [3, 2], NONE),
    ([3, 2, 5, 2], [2, 1], NONE),
    ([1, 3, 8, 2], [1, 4], NONE),
    ([2, 5, 3, 2], [1, 1], NONE),
    ([2, 6, 3], [3], [[0, 0]]),
    ([1, 4, 1], [4], [[0, 0]]),
]
WITH_MARGINS = [
    ([1, 3, 3, 1], [2, 2], [[1, 0], [0, 1]]),
    ([2, 4, 5, 2], [3, 2], [[1, 1], [2, 1]]),
    ([1, 2, 1, 3], [4, 3], [[2, 0], [1, 1]]),
    ([1, 1, 1, 2], [2, 2], [[3, 4], [0, 3]]),
    ([1, 3, 4, 1], [1, 1], [[2, 1], [0, 3]]),
    ([2, 5, 2], [3], [[1, 3]]),
    ([1, 2, 2], [2], [[0, 4]]),
    ([1, 3, 2, 1], [5, 7], [[1, 1], [5, 0]]),
]
Case = tuple[list[int], list[int], list[list[int]]]


def batches(shape: list[int], block: list[int], margins: list[list[int]]) -> list[int]:
    """Return the shape of the batches."""
    count = int(np.prod(block))
    inner = [(s + sum(m)) // b for s, b, m in zip(shape[1:], block, margins, strict=False)]
    return [shape[0] * count, *inner, shape[-1]]


def tensors(code: str, dtype: str, case: Case) -> tuple[list[Tensor], list[Tensor]]:
    """Return the inputs and outputs."""
    shape, block, margins = case
    space, batch = tensor(dtype, shape), tensor(dtype, batches(*case))
    x, y = (space, batch) if code == "SPACE_TO_BATCH_ND" else (batch, space)
    return [x, constant(block), constant(margins)], [y]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("code", CODES)
def test_every_block_equals_tflm(code: str, dtype: str, case: Case) -> None:
    assert_moves_as_tflm(code, *tensors(code, dtype, case))


@pytest.mark.parametrize("case", WITH_MARGINS, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_cropping_equals_tflm(dtype: str, case: Case) -> None:
    assert_moves_as_tflm("BATCH_TO_SPACE_ND", *tensors("BATCH_TO_SPACE_ND", dtype, case))


@pytest.mark.parametrize("case", WITH_MARGINS, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_padding_with_0_equals_litert_because_tflm_pads_with_what_memory_held(
    dtype: str, case: Case
) -> None:
    inputs, outputs = tensors("SPACE_TO_BATCH_ND", dtype, case)
    x, y = inputs[0], outputs[0]
    if dtype == "int8":
        x.zero_point = y.zero_point = 0
    rng = np.random.default_rng(5)
    model = single_op("SPACE_TO_BATCH_ND", inputs, outputs)
    Engine(model)  # the strict profile takes it too
    assert_equal_to_litert(model, [[random_bits(rng, x)] for _ in range(3)])


@pytest.mark.parametrize("zero_point", [-128, -7, 127])
def test_padding_with_another_zero_point_is_refused(zero_point: int) -> None:
    inputs, outputs = tensors("SPACE_TO_BATCH_ND", "int8", WITH_MARGINS[0])
    outputs[0].zero_point = zero_point
    assert_op_refused(
        "SPACE_TO_BATCH_ND", inputs, outputs, status="param", text="padding is undefined"
    )


@pytest.mark.parametrize("case", WITH_MARGINS, ids=str)
@pytest.mark.parametrize("zero_point", [-128, -7, 127])
def test_the_extended_profile_pads_with_the_zero_point_as_litert(
    zero_point: int, case: Case
) -> None:
    inputs, outputs = tensors("SPACE_TO_BATCH_ND", "int8", case)
    inputs[0].zero_point = outputs[0].zero_point = zero_point
    model = single_op("SPACE_TO_BATCH_ND", inputs, outputs)
    assert_equal_to_litert(model, [[random_bits(np.random.default_rng(6), inputs[0])]])
    assert_only_extended(model, "param", "op 0 SPACE_TO_BATCH_ND: TFLM's padding is undefined")


def test_float_is_padded_with_0_whatever_its_zero_point() -> None:
    inputs, outputs = tensors("SPACE_TO_BATCH_ND", "float32", WITH_MARGINS[0])
    outputs[0].scale, outputs[0].zero_point = 0.5, 3
    x = np.ones([1, 3, 3, 1], np.float32)
    (got,) = Engine(single_op("SPACE_TO_BATCH_ND", inputs, outputs)).run([x])
    assert np.count_nonzero(got == 0) == 7
    assert np.count_nonzero(got == 1) == 9


def computed(code: str) -> bytes:
    """Return a model of 4 by 4 pixels in space whose block and margins are inputs."""
    space, batch = tensor("int8", [1, 4, 4, 1]), tensor("int8", [4, 3, 2, 1])
    x, y = (space, batch) if code == "SPACE_TO_BATCH_ND" else (batch, space)
    x.zero_point = y.zero_point = 0
    return single_op(code, [x, Tensor([2], "int32"), Tensor([2, 2], "int32")], [y])


@pytest.mark.parametrize("margins", [[[2, 0], [0, 0]], [[1, 1], [0, 0]], [[0, 2], [0, 0]]])
def test_the_block_and_the_crops_may_be_computed(margins: list[list[int]]) -> None:
    x = np.arange(24, dtype=np.int8).reshape(4, 3, 2, 1)
    frame = [x, np.array([2, 2], np.int32), np.array(margins, np.int32)]
    assert_equal_to_tflm(computed("BATCH_TO_SPACE_ND"), [frame])


@pytest.mark.parametrize(
    ("block", "margins"),
    [
        ([0, 2], [[2, 0], [0, 0]]),
        ([2, -2], [[2, 0], [0, 0]]),
        ([2, 2], [[3, 0], [0, 0]]),
        ([2, 2], [[-1, 3], [0, 0]]),
        ([2, 2], [[3, -1], [0, 0]]),
        ([4, 1], [[2, 0], [0, 0]]),
        ([2, 1], [[2, 0], [0, 0]]),
        ([2**31 - 1, 2**31 - 1], [[2**31 - 1, 2**31 - 1], [0, 0]]),
    ],
)
@pytest.mark.parametrize("code", CODES)
def test_values_that_do_not_fit_fail_when_it_runs(
    code: str, block: list[int], margins: list[list[int]]
) -> None:
    engine = Engine(computed(code))
    shape = [1, 4, 4, 1] if code == "SPACE_TO_BATCH_ND" else [4, 3, 2, 1]
    x = np.ones(shape, np.int8)
    with pytest.raises(EngineError, match=f"op 0 {code}") as caught:
        engine.run([x, np.array(block, np.int32), np.array(margins, np.int32)])
    assert caught.value.status is Status.RUNTIME
    good = engine.run([x, np.array([2, 2], np.int32), np.array([[1, 1], [0, 0]], np.int32)])
    assert np.count_nonzero(good[0]) == 16


def test_computed_paddings_need_a_zero_point_of_0_as_constant_ones_do() -> None:
    inputs = [tensor("int8", [1, 2, 2, 1]), constant([2, 1]), Tensor([2, 2], "int32")]
    engine = Engine(single_op("SPACE_TO_BATCH_ND", inputs, [tensor("int8", [2, 2, 2, 1])]))
    with pytest.raises(EngineError, match="padding is undefined") as caught:
        engine.run([np.zeros([1, 2, 2, 1], np.int8), np.array([[1, 1], [0, 0]], np.int32)])
    assert caught.value.status is Status.RUNTIME


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "bool"])
@pytest.mark.parametrize("code", CODES)
def test_a_type_tflm_lacks_is_refused(code: str, dtype: str) -> None:
    assert_both_refuse(code, *tensors(code, dtype, CASES[0]), status="type")


def changed(code: str, **changes: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Return the inputs and outputs of the first case, with changes."""
    inputs, outputs = tensors(code, "int8", CASES[0])
    named = {"x": inputs[0], "block": inputs[1], "margins": inputs[2], "y": outputs[0]} | changes
    return [named["x"], named["block"], named["margins"]], [named["y"]]


@pytest.mark.parametrize("code", CODES)
def test_an_output_of_another_type_is_refused(code: str) -> None:
    y = tensors(code, "float32", CASES[0])[1][0]
    assert_both_refuse(code, *changed(code, y=y), status="type")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"block": constant([2, 2], "int64")}, "type"),
        ({"margins": constant(NONE, "int64")}, "type"),
        ({"block": constant([2])}, "shape"),
        ({"block": constant([2, 2, 2])}, "shape"),
        ({"margins": constant([0, 0])}, "shape"),
        ({"block": constant([4, 1])}, "param"),
        ({"block": constant([0, 2])}, "param"),
        ({"block": constant([-2, -2])}, "param"),
        ({"block": constant([2**31 - 1, 2])}, "param"),
        ({"margins": constant([[1, -1], [0, 0]])}, "param"),
        ({"margins": constant([[0, 1], [0, 0]])}, "param"),
        ({"margins": constant([[2**31 - 1, 1], [0, 0]])}, "param"),
        ({"x": tensor("int8", [4, 4])}, "shape"),
        ({"x": tensor("int8", [1, 1, 4, 4, 1])}, "shape"),
        ({"y": tensor("int8", [4, 4, 1])}, "shape"),
        ({"y": tensor("int8", [1, 2, 2, 1])}, "param"),
        ({"y": tensor("int8", [4, 2, 2, 2])}, "shape"),
        ({"x": tensor("int8", [0, 4, 4, 1])}, "shape"),
    ],
)
@pytest.mark.parametrize("code", CODES)
def test_inputs_that_do_not_fit_are_refused(
    code: str, changes: dict[str, Any], status: str
) -> None:
    assert_op_refused(code, *changed(code, **changes), status=status)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("code", CODES)
def test_another_number_of_inputs_is_refused(code: str, count: int) -> None:
    inputs, outputs = tensors(code, "int8", CASES[0])
    assert_both_refuse(code, [*inputs, constant([0])][:count], outputs, status="model")
