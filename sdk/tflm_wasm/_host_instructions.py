"""Instructions of the host in place of functions of the packaged engine.

WebAssembly 2.0 has no product of bytes. x86 has one that adds two of them as int16, and the runtime
selects it for an instruction of relaxed SIMD, whose results differ between hosts. No module has
that one. The engine exports a function that does the same slowly instead; here a call of it becomes
the instruction, where a trial shows that it does the same (docs/adr/0024).
"""

from __future__ import annotations

from typing import Final

from tflm_wasm import _runtime
from tflm_wasm._errors import RuntimeLibraryError
from tflm_wasm._wasm import CODE, EXPORT, FUNCTION, MEMORY, TYPE, encoded
from tflm_wasm._wasmtime import Instance, Trap, WasmtimeError

# The function of signed and of unsigned bytes, and what says whether it is an instruction.
_DOT_U8, _HAS_DOT_U8 = "tw_dot_u8", "tw_has_dot_u8"
_RELAXED_DOT: Final = bytes((0xFD, 0x92, 0x02))  # i16x8.relaxed_dot_i8x16_i7x16_s
_TRUE: Final = bytes((0x41, 1))  # i32.const 1

# Pairs of signed and of unsigned bytes, from the ends of their ranges.
_TRIALS: Final = (
    ((127, 1), (255, 255)),
    ((-128, 0), (255, 255)),
    ((0, 127), (0, 128)),
    ((1, -1), (128, 255)),
    ((-127, 127), (254, 255)),
    ((64, 64), (255, 255)),
    ((-64, -64), (255, 255)),
    ((3, -5), (7, 200)),
)


def replacements() -> dict[str, bytes]:
    """Return what is to be put in place of calls, by the name of the function that is called."""
    return {_DOT_U8: _RELAXED_DOT, _HAS_DOT_U8: _TRUE} if _has_dot_u8() else {}


def _has_dot_u8() -> bool:
    """Return whether the instruction is the product of signed and unsigned bytes here."""
    try:
        instance = Instance(_runtime.engine().compile(_trial()), (1 << 16, 0, 0), "time")
        trial = instance.function("trial", 0, None)
        return trial.result(trial.call()) == 1
    except (WasmtimeError, Trap, RuntimeLibraryError):
        return False


def _trial() -> bytes:
    """Return a module whose `trial` compares the instruction's result with the right one."""
    signed = b"".join(one.to_bytes(1, "little", signed=True) for a, _ in _TRIALS for one in a)
    unsigned = bytes(one for _, b in _TRIALS for one in b)
    sums = (a[0] * b[0] + a[1] * b[1] for a, b in _TRIALS)
    right = b"".join(one.to_bytes(2, "little", signed=True) for one in sums)
    constant = b"\xfd\x0c"  # v128.const
    equal = b"\xfd\x2d\xfd\x83\x01"  # i16x8.eq, i16x8.all_true
    code = constant + signed + constant + unsigned + _RELAXED_DOT + constant + right + equal
    body = b"\0" + code + b"\x0b"
    return encoded(
        (
            (TYPE, b"\x01\x60\0\x01\x7f"),
            (FUNCTION, b"\x01\0"),
            (MEMORY, b"\x02\0\x01\0\x01"),
            (EXPORT, b"\x03\x05trial\0\0\x06memory\x02\0\x04time\x02\x01"),
            (CODE, bytes((1, len(body))) + body),
        )
    )
