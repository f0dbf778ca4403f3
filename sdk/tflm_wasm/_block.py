"""The control block: linear memory ``[0, 4096)``, laid out by `_abi`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tflm_wasm import _abi

_STRUCTS: Final = {name: struct.Struct(field.code) for name, field in _abi.FIELDS.items()}
_DESCRIPTOR_STRUCTS: Final = {
    name: struct.Struct(field.code) for name, field in _abi.DESCRIPTOR_FIELDS.items()
}


def align(address: int) -> int:
    """Round up to the ABI's alignment."""
    return -(-address // _abi.ALIGNMENT_BYTES) * _abi.ALIGNMENT_BYTES


def place_arena(heap_base: int, model: int, model_size: int, scratch: int) -> int:
    """Return the arena's address: SPEC.md, "Where the arena goes"."""
    first = align(heap_base)
    if first < model + model_size and model < first + scratch:
        return align(model + model_size)
    return first


class Descriptor(NamedTuple):
    """One input or output as the guest describes it; nothing is checked yet."""

    address: int
    bytes: int
    type: int
    tensor_index: int
    shape: tuple[int, ...]
    rank: int
    scale: float
    zero_point: int


class Block:
    """Reads and writes the fields of a control block.

    Args:
        memory: At least the first 4096 bytes of linear memory; a view, not a copy. It is read only
            when they are `bytes`.
    """

    def __init__(self, memory: NDArray[np.uint8] | bytes) -> None:
        whole = memoryview(memory) if isinstance(memory, bytes) else memory.data
        self._bytes = whole[: _abi.BLOCK_BYTES]
        # These return the block's 4096 bytes, and the canary's 16. They are no methods of their
        # own because every invoke calls one, and would pay twice.
        self.copy: Callable[[], bytes] = self._bytes.tobytes
        start, size = _abi.REGIONS["canary"]
        self.copy_canary: Callable[[], bytes] = self._bytes[start : start + size].tobytes

    def __getitem__(self, name: str) -> int:
        value: int = _STRUCTS[name].unpack_from(self._bytes, _abi.FIELDS[name].offset)[0]
        return value

    def __setitem__(self, name: str, value: int) -> None:
        _STRUCTS[name].pack_into(self._bytes, _abi.FIELDS[name].offset, value)

    @property
    def magic(self) -> bytes:
        """The four bytes that say that this is a block."""
        return struct.pack("<I", self["magic"])

    @property
    def features(self) -> _abi.Feature:
        """Feature bits; unknown ones are kept."""
        return _abi.Feature(self["features"])

    @property
    def canary_is_intact(self) -> bool:
        """Whether the C stack stayed out of the block."""
        return self.region("canary") == _abi.CANARY

    @property
    def error_text(self) -> str:
        """The guest's sentence about the last error; bytes that are no UTF-8 are replaced."""
        raw = self.region("error_text").split(b"\0")[0]
        text = raw.decode(errors="replace")
        return "".join(c if c.isprintable() else "?" for c in text)

    def region(self, name: str) -> bytes:
        """Return the bytes of a region."""
        offset, size = _abi.REGIONS[name]
        return self._bytes[offset : offset + size].tobytes()

    def descriptor(self, index: int) -> Descriptor:
        """Return descriptor `index`: inputs come first, then outputs."""
        start = _abi.REGIONS["descriptors"][0] + index * _abi.DESCRIPTOR_BYTES

        def read(name: str) -> tuple[int, ...]:
            offset = start + _abi.DESCRIPTOR_FIELDS[name].offset
            return _DESCRIPTOR_STRUCTS[name].unpack_from(self._bytes, offset)

        rank = read("rank")[0]
        return Descriptor(
            address=read("address")[0],
            bytes=read("bytes")[0],
            type=read("type")[0],
            tensor_index=read("tensor_index")[0],
            shape=read("dims")[:rank],
            rank=rank,
            scale=float(read("scale")[0]),
            zero_point=read("zero_point")[0],
        )
