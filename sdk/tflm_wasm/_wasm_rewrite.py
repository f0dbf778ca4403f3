"""Writing a WebAssembly module again with more data, another memory size, a custom section."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tflm_wasm._errors import MalformedModuleError
from tflm_wasm._wasm import (
    CODE,
    CUSTOM,
    DATA,
    DATA_COUNT,
    FUNCTION,
    IMPORT,
    MEMORY,
    MemoryLimits,
    Reader,
    WasmModule,
    encoded,
    parse,
    u32_leb,
)

# A function without locals: unreachable, end.
_TRAP: Final = b"\x03\x00\x00\x0b"


def _i32_leb(value: int) -> bytes:
    """Encode a 32-bit pattern as signed LEB128."""
    value -= (value & 0x8000_0000) << 1
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value & 0x7F))


def _counted(payload: bytes) -> bytes:
    return u32_leb(len(payload)) + payload


def _encode_segment(address: int, data: bytes) -> bytes:
    return b"\x00\x41" + _i32_leb(address) + b"\x0b" + _counted(data)


def _encode_limits(limits: MemoryLimits) -> bytes:
    flags = (limits.maximum is not None) | (limits.page_log2 != 16) << 3
    out = bytes((flags,)) + u32_leb(limits.minimum)
    if limits.maximum is not None:
        out += u32_leb(limits.maximum)
    return out + (u32_leb(limits.page_log2) if limits.page_log2 != 16 else b"")


def rewrite(
    wasm: bytes,
    *,
    memory: MemoryLimits,
    segments: Iterable[tuple[int, bytes]] = (),
    keep_data: bool = True,
    custom: tuple[str, bytes] | None = None,
) -> bytes:
    """Return the module with another memory size, more or other data, one more custom section.

    Args:
        wasm: A module with exactly one memory, defined in it.
        memory: The new limits, with 32-bit addresses and not shared.
        segments: Pairs of address and bytes, written at instantiation after the module's own.
        keep_data: Whether the module's own data stays.
        custom: Name and content of a custom section, put at the end.

    Raises:
        MalformedModuleError: `wasm` does not parse, or defines no memory.
    """
    module = parse(wasm)
    if len(module.memories) != 1:
        raise MalformedModuleError(f"one memory expected, {len(module.memories)} defined", offset=0)
    added = [_encode_segment(address, data) for address, data in segments]
    kept = len(module.segments) if keep_data else 0
    count = u32_leb(kept + len(added))
    sections: dict[int, bytes] = {MEMORY: b"\x01" + _encode_limits(memory)}
    if added or not keep_data:
        old = next((payload for section, payload in module.sections if section == DATA), b"\x00")
        reader = Reader(old)
        reader.u32()
        sections[DATA] = count + (old[reader.pos :] if keep_data else b"") + b"".join(added)
    if any(section == DATA_COUNT for section, _ in module.sections):
        sections[DATA_COUNT] = count
    return _assemble(module, sections, custom)


def without_imports(wasm: bytes) -> bytes:
    """Return the module with a function that traps in place of each imported function.

    Functions keep their indices, which count imports first.

    Raises:
        MalformedModuleError: `wasm` does not parse, or imports something else than functions.
    """
    module = parse(wasm)
    old = dict(module.sections)
    if IMPORT not in old:
        return wasm
    types = Reader(old[IMPORT]).vector(_type_of_import)
    replaced = {
        FUNCTION: _with_first(old.get(FUNCTION), [u32_leb(one) for one in types]),
        CODE: _with_first(old.get(CODE), [_TRAP] * len(types)),
    }
    sections = tuple(one for one in module.sections if one[0] != IMPORT)
    return _assemble(module._replace(sections=sections), replaced, None)


def _type_of_import(reader: Reader) -> int:
    reader.name()
    reader.name()
    if reader.byte() != 0:
        raise reader.fail("import that is no function")
    return reader.u32()


def _with_first(section: bytes | None, items: list[bytes]) -> bytes:
    """Return a vector with more items in front."""
    reader = Reader(section or b"\0")
    count = reader.u32()
    return u32_leb(count + len(items)) + b"".join(items) + reader.data[reader.pos :]


def _assemble(
    module: WasmModule, replaced: dict[int, bytes], custom: tuple[str, bytes] | None
) -> bytes:
    sections = [
        (section, payload if section == CUSTOM else replaced.get(section, payload))
        for section, payload in module.sections
    ]
    if DATA in replaced and DATA not in {section for section, _ in sections}:
        sections.append((DATA, replaced[DATA]))  # the last of the ordered sections
    if custom is not None:
        name, content = custom
        sections.append((CUSTOM, _counted(name.encode()) + content))
    return encoded(sections)
