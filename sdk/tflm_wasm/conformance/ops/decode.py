"""TFLM_DECODE: constants that are compressed by lookup tables, pruning or Huffman codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import Space
from tflm_wasm.conformance._writer import Array, Graph, Model, Op, Tensor

_LUT, _HUFFMAN, _PRUNE = 0, 1, 2
_KINDS = "lut-bool lut-float32 lut-int8 lut-int16 lut-int32 lut-int64 "
_KINDS += "prune-bool prune-float32 prune-int8 prune-int16 prune-int32 prune-int64 "
_KINDS += "huffman-int8 huffman-int16"


@generates("TFLM_DECODE", _KINDS)
def decode(d: Space, op: str, kind: str) -> Model:
    """One tensor or several, quantized along the first or the last axis."""
    how, dtype = kind.split("-")
    code = {"lut": _lut, "prune": _prune, "huffman": _huffman}[how]
    tensors: list[Tensor] = []
    inputs: list[int] = []
    outputs = []
    for i in range(d.whole("count", 1, 2)):
        shape = d.shape(f"y.{i}", 1, 4)
        output = Tensor(shape, dtype)
        if dtype == "int8" or d.one_in(f"quantized.{i}", 4):
            output = _quantized(d, f"q.{i}", output)
        packed, ancillary = code(d, f"code.{i}", output)
        inputs += [len(tensors), len(tensors) + 1]
        tensors += [
            Tensor([len(packed)], "uint8", packed),
            Tensor([len(ancillary)], "uint8", ancillary),
        ]
        outputs.append(output)
    results = list(range(len(tensors), len(tensors) + len(outputs)))
    main = Graph([*tensors, *outputs], [Op("CUSTOM", inputs, results, custom=op)], [], results)
    return Model([main])


def _quantized(d: Space, name: str, tensor: Tensor) -> Tensor:
    """Return the tensor with one scale, or one for each of its first or last dimension."""
    axis = d.pick(f"{name}.axis", (0, 0, len(tensor.shape) - 1))
    count = tensor.shape[axis] if d.below(f"{name}.channels", 2) else 1
    zero: Any = 0
    if tensor.dtype == "int8" and d.below(f"{name}.offset", 2):
        zero = d.numbers(f"{name}.zero", [count], -128, 127, "int64").tolist()
    if count == 1 and d.below(f"{name}.axis.kept", 4):
        axis = 0
    return Tensor(tensor.shape, tensor.dtype, scale=[0.5] * count, zero_point=zero, axis=axis)


def _channels(tensor: Tensor) -> int:
    return len(tensor.scale) if isinstance(tensor.scale, list) else 1


def _values(d: Space, name: str, count: int, dtype: str) -> Array:
    return d.array(f"{name}.values", [count], dtype, ("any",) if dtype == "float32" else ("noise",))


def _header(kind: int, *fields: int) -> bytes:
    """Return the 16 bytes in front of what a decoder reads: its type, version 1, its own fields."""
    return bytes([kind, 1, 0, 0, 1, *fields]).ljust(16, b"\0")


def _bits(numbers: list[tuple[int, int]]) -> bytes:
    """Pack (value, bits) with the highest bit first."""
    text = "".join(f"{value:0{bits}b}" for value, bits in numbers if bits)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big") if text else b""


def _lut(d: Space, name: str, tensor: Tensor) -> tuple[Array, Array]:
    width = d.whole(f"{name}.width", 1, 7)
    stride = 1 << width if d.below(f"{name}.full", 3) else d.whole(f"{name}.stride", 1, 1 << width)
    values = _values(d, name, _channels(tensor) * stride, tensor.dtype)
    count = int(np.prod(tensor.shape))
    indices = d.numbers(f"{name}.indices", [count], 0, stride - 1, "int64")
    packed = _bits([(int(index), width) for index in indices])
    packed += bytes(d.pick(f"{name}.spare", (0, 8)))
    ancillary = _header(_LUT, width, stride) + values.tobytes()
    return np.frombuffer(packed, np.uint8), np.frombuffer(ancillary, np.uint8)


def _prune(d: Space, name: str, tensor: Tensor) -> tuple[Array, Array]:
    count = int(np.prod(tensor.shape))
    share = d.pick(f"{name}.share", (50, 0, 100))
    kept = d.numbers(f"{name}.kept", [count], 0, 99, "int64") < share
    values = _values(d, name, int(kept.sum()), tensor.dtype)
    packed = np.packbits(kept)
    ancillary = _header(_PRUNE) + values.tobytes()
    return packed, np.frombuffer(ancillary, np.uint8)


def _lengths(d: Space, name: str, symbols: int) -> list[int]:
    """Return the lengths of a complete prefix code, made by splitting leaves at random."""
    leaves = [0]
    for i in range(symbols - 1):
        leaf = leaves.pop(d.below(f"{name}.split.{i}", len(leaves)))
        leaves += [leaf + 1, leaf + 1]
    return sorted(leaves)


def _huffman(d: Space, name: str, tensor: Tensor) -> tuple[Array, Array]:
    """Return codewords and a tree of tables: 2^n entries first, one level per longer code."""
    symbols = d.whole(f"{name}.symbols", 2, 12)
    lengths = _lengths(d, name, symbols)
    values = _values(d, name, symbols, tensor.dtype).astype(np.int64)
    codes, code = [], 0
    for i, length in enumerate(lengths):
        code <<= length - (lengths[i - 1] if i else length)
        codes.append((code, length))
        code += 1
    wide = tensor.dtype == "int16" or d.below(f"{name}.wide", 2) == 1
    first = d.whole(f"{name}.first", 1, 6)
    table = _tables(codes, [int(v) for v in values], first, wide=wide)
    count = int(np.prod(tensor.shape))
    chosen = d.numbers(f"{name}.chosen", [count], 0, symbols - 1, "int64")
    packed = _bits([codes[int(i)] for i in chosen])
    packed += bytes(-len(packed) % 4 + 4)
    ancillary = _header(_HUFFMAN, (first - 1) << 4 | int(wide)) + table
    return np.frombuffer(packed, np.uint8), np.frombuffer(ancillary, np.uint8)


def _tables(codes: list[tuple[int, int]], values: list[int], first: int, *, wide: bool) -> bytes:
    found, shift, mask = (1 << 31, 27, (1 << 27) - 1) if wide else (1 << 15, 11, (1 << 11) - 1)
    value_mask = 0xFFFF if wide else 0xFF
    table = [0] * (1 << first)
    longer: dict[int, list[int]] = {}
    for i, (code, length) in enumerate(codes):
        if length <= first:
            start = code << (first - length)
            for slot in range(start, start + (1 << (first - length))):
                table[slot] = found | length << shift | (values[i] & value_mask)
        else:
            longer.setdefault(code >> (length - first), []).append(i)
    for prefix, members in longer.items():
        bits = max(codes[i][1] for i in members) - first
        table[prefix] = (bits - 1) << shift | ((len(table) - prefix) & mask)
        part = [0] * (1 << bits)
        for i in members:
            code, length = codes[i][0], codes[i][1] - first
            start = (code & ((1 << length) - 1)) << (bits - length)
            for slot in range(start, start + (1 << (bits - length))):
                part[slot] = found | length << shift | (values[i] & value_mask)
        table += part
    return np.array(table, np.uint32 if wide else np.uint16).tobytes()
