"""Rules about the bytes of a module, looked at before any of its code runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tflm_wasm._abi import EXPORTS, OPTIONAL_EXPORTS
from tflm_wasm._errors import MalformedModuleError
from tflm_wasm._wasm import PAGE_BYTES, FuncType, WasmModule, parse

if TYPE_CHECKING:
    from tflm_wasm._check.report import Ledger
    from tflm_wasm._limits import Limits

_PAGE_LOG2 = 16


def check_bytes(wasm: bytes, limits: Limits, ledger: Ledger) -> WasmModule | None:
    """Hold the bytes against the rules; return the parsed module when all hold."""
    detail = f"{len(wasm):,} bytes, the host takes {limits.module_bytes:,}"
    if not ledger.note("module.size", ok=len(wasm) <= limits.module_bytes, detail=detail):
        return None
    try:
        module = parse(wasm)
    except MalformedModuleError as error:
        ledger.note("module.wasm", ok=False, detail=str(error))
        return None
    detail = f"{module.code_bytes:,} bytes of code, the host takes {limits.code_bytes:,}"
    ledger.note("module.size", ok=module.code_bytes <= limits.code_bytes, detail=detail)
    ledger.note("module.no_start", ok=not module.has_start, detail="there is a start section")
    detail = f"imports {', '.join(module.imports)}"
    if ledger.note("import.none", ok=not module.imports, detail=detail):
        _check_memory(module, limits, ledger)
        _check_exports(module, ledger)  # imports would shift the indices of functions
    return None if ledger.broken else module


def _check_memory(module: WasmModule, limits: Limits, ledger: Ledger) -> None:
    count = len(module.memories)
    if not ledger.note("memory.one", ok=count == 1, detail=f"the module defines {count}"):
        return
    memory = module.memories[0]
    plain = not memory.shared and not memory.wide and memory.page_log2 == _PAGE_LOG2
    detail = f"shared: {memory.shared}, 64-bit: {memory.wide}, page: 2^{memory.page_log2} bytes"
    ledger.note("memory.type", ok=plain, detail=detail)
    export = module.exports.get("memory")
    detail = f"the export `memory` is a {export.kind}" if export else "no export `memory`"
    is_memory = export is not None and export.kind == "memory"
    ledger.note("memory.export", ok=is_memory, detail=detail)
    size = memory.minimum_bytes
    detail = f"{size:,} bytes, the host takes {PAGE_BYTES:,} to {limits.memory_bytes:,}"
    ledger.note("memory.initial", ok=PAGE_BYTES <= size <= limits.memory_bytes, detail=detail)


def _check_exports(module: WasmModule, ledger: Ledger) -> None:
    for name, signature in EXPORTS.items():
        export = module.exports.get(name)
        if export is None and name in OPTIONAL_EXPORTS:
            continue
        is_function = export is not None and export.kind == "func"
        detail = f"`{name}` is a {export.kind}" if export else f"no export `{name}`"
        ledger.note("export.present", ok=is_function, detail=detail)
        found = module.signature(name)
        if found is not None:
            wanted = FuncType(signature.params, signature.results)
            detail = f"`{name}` is {found}, not {wanted}"
            ledger.note("export.signature", ok=found == wanted, detail=detail)
