"""Ops that pick elements by position: slices, gathers, lookups, updates."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import Space
from tflm_wasm.conformance._writer import Array, Model, Tensor, op_model

_FRAMES = 3  # that computed indices differ in


def _wild(d: Space, name: str, array: Array, one_in: int = 25) -> Array:
    """Return indices, one of which is, once in `one_in` times, out of any range."""
    if not array.size or not d.one_in(f"{name}.wild", one_in):
        return array
    flat = array.reshape(-1).copy()
    values = (-1, 127, 1 << 20, 2**31 - 1, -(2**31))
    flat[d.below(f"{name}.wild.at", flat.size)] = d.pick(f"{name}.wild.value", values)
    return flat.reshape(array.shape)


@generates("SLICE", "float32 int8 int16 int32 bool")
def slice_(d: Space, op: str, kind: str) -> Model:
    """Begins and sizes in int32 and int64, -1 for the rest, constant or computed."""
    shape = d.shape("x", 1, 6 if d.one_in("deep", 10) else 5)
    size = [d.whole(f"size.{i}", 1, n) for i, n in enumerate(shape)]
    dtype = d.pick("index", ("int32", "int64"))
    begins = []
    for frame in range(_FRAMES):
        begin = [d.below(f"begin.{frame}.{i}", n - size[i] + 1) for i, n in enumerate(shape)]
        begins.append(_wild(d, f"begin.{frame}", np.array(begin, dtype)))
    starts = d.given("begin", *begins)
    written = np.array(size, dtype)
    if starts.data is not None:
        for i, n in enumerate(shape):
            if int(begins[0][i]) + size[i] == n and d.one_in(f"rest.{i}", 2):
                written[i] = -1
    q = d.quantization("q", kind)
    inputs = [Tensor(shape, kind, **q), starts, d.given("size", _wild(d, "size", written, 40))]
    return op_model(op, inputs, [Tensor(size, kind, **q)], ("SliceOptions", {}))


def _strided(
    d: Space, i: int, size: int, *, masks: dict[str, int]
) -> tuple[int, int, int, int | None]:
    """Return begin, end, stride and the size of the result (None when the axis is gone)."""
    stride = d.pick(f"stride.{i}", (1, 1, 1, 2, 3, -1, -2))
    first, last = (0, size - 1) if stride > 0 else (size - 1, 0)
    begin = d.below(f"begin.{i}", size)
    end = d.whole(f"end.{i}", -1, size)
    if d.one_in(f"far.{i}", 6):  # clamped, where Python clamps
        end = size + 3 if stride > 0 else -size - 4
    if d.one_in(f"shrink.{i}", 5):
        masks["shrink_axis_mask"] |= 1 << i
        return (begin - size if d.below(f"shrunk.{i}", 2) else begin), begin + 1, 1, None
    if d.one_in(f"masked_begin.{i}", 4):
        masks["begin_mask"] |= 1 << i
        start = first
    else:
        start = begin
    if d.one_in(f"masked_end.{i}", 4):
        masks["end_mask"] |= 1 << i
        stop = last + (1 if stride > 0 else -1)
    else:
        stop = min(max(end, -1), size)
    count = max(0, ceil((stop - start) / stride))
    if stop == end and 0 <= end < size and d.one_in(f"negative_end.{i}", 3):
        end -= size
    elif end == -1:  # which means the last element, not the one before the first
        end = -size - 1
    negative = d.one_in(f"negative_begin.{i}", 3)
    return (begin - size if negative else begin), end, stride, count


@generates("STRIDED_SLICE", "float32 int8 int16 int32 bool")
def strided_slice(d: Space, op: str, kind: str) -> Model:
    """Strides of both signs, indices from either end, every mask; also empty results."""
    shape = d.shape("x", 1, 5 if d.one_in("deep", 20) else 4)
    masks = {"begin_mask": 0, "end_mask": 0, "shrink_axis_mask": 0}
    parts = [_strided(d, i, n, masks=masks) for i, n in enumerate(shape)]
    result = [part[3] for part in parts if part[3] is not None]
    if 0 in result and d.below("empty", 4):  # mostly not empty
        parts = [
            part if part[3] != 0 else (0, shape[i], 1, shape[i]) for i, part in enumerate(parts)
        ]
        for i, part in enumerate(parts):
            masks |= {"begin_mask": masks["begin_mask"] & ~(1 << i)} if part[2:] == (1, 0) else {}
        result = [part[3] for part in parts if part[3] is not None]
    for name in ("ellipsis_mask", "new_axis_mask"):
        masks[name] = d.below(f"{name}.bits", 2 ** len(shape)) if d.one_in(name, 30) else 0
    indices = [
        d.given(name, np.array([part[column] for part in parts], np.int32), one_in=40)
        for column, name in enumerate(("begin", "end", "strides"))
    ]
    if d.one_in("offset", 30):
        masks["offset"] = 1
    q = d.quantization("q", kind)
    options = {**masks, "offset": bool(masks.get("offset"))}
    output = Tensor(result, kind, **q)
    return op_model(
        op, [Tensor(shape, kind, **q), *indices], [output], ("StridedSliceOptions", options)
    )


def _indices(d: Space, name: str, shape: Sequence[int], high: int) -> list[Array]:
    """Return indices below `high` for each frame."""
    return [
        _wild(d, f"{name}.{i}", d.numbers(f"{name}.{i}", shape, 0, high - 1, "int32"))
        for i in range(_FRAMES)
    ]


@generates("GATHER", "float32 int8")
def gather(d: Space, op: str, kind: str) -> Model:
    """Any axis, batch dimensions, indices of any rank, constant or computed."""
    shape = d.shape("x", 1, 5)
    axis = d.axis("axis", len(shape))
    place = axis % len(shape)
    batch = d.below("batch", place + 1) if d.one_in("batched", 2) else 0
    more = d.shape("index", 0, 3)
    index = [*shape[:batch], *more]
    y = [*shape[:place], *more, *shape[place + 1 :]]
    negative = len(index) > batch and d.one_in("batch.negative", 6)
    options = {"axis": axis, "batch_dims": batch - len(index) if negative else batch}
    q = d.quantization("q", kind)
    positions = d.given("index", *_indices(d, "index", index, shape[place]), one_in=2)
    inputs = [d.operand("x", Tensor(shape, kind, **q), 8), positions]
    return op_model(op, inputs, [Tensor(y, kind, **q)], ("GatherOptions", options))


@generates("GATHER_ND", "float32 int8")
def gather_nd(d: Space, op: str, kind: str) -> Model:
    """Tuples of up to five indices, whole slices or single elements."""
    shape = d.shape("x", 1, 6 if d.one_in("deep", 10) else 5)
    depth = d.whole("depth", 0 if d.one_in("none", 20) else 1, len(shape))
    outer = d.shape("outer", 0, 2)
    arrays = []
    for frame in range(_FRAMES):
        columns = [
            d.numbers(f"index.{frame}.{i}", outer, 0, shape[i] - 1, "int32") for i in range(depth)
        ]
        array = np.stack(columns, -1) if columns else np.zeros([*outer, 0], np.int32)
        arrays.append(_wild(d, f"index.{frame}", array))
    q = d.quantization("q", kind)
    y = Tensor([*outer, *shape[depth:]], kind, **q)
    inputs = [d.operand("x", Tensor(shape, kind, **q), 8), d.given("index", *arrays, one_in=2)]
    return op_model(op, inputs, [y], ("GatherNdOptions", {}))


@generates("EMBEDDING_LOOKUP", "float32 int8 int8-float32")
def embedding_lookup(d: Space, op: str, kind: str) -> Model:
    """Rows of a table, dequantized where the output is float32."""
    source, _, target = kind.partition("-")
    shape = d.shape("table", 2, 5)
    count = d.size("count", 6)
    zero = {"zero_point": 0} if target and not d.one_in("offset", 12) else {}
    table = d.operand("table", d.tensor("table", shape, source, **zero), 2)
    index = d.given("index", *_indices(d, "index", [count], shape[0]), one_in=2)
    y = Tensor([count, *shape[1:]], target or source)
    if not target and source == "int8":
        y.scale, y.zero_point = table.scale, table.zero_point
    return op_model(op, [index, table], [y])


@generates("DYNAMIC_UPDATE_SLICE", "float32 int8 int16 int32")
def dynamic_update_slice(d: Space, op: str, kind: str) -> Model:
    """Starts in and out of range, which are clamped; updates as large as the operand."""
    shape = d.shape("x", 1, 6 if d.one_in("deep", 10) else 5)
    part = [d.whole(f"part.{i}", 1, n) for i, n in enumerate(shape)]
    dtype = d.pick("index", ("int32", "int64"))
    starts = [
        _wild(d, f"at.{i}", d.numbers(f"at.{i}", [len(shape)], -2, max(shape), dtype), 8)
        for i in range(_FRAMES)
    ]
    q = d.quantization("q", kind)
    inputs = [
        d.operand("x", Tensor(shape, kind, **q), 4),
        d.operand("update", Tensor(part, kind, **q), 4),
        d.given("start", *starts, one_in=2),
    ]
    y = Tensor(shape, kind, **q)
    return op_model(op, inputs, [y], ("DynamicUpdateSliceOptions", {}))
