"""RESIZE_BILINEAR equals TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.ops.test_resize_nearest_neighbor import FLAGS, REFUSED, SIZES, resize
from tests.support.engine import Engine, assert_equal_to_tflm, oracle
from tests.support.layers import Layer, assert_refused, compare

ONE_FLAG = ["plain", "corners", "centers"]


def bilinear(
    dtype: str = "int8",
    sizes: tuple[Sequence[int], Sequence[int]] = SIZES["odd ratios"],
    flags: str = "plain",
) -> Layer:
    return resize("RESIZE_BILINEAR", dtype, sizes, FLAGS[flags])


@pytest.mark.parametrize("flags", ONE_FLAG)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_every_size_equals_tflm(dtype: str, sizes: str, flags: str) -> None:
    compare(bilinear(dtype, SIZES[sizes], flags), 1)


def positions(flags: str, old: int, new: int) -> list[int]:
    """Return where int8 outputs lie, in 1024ths of an input pixel, as TFLM computes it."""
    less = int(flags == "corners" and new > 1)
    scale = (1024 * (old - less) + (new - less) // 2) // (new - less)
    return [i * scale + (scale // 2 - 512 if flags == "centers" else 0) for i in range(new)]


@pytest.mark.parametrize("flags", ONE_FLAG)
@pytest.mark.parametrize("old", [1, 2, 3, 9, 40])
def test_every_ratio_equals_tflm_unless_that_reads_past_the_input(old: int, flags: str) -> None:
    rng = np.random.default_rng(old)
    for new in [*range(1, 50), *rng.integers(50, 400, 60).tolist(), 97, 2048]:
        column = rng.integers(-128, 128, (1, old, 1, 1)).astype(np.int8)
        layer = bilinear("int8", (column.shape, (new, 1)), flags)
        if positions(flags, old, new)[-1] // 1024 < old:
            assert_equal_to_tflm(layer.to_bytes(), [[column]])
        else:
            assert_refused(layer, "shape")


@pytest.mark.parametrize("flags", ONE_FLAG)
@pytest.mark.parametrize("seed", range(10, 20))
def test_random_sizes_of_floats_equal_tflm(seed: int, flags: str) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 40, 4).tolist()
    compare(bilinear("float32", ((1, *sizes[:2], 2), sizes[2:]), flags), seed)


@pytest.mark.parametrize(
    ("old", "new", "flags"),
    [(1, 55, "plain"), (2, 65, "plain"), (3, 97, "plain"), (1, 2048, "centers")],
)
def test_int8_is_refused_where_tflm_reads_past_the_input(old: int, new: int, flags: str) -> None:
    assert_refused(bilinear("int8", ((1, old, 2, 1), (new, 2)), flags), "shape")
    assert_refused(bilinear("int8", ((1, 2, old, 1), (2, new)), flags), "shape")
    compare(bilinear("float32", ((1, 2, old, 1), (2, new)), flags), 3)


def test_a_mean_of_negative_zeros_is_a_positive_one_as_in_tflm() -> None:
    layer = bilinear("float32")
    frame = [np.full(layer.inputs[0].shape, -0.0, np.float32)]
    tflm = oracle()
    tflm.open(layer.to_bytes())
    for [zeros] in (tflm.run(frame), Engine(layer.to_bytes()).run(frame)):
        assert not zeros.any()
        assert not np.signbit(zeros).any()


def test_quantization_is_ignored_as_in_tflm() -> None:
    compare(bilinear().with_input(0, scale=None).with_output(scale=0.9), 4)


def test_absent_options_are_no_flags() -> None:
    compare(replace(bilinear(), table=None), 5)


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_resizes_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(bilinear()), status)


def test_both_flags_together_are_refused_as_by_tflm() -> None:
    assert_refused(bilinear(flags="both"), "param")


def test_int16_is_refused_as_by_tflm() -> None:
    assert_refused(bilinear("int16"), "type")
