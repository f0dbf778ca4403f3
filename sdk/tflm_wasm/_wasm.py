"""A reader of the WebAssembly binary format, for the few sections this package needs.

Format: https://webassembly.github.io/spec/core/binary/. Everything is checked against the end of
its section; a module that does not parse raises `MalformedModuleError` with the byte offset.
Function bodies are not looked at: the runtime validates those.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from tflm_wasm._errors import MalformedModuleError
from tflm_wasm._wasm_reader import Reader as Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    T = TypeVar("T")

HEADER: Final = b"\0asm\x01\0\0\0"
PAGE_BYTES: Final = 65_536

CUSTOM, TYPE, IMPORT, FUNCTION, _TABLE, MEMORY = range(6)
GLOBAL, EXPORT, _START, _ELEMENT, CODE, DATA, DATA_COUNT, _TAG = range(6, 14)
_KINDS: Final = ("func", "table", "memory", "global", "tag")
# The order of non-custom sections in a module: data count before code, tags after memory.
_ORDER: Final = {
    section: rank
    for rank, section in enumerate(
        (
            TYPE,
            IMPORT,
            FUNCTION,
            _TABLE,
            MEMORY,
            _TAG,
            GLOBAL,
            EXPORT,
            _START,
            _ELEMENT,
            DATA_COUNT,
            CODE,
            DATA,
        )
    )
}

# How the memory with the clock and the deadline is exported, which `_interruption` adds.
TIME: Final = "tflm_wasm_time"

# What is a module's own even when it shares an engine with others.
OWN: Final = frozenset((CUSTOM, MEMORY, DATA, DATA_COUNT))


class FuncType(NamedTuple):
    """Parameter and result types of a function, as names such as `i32`."""

    params: tuple[str, ...]
    results: tuple[str, ...]

    def __str__(self) -> str:
        return f"({', '.join(self.params)}) -> ({', '.join(self.results)})"


class Export(NamedTuple):
    """What an export names: its kind and its number in that kind's index space."""

    kind: str
    number: int


class MemoryLimits(NamedTuple):
    """Size of a memory in pages of ``1 << page_log2`` bytes; `maximum` None means unbounded."""

    minimum: int
    maximum: int | None
    page_log2: int = 16
    shared: bool = False
    wide: bool = False  # 64-bit addresses

    @property
    def minimum_bytes(self) -> int:
        """Smallest size in bytes."""
        return self.minimum << self.page_log2


class Segment(NamedTuple):
    """A data segment; `offset` is None for a passive one. Its data is a view of its section."""

    offset: int | None
    data: bytes | memoryview


class WasmModule(NamedTuple):
    """A parsed module: its sections as they are, and what could be read from them.

    Attributes:
        sections: Pairs of id and payload.
        engine: Those that modules of one engine share. They share the bytes, too, so the module as
            it was read is not kept, but for one that `to_bytes` could not make again.
        size: Bytes of the module.
    """

    sections: tuple[tuple[int, bytes], ...]
    engine: tuple[tuple[int, bytes], ...]
    size: int
    original: bytes | None
    imports: tuple[str, ...]
    exports: dict[str, Export]
    functions: tuple[FuncType, ...]
    memories: tuple[MemoryLimits, ...]
    segments: tuple[Segment, ...]
    custom: dict[str, bytes]
    code_bytes: int

    @property
    def has_start(self) -> bool:
        """Whether a function runs by itself at instantiation."""
        return any(section == _START for section, _ in self.sections)

    @property
    def time_export(self) -> str:
        """`TIME`, or a longer name where the module itself has an export of that name."""
        name = TIME
        while name in self.exports:
            name += "_"
        return name

    def to_bytes(self) -> bytes:
        """Return the module."""
        return encoded(self.sections) if self.original is None else self.original

    def signature(self, name: str) -> FuncType | None:
        """Return the type of the exported function `name`, or None when there is none.

        Function indices count defined functions only, so it is meant for modules without imports.
        """
        export = self.exports.get(name)
        if export is None or export.kind != "func" or export.number >= len(self.functions):
            return None
        return self.functions[export.number]

    def initial_bytes(self, start: int, size: int) -> bytes:
        """Return linear memory ``[start, start + size)`` as instantiation leaves it."""
        image = bytearray(size)
        for segment in self.segments:
            if segment.offset is None:
                continue
            low = max(start, segment.offset)
            high = min(start + size, segment.offset + len(segment.data))
            if low < high:
                image[low - start : high - start] = segment.data[
                    low - segment.offset : high - segment.offset
                ]
        return bytes(image)


def parse(wasm: bytes) -> WasmModule:
    """Parse a module.

    Raises:
        MalformedModuleError: The bytes are not a well-formed module, or use a kind of type or
            limit that this package does not know.
    """
    if not wasm.startswith(HEADER):
        raise MalformedModuleError("no WebAssembly version 1 header", offset=0)
    reader = Reader(memoryview(wasm))
    reader.take(len(HEADER))
    sections: list[tuple[int, bytes]] = []
    starts: dict[int, int] = {}
    custom: dict[str, bytes] = {}
    rank, is_usual = -1, True
    while reader.left:
        section = reader.byte()
        size = reader.u32()
        start = reader.pos
        if wasm[start - 1] == 0 and wasm[start - 2] >= 0x80:
            is_usual = False  # the size is written with more bytes than it takes
        payload = _take(reader, wasm, section, size)
        sections.append((section, payload))
        if section == CUSTOM:
            body = Reader(payload, start)
            custom.setdefault(body.name(), payload[body.pos :])
            continue
        if _ORDER.get(section, -1) <= rank:
            what = f"section {section} unknown, repeated or out of order"
            raise Reader(payload, start).fail(what)
        rank = _ORDER[section]
        starts[section] = start
    return _interpret(tuple(sections), starts, custom, len(wasm), None if is_usual else wasm)


def u32_leb(value: int) -> bytes:
    """Encode an unsigned number below 2^32 as LEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def encoded(sections: Iterable[tuple[int, bytes]]) -> bytes:
    """Return a module of these sections."""
    parts = [HEADER]
    for section, payload in sections:
        parts += (bytes((section,)), u32_leb(len(payload)), payload)
    return b"".join(parts)


# Payloads by section and size: the modules of one engine share all but a few, and what is the same
# object need be neither copied, nor compared, nor interpreted again.
_seen: dict[tuple[int, int], bytes] = {}
_MOST_SEEN: Final = 32
_LARGEST_SEEN_BYTES: Final = 512 * 1024


def _take(reader: Reader, wasm: bytes, section: int, size: int) -> bytes:
    """Take a payload, as an object that was taken before when it is the same."""
    start = reader.pos
    view = reader.take(size)
    if section in OWN:
        return bytes(view)
    key = section, size
    known = _seen.get(key)
    if known is not None and wasm.startswith(known, start):
        return known
    payload = bytes(view)
    if size <= _LARGEST_SEEN_BYTES:
        if len(_seen) >= _MOST_SEEN:
            _seen.clear()
        _seen[key] = payload
    return payload


def _read(reader: Reader | None, item: Callable[[Reader], T]) -> tuple[T, ...]:
    """Return the items of a section, none when it is missing."""
    if reader is None:
        return ()
    items = reader.vector(item)
    if reader.left:
        raise reader.fail(f"{reader.left} bytes too many in a section")
    return items


class _Shared(NamedTuple):
    """What modules of one engine have in common."""

    imports: tuple[str, ...]
    exports: dict[str, Export]
    functions: tuple[FuncType, ...]
    code_bytes: int


@lru_cache(maxsize=8)
def _shared_of(sections: tuple[tuple[int, bytes], ...]) -> _Shared:
    """As `_shared`, remembering; in an error, offsets are in the section."""
    return _shared({section: Reader(payload) for section, payload in sections})


def _shared(found: dict[int, Reader]) -> _Shared:
    """Interpret sections."""
    types = _read(found.get(TYPE), _func_type)
    indices = _read(found.get(FUNCTION), Reader.u32)
    if any(index >= len(types) for index in indices):
        raise found[FUNCTION].fail("function of an unknown type")
    code = found.get(CODE)
    code_bytes = code.left if code is not None else 0
    if (code.u32() if code is not None else 0) != len(indices):
        raise found[CODE if code is not None else FUNCTION].fail("functions without a body")
    exports = _read(found.get(EXPORT), _export)
    if len(dict(exports)) != len(exports):
        raise found[EXPORT].fail("two exports of one name")
    # The types of imports don't matter here: any import is refused.
    imports = _import_names(found.get(IMPORT))
    functions = tuple(types[index] for index in indices)
    return _Shared(imports, dict(exports), functions, code_bytes)


def _interpret(
    sections: tuple[tuple[int, bytes], ...],
    starts: dict[int, int],
    custom: dict[str, bytes],
    size: int,
    original: bytes | None,
) -> WasmModule:
    own = {
        section: Reader(memoryview(payload), starts[section])
        for section, payload in sections
        if section in OWN and section != CUSTOM
    }
    segments = _read(own.get(DATA), _segment)
    count = own.get(DATA_COUNT)
    if count is not None and count.u32() != len(segments):
        raise count.fail("data count that differs from the data section")
    others = tuple(one for one in sections if one[0] not in OWN)
    try:
        shared = _shared_of(others)
    except MalformedModuleError:  # again, with offsets in the module
        shared = _shared({section: Reader(data, starts[section]) for section, data in others})
    return WasmModule(
        sections=sections,
        engine=others,
        size=size,
        original=original,
        imports=shared.imports,
        exports=shared.exports,
        functions=shared.functions,
        memories=_read(own.get(MEMORY), _limits),
        segments=segments,
        custom=custom,
        code_bytes=shared.code_bytes,
    )


def _func_type(reader: Reader) -> FuncType:
    if reader.byte() != 0x60:
        raise reader.fail("type that is not a function type")
    return FuncType(reader.vector(Reader.value_type), reader.vector(Reader.value_type))


def _import_names(reader: Reader | None) -> tuple[str, ...]:
    """Return "module.name" of the first import, enough to refuse it; `...` stands for more."""
    if reader is None or not (count := reader.u32()):
        return ()
    first = f"{reader.name()}.{reader.name()}"
    return (first,) if count == 1 else (first, "...")


def _export(reader: Reader) -> tuple[str, Export]:
    name, kind = reader.name(), reader.byte()
    if kind >= len(_KINDS):
        raise reader.fail(f"export of unknown kind {kind}")
    return name, Export(_KINDS[kind], reader.u32())


def _limits(reader: Reader) -> MemoryLimits:
    flags = reader.byte()
    if flags > 0b1111:  # bits: has a maximum, shared, 64-bit addresses, custom page size
        raise reader.fail("memory of an unknown kind")
    number = reader.u64 if flags & 4 else reader.u32
    minimum = number()
    maximum = number() if flags & 1 else None
    page_log2 = reader.u32() if flags & 8 else 16
    if page_log2 > 16:
        raise reader.fail("page size over 64 KiB")
    if maximum is not None and maximum < minimum:
        raise reader.fail("memory whose maximum is below its minimum")
    return MemoryLimits(minimum, maximum, page_log2, bool(flags & 2), bool(flags & 4))


def _segment(reader: Reader) -> Segment:
    flags = reader.u32()
    if flags > 2:
        raise reader.fail(f"data segment of unknown kind {flags}")
    if flags == 2 and reader.u32() != 0:
        raise reader.fail("data segment of a second memory")
    offset = None if flags == 1 else _constant_offset(reader)
    return Segment(offset, reader.take(reader.u32()))


def _constant_offset(reader: Reader) -> int:
    """Read ``i32.const N; end``, the only offset expression a linker writes."""
    if reader.byte() != 0x41:
        raise reader.fail("data segment at a computed address")
    offset = reader.i32()
    if reader.byte() != 0x0B:
        raise reader.fail("data segment at a computed address")
    return offset & 0xFFFF_FFFF
