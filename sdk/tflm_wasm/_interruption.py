"""Checks that stop code in time: in every turn of a loop, in every function, before bulk work.

All code that runs in this process has them, the packaged engine and foreign code. In one function
at most a KiB of code runs from one check to the next, and one instruction that fills or copies
memory or a table.

A check compares two words of a second memory: a clock, which the host lets go on, and a deadline.
The code itself names the first memory only. So it can't reach them, whatever a module's data makes
it do.

A check calls nothing, so nothing has to be saved for it: it is two loads, a comparison and a branch
that is not taken. The clock is loaded atomically. A compiler may not leave that out, nor move it
out of a loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tflm_wasm._errors import MalformedModuleError
from tflm_wasm._wasm import CODE, EXPORT, MEMORY, Reader, encoded, parse, u32_leb
from tflm_wasm._wasm_code import BLOCK, BULK, CALL, ELSE, END, IF, LOOP, Body, bodies, next_opcode

_PAGE: Final = b"\x01\x01\x01"  # one page at least and at most
_MEMORY_KIND, _SECOND = b"\x02", b"\x01"
CHECK: Final = bytes(
    (
        *(0x41, 0, 0xFE, 0x11, 0x43, 1, 0),  # i64.atomic.load of the second memory, at 0: the clock
        *(0x41, 0, 0x29, 0x43, 1, 8),  # i64.load of the second memory, at 8: the deadline
        *(0x55, 0x04, 0x40, 0x00, 0x0B),  # i64.gt_s, if, unreachable, end
    )
)
# So much code may run without a check, in a function; more gets one in between.
_LONG_BYTES: Final = 1024


def interruptible(wasm: bytes, replacements: Mapping[str, bytes] | None = None) -> bytes:
    """Return a module whose code traps (`unreachable`) soon after its clock is past its deadline.

    Args:
        wasm: A valid module of WebAssembly 2.0 with one memory, which is defined in it and
            exported. The second one is exported as its `time_export`.
        replacements: What takes the place of calls, by the name of the exported function that is
            called.

    Raises:
        MalformedModuleError: It does not parse, has other memories, or an instruction is unknown.
    """
    module = parse(wasm)
    sections = dict(module.sections)
    if len(module.memories) != 1 or module.imports or EXPORT not in sections:
        raise MalformedModuleError("one memory, an export and no imports expected", offset=0)
    code = sections.get(CODE, b"\0")
    calls = {
        module.exports[name].number: instruction
        for name, instruction in (replacements or {}).items()
        if name in module.exports
    }
    checked = [_checked(code, body, calls) for body in bodies(code)]
    name = module.time_export.encode()
    export = u32_leb(len(name)) + name + _MEMORY_KIND + _SECOND
    changed = {
        MEMORY: _with_last(sections[MEMORY], _PAGE),
        EXPORT: _with_last(sections[EXPORT], export),
        CODE: u32_leb(len(checked)) + b"".join(checked),
    }
    return encoded((one, changed.get(one, payload)) for one, payload in module.sections)


def _checked(code: bytes, body: Body, calls: Mapping[int, bytes]) -> bytes:
    """Return a body with checks and with other instructions for calls, and its size in front."""
    # From where to where, what is there instead.
    edits = [(at, at, CHECK) for at, _ in _missing(code, body)]
    edits += _replaced(code, body, calls)
    parts = [code[body.start : body.first]]
    copied = body.first
    for start, end, instead in sorted(edits):
        parts += (code[copied:start], instead)
        copied = end
    parts.append(code[copied : body.end])
    whole = b"".join(parts)
    return u32_leb(len(whole)) + whole


def _replaced(
    code: bytes, body: Body, calls: Mapping[int, bytes]
) -> Iterator[tuple[int, int, bytes]]:
    """Return where calls of some functions begin and end, and what is to be there instead."""
    # A number may have more bytes than it takes: it then begins the same, but for a bit.
    begins = (bytes((CALL, one & 0x7F | more)) for one in calls for more in (0, 0x80))
    if all(code.find(one, body.first, body.end) < 0 for one in begins):
        return  # most bodies have none, and are not read again
    reader = Reader(memoryview(code)[: body.end])
    reader.pos = body.first
    while reader.left:
        at = reader.pos
        if next_opcode(reader) == CALL:
            number = Reader(memoryview(code)[at + 1 : reader.pos]).u32()
            if number in calls:
                yield at, reader.pos, calls[number]


def _missing(code: bytes, body: Body, check: bytes | None = None) -> Iterator[tuple[int, str]]:
    """Return where a body lacks a check, in order, and what lacks it.

    Args:
        code: The code section.
        body: Where it is in there.
        check: What a check looks like, in code that has some.
    """
    reader = Reader(memoryview(code)[: body.end])
    reader.pos = body.first
    # Bytes of code so far, without checks, and of them those before the last check on any path.
    # A branch forward comes from within the block that it ends, so no path to the end of a block
    # has more without a check than all of the block, and what was so at its start.
    length = checked = 0
    starts = [0]
    wanted, is_checked = "function", False
    while starts:
        at = reader.pos
        if check and code.startswith(check, at, body.end):
            reader.take(len(check))
            checked, is_checked = length, True
            continue
        opcode = next_opcode(reader)
        if opcode in BULK:
            wanted = wanted or "bulk instruction"
        elif length - checked > _LONG_BYTES:
            wanted = wanted or "long code"
        if wanted and not is_checked:
            yield at, wanted
            checked = length
        wanted, is_checked = "loop" if opcode == LOOP else "", False
        if opcode in (BLOCK, LOOP, IF):
            starts.append(checked)
        elif opcode == ELSE:
            checked = starts[-1]
        elif opcode == END:
            checked = starts.pop()
        length += reader.pos - at
    if reader.left:
        raise reader.fail(f"{reader.left} bytes behind the end of a function")


def _with_last(section: bytes, item: bytes) -> bytes:
    """Return a vector with one more item."""
    reader = Reader(section)
    count = reader.u32()
    return u32_leb(count + 1) + section[reader.pos :] + item


def unchecked(wasm: bytes) -> list[str]:
    """Return what of a module lacks its check: functions, loops, bulk instructions, long code.

    Raises:
        MalformedModuleError: Something else than a check names the second memory, or an instruction
            is unknown.
    """
    code = next((payload for section, payload in parse(wasm).sections if section == CODE), b"\0")
    return [
        f"{what} at byte {at} of the code, in function {number}"
        for number, body in enumerate(bodies(code))
        for at, what in _missing(code, body, CHECK)
    ]
