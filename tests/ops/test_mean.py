"""MEAN equals TFLM bit for bit, and refuses what does not fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused, compare, frames
from tests.support.models import Tensor
from tflm_wasm import _abi

# input shape, axes
CASES: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    "height and width": ((2, 5, 6, 3), (1, 2)),
    "width and height": ((2, 5, 6, 3), (2, 1)),
    "height and width from the end": ((2, 5, 6, 3), (-3, -2)),
    "channels": ((2, 3, 4, 7), (3,)),
    "batch": ((5, 3, 4, 2), (0,)),
    "height": ((2, 5, 3, 4), (1,)),
    "every other dimension": ((3, 4, 5, 6), (0, 2)),
    "the other every other": ((3, 4, 5, 6), (1, 3)),
    "all but the last": ((3, 4, 5, 6), (0, 1, 2)),
    "everything": ((3, 4, 5, 2), (0, 1, 2, 3)),
    "an axis twice": ((2, 5, 6, 3), (1, 1)),
    "an axis twice, once from the end": ((2, 5, 3), (2, 0, -1)),
    "rank 1": ((17,), (0,)),
    "rank 2": ((6, 33), (-1,)),
    "rank 3": ((4, 9, 5), (1,)),
    "rank 3, first and last": ((4, 9, 5), (0, 2)),
    "rank 5": ((2, 3, 4, 2, 3), (1, 3)),
    "rank 6": ((2, 1, 3, 2, 2, 3), (0, 2, 5)),
    "sizes of 1": ((1, 1, 4, 1), (1, 3)),
    "one element": ((1, 1, 1, 1), (1, 2)),
    "a power of two": ((1, 8, 8, 4), (1, 2)),
    "many": ((1, 31, 33, 2), (1, 2)),
}
DTYPES = ["int8", "int16", "float32"]


def reduced(shape: Sequence[int], axes: Sequence[int], *, keep: bool) -> list[int]:
    """Return the shape that is left."""
    gone = {axis % len(shape) for axis in axes}
    if keep:
        return [1 if i in gone else size for i, size in enumerate(shape)]
    return [size for i, size in enumerate(shape) if i not in gone]


def mean(
    dtype: str = "int8",
    case: str = "height and width",
    *,
    keep: bool = False,
    scales: tuple[float, float] = (0.05, 0.03),
    zero_points: tuple[int, int] = (11, -20),
) -> Layer:
    shape, axes = CASES[case]
    return Layer(
        "MEAN",
        [
            activations(shape, dtype, scales[0], zero_points[0]),
            Tensor([len(axes)], "int32", list(axes)),
        ],
        activations(reduced(shape, axes, keep=keep), dtype, scales[1], zero_points[1]),
        "ReducerOptions",
        {"keep_dims": keep},
    )


@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "kept"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_choice_of_axes_equals_tflm(dtype: str, case: str, keep: bool) -> None:  # noqa: FBT001
    compare(mean(dtype, case, keep=keep), 1)


@pytest.mark.parametrize("zero_points", [(-128, 127), (127, -128), (-128, -128), (0, 0)])
@pytest.mark.parametrize("ratio", [1e-9, 1e-3, 1 / 3, 1.0, 7.7, 1e4, 2.0**29])
def test_extreme_scales_and_zero_points_of_int8_equal_tflm(
    ratio: float, zero_points: tuple[int, int]
) -> None:
    compare(mean("int8", "many", scales=(0.01 * ratio, 0.01), zero_points=zero_points), 2)


@pytest.mark.parametrize("zero_points", [(-32768, 32767), (32767, -32768), (0, 0)])
@pytest.mark.parametrize("ratio", [1e-9, 1e-3, 1.0, 7.7, 1e4])
def test_extreme_scales_and_zero_points_of_int16_equal_tflm(
    ratio: float, zero_points: tuple[int, int]
) -> None:
    compare(mean("int16", "many", scales=(0.01 * ratio, 0.01), zero_points=zero_points), 3)


@pytest.mark.parametrize("seed", range(10, 40))
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_random_scales_round_as_in_tflm(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = np.exp(rng.uniform(-6, -3, 2)).tolist()
    case = list(CASES)[seed % len(CASES)]
    compare(mean(dtype, case, scales=(first, second), zero_points=(0, 0)), seed)


def test_a_scalar_names_one_axis() -> None:
    layer = mean(case="channels")
    compare(layer.with_input(1, shape=[]), 4)


@pytest.mark.parametrize("axes", [(), (0,), (-1,), (5, -7)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_scalar_stays_whatever_the_axes_as_in_tflm(dtype: str, axes: Sequence[int]) -> None:
    layer = mean(dtype).with_input(0, shape=[]).with_output(shape=[])
    compare(layer.with_input(1, shape=[len(axes)], data=axes), 5)


@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "kept"])
@pytest.mark.parametrize("case", ["height and width from the end", "an axis twice", "rank 5"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_axes_that_are_computed_equal_tflm(dtype: str, case: str, keep: bool) -> None:  # noqa: FBT001
    layer = mean(dtype, case, keep=keep)
    axes = np.asarray(layer.inputs[1].data, np.int32)
    values = frames(np.random.default_rng(6), layer.inputs[0])
    model = layer.with_input(1, data=None).to_bytes()
    assert_equal_to_tflm(model, [[*frame, axes] for frame in values])


@pytest.mark.parametrize("axes", [(1, 4), (-5, 2), (2**31 - 1, 2), (0, 1), (1, 1)], ids=str)
def test_computed_axes_that_do_not_fit_are_an_error_at_run_time(axes: Sequence[int]) -> None:
    layer = mean().with_input(1, data=None)
    engine = Engine(layer.to_bytes())
    values = np.zeros(layer.inputs[0].shape, np.int8)
    engine.run([values, np.asarray([2, 1], np.int32)])
    with pytest.raises(EngineError) as caught:
        engine.run([values, np.asarray(axes, np.int32)])
    assert caught.value.status is _abi.Status.RUNTIME


REFUSED: Refusals = {
    "int32": ("type", lambda c: c.with_input(0, dtype="int32").with_output(dtype="int32")),
    "types differ": ("type", lambda c: c.with_output(dtype="int16")),
    "axes of int64": ("type", lambda c: c.with_input(1, dtype="int64")),
    "axis 4 of rank 4": ("param", lambda c: c.with_input(1, data=[1, 4])),
    "axis -5 of rank 4": ("param", lambda c: c.with_input(1, data=[1, -5])),
    "axis 2^31 - 1": ("param", lambda c: c.with_input(1, data=[2**31 - 1, 1])),
    "axis -2^31": ("param", lambda c: c.with_input(1, data=[-(2**31), 1])),
    "output of other size": ("shape", lambda c: c.with_output(shape=[2, 4])),
    "output of more dimensions": ("shape", lambda c: c.with_output(shape=[2, 3, 1])),
    "output of fewer dimensions": ("shape", lambda c: c.with_output(shape=[6])),
    "dimensions dropped that keep_dims keeps": ("shape", lambda c: c.with_options(keep_dims=True)),
    "empty input": ("shape", lambda c: c.with_input(0, shape=[2, 0, 6, 3])),
    "input not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "scales of ratio over 2^30": ("param", lambda c: c.with_output(scale=1e-12)),
    "zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
    "no axes": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions", options={})),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_means_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(mean()), status)
