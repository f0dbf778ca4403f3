"""Function bodies of a WebAssembly module: where each instruction begins and ends.

Only what WebAssembly 2.0 has is known, with one memory. Anything else is an error, so nothing is
ever skipped. An opcode behind a prefix byte is numbered by both: 0xfd0b is `v128.store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from tflm_wasm._wasm_reader import Reader

BLOCK, LOOP, IF, ELSE, END, CALL = 0x02, 0x03, 0x04, 0x05, 0x0B, 0x10
# What takes the longer the larger a number is: growing, filling and copying memory and tables.
BULK: Final = frozenset(
    (0x40, *(0xFC00 | code for code in (0x08, 0x0A, 0x0B, 0x0C, 0x0E, 0x0F, 0x11)))
)
_PREFIX_BULK, _PREFIX_SIMD = 0xFC, 0xFD

# What follows an opcode, a letter for each: a [n]umber of any width; alignment and offset of an
# access to [m]emory; the [z]ero that is the number of the only memory; [t]ypes; targets of a
# [b]ranch. A digit stands for so many bytes. Later rows count.
_Rows = tuple[tuple[Iterable[int], str], ...]
_PLAIN: Final[_Rows] = (
    ((0x00, 0x01, ELSE, END, 0x0F, 0x1A, 0x1B, 0xD1, *range(0x45, 0xC5)), ""),
    ((BLOCK, LOOP, IF, 0x0C, 0x0D, CALL, *range(0x20, 0x27), 0x41, 0x42, 0xD0, 0xD2), "n"),
    ((0x0E,), "b"),
    ((0x11,), "nn"),
    ((0x1C,), "t"),
    (range(0x28, 0x3F), "m"),
    ((0x3F, 0x40), "z"),
    ((0x43,), "4"),
    ((0x44,), "8"),
)
_BULK: Final[_Rows] = (
    (range(8), ""),
    ((8,), "nz"),
    ((10,), "zz"),
    ((11,), "z"),
    ((12, 14), "nn"),
    ((9, 13, 15, 16, 17), "n"),
)
_SIMD_UNUSED: Final = frozenset(
    (
        *(0x9A, 0xA2, 0xA5, 0xA6, 0xAF, 0xB0, 0xB2, 0xB3, 0xB4, 0xBB),
        *(0xC2, 0xC5, 0xC6, 0xCF, 0xD0, 0xD2, 0xD3, 0xD4, 0xE2, 0xEE),
    )
)
_SIMD: Final[_Rows] = (
    ((code for code in range(0x100) if code not in _SIMD_UNUSED), ""),
    ((*range(0x0C), 0x5C, 0x5D), "m"),
    ((0x0C, 0x0D), "88"),
    (range(0x15, 0x23), "1"),
    (range(0x54, 0x5C), "m1"),
)
_IMMEDIATES: Final = {
    prefix << 8 | code: what
    for prefix, rows in ((0, _PLAIN), (_PREFIX_BULK, _BULK), (_PREFIX_SIMD, _SIMD))
    for codes, what in rows
    for code in codes
}


class Body(NamedTuple):
    """One function in a code section: its locals, its first instruction, the byte behind it."""

    start: int
    first: int
    end: int


def bodies(code: bytes) -> Iterator[Body]:
    """Return where the function bodies of a code section are.

    Raises:
        MalformedModuleError: It does not parse.
    """
    reader = Reader(code)
    for _ in range(reader.u32()):
        size = reader.u32()
        start, end = reader.pos, reader.pos + size
        for _ in range(reader.u32()):
            reader.u32()
            reader.value_type()
        if end > len(code) or reader.pos >= end:
            raise reader.fail("function without a body")
        yield Body(start, reader.pos, end)
        reader.pos = end
    if reader.left:
        raise reader.fail(f"{reader.left} bytes too many in the code section")


def next_opcode(reader: Reader) -> int:
    """Read one instruction; return its opcode.

    Raises:
        MalformedModuleError: It is not one of WebAssembly 2.0, or names a second memory.
    """
    opcode = reader.byte()
    if opcode in (_PREFIX_BULK, _PREFIX_SIMD):
        code = reader.u32()
        opcode = opcode << 8 | code if code < 0x100 else -1
    what = _IMMEDIATES.get(opcode)
    if what is None:
        raise reader.fail("unknown instruction")
    for kind in what:
        _SKIP[kind](reader)
    return opcode


def _number(reader: Reader) -> None:
    while reader.byte() >= 0x80:
        pass


def _access(reader: Reader) -> None:
    if reader.u32() >= 0x40:  # the bit that says which memory
        raise reader.fail("access to a second memory")
    _number(reader)


def _zero(reader: Reader) -> None:
    if reader.byte() != 0:
        raise reader.fail("use of a second memory")


def _types(reader: Reader) -> None:
    reader.vector(Reader.value_type)


def _branches(reader: Reader) -> None:
    for _ in range(reader.u32() + 1):
        _number(reader)


_SKIP: Final[dict[str, Callable[[Reader], object]]] = {
    "n": _number,
    "m": _access,
    "z": _zero,
    "t": _types,
    "b": _branches,
    "1": lambda reader: reader.take(1),
    "4": lambda reader: reader.take(4),
    "8": lambda reader: reader.take(8),
}
