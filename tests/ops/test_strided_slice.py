"""STRIDED_SLICE equals TFLM: strides of both signs, all masks, clamped ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.engine import Engine
from tests.support.models import Tensor, single_op
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)

TYPES = ["float32", "int8", "int16", "int32", "bool"]


def options(**masks: int) -> tuple[str, dict[str, Any]]:
    return ("StridedSliceOptions", masks)


def sliced(shape: list[int], index: tuple[slice | int, ...]) -> list[int]:
    return list(np.empty(shape)[index].shape)


CASES = [  # shape, begin, end, strides, masks, the same as a Python index
    ([7], [1], [5], [1], {}, np.s_[1:5]),
    ([7], [0], [7], [3], {}, np.s_[0:7:3]),
    ([7], [6], [0], [-2], {}, np.s_[6:0:-2]),
    ([7], [-1], [-8], [-1], {}, np.s_[::-1]),
    ([7], [-100], [100], [2], {}, np.s_[::2]),
    ([7], [100], [-100], [-3], {}, np.s_[::-3]),
    ([4, 5], [1, 1], [3, 4], [1, 1], {}, np.s_[1:3, 1:4]),
    ([4, 5], [0, 2], [4, 3], [1, 1], {}, np.s_[0:4, 2:3]),
    ([4, 5], [9, 9], [9, 9], [1, 1], {"begin_mask": 3, "end_mask": 3}, np.s_[:, :]),
    ([4, 5], [9, 1], [9, 9], [2, 1], {"begin_mask": 1, "end_mask": 3}, np.s_[::2, 1:]),
    ([4, 5], [0, 0], [0, 0], [-1, -2], {"begin_mask": 3, "end_mask": 3}, np.s_[::-1, ::-2]),
    ([4, 5], [2, 0], [3, 5], [1, 1], {"shrink_axis_mask": 1}, np.s_[2]),
    ([4, 5], [-1, 1], [0, 4], [1, 1], {"shrink_axis_mask": 1}, np.s_[-1, 1:4]),
    ([4, 5], [3, -2], [0, 0], [1, 1], {"shrink_axis_mask": 3}, np.s_[3, -2]),
    ([2, 3, 4], [0, 1, 0], [2, 2, 4], [1, 1, 1], {"shrink_axis_mask": 2}, np.s_[:, 1, :]),
    ([2, 3, 4], [0, 0, 1], [2, 3, 4], [1, 2, 2], {}, np.s_[:, ::2, 1::2]),
    ([2, 3, 4], [1, 2, 3], [0, 0, 0], [-1, -1, -1], {}, np.s_[1:0:-1, 2:0:-1, 3:0:-1]),
    ([1, 6, 3, 2], [0, 3, 0, 0], [1, 6, 3, 2], [1, 1, 1, 1], {}, np.s_[:, 3:]),
    ([2, 3, 4, 5], [0, 0, 1, 0], [2, 3, 4, 5], [1, 1, 2, 3], {}, np.s_[:, :, 1::2, ::3]),
    ([2, 3, 4, 5], [1, 2, 0, 4], [2, 0, 4, 0], [1, -1, 3, -4], {}, np.s_[1:, 2:0:-1, ::3, 4:0:-4]),
    ([1, 1, 1, 1], [0] * 4, [1] * 4, [1] * 4, {}, np.s_[:]),
    ([3, 2], [1, 0], [-(2**31), 9], [-(2**31), 1], {}, np.s_[1:2]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[:4]}{case[4] or ''}")
@pytest.mark.parametrize("dtype", TYPES)
def test_strided_slice_equals_tflm(dtype: str, case: tuple[Any, ...]) -> None:
    shape, begin, end, strides, masks, index = case
    inputs = [tensor(dtype, shape), constant(begin), constant(end), constant(strides)]
    outputs = [tensor(dtype, sliced(shape, index))]
    assert_moves_as_tflm("STRIDED_SLICE", inputs, outputs, options(**masks), seed=len(shape))


def random_slice(rng: np.random.Generator) -> tuple[list[Tensor], Tensor, dict[str, int]]:
    """Return inputs, output and masks of a slice that keeps at least one element."""
    rank = int(rng.integers(1, 5))
    shape = [int(n) for n in rng.integers(1, 7, rank)]
    masks = {name: int(rng.integers(0, 1 << rank)) for name in ("begin_mask", "end_mask")}
    masks["shrink_axis_mask"] = 0
    begin, end, strides, output = [0] * rank, [0] * rank, [1] * rank, []
    for i, size in enumerate(shape):
        kept = range(0)
        while len(kept) == 0:
            begin[i], end[i] = (int(x) for x in rng.integers(-size - 3, size + 3, 2))
            strides[i] = int(rng.choice([-3, -2, -1, 1, 1, 2, 4]))
            first = None if masks["begin_mask"] >> i & 1 else begin[i]
            last = None if masks["end_mask"] >> i & 1 else end[i]
            kept = range(size)[first : last : strides[i]]
        if strides[i] > 0 and rng.integers(0, 4) == 0:
            masks["shrink_axis_mask"] |= 1 << i
        else:
            output.append(len(kept))
    inputs = [tensor("int8", shape), constant(begin), constant(end), constant(strides)]
    return inputs, tensor("int8", output), masks


@pytest.mark.parametrize("seed", range(120))
def test_random_slices_equal_tflm(seed: int) -> None:
    inputs, output, masks = random_slice(np.random.default_rng(seed))
    assert_moves_as_tflm("STRIDED_SLICE", inputs, [output], options(**masks), seed=seed)


def test_a_stride_beyond_any_index_takes_one_element() -> None:
    """TFLM overflows an int here, so that this asks numpy."""
    strides = constant([2**31 - 1, 1])
    inputs = [tensor("int8", [3, 2]), constant([1, 0]), constant([3, 2]), strides]
    engine = Engine(single_op("STRIDED_SLICE", inputs, [tensor("int8", [1, 2])], options()))
    x = np.arange(6, dtype=np.int8).reshape(3, 2)
    assert engine.run([x])[0].tolist() == x[1:2].tolist()


def test_longer_constants_than_the_rank_are_read_in_part_as_in_tflm() -> None:
    inputs = [tensor("int8", [5]), constant([1, 7]), constant([4, 7]), constant([1, 0])]
    assert_moves_as_tflm("STRIDED_SLICE", inputs, [tensor("int8", [3])], options())


def plain(dtype: str = "int8", **changes: Tensor) -> list[Tensor]:
    """Return the inputs that slice [2, 4] to [2, 2], with changes."""
    inputs = {
        "x": tensor(dtype, [2, 4]),
        "begin": constant([0, 1]),
        "end": constant([2, 3]),
        "strides": constant([1, 1]),
    }
    return list((inputs | changes).values())


@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint32"])
def test_a_type_tflm_lacks_is_refused(dtype: str) -> None:
    outputs = [tensor(dtype, [2, 2])]
    assert_both_refuse("STRIDED_SLICE", plain(dtype), outputs, options(), status="type")


@pytest.mark.parametrize("name", ["begin", "end", "strides"])
def test_indices_that_are_not_constant_are_refused(name: str) -> None:
    inputs = plain(**{name: tensor("int32", [2])})
    outputs = [tensor("int8", [2, 2])]
    assert_both_refuse("STRIDED_SLICE", inputs, outputs, options(), status="param")


@pytest.mark.parametrize("name", ["begin", "end", "strides"])
@pytest.mark.parametrize(
    ("values", "status"), [(constant([1, 1], "int64"), "type"), (constant([1]), "shape")]
)
def test_indices_of_another_type_or_too_few_are_refused(
    name: str, values: Tensor, status: str
) -> None:
    outputs = [tensor("int8", [2, 2])]
    assert_op_refused("STRIDED_SLICE", plain(**{name: values}), outputs, options(), status=status)


def test_a_stride_of_0_is_refused() -> None:
    inputs, outputs = plain(strides=constant([1, 0])), [tensor("int8", [2, 2])]
    assert_both_refuse("STRIDED_SLICE", inputs, outputs, options(), status="param")


def test_more_than_four_dimensions_are_refused() -> None:
    inputs = [tensor("int8", [2] * 5), constant([0] * 5), constant([2] * 5), constant([1] * 5)]
    outputs = [tensor("int8", [2] * 5)]
    assert_both_refuse("STRIDED_SLICE", inputs, outputs, options(), status="shape")


@pytest.mark.parametrize("output", [[2, 3], [2, 1], [1, 2], [4, 1]])
def test_an_output_of_another_shape_is_refused(output: list[int]) -> None:
    outputs = [tensor("int8", output)]
    assert_both_refuse("STRIDED_SLICE", plain(), outputs, options(), status="shape")


@pytest.mark.parametrize("output", [[2], [2, 2, 1], [1, 2, 2], [4], []])
def test_an_output_of_another_rank_is_refused(output: list[int]) -> None:
    outputs = [tensor("int8", output)]
    assert_op_refused("STRIDED_SLICE", plain(), outputs, options(), status="shape")


def test_an_output_of_another_type_is_refused() -> None:
    outputs = [tensor("float32", [2, 2])]
    assert_op_refused("STRIDED_SLICE", plain("int32"), outputs, options(), status="type")


@pytest.mark.parametrize(("begin", "stride"), [(2, 1), (100, 1), (0, -1), (-100, -1)])
def test_shrinking_to_no_element_is_refused(begin: int, stride: int) -> None:
    """TFLM takes these and leaves its output as it was."""
    inputs = plain(begin=constant([begin, 1]), strides=constant([stride, 1]))
    masks = options(shrink_axis_mask=1)
    assert_op_refused("STRIDED_SLICE", inputs, [tensor("int8", [2])], masks, status="param")


def test_an_ellipsis_is_not_known_as_in_tflm() -> None:
    inputs = plain(begin=constant([0, 1]), end=constant([0, 3]))
    masks = options(ellipsis_mask=1)
    outputs = [tensor("int8", [2, 2])]
    assert_both_refuse("STRIDED_SLICE", inputs, outputs, masks, status="shape")
