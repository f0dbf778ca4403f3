"""Ops that copy whole elements: padding, joining, taking apart, turning around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import QUANTIZED, Space
from tflm_wasm.conformance._writer import Model, Tensor, op_model


def _quantization(d: Space, kind: str) -> dict[str, Any]:
    """Return one quantization for all tensors, rarely none where there could be one."""
    if kind in QUANTIZED and d.one_in("unquantized", 8):
        return {}
    return d.quantization("q", kind)


@generates("PAD PADV2", "float32 int8 int16 int32")
def pad(d: Space, op: str, kind: str) -> Model:
    """Paddings on every side, rarely negative; the value constant, computed or, for PAD, none."""
    shape = d.shape("x", 1, 5 if d.one_in("deep", 6) else 4)
    paddings = np.array([[d.below(f"{i}.{side}", 4) for side in "ab"] for i in range(len(shape))])
    if d.one_in("negative", 20):
        paddings[0, 0] = -1
    q = _quantization(d, kind)
    y = [n + int(paddings[i].sum()) for i, n in enumerate(shape)]
    dtype = "int64" if d.one_in("int64", 24) else "int32"
    inputs = [Tensor(shape, kind, **q), d.given("paddings", paddings.astype(dtype), one_in=24)]
    if op == "PADV2" or d.one_in("value", 8):
        value = Tensor([1] if d.below("vector", 2) else [], kind, **q)
        inputs.append(d.operand("value", value, 2))
    table = "PadOptions" if op == "PAD" else "PadV2Options"
    return op_model(op, inputs, [Tensor(y, kind, **q)], (table, {}))


@generates("MIRROR_PAD", "float32 int8")
def mirror_pad(d: Space, op: str, kind: str) -> Model:
    """Both modes, up to the whole of each side; int32 and int64 paddings, also computed."""
    mode = d.below("mode", 2)  # REFLECT leaves out the edge, SYMMETRIC repeats it
    shape = d.shape("x", 1, 5)
    rows = [[d.below(f"{i}.{side}", n + mode) for side in "ab"] for i, n in enumerate(shape)]
    if d.one_in("too_much", 30):
        rows[0][0] += shape[0] + 1
    paddings = np.array(rows, d.pick("paddings.type", ("int32", "int64")))
    q = _quantization(d, kind)
    y = [n + int(paddings[i].sum()) for i, n in enumerate(shape)]
    inputs = [Tensor(shape, kind, **q), d.given("paddings", paddings, one_in=4)]
    return op_model(op, inputs, [Tensor(y, kind, **q)], ("MirrorPadOptions", {"mode": mode}))


@generates("CONCATENATION", "float32 int8 int16 int32 int64 bool")
def concatenation(d: Space, op: str, kind: str) -> Model:
    """One to ten tensors, rarely more, some of them constants."""
    shape = d.shape("x", 1, 5)
    count = 11 if d.one_in("many", 20) else d.whole("count", 1, 6 if d.below("few", 5) else 10)
    axis = d.axis("axis", len(shape))
    place = axis % len(shape)
    q = _quantization(d, kind)
    inputs = []
    for i in range(count):
        part = [d.size(f"part.{i}", 5) if j == place else n for j, n in enumerate(shape)]
        inputs.append(d.operand(f"x{i}", Tensor(part, kind, **q), 5))
    y = [
        sum(list(one.shape)[place] for one in inputs) if j == place else n
        for j, n in enumerate(shape)
    ]
    activation = d.pick("activation", (1, 3)) if d.one_in("fused", 30) else 0
    options = {"axis": axis, "fused_activation_function": activation}
    output = Tensor(y, kind, **q)
    if kind == "int16" and d.one_in("rescaled", 6):
        output = replace(output, scale=d.scale("y.scale"))
    return op_model(op, inputs, [output], ("ConcatenationOptions", options))


@generates("PACK", "float32 int8 int16 int32 int64")
def pack(d: Space, op: str, kind: str) -> Model:
    """Along any axis of the result."""
    shape = d.shape("x", 0, 5)
    count = d.whole("count", 1, 6)
    axis = d.axis("axis", len(shape) + 1)
    place = axis % (len(shape) + 1)
    q = _quantization(d, kind)
    inputs = [d.operand(f"x{i}", Tensor(shape, kind, **q), 5) for i in range(count)]
    y = Tensor([*shape[:place], count, *shape[place:]], kind, **q)
    return op_model(op, inputs, [y], ("PackOptions", {"values_count": count, "axis": axis}))


@generates("UNPACK", "float32 int8 int16 int32")
def unpack(d: Space, op: str, kind: str) -> Model:
    """Along any axis."""
    shape = d.shape("x", 1, 5)
    axis = d.axis("axis", len(shape))
    place = axis % len(shape)
    shape[place] = min(shape[place], 8)
    q = _quantization(d, kind)
    part = Tensor(shape[:place] + shape[place + 1 :], kind, **q)
    outputs = [replace(part) for _ in range(shape[place])]
    options = ("UnpackOptions", {"num": len(outputs), "axis": axis})
    return op_model(op, [Tensor(shape, kind, **q)], outputs, options)


def _parts(
    shape: Sequence[int], place: int, sizes: Sequence[int], kind: str, q: dict[str, Any]
) -> list[Tensor]:
    return [Tensor([*shape[:place], n, *shape[place + 1 :]], kind, **q) for n in sizes]


@generates("SPLIT", "float32 int8 int16 int32")
def split(d: Space, op: str, kind: str) -> Model:
    """Equal parts."""
    shape = d.shape("x", 1, 5)
    axis = d.axis("axis", len(shape))
    place = axis % len(shape)
    count = d.whole("count", 1, 5)
    part = d.size("part", 4)
    shape[place] = part * count
    q = _quantization(d, kind)
    index = np.array(axis, np.int32).reshape([1] if d.below("vector", 2) else [])
    inputs = [d.given("axis.tensor", index, one_in=20), Tensor(shape, kind, **q)]
    outputs = _parts(shape, place, [part] * count, kind, q)
    return op_model(op, inputs, outputs, ("SplitOptions", {"num_splits": count}))


@generates("SPLIT_V", "float32 int8 int16 int32")
def split_v(d: Space, op: str, kind: str) -> Model:
    """Parts of any sizes, one of which may be -1; TFLM takes the sizes from the outputs."""
    shape = d.shape("x", 1, 5)
    axis = d.axis("axis", len(shape))
    place = axis % len(shape)
    sizes = [d.size(f"part.{i}", 4) for i in range(d.whole("count", 1, 5))]
    shape[place] = sum(sizes)
    written = list(sizes)
    if d.one_in("rest", 4):
        written[d.below("rest.which", len(sizes))] = -1
    q = _quantization(d, kind)
    inputs = [
        Tensor(shape, kind, **q),
        d.given("sizes", np.array(written, np.int32), one_in=5),
        d.given("axis.tensor", np.array(axis, np.int32), one_in=20),
    ]
    outputs = _parts(shape, place, sizes, kind, q)
    return op_model(op, inputs, outputs, ("SplitVOptions", {"num_splits": len(sizes)}))


@generates("REVERSE_V2", "float32 int8 uint8 int16 int32 int64 bool")
def reverse(d: Space, op: str, kind: str) -> Model:
    """One axis or several side by side, in any order, constant or computed."""
    shape = d.shape("x", 1, 6 if d.one_in("deep", 8) else 5)
    first = d.below("first", len(shape))
    several = d.below("several", 3) == 2
    count = d.whole("count", 1, len(shape) - first) if several else 1
    axes = d.some("axes", range(first, first + count), count)
    if d.one_in("apart", 12):
        axes.append(d.below("apart.which", len(shape)))
    axes = [i - len(shape) if d.one_in(f"negative.{i}", 4) else i for i in axes]
    if d.one_in("bad", 30):
        axes[0] = d.pick("bad.which", (len(shape), -len(shape) - 1))
    q = _quantization(d, kind)
    inputs = [Tensor(shape, kind, **q), d.given("axis", np.array(axes, np.int32))]
    return op_model(op, inputs, [Tensor(shape, kind, **q)], ("ReverseV2Options", {}))
