"""From WebAssembly to C: wasm2c, and our own runtime in place of its own.

wasm2c's output is a fixed block of macros and inline functions, then the module's code, which uses
them. The block is written for a host with virtual memory. `wasm2c/wasm-rt.h` among the device's
sources defines the same names for a memory at a fixed address; it takes the block's place. The
block is the same for every module, so it is recognised by its digest; nothing else is edited.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from tflm_wasm._wasm import MemoryLimits, parse
from tflm_wasm._wasm_rewrite import rewrite
from tflm_wasm.aot._errors import Wasm2cChangedError
from tflm_wasm.aot._tools import run, wabt_folder

# Of wabt 1.0.42, where the block ends with the definition of WEAK_FUNC_DECL.
_BLOCK_CHARACTERS: Final = 30679
_BLOCK_SHA256: Final = "7113339281a5747df60f1e07c3dccced05812748a57a2c4a50f3dd706997849d"
NAME: Final = "guest"


def with_byte_pages(wasm: bytes, memory_bytes: int, segments: list[tuple[int, bytes]]) -> bytes:
    """Return the module with a memory of exactly `memory_bytes`, and more data."""
    limits = MemoryLimits(memory_bytes, memory_bytes, page_log2=0)
    return rewrite(wasm, memory=limits, segments=segments)


def translate(wasm: bytes, folder: Path) -> Path:
    """Write the module's C as guest.c and guest.h in `folder`, and return guest.c.

    Raises:
        ToolMissingError, ToolFailedError: wasm2c is not there, or does not accept the module.
        Wasm2cChangedError: It is another version than the one that this package knows.
        MalformedModuleError: The module does not parse.
    """
    parse(wasm)
    module = folder / f"{NAME}.wasm"
    module.write_bytes(wasm)
    wabt = wabt_folder()
    command = (str(wabt / "bin" / "wasm2c"), "--enable-custom-page-sizes", "-n", NAME)
    run("wasm2c", *command, module.name, "-o", f"{NAME}.c", folder=folder)
    output = folder / f"{NAME}.c"
    output.write_text(_with_own_runtime(output.read_text()))
    return output


def _with_own_runtime(text: str) -> str:
    block = text[:_BLOCK_CHARACTERS]
    if hashlib.sha256(block.encode()).hexdigest() != _BLOCK_SHA256:
        version = (wabt_folder() / "_wabt_version.txt").read_text().strip()
        raise Wasm2cChangedError(
            f"The output of wasm2c {version} begins differently from that of 1.0.42",
            version=version,
        )
    return f'#include "{NAME}.h"\n' + text[_BLOCK_CHARACTERS:]
