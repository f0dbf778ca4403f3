"""A 32-bit little-endian ELF file: its sections and symbols, and nothing else."""

from __future__ import annotations

import struct
from typing import NamedTuple

_SYMTAB, _NOBITS = 2, 8
_ALLOC = 2


class Section(NamedTuple):
    """A section; `offset` is where its content lies in the file, unless it has none."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int

    @property
    def is_loaded(self) -> bool:
        """Whether the file has bytes for the target's memory."""
        return bool(self.flags & _ALLOC) and self.type != _NOBITS and self.size > 0


class Elf:
    """An executable that our own linker wrote."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        (table,) = struct.unpack_from("<I", content, 0x20)
        entry_bytes, count, names = struct.unpack_from("<HHH", content, 0x2E)
        raw = [struct.unpack_from("<10I", content, table + i * entry_bytes) for i in range(count)]
        strings = raw[names][4]
        self.sections = [Section(self._text(strings + one[0]), *one[1:7]) for one in raw]
        self.symbols = self._symbols()

    def _text(self, offset: int) -> str:
        return self.content[offset : self.content.index(b"\0", offset)].decode()

    def _symbols(self) -> dict[str, int]:
        found = {}
        for table in self.sections:
            if table.type != _SYMTAB:
                continue
            strings = self.sections[table.link].offset
            for at in range(table.offset, table.offset + table.size, 16):
                name, value = struct.unpack_from("<II", self.content, at)
                found[self._text(strings + name)] = value
        return found

    def section(self, name: str) -> Section | None:
        """Return the section of that name, or None."""
        return next((one for one in self.sections if one.name == name), None)

    def size(self, name: str) -> int:
        """Return a section's size in bytes; 0 when there is none."""
        found = self.section(name)
        return 0 if found is None else found.size
