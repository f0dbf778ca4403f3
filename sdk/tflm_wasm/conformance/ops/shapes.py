"""Ops that give the same elements another shape, or make elements of a shape."""

from __future__ import annotations

from math import prod

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import Space
from tflm_wasm.conformance._writer import Model, Tensor, op_model

_ANY = "float32 int8 int16 int32 int64 uint8 bool"


def _refactored(d: Space, name: str, elements: int) -> list[int]:
    """Return a shape of so many elements."""
    shape = []
    for i in range(d.whole(f"{name}.rank", 0, 4)):
        factors = [n for n in range(1, elements + 1) if elements % n == 0]
        shape.append(d.pick(f"{name}.{i}", factors))
        elements //= shape[-1]
    return [*shape, elements] if elements > 1 or not shape else shape


@generates("RESHAPE", _ANY)
def reshape(d: Space, op: str, kind: str) -> Model:
    """The shape as options, as an input, as both, or as neither; -1 for what is left."""
    shape = d.shape("x", 0, 5)
    new = _refactored(d, "y", prod(shape))
    written = list(new)
    if new and d.one_in("stretch", 5):
        written[d.below("stretch.axis", len(new))] = -1
    q = d.quantization("q", kind)
    how = d.below("how", 4)
    x = d.operand("x", Tensor(shape, kind, **q), 16)
    y = Tensor(written if d.one_in("stretch.output", 3) else new, kind, **q)
    size = [d.given("size", np.array(written, np.int32), one_in=8)] if how in (1, 3) else []
    options = ("ReshapeOptions", {"new_shape": written}) if how in (2, 3) else None
    return op_model(op, [x, *size], [y], options)


@generates("SQUEEZE", _ANY)
def squeeze(d: Space, op: str, kind: str) -> Model:
    """Named dimensions, or all of size 1."""
    shape = [1 if d.below(f"one.{i}", 2) else n for i, n in enumerate(d.shape("x", 1, 6))]
    ones = [i for i, n in enumerate(shape) if n == 1]
    named = d.some("named", ones, d.below("named.count", len(ones) + 1))
    gone = set(named) or set(ones)
    dims = [i - len(shape) if d.one_in(f"negative.{i}", 3) else i for i in named]
    if d.one_in("bad", 30):
        dims.append(d.pick("bad.which", (len(shape), -len(shape) - 1)))
    q = d.quantization("q", kind)
    y = Tensor([n for i, n in enumerate(shape) if i not in gone], kind, **q)
    return op_model(op, [Tensor(shape, kind, **q)], [y], ("SqueezeOptions", {"squeeze_dims": dims}))


@generates("EXPAND_DIMS", "float32 int8 int16")
def expand_dims(d: Space, op: str, kind: str) -> Model:
    """At any place, counted from either end."""
    shape = d.shape("x", 0, 5)
    axis = d.axis("axis", len(shape) + 1)
    place = axis + len(shape) + 1 if axis < 0 else axis
    q = d.quantization("q", kind)
    y = Tensor([*shape[: max(0, place)], 1, *shape[max(0, place) :]], kind, **q)
    index = np.array(axis, np.int32).reshape([1] if d.below("vector", 2) else [])
    inputs = [Tensor(shape, kind, **q), d.given("axis.tensor", index, one_in=12)]
    return op_model(op, inputs, [y], ("ExpandDimsOptions", {}))


@generates("TRANSPOSE", "float32 int8 int16")
def transpose(d: Space, op: str, kind: str) -> Model:
    """Every permutation; some that are none."""
    shape = d.shape("x", 0 if d.one_in("scalar", 20) else 1, 6 if d.one_in("deep", 20) else 5)
    perm = d.some("perm", range(len(shape)), len(shape))
    y = [shape[i] for i in perm]
    if perm and d.one_in("bad", 20):
        perm[0] = d.pick("bad.which", (perm[-1], len(shape), -1, -len(shape)))
    q = d.quantization("q", kind)
    inputs = [
        d.operand("x", Tensor(shape, kind, **q), 16),
        d.given("perm.tensor", np.array(perm, np.int32), one_in=16),
    ]
    return op_model(op, inputs, [Tensor(y, kind, **q)], ("TransposeOptions", {}))


@generates("SHAPE", _ANY)
def shape_of(d: Space, op: str, kind: str) -> Model:
    """The shape of a constant or of an input."""
    shape = d.shape("x", 1, 6)
    x = d.operand("x", d.tensor("x", shape, kind))
    return op_model(op, [x], [Tensor([len(shape)], "int32")], ("ShapeOptions", {"out_type": 2}))


@generates("FILL", "float32 int8 int32")
def fill(d: Space, op: str, kind: str) -> Model:
    """Dimensions of each integer type; the value constant or computed."""
    shape = d.shape("y", 0 if d.one_in("scalar", 8) else 1, 6)
    q = d.quantization("q", kind)
    dims = np.array(shape, d.pick("dims.type", ("int32", "int64", "int16", "int8")))
    value = d.operand("value", Tensor([], kind, **q), 2)
    inputs = [d.given("dims", dims, one_in=20), value]
    return op_model(op, inputs, [Tensor(shape, kind, **q)], ("FillOptions", {}))


@generates("ZEROS_LIKE", "float32 int8 int32 int64")
def zeros_like(d: Space, op: str, kind: str) -> Model:
    """Zeros, whatever the zero point."""
    x = d.tensor("x", d.shape("x", 0, 6), kind)
    y = Tensor(x.shape, kind, scale=x.scale, zero_point=x.zero_point)
    return op_model(op, [x], [y], ("ZerosLikeOptions", {}))


@generates("BROADCAST_TO", _ANY)
def broadcast_to(d: Space, op: str, kind: str) -> Model:
    """Shapes in int32 and int64, constant."""
    shape = d.shape("y", 1, 6 if d.one_in("deep", 12) else 5)
    x = [1 if d.below(f"one.{i}", 2) else n for i, n in enumerate(shape)]
    x = x[d.below("fewer", len(x) + 1) :]
    q = d.quantization("q", kind)
    size = np.array(shape, d.pick("size.type", ("int32", "int64")))
    inputs = [d.operand("x", Tensor(x, kind, **q), 10), d.given("size", size, one_in=16)]
    return op_model(op, inputs, [Tensor(shape, kind, **q)], ("BroadcastToOptions", {}))


@generates("BROADCAST_ARGS", "int32 int64")
def broadcast_args(d: Space, op: str, kind: str) -> Model:
    """Two shapes that broadcast, now and then two that don't."""
    shape = d.shape("y", 0, 6)
    parts = []
    for name in "ab":
        part = [1 if d.one_in(f"{name}.one.{i}", 3) else n for i, n in enumerate(shape)]
        part = part[d.below(f"{name}.fewer", len(part) + 1) if d.below(f"{name}.short", 2) else 0 :]
        if part and d.one_in(f"{name}.bad", 16):
            part[0] += 2
        parts.append(d.given(name, np.array(part, kind), one_in=2))
    rank = max(len(part.data if part.data is not None else []) or part.shape[0] for part in parts)
    return op_model(op, parts, [Tensor([rank], kind)])
