"""BATCH_MATMUL equals TFLM bit for bit, transposed or not, whatever the batches that broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused, compare
from tests.support.models import Tensor, random_input
from tflm_wasm._inspect_ops import read_ops

DTYPES = ["int8", "int16", "float32"]
TRANSPOSED = pytest.mark.parametrize(
    "adj", [(False, False), (False, True), (True, False), (True, True)], ids=["", "y", "x", "xy"]
)

# [..., rows, depth] times [..., depth, columns]
SHAPES: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    "numbers": ((1, 1), (1, 1)),
    "a row and a column": ((1, 9), (9, 1)),
    "a column and a row": ((5, 1), (1, 4)),
    "a row and a matrix": ((1, 7), (7, 5)),
    "a matrix and a column": ((6, 7), (7, 1)),
    "matrices": ((4, 9), (9, 6)),
    "larger ones": ((17, 64), (64, 19)),
    "batches": ((3, 4, 5), (3, 5, 2)),
    "one y for all": ((3, 4, 5), (5, 2)),
    "one x for all": ((4, 5), (3, 5, 2)),
    "one y of rank 3 for all": ((3, 4, 5), (1, 5, 2)),
    "y broadcasts inside": ((2, 3, 4, 5), (2, 1, 5, 3)),
    "y broadcasts outside": ((2, 3, 4, 5), (1, 3, 5, 3)),
    "x broadcasts inside": ((2, 1, 4, 5), (2, 3, 5, 3)),
    "both broadcast": ((2, 1, 4, 5), (1, 3, 5, 2)),
    "both broadcast, turned": ((1, 3, 4, 5), (2, 1, 5, 2)),
    "ranks 4 and 3": ((2, 3, 4, 5), (3, 5, 2)),
    "ranks 3 and 4": ((1, 4, 5), (2, 3, 5, 2)),
    "rank 5": ((2, 3, 2, 3, 4), (2, 1, 2, 4, 3)),
    "ranks 5 and 2": ((2, 1, 3, 2, 4), (4, 3)),
    "ranks 2 and 5": ((2, 4), (2, 1, 3, 4, 3)),
    "alternating": ((2, 1, 3, 2, 4), (1, 3, 1, 4, 2)),
}


def turned(shape: Sequence[int], *, adj: bool) -> list[int]:
    """Return a shape with its last two sizes exchanged, if so asked."""
    return [*shape[:-2], *(shape[:-3:-1] if adj else shape[-2:])]


def matmul(
    dtype: str = "int8",
    shapes: tuple[Sequence[int], Sequence[int]] = SHAPES["batches"],
    adj: tuple[bool, bool] = (False, False),
    *,
    scales: Sequence[float] = (0.05, 0.07, 0.4),
    zero_points: Sequence[int] = (0, 0, 0),
) -> Layer:
    x, y = shapes
    out = [*np.broadcast_shapes(tuple(x[:-2]), tuple(y[:-2])), x[-2], y[-1]]
    all_shapes = (turned(x, adj=adj[0]), turned(y, adj=adj[1]), out)
    tensors = [
        activations(shape, dtype, scale * (400 if dtype == "int16" and i == 2 else 1), zero_point)
        for i, (shape, scale, zero_point) in enumerate(
            zip(all_shapes, scales, zero_points, strict=True)
        )
    ]
    options = {"adj_x": adj[0], "adj_y": adj[1]}
    return Layer("BATCH_MATMUL", tensors[:2], tensors[2], "BatchMatMulOptions", options)


@TRANSPOSED
@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_shape_equals_tflm(dtype: str, case: str, adj: tuple[bool, bool]) -> None:
    compare(
        matmul(dtype, SHAPES[case], adj, zero_points=(3, -7, 11) if dtype == "int8" else (0,) * 3),
        1,
    )


@TRANSPOSED
@pytest.mark.parametrize("constant", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constant_input_equals_tflm(dtype: str, constant: int, adj: tuple[bool, bool]) -> None:
    layer = matmul(dtype, SHAPES["y broadcasts inside"], adj)
    data = random_input(np.random.default_rng(2), layer.inputs[constant])
    compare(layer.with_input(constant, data=data), 3)


@pytest.mark.parametrize("seed", range(10, 50))
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_random_scales_and_zero_points_equal_tflm(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.exp(rng.uniform(-7, 0, 2)).tolist()
    points = rng.integers(-128, 128, 3).tolist() if dtype == "int8" else (0, 0, 0)
    gain = float(np.exp(rng.uniform(0, 9)))
    compare(
        matmul(dtype, SHAPES["matrices"], scales=(x, y, x * y * gain), zero_points=points), seed
    )


@pytest.mark.parametrize("ratio", [2.0**29, 1e6, 1.0, 2.0**-20, 2.0**-31, 2.0**-40])
def test_extreme_ratios_of_scales_equal_tflm(ratio: float) -> None:
    compare(matmul(scales=(ratio, 1.0, 1.0), zero_points=(-128, 127, -128)), 4)


@pytest.mark.parametrize("ratio", [2.0**7, 1.0, 2.0**-16, 2.0**-31, 2.0**-40])
def test_extreme_ratios_of_int16_scales_equal_tflm(ratio: float) -> None:
    compare(matmul("int16", scales=(ratio, 1.0, 1 / 400)), 5)


def test_the_product_of_scales_is_not_rounded_to_float() -> None:
    """2 * 3/4 rounds up; a ratio that is 3/4 only once the product is rounded does not."""
    rng = np.random.default_rng(6)
    found = 0
    while found < 8:
        x, y = np.exp(rng.uniform(-6, -2, 2)).astype(np.float32)
        out = np.float32(float(x * y) / 0.75)
        exact, rounded = float(x) * float(y) / float(out), float(x * y) / float(out)
        if min(abs(exact - 0.75), abs(rounded - 0.75)) < 5e-9 or (exact < 0.75) == (rounded < 0.75):
            continue
        found += 1
        layer = matmul(shapes=((1, 1), (1, 1)), scales=(float(x), float(y), float(out)))
        assert_equal_to_tflm(
            layer.to_bytes(), [[np.full((1, 1), 2, np.int8), np.ones((1, 1), np.int8)]]
        )


def test_sums_of_int16_need_more_than_32_bits_and_get_them_as_in_tflm() -> None:
    compare(matmul("int16", ((2, 5000), (5000, 3)), scales=(0.1, 0.1, 1.0)), 7)


def test_sums_of_int8_that_exceed_32_bits_wrap_as_in_tflm() -> None:
    layer = matmul("int8", ((1, 40000), (40000, 2)), scales=(1.0, 1.0, 2.0**24))
    layer = layer.with_input(0, zero_point=127).with_input(1, zero_point=127)
    compare(layer, 8)


def test_ones_in_front_of_the_output_equal_tflm() -> None:
    layer = matmul(shapes=SHAPES["matrices"])
    compare(layer.with_output(shape=[1, 1, *layer.output.shape]), 9)


def test_absent_options_are_no_transposition() -> None:
    compare(replace(matmul(), table=None), 10)


@TRANSPOSED
def test_inspect_counts_a_product_for_each_element_of_depth(adj: tuple[bool, bool]) -> None:
    layer = matmul("int8", ((2, 1, 4, 5), (1, 3, 5, 7)), adj)
    [op] = read_ops(layer.to_bytes())
    assert op.macs == 2 * 3 * 4 * 5 * 7


REFUSED: Refusals = {
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "int32": ("type", lambda c: c.with_input(0, dtype="int32").with_output(dtype="int32")),
    "float times int8": ("type", lambda c: c.with_input(0, dtype="float32")),
    "int8 times int16": ("type", lambda c: c.with_input(1, dtype="int16")),
    "int8 to int32": ("type", lambda c: c.with_output(dtype="int32")),
    "depths that differ": ("shape", lambda c: c.with_input(1, shape=[3, 6, 2])),
    "depths that differ once transposed": ("shape", lambda c: c.with_options(adj_y=True)),
    "a vector": ("shape", lambda c: c.with_input(1, shape=[5])),
    "rank 6": ("shape", lambda c: c.with_input(0, shape=[1, 1, 1, 3, 4, 5])),
    "batches that don't broadcast": ("shape", lambda c: c.with_input(1, shape=[2, 5, 2])),
    "empty": ("shape", lambda c: c.with_input(0, shape=[3, 4, 0]).with_input(1, shape=[3, 0, 2])),
    "no batches": ("shape", lambda c: c.with_input(0, shape=[0, 4, 5])),
    "output of other rows": ("shape", lambda c: c.with_output(shape=[3, 5, 2])),
    "output of other columns": ("shape", lambda c: c.with_output(shape=[3, 4, 3])),
    "output of other batches": ("shape", lambda c: c.with_output(shape=[4, 4, 2])),
    "output of more batches": ("shape", lambda c: c.with_output(shape=[2, 3, 4, 2])),
    "output of fewer dimensions": ("shape", lambda c: c.with_output(shape=[4, 2])),
    "input 0 not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "input 1 not quantized": ("param", lambda c: c.with_input(1, scale=None)),
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "scale NaN": ("param", lambda c: c.with_input(1, scale=np.nan)),
    "scale negative": ("param", lambda c: c.with_output(scale=-1.0)),
    "ratio over 2^30": ("param", lambda c: c.with_output(scale=1e-14)),
    "zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
    "one input": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "three inputs": ("model", lambda c: replace(c, inputs=[*c.inputs, Tensor([1])])),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions", options={})),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_products_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(matmul()), status)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_int16_has_no_zero_points(which: int) -> None:
    points = [0, 0, 0]
    points[which] = 1
    assert_refused(matmul("int16", zero_points=points), "param")


def test_a_ratio_of_int16_scales_of_2_to_the_14_is_refused() -> None:
    assert_refused(matmul("int16", scales=(2.0**14, 1.0, 1 / 400)), "param")
