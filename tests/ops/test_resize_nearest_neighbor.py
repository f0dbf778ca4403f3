"""RESIZE_NEAREST_NEIGHBOR equals TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused, compare
from tests.support.models import Tensor

# batch, height, width, channels; new height and width
SIZES: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    "twice": ((1, 3, 4, 2), (6, 8)),
    "half": ((1, 6, 8, 2), (3, 4)),
    "the same": ((2, 3, 5, 3), (3, 5)),
    "thrice, of two images": ((2, 2, 3, 1), (6, 9)),
    "odd ratios": ((1, 5, 7, 3), (8, 11)),
    "odd ratios down": ((2, 11, 9, 2), (7, 4)),
    "up and down": ((1, 3, 10, 4), (7, 6)),
    "from one pixel": ((1, 1, 1, 3), (4, 5)),
    "to one pixel": ((2, 5, 4, 3), (1, 1)),
    "from a row": ((1, 1, 8, 2), (5, 3)),
    "to a column": ((1, 4, 8, 2), (9, 1)),
    "large": ((1, 13, 17, 1), (64, 50)),
}
FLAGS = {
    "plain": {},
    "corners": {"align_corners": True},
    "centers": {"half_pixel_centers": True},
    "both": {"align_corners": True, "half_pixel_centers": True},
}
TABLES = {
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
}


def resize(
    op: str, dtype: str, sizes: tuple[Sequence[int], Sequence[int]], flags: dict[str, Any]
) -> Layer:
    image, size = sizes
    out = (image[0], *size, image[3])
    inputs = [activations(image, dtype, 0.05, -3), Tensor([2], "int32", list(size))]
    return Layer(op, inputs, activations(out, dtype, 0.05, -3), TABLES[op], flags)


def nearest(dtype: str = "int8", sizes: str = "odd ratios", flags: str = "plain") -> Layer:
    return resize("RESIZE_NEAREST_NEIGHBOR", dtype, SIZES[sizes], FLAGS[flags])


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_every_size_equals_tflm(dtype: str, sizes: str, flags: str) -> None:
    compare(nearest(dtype, sizes, flags), 1)


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("new", range(1, 60))
def test_every_ratio_picks_the_pixels_that_tflm_picks(new: int, flags: str) -> None:
    column = np.arange(23, dtype=np.int8).reshape(1, 23, 1, 1)
    layer = resize("RESIZE_NEAREST_NEIGHBOR", "int8", (column.shape, (new, 1)), FLAGS[flags])
    assert_equal_to_tflm(layer.to_bytes(), [[column]])


def test_any_bits_of_floats_pass() -> None:
    layer = nearest("float32", "twice")
    bits = np.random.default_rng(2).integers(0, 2**32, (1, 3, 4, 2), dtype=np.uint32)
    assert_equal_to_tflm(layer.to_bytes(), [[bits.view(np.float32)]])


def test_quantization_is_ignored_as_in_tflm() -> None:
    compare(nearest().with_input(0, scale=None).with_output(scale=0.9), 3)


def test_absent_options_are_no_flags() -> None:
    compare(replace(nearest(), table=None), 4)


REFUSED: Refusals = {
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int32": ("type", lambda c: c.with_input(0, dtype="int32").with_output(dtype="int32")),
    "types that differ": ("type", lambda c: c.with_output(dtype="float32")),
    "a size of int64": ("type", lambda c: c.with_input(1, dtype="int64")),
    "a size that is computed": ("param", lambda c: c.with_input(1, data=None)),
    "a size of one number": ("shape", lambda c: c.with_input(1, shape=[1], data=[8])),
    "a size of three numbers": ("shape", lambda c: c.with_input(1, shape=[3], data=[8, 11, 1])),
    "a size of rank 2": ("shape", lambda c: c.with_input(1, shape=[1, 2])),
    "a size that the output has not": ("shape", lambda c: c.with_input(1, data=[8, 12])),
    "a size of 0": ("shape", lambda c: c.with_input(1, data=[0, 11])),
    "a negative size": ("shape", lambda c: c.with_input(1, data=[-8, 11])),
    "input of rank 3": ("shape", lambda c: c.with_input(0, shape=[5, 7, 3])),
    "output of rank 3": ("shape", lambda c: c.with_output(shape=[8, 11, 3])),
    "other batches": ("shape", lambda c: c.with_output(shape=[2, 8, 11, 3])),
    "other channels": ("shape", lambda c: c.with_output(shape=[1, 8, 11, 4])),
    "empty input": ("shape", lambda c: c.with_input(0, shape=[1, 0, 7, 3])),
    "one input": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions", options={})),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_resizes_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(nearest()), status)
