"""Checks that stop code in time: in every turn of a loop, in every function that calls another.

A check compares two words of a second memory: a clock, which the host lets go on, and a deadline.
The code itself names the first memory only. So it can't reach them, whatever a module's data makes
it do.

A check calls nothing, so nothing has to be saved for it: it is two loads, a comparison and a branch
that is not taken. The clock is loaded atomically. A compiler may not leave that out, nor move it
out of a loop.
"""

from __future__ import annotations

from typing import Final

from tflm_wasm._errors import MalformedModuleError
from tflm_wasm._wasm import CODE, EXPORT, IMPORT, MEMORY, Reader, encoded, parse, u32_leb
from tflm_wasm._wasm_code import CALLS, LOOP, Body, bodies, next_opcode

# The second memory is exported under this name.
TIME: Final = "tflm_wasm_time"
_PAGE: Final = b"\x01\x01\x01"  # one page at least and at most
_MEMORY_KIND, _SECOND = b"\x02", b"\x01"
CHECK: Final = bytes(
    (
        *(0x41, 0, 0xFE, 0x11, 0x43, 1, 0),  # i64.atomic.load of the second memory, at 0: the clock
        *(0x41, 0, 0x29, 0x43, 1, 8),  # i64.load of the second memory, at 8: the deadline
        *(0x55, 0x04, 0x40, 0x00, 0x0B),  # i64.gt_s, if, unreachable, end
    )
)


def interruptible(wasm: bytes) -> bytes:
    """Return a module whose code traps (`unreachable`) soon after its clock is past its deadline.

    Args:
        wasm: A module of WebAssembly 2.0 with one memory, which is defined in it.

    Raises:
        MalformedModuleError: It does not parse, has other memories, or an instruction is unknown.
    """
    module = parse(wasm)
    sections = dict(module.sections)
    if len(module.memories) != 1 or IMPORT in sections:
        raise MalformedModuleError("one memory and no imports expected", offset=0)
    code = sections.get(CODE, b"\0")
    checked = [_checked(code, body) for body in bodies(code)]
    name = TIME.encode()
    export = u32_leb(len(name)) + name + _MEMORY_KIND + _SECOND
    changed = {
        MEMORY: b"\x02" + sections[MEMORY][1:] + _PAGE,
        EXPORT: _with_last(sections.get(EXPORT, b"\0"), export),
        CODE: u32_leb(len(checked)) + b"".join(checked),
    }
    return encoded((one, changed.get(one, payload)) for one, payload in module.sections)


def _checked(code: bytes, body: Body) -> bytes:
    """Return a body with checks, and its size in front."""
    reader = Reader(memoryview(code)[: body.end])
    reader.pos = body.first
    parts: list[bytes] = []
    copied, has_calls = body.first, False
    while reader.left:
        opcode = next_opcode(reader)
        if opcode == LOOP:
            parts += (code[copied : reader.pos], CHECK)
            copied = reader.pos
        has_calls = has_calls or opcode in CALLS
    parts.append(code[copied : body.end])
    entry = CHECK if has_calls else b""
    whole = b"".join((code[body.start : body.first], entry, *parts))
    return u32_leb(len(whole)) + whole


def _with_last(section: bytes, item: bytes) -> bytes:
    """Return a vector with one more item."""
    reader = Reader(section)
    count = reader.u32()
    return u32_leb(count + 1) + section[reader.pos :] + item


def unchecked(wasm: bytes) -> list[str]:
    """Return the loops and the functions of a module that lack their check.

    Raises:
        MalformedModuleError: Something else than a check names the second memory, or an instruction
            is unknown.
    """
    code = next((payload for section, payload in parse(wasm).sections if section == CODE), b"\0")
    missing = []
    for number, body in enumerate(bodies(code)):
        reader = Reader(memoryview(code)[: body.end])
        reader.pos = body.first
        is_checked, has_calls = _skip_check(code, reader), False
        while reader.left:
            at = reader.pos
            opcode = next_opcode(reader)
            has_calls = has_calls or opcode in CALLS
            if opcode == LOOP and not _skip_check(code, reader):
                missing.append(f"loop at byte {at} of the code, in function {number}")
        if has_calls and not is_checked:
            missing.append(f"function {number}, which calls another")
    return missing


def _skip_check(code: bytes, reader: Reader) -> bool:
    """Take a check and return True, or take nothing and return False."""
    if not code.startswith(CHECK, reader.pos):
        return False
    reader.take(len(CHECK))
    return True
