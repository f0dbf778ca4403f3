"""The control block: linear memory ``[0, 4096)``, laid out by `_abi`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from tflm_wasm import _abi

_STRUCTS: Final = {name: struct.Struct(field.code) for name, field in _abi.FIELDS.items()}
# Each field's reader and where it is: opening a module reads some fifty.
_READERS: Final = {
    name: (_STRUCTS[name].unpack_from, field.offset) for name, field in _abi.FIELDS.items()
}
# A whole descriptor: its fields follow each other without gaps.
_DESCRIPTOR: Final = struct.Struct(
    "<" + "".join(field.code.removeprefix("<") for field in _abi.DESCRIPTOR_FIELDS.values())
)
_DESCRIPTORS_START: Final = _abi.REGIONS["descriptors"][0]


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

    def __init__(self, memory: memoryview | bytes) -> None:
        self._bytes = memoryview(memory)[: _abi.BLOCK_BYTES]
        # These return the block's 4096 bytes, and the canary's 16. They are no methods of their
        # own because every invoke calls one, and would pay twice.
        self.copy: Callable[[], bytes] = self._bytes.tobytes
        start, size = _abi.REGIONS["canary"]
        self.copy_canary: Callable[[], bytes] = self._bytes[start : start + size].tobytes

    def __getitem__(self, name: str) -> int:
        unpack_from, offset = _READERS[name]
        value: int = unpack_from(self._bytes, offset)[0]
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

    def has(self, feature: _abi.Feature) -> bool:
        """Return whether the bit of a feature is set."""
        return self["features"] & feature.value != 0

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
        start = _DESCRIPTORS_START + index * _abi.DESCRIPTOR_BYTES
        address, size, element, rank, _, tensor, scale, zero_point, *dims, _ = (
            _DESCRIPTOR.unpack_from(self._bytes, start)
        )
        return Descriptor(
            address=address,
            bytes=size,
            type=element,
            tensor_index=tensor,
            shape=tuple(dims[:rank]),
            rank=rank,
            scale=scale,
            zero_point=zero_point,
        )
