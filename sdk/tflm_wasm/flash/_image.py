"""A firmware image: what goes to which address of a board's memory."""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from tflm_wasm._errors import ImageError
from tflm_wasm._files import read_up_to

if TYPE_CHECKING:
    from tflm_wasm.aot._board import Board

# System V ABI, "ELF header" and "Program header", 32-bit, little-endian.
_HEADER: Final = struct.Struct("<4s5B7xHHIIIIIHHHHHH")
_PROGRAM: Final = struct.Struct("<8I")
_ELF32, _LITTLE, _LOAD = 1, 1, 1
_MACHINES: Final = {40: "cortexm", 243: "riscv"}
_MOST_BYTES: Final = 64 * 1024 * 1024


class Segment(NamedTuple):
    """Bytes and the address that they are loaded to."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + len(self.data)


@dataclass(frozen=True)
class Image:
    """Firmware.

    Attributes:
        path: The ELF file.
        segments: What is loaded, by address, without overlaps.
        entry: Where it starts.
        family: "cortexm" or "riscv".
    """

    path: str
    segments: tuple[Segment, ...]
    entry: int
    family: str

    @property
    def size(self) -> int:
        """Bytes to load."""
        return sum(len(one.data) for one in self.segments)

    @property
    def digest(self) -> str:
        """SHA-256 of addresses and bytes, hexadecimal: the same for the same memory content."""
        seen = hashlib.sha256()
        for address, data in self.segments:
            seen.update(struct.pack("<II", address, len(data)) + data)
        return seen.hexdigest()


def read_image(path: str | os.PathLike[str], board: Board) -> Image:
    """Read an ELF file for a board.

    Raises:
        FileError: It can't be read.
        ImageError: It is not for this board, or no sound ELF file.
    """
    name = os.fspath(path)
    content = read_up_to(path, _MOST_BYTES + 1)
    try:
        image = _parse(name, content)
        _check(image, board)
    except ValueError as error:
        message = f"'{name}' can't be used on {board.name}: {error}"
        raise ImageError(message, board=board.name, runner="", path=name) from error
    return image


def _parse(path: str, content: bytes) -> Image:
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
    if len(content) < _HEADER.size or content[:4] != b"\x7fELF":
        raise ValueError("it is not an ELF file")
    header = _HEADER.unpack_from(content)
    if header[1] != _ELF32 or header[2] != _LITTLE:
        raise ValueError("it is not a 32-bit little-endian ELF file")
    machine, entry, table, entry_bytes, count = (header[i] for i in (7, 9, 10, 14, 15))
    if machine not in _MACHINES:
        raise ValueError(f"it is for machine {machine}, neither Arm nor RISC-V")
    if entry_bytes < _PROGRAM.size or table + entry_bytes * count > len(content):
        raise ValueError("it is cut off")
    found = []
    for index in range(count):
        kind, offset, _, address, size = _PROGRAM.unpack_from(content, table + index * entry_bytes)[
            :5
        ]
        if kind != _LOAD or size == 0:
            continue
        if offset + size > len(content):
            raise ValueError("it is cut off")
        found.append(Segment(address, content[offset : offset + size]))
    return Image(path, _in_order(found), entry, _MACHINES[machine])


def _in_order(found: list[Segment]) -> tuple[Segment, ...]:
    found.sort()
    if not found:
        raise ValueError("it loads nothing")
    for one, following in pairwise(found):
        if one.end > following.address:
            raise ValueError(f"two of its segments overlap at 0x{following.address:08x}")
    return tuple(found)


def _check(image: Image, board: Board) -> None:
    if image.family != board.core.family:
        raise ValueError("it is for another kind of processor")
    for one in image.segments:
        if not any(m.base <= one.address and one.end <= m.end for m in (board.flash, board.ram)):
            raise ValueError(
                f"0x{one.address:08x} to 0x{one.end:08x} is neither flash nor RAM of the board"
            )
