"""Ops along axes: sums, means, extremes, their places, running sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import QUANTIZED, Space, scale_of
from tflm_wasm.conformance._writer import Model, Tensor, op_model


def _axes(d: Space, rank: int) -> list[int]:
    """Return the axes to reduce: some or all, negative, twice, and rarely out of range."""
    some = d.some("axes", range(rank), d.whole("axes.count", 0 if d.one_in("none", 8) else 1, rank))
    axes = [i - rank if d.one_in(f"axes.negative.{i}", 3) else i for i in some]
    if axes and d.one_in("axes.twice", 10):
        axes.append(axes[0])
    if d.one_in("axes.bad", 40):
        axes.append(d.pick("axes.which", (rank, -rank - 1)))
    return axes


def _reduced(shape: Sequence[int], axes: Sequence[int], *, keep: bool) -> list[int]:
    rank = len(shape)
    gone = {axis % rank for axis in axes if -rank <= axis < rank}
    return [1 if i in gone else n for i, n in enumerate(shape) if keep or i not in gone]


@generates("MEAN SUM", "float32 int8 int16")
@generates("REDUCE_MAX REDUCE_MIN", "float32 int8")
@generates("REDUCE_ALL", "bool")
def reduction(d: Space, op: str, kind: str) -> Model:
    """Any axes in any order, a scalar for one axis, kept dimensions."""
    shape = d.shape("x", 1, 6 if d.one_in("deep", 6) else 4)
    axes = _axes(d, len(shape))
    keep = bool(d.below("keep", 2))
    x = d.tensor("x", shape, kind)
    y = Tensor(_reduced(shape, axes, keep=keep), kind, scale=x.scale, zero_point=x.zero_point)
    if kind in QUANTIZED and op in ("MEAN", "SUM") and d.below("y.rescaled", 3):
        y = d.tensor("y", y.shape, kind, scale=d.near("y.near", scale_of(x)))
    scalar = len(axes) == 1 and d.one_in("scalar", 3)
    axis = d.given("axis", np.array(axes[0] if scalar else axes, np.int32), one_in=8)
    return op_model(op, [x, axis], [y], ("ReducerOptions", {"keep_dims": keep}))


@generates("ARG_MAX ARG_MIN", "float32 int8")
def place(d: Space, op: str, kind: str) -> Model:
    """Ties are common: values are few."""
    shape = d.shape("x", 1, 5)
    axis = d.axis("axis", len(shape))
    x = d.tensor("x", shape, kind)
    y = Tensor(_reduced(shape, [axis], keep=False), "int32")
    index = d.given("axis.tensor", np.array([axis], np.int32), one_in=10)
    table = "ArgMaxOptions" if op == "ARG_MAX" else "ArgMinOptions"
    return op_model(op, [x, index], [y], (table, {"output_type": 2}))


@generates("CUMSUM", "float32 int8")
def running_sum(d: Space, op: str, kind: str) -> Model:
    """From either end, with and without the element itself."""
    x = d.tensor("x", d.shape("x", 1, 5), kind)
    y = Tensor(x.shape, kind)
    if kind in QUANTIZED:
        y = d.tensor("y", x.shape, kind, scale=d.near("y.near", scale_of(x) * 2))
    axis = np.array(d.axis("axis", len(x.shape)), np.int32)
    options = {"exclusive": bool(d.below("exclusive", 2)), "reverse": bool(d.below("reverse", 2))}
    index = d.given("axis.tensor", axis.reshape([1] if d.below("vector", 2) else []))
    return op_model(op, [x, index], [y], ("CumsumOptions", options))
