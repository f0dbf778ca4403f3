"""The content of flash, and the two things in it that are about the rest of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from tflm_wasm.aot._board import Board
from tflm_wasm.aot._elf import Elf


def flash_image(elf: Elf, board: Board) -> bytes:
    """Return the content of flash; `.data` goes where the firmware copies it from."""
    image = bytearray()

    def put(at: int, content: bytes) -> None:
        image.extend(b"\xff" * (at + len(content) - len(image)))
        image[at : at + len(content)] = content

    for one in elf.sections:
        if not one.is_loaded:
            continue
        in_flash = board.flash.base <= one.address < board.flash.end and one.name != ".data"
        address = one.address if in_flash else elf.symbols["tw_data_load"]
        put(address - board.flash.base, elf.content[one.offset : one.offset + one.size])
    return bytes(image)


def finished(elf: Elf, board: Board) -> bytes:
    """Return the file with the boot block's checksum filled in, and then the image's digest.

    The digest, a SHA-256, is made while it is itself zero.
    """
    content = bytearray(elf.content)
    block = elf.section(".boot_block")
    if block is not None and board.boot_block is not None:
        end = block.offset + block.size - 4
        checksum = _CHECKSUMS[board.boot_block.checksum](bytes(content[block.offset : end]))
        content[end : end + len(checksum)] = checksum
    digest = elf.section(".digest")
    if digest is not None:
        made = hashlib.sha256(flash_image(Elf(bytes(content)), board)).digest()
        content[digest.offset : digest.offset + len(made)] = made
    return bytes(content)


def crc32_mpeg2(content: bytes) -> bytes:
    """Return the CRC-32 of that name, little-endian: not reflected, not inverted at its end."""
    crc = 0xFFFF_FFFF
    for byte in content:
        crc ^= byte << 24
        for _ in range(8):
            crc = crc << 1 ^ (0x1_04C1_1DB7 if crc >> 31 else 0)
    return crc.to_bytes(4, "little")


_CHECKSUMS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "none": lambda _: b"",
    "crc32-mpeg2": crc32_mpeg2,
}
