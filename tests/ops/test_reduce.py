"""SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_ALL, ARG_MAX and ARG_MIN equal TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.ops.test_mean import CASES, mean, reduced
from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, assert_refused, compare
from tests.support.models import Tensor
from tests.support.moves import random_bits
from tflm_wasm import _abi

DTYPES = {
    "SUM": ["int8", "int16", "float32"],
    "REDUCE_MAX": ["int8", "float32"],
    "REDUCE_MIN": ["int8", "float32"],
}
OPS = [(op, dtype) for op, dtypes in DTYPES.items() for dtype in dtypes]


def reduction(op: str, dtype: str, case: str, *, keep: bool = False, **more: object) -> Layer:
    """Return a layer; all but SUM keep the scale."""
    made = replace(mean(dtype, case, keep=keep, **more), code=op)  # type: ignore[arg-type]
    if op == "SUM" or dtype == "float32":
        return made
    scale, zero_point = made.inputs[0].scale, made.inputs[0].zero_point
    return made.with_output(scale=scale, zero_point=zero_point)


@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "kept"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("op", "dtype"), OPS)
def test_every_choice_of_axes_equals_tflm(op: str, dtype: str, case: str, keep: bool) -> None:  # noqa: FBT001
    compare(reduction(op, dtype, case, keep=keep), 1)


@pytest.mark.parametrize("seed", range(10, 34))
def test_sums_at_random_scales_round_as_in_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = float(np.exp(rng.uniform(-6, -3)))
    dtype, case = ["int8", "int16"][seed % 2], list(CASES)[seed % len(CASES)]
    points = (int(rng.integers(-128, 128)), int(rng.integers(-128, 128)))
    scales = (first, first * float(np.exp(rng.uniform(-1, 5))))
    compare(reduction("SUM", dtype, case, scales=scales, zero_points=points), seed)


@pytest.mark.parametrize("op", ["REDUCE_MAX", "REDUCE_MIN"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, -0.0])
def test_rows_of_odd_floats_equal_tflm(op: str, value: float) -> None:
    made = reduction(op, "float32", "rank 2")
    same = np.full((6, 33), value, np.float32)
    mixed = same.copy()
    mixed[:, 5] = 1.0
    assert_equal_to_tflm(made.to_bytes(), [[same], [mixed]])


def every(case: str, *, keep: bool = False) -> Layer:
    """Return a REDUCE_ALL."""
    shape, axes = CASES[case]
    out = Tensor(reduced(shape, axes, keep=keep), "bool")
    inputs = [Tensor(shape, "bool"), Tensor([len(axes)], "int32", list(axes))]
    return Layer("REDUCE_ALL", inputs, out, "ReducerOptions", {"keep_dims": keep})


@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "kept"])
@pytest.mark.parametrize("case", CASES)
def test_every_reduce_all_equals_tflm(case: str, keep: bool) -> None:  # noqa: FBT001
    made = every(case, keep=keep)
    rng = np.random.default_rng(2)
    ones = np.ones(made.inputs[0].shape, bool)
    frames = [[ones], [~ones], [random_bits(rng, made.inputs[0])], [rng.random(ones.shape) < 0.9]]
    assert_equal_to_tflm(made.to_bytes(), frames)


ARG_CASES: dict[str, tuple[Sequence[int], int]] = {
    "rank 1": ((9,), 0),
    "rank 2": ((4, 11), -1),
    "rank 2, first": ((5, 6), 0),
    "middle": ((3, 7, 4), 1),
    "last of 4": ((2, 3, 4, 12), 3),
    "second of 4 from the end": ((2, 5, 3, 4), -3),
    "of one": ((3, 1, 2), 1),
}


def arg(op: str, dtype: str, case: str = "middle") -> Layer:
    shape, axis = ARG_CASES[case]
    out = Tensor(reduced(shape, [axis], keep=False), "int32")
    scale = None if dtype == "float32" else 0.5
    inputs = [Tensor(shape, dtype, scale=scale), Tensor([1], "int32", [axis])]
    table = {"ARG_MAX": "ArgMaxOptions", "ARG_MIN": "ArgMinOptions"}[op]
    return Layer(op, inputs, out, table, {"output_type": 2})


@pytest.mark.parametrize("case", ARG_CASES)
@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("op", ["ARG_MAX", "ARG_MIN"])
def test_every_place_equals_tflm(op: str, dtype: str, case: str) -> None:
    made = arg(op, dtype, case)
    compare(made, 1)
    few = np.random.default_rng(3).integers(-2, 3, made.inputs[0].shape).astype(dtype)
    assert_equal_to_tflm(made.to_bytes(), [[few]])


@pytest.mark.parametrize("op", ["ARG_MAX", "ARG_MIN"])
def test_the_place_among_nans_and_infinities_equals_tflm(op: str) -> None:
    rng = np.random.default_rng(4)
    made = arg(op, "float32", "rank 2")
    odd = np.asarray([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], np.float32)
    assert_equal_to_tflm(made.to_bytes(), [[rng.choice(odd, (4, 11))] for _ in range(20)])


MADE = {
    "SUM": lambda: reduction("SUM", "int8", "height and width"),
    "REDUCE_MAX": lambda: reduction("REDUCE_MAX", "int8", "height and width"),
    "REDUCE_ALL": lambda: every("height and width"),
    "ARG_MAX": lambda: arg("ARG_MAX", "int8", "second of 4 from the end"),
}


@pytest.mark.parametrize("op", MADE)
def test_axes_that_are_computed_equal_tflm(op: str) -> None:
    made = MADE[op]()
    axes = np.asarray(made.inputs[1].data, np.int32)
    rng = np.random.default_rng(5)
    frames = [[random_bits(rng, made.inputs[0]), order] for order in (axes, axes[::-1])]
    assert_equal_to_tflm(made.with_input(1, data=None).to_bytes(), frames)


@pytest.mark.parametrize("op", MADE)
@pytest.mark.parametrize("axis", [4, -5, 3, -(2**31)])
def test_computed_axes_that_do_not_fit_are_an_error_at_run_time(op: str, axis: int) -> None:
    made = MADE[op]().with_input(1, data=None)
    values = random_bits(np.random.default_rng(6), made.inputs[0])
    axes = np.full(made.inputs[1].shape, axis, np.int32)
    with pytest.raises(EngineError) as caught:
        Engine(made.to_bytes()).run([values, axes])
    assert caught.value.status is _abi.Status.RUNTIME


def test_a_scalar_stays_whatever_the_axes_as_in_tflm() -> None:
    for op, dtype in [*OPS, ("REDUCE_ALL", "bool")]:
        made = every("rank 1") if op == "REDUCE_ALL" else reduction(op, dtype, "rank 1")
        scalar = made.with_input(0, shape=[]).with_output(shape=[])
        frame = [random_bits(np.random.default_rng(7), scalar.inputs[0])]
        for axis in (0, -1, 5):
            assert_equal_to_tflm(scalar.with_input(1, data=[axis]).to_bytes(), [frame])


def test_a_place_in_a_scalar_is_refused() -> None:
    made = arg("ARG_MAX", "int8").with_input(0, shape=[]).with_input(1, data=[0])
    assert_refused(made.with_output(shape=[]), "shape")


@pytest.mark.parametrize("op", ["REDUCE_MAX", "REDUCE_MIN"])
def test_extremes_of_int8_need_no_quantization(op: str) -> None:
    made = reduction(op, "int8", "channels")
    compare(made.with_input(0, scale=None).with_output(scale=None), 8)
    assert_refused(made.with_output(scale=None), "param")
    assert_refused(made.with_input(0, scale=np.nan).with_output(scale=np.nan), "param")


AXES: Refusals = {
    "axes of int64": ("type", lambda c: c.with_input(1, dtype="int64")),
    "axis 9": ("param", lambda c: c.with_input(1, data=[9] * c.inputs[1].shape[0])),
    "axis -2^31": ("param", lambda c: c.with_input(1, data=[-(2**31)] * c.inputs[1].shape[0])),
    "output too large": ("shape", lambda c: c.with_output(shape=[2, 4])),
    "output of more dimensions": ("shape", lambda c: c.with_output(shape=[2, 3, 1])),
    "empty input": ("shape", lambda c: c.with_input(0, shape=[2, 0, 6, 3])),
    "types that differ": ("type", lambda c: c.with_output(dtype="int64")),
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8")),
    "no axes": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions", options={})),
}


@pytest.mark.parametrize("change", AXES)
@pytest.mark.parametrize("op", MADE)
def test_malformed_reductions_are_refused(op: str, change: str) -> None:
    status, apply = AXES[change]
    assert_refused(apply(MADE[op]()), status)


def test_a_largest_value_of_another_scale_is_refused() -> None:
    made = reduction("REDUCE_MAX", "int8", "channels")
    assert_refused(made.with_output(scale=0.9), "param")
    assert_refused(made.with_output(zero_point=99), "param")
    assert_refused(reduction("REDUCE_MIN", "int16", "channels"), "type")
