"""Constants as TFLM_DECODE has them: encoders of its three formats, by TFLM's own description."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np

LOOK_UP, HUFFMAN, PRUNING = 0, 1, 2


def header(kind: int, *options: int) -> bytes:
    """Return the 16 bytes in front of a table; `options` are those from byte 5 on."""
    return bytes([kind, 1, 0, 0, 1, *options]).ljust(16, b"\0")


def pack(bits: str) -> bytes:
    """Return bits as bytes, the first bit being the highest; zeros fill up the last byte."""
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def looked_up(indices: np.ndarray, tables: np.ndarray, width: int) -> tuple[bytes, bytes]:
    """Return what encodes indices of `width` bits into tables, [channel, entry]."""
    encoded = pack("".join(f"{index:0{width}b}" for index in indices.ravel()))
    return encoded, header(LOOK_UP, width, tables.shape[1]) + tables.tobytes()


def pruned(values: np.ndarray, kept: np.ndarray) -> tuple[bytes, bytes]:
    """Return what encodes the values where `kept`; the rest are zero points."""
    encoded = pack("".join("1" if keep else "0" for keep in kept.ravel()))
    return encoded, header(PRUNING) + values[kept].tobytes()


def huffman_codes(values: Sequence[int]) -> dict[int, str]:
    """Return a code for each of the values, shorter for more frequent ones."""
    counts = {value: list(values).count(value) for value in sorted(set(values))}
    heap = [(count, value, {value: ""}) for value, count in counts.items()]
    heapq.heapify(heap)
    if len(heap) == 1:
        return dict.fromkeys(counts, "0")
    while len(heap) > 1:
        (a, first, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        joined = {v: "0" + c for v, c in left.items()} | {v: "1" + c for v, c in right.items()}
        heapq.heappush(heap, (a + b, first, joined))
    return heap[0][2]


def huffman_table(codes: dict[int, str], initial: int, *, wide: bool) -> list[int]:
    """Return a table whose first 2^initial entries are looked up by that many bits of a code.

    An entry is a symbol with the number of bits that belong to it, or the number of further bits,
    less 1, with the distance to the table for them.
    """
    found, shift = (1 << 31, 27) if wide else (1 << 15, 11)
    mask = (1 << shift) - 1
    table: list[int] = []
    todo: list[tuple[int, str, int]] = [(-1, "", initial)]  # entry that leads there, prefix, bits
    while todo:
        leads, prefix, bits = todo.pop(0)
        start = len(table)
        if leads >= 0:
            table[leads] = bits - 1 << shift | start - leads
        for pattern in (f"{i:0{bits}b}" for i in range(1 << bits)):
            whole = prefix + pattern
            done = [v for v, c in codes.items() if c.startswith(prefix) and whole.startswith(c)]
            longer = [len(c) for c in codes.values() if c.startswith(whole) and c != whole]
            if done:
                used = len(codes[done[0]]) - len(prefix)
                table.append(found | used << shift | done[0] & mask)
            else:
                if longer:
                    todo.append((len(table), whole, min(max(longer) - len(whole), initial)))
                table.append(0)
    return table


def huffman(
    values: Sequence[int], *, initial: int = 3, wide: bool = True, codes: Any = None
) -> tuple[bytes, bytes]:
    """Return what encodes the values."""
    codes = codes or huffman_codes(values)
    table = huffman_table(codes, initial, wide=wide)
    encoded = pack("".join(codes[int(value)] for value in values))
    data = np.array(table, np.uint32 if wide else np.uint16).tobytes()
    return encoded, header(HUFFMAN, initial - 1 << 4 | wide) + data
