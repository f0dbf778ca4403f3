"""Addresses: where things lie, what a call may write, what it did write."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tflm_wasm._abi import (
    DESCRIPTOR_BYTES,
    DESCRIPTOR_FIELDS,
    FIELDS,
    MAX_IO_TENSORS,
    MAX_RANK,
    REGIONS,
)
from tflm_wasm._block import Block, Descriptor

ADDRESSES: Final = 1 << 32
# Bits per element by the schema's TensorType; types without a fixed size have no entry.
ELEMENT_BITS: Final = {
    0: 32,  # FLOAT32
    1: 16,  # FLOAT16
    2: 32,  # INT32
    3: 8,  # UINT8
    4: 64,  # INT64
    6: 8,  # BOOL
    7: 16,  # INT16
    8: 64,  # COMPLEX64
    9: 8,  # INT8
    10: 64,  # FLOAT64
    11: 128,  # COMPLEX128
    12: 64,  # UINT64
    15: 32,  # UINT32
    16: 16,  # UINT16
    17: 4,  # INT4
}

Range = tuple[int, int]  # first address, address behind the last


def shape_error(block: Block, slot: int) -> str:
    """Return what is wrong with a descriptor's type, shape or scale; empty when nothing is."""
    tensor = block.descriptor(slot)
    if tensor.type not in ELEMENT_BITS:
        return f"type {tensor.type} is not one of the table"
    if tensor.rank > MAX_RANK:
        return f"rank {tensor.rank}"
    if any(dim < 0 for dim in tensor.shape):
        return f"shape {tensor.shape}"
    needed = (math.prod(tensor.shape) * ELEMENT_BITS[tensor.type] + 7) // 8
    if needed != tensor.bytes:
        return f"{tensor.bytes} bytes, the shape {tensor.shape} takes {needed}"
    if not (math.isfinite(tensor.scale) and tensor.scale >= 0):
        return f"scale {tensor.scale}"
    start = slot * DESCRIPTOR_BYTES
    raw = block.region("descriptors")[start : start + DESCRIPTOR_BYTES]
    unused_dims = DESCRIPTOR_FIELDS["dims"].offset + 4 * tensor.rank
    reserved = DESCRIPTOR_FIELDS["reserved"].offset
    if any(raw[unused_dims:]) or any(raw[reserved : reserved + 2]):
        return "reserved bytes or unused dims are not zero"
    return ""


def output_bytes_at_pointer(block: Block, size: int) -> int:
    """Return how many of `size` bytes of output lie at output_ptr.

    Several outputs that were not moved need not be neighbours: then it is the first one's bytes.
    """
    if block["input_count"] + block["output_count"] > MAX_IO_TENSORS:
        return size
    _, outputs = tensors(block)
    unmoved = bool(outputs) and outputs[0].address == block["output_ptr"] % ADDRESSES
    return outputs[0].bytes if unmoved and size == sum(one.bytes for one in outputs) else size


def tensors(block: Block) -> tuple[list[Descriptor], list[Descriptor]]:
    """Return the inputs and the outputs; their number was checked."""
    inputs, outputs = block["input_count"], block["output_count"]
    every = [block.descriptor(slot) for slot in range(inputs + outputs)]
    return every[:inputs], every[inputs:]


def block_ranges(names: Iterable[str]) -> list[Range]:
    """Return the addresses of fields and regions of the block."""
    ranges = []
    for name in names:
        if name in REGIONS:
            offset, size = REGIONS[name]
        else:
            offset, size = FIELDS[name].offset, struct.calcsize(FIELDS[name].code)
        ranges.append((offset, offset + size))
    return ranges


def name_at(address: int) -> str:
    """Return the field or region of the block at `address`."""
    for name in (*FIELDS, *REGIONS):
        ((low, high),) = block_ranges([name])
        if low <= address < high:
            return f"`{name}`"
    return f"byte {address}"


def first_difference(
    before: NDArray[np.uint8], after: NDArray[np.uint8], base: int, excluded: Iterable[Range]
) -> int | None:
    """Return the first address that differs outside of `excluded`, or None.

    `before` and `after` hold memory from the address `base` on.
    """
    differs = before != after
    for low, high in excluded:
        differs[max(low - base, 0) : max(high - base, 0)] = False
    return base + int(differs.argmax()) if differs.any() else None
