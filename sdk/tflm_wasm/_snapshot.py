"""Memory as init left it, as data of a module that is then loaded from the start."""

from __future__ import annotations

from typing import Final

from tflm_wasm import _abi
from tflm_wasm._block import Block
from tflm_wasm._wasm import GLOBAL, Reader, WasmModule

_I32, _MUTABLE, _I32_CONST, _END = 0x7F, 1, 0x41, 0x0B
# Parts that are closer are one. A part costs more time to read than a kilobyte of zeros.
_GAP_BYTES: Final = 1024


def is_possible(engine: WasmModule) -> bool:
    """Return whether all that an engine's init leaves behind is in its memory.

    That is so when it has no mutable global but the stack pointer, which is back where it was, and
    no passive data, of which it could have dropped some. C code writes to no table.
    """
    if any(segment.offset is None for segment in engine.segments):
        return False
    payload = next((data for section, data in engine.sections if section == GLOBAL), b"\0")
    reader = Reader(payload)
    mutable = 0
    for _ in range(reader.u32()):
        kind, mutability, opcode = reader.byte(), reader.byte(), reader.byte()
        if (kind, opcode) != (_I32, _I32_CONST):
            return False
        reader.i32()
        if reader.byte() != _END:
            return False
        mutable += mutability == _MUTABLE
    return mutable <= 1


def segments(memory: memoryview, size: int) -> list[tuple[int, bytes]]:
    """Return what is not 0 in memory `[0, size)`, as addresses and bytes; gaps that are short too.

    Args:
        memory: Linear memory after a successful init.
        size: Bytes of it that matter.
    """
    image = bytearray(memory[:size])
    block = Block(memoryview(image))
    block["features"] |= _abi.Feature.INITIALISED
    # Dead: no call is under way.
    image[_abi.BLOCK_BYTES : _abi.BLOCK_BYTES + block["stack_size"]] = bytes(block["stack_size"])
    found = []
    rest = bytes(image)
    while rest := rest.lstrip(b"\0"):
        address = size - len(rest)
        part, _, rest = rest.partition(bytes(_GAP_BYTES))
        found.append((address, part.rstrip(b"\0")))
    return found
