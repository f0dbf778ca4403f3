"""Small guests in WebAssembly text: an honest one adds one to four int8; the others cheat."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import wasmtime

from tflm_wasm import Limits, Session, _abi, load

MODEL_ADDRESS = 4096
MODEL = b"\0\0\0\0none" + bytes(8)
INPUT_ADDRESS = 4112
OUTPUT_ADDRESS = 4128
SCRATCH_BYTES = 64
ELEMENTS = 4
INT8 = 9
# What they run on, where it does not matter.
X = np.array([[1, 2, 3, -128]], np.int8)
FAST = Limits(time_s=0.05)

# output = input + 1, byte by byte
ADD_ONE = "\n".join(
    f"(i32.store8 (i32.const {OUTPUT_ADDRESS + i})"
    f" (i32.add (i32.load8_s (i32.const {INPUT_ADDRESS + i})) (i32.const 1)))"
    for i in range(ELEMENTS)
)


def offset(field: str) -> int:
    return _abi.FIELDS[field].offset


def store(field: str, value: int) -> str:
    """Return code that writes a field of the block."""
    width = struct.calcsize(_abi.FIELDS[field].code)
    return (
        f"(i32.store{'16' if width == 2 else ''} (i32.const {offset(field)}) (i32.const {value}))"
    )


def finish(status: int = 0, output_size: int = ELEMENTS) -> str:
    """Return code that leaves a status and an output size, and returns the status."""
    return f"{store('output_size', output_size)} {store('status', status)} (i32.const {status})"


def descriptor(index: int, **changes: int | float | list[int]) -> bytes:
    """Return the 64 bytes of a descriptor of four int8."""
    values: dict[str, int | float | list[int]] = {
        "address": (INPUT_ADDRESS, OUTPUT_ADDRESS)[index],
        "bytes": ELEMENTS,
        "type": INT8,
        "rank": 2,
        "tensor_index": index,
        "scale": 0.5,
        "zero_point": -3,
        "dims": [1, ELEMENTS, 0, 0, 0, 0, 0, 0],
        **changes,
    }
    out = bytearray(_abi.DESCRIPTOR_BYTES)
    for name, value in values.items():
        info = _abi.DESCRIPTOR_FIELDS[name]
        items = value if isinstance(value, list) else [value]
        struct.pack_into(info.code, out, info.offset, *items)
    return bytes(out)


def statics(**changes: int) -> bytes:
    """Return the block's first 128 bytes before init."""
    values = {
        "magic": int.from_bytes(_abi.MAGIC, "little"),
        "abi_major": _abi.ABI_MAJOR,
        "features": int(_abi.Feature.EMBEDDED_MODEL),
        "model_ptr": MODEL_ADDRESS,
        "model_size": len(MODEL),
        "scratch_size": SCRATCH_BYTES,
        "heap_base": MODEL_ADDRESS,
        "max_model_size": _abi.PROFILES["strict"]["model_bytes"],
        "max_input_size": _abi.PROFILES["strict"]["input_bytes"],
        "page_log2": 16,
        **changes,
    }
    out = bytearray(128)
    for name, value in values.items():
        struct.pack_into(_abi.FIELDS[name].code, out, _abi.FIELDS[name].offset, value)
    return bytes(out)


INIT = "\n".join(
    [
        store("input_ptr", INPUT_ADDRESS),
        store("input_size", ELEMENTS),
        store("output_ptr", OUTPUT_ADDRESS),
        store("output_cap", ELEMENTS),
        store("arena_ptr", INPUT_ADDRESS),
        store("arena_used", 32),
        store("arena_needed", 48),
        store("input_count", 1),
        store("output_count", 1),
        store("op_count", 1),
        store("error_op", -1),
        store("error_subgraph", -1),
    ]
)


def _data(address: int, content: bytes) -> str:
    return (
        f'(data (i32.const {address}) "{"".join(f"{b:02x}".join((chr(92), "")) for b in content)}")'
    )


def wat(
    *,
    init: str = INIT + finish(),
    invoke: str = ADD_ONE + finish(),
    reset: str = finish(),
    start: str = "",
    imports: str = "",
    more: str = "",
    memory: str = '(memory (export "memory") 1)',
    invoke_type: str = "(result i32)",
    leave_out: str = "",
    block: bytes | None = None,
    descriptors: tuple[bytes, ...] | None = None,
) -> str:
    """Return an honest guest, with the given parts replaced."""
    functions = {
        "tflm_wasm_init": f"(param i32 i32 i32) (result i32) {init}",
        "wasm_invoke": f"{invoke_type} {invoke}",
        "tflm_wasm_reset": f"(result i32) {reset}",
        "_start": start,
    }
    described = descriptors or (descriptor(0), descriptor(1))
    return "\n".join(
        [
            f"(module {imports} {memory}",
            _data(0, block or statics()),
            _data(_abi.REGIONS["descriptors"][0], b"".join(described)),
            _data(_abi.REGIONS["canary"][0], _abi.CANARY),
            _data(MODEL_ADDRESS, MODEL),
            *(
                f'(func (export "{name}") {body})'
                for name, body in functions.items()
                if name != leave_out
            ),
            more + ")",
        ]
    )


def guest(**parts: object) -> bytes:
    """Return the binary of `wat(**parts)`."""
    return bytes(wasmtime.wat2wasm(wat(**parts)))  # type: ignore[arg-type]


def open_guest(**parts: Any) -> Session:
    """Open `guest(**parts)` with little time for each call."""
    return load(guest(**parts), limits=FAST)
