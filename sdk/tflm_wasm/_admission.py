"""What a module must look like before any of it is compiled or run."""

from __future__ import annotations

from typing import Final

from tflm_wasm import _abi
from tflm_wasm._block import Block
from tflm_wasm._errors import (
    AbiError,
    ExportError,
    ImportsError,
    ModuleError,
    NoModelError,
    ProfileError,
)
from tflm_wasm._wasm import FuncType, WasmModule, parse

_EXPORTS: Final = {name: FuncType(one.params, one.results) for name, one in _abi.EXPORTS.items()}
_KNOWN_FEATURES: Final = sum(feature.value for feature in _abi.Feature)


def admit(wasm: bytes) -> WasmModule:
    """Parse a module and check what can be checked without running it.

    Raises:
        MalformedModuleError: It is not a WebAssembly binary.
        ImportsError: It imports something.
        ExportError: An export is missing or has another type.
        ModuleError: It has a start function, or not one plain memory.
    """
    module = parse(wasm)
    if module.imports:
        raise ImportsError(
            f"The module imports {', '.join(module.imports)}; nothing may be imported",
            imports=module.imports,
            rule="import.none",
        )
    if module.has_start:
        raise ModuleError(
            "The module runs code by itself: it has a start section", rule="module.no_start"
        )
    _check_memory(module)
    for name, wanted in _EXPORTS.items():
        if name in module.exports or name not in _abi.OPTIONAL_EXPORTS:
            _check_function(module, name, wanted)
    return module


def _check_memory(module: WasmModule) -> None:
    if len(module.memories) != 1:
        raise ModuleError(
            f"The module defines {len(module.memories)} memories, not one", rule="memory.one"
        )
    memory = module.memories[0]
    if memory.shared or memory.wide or memory.page_log2 != 16:
        raise ModuleError(
            "The memory is shared, has 64-bit addresses or pages of another size than 64 KiB",
            rule="memory.type",
        )
    if memory.minimum < 1:
        raise ModuleError("The memory is empty at first", rule="memory.initial")
    export = module.exports.get("memory")
    if export is None or export.kind != "memory":
        raise ExportError(
            "The module does not export its memory as `memory`",
            name="memory",
            expected="memory",
            found=export.kind if export else None,
            rule="memory.export",
        )


def _check_function(module: WasmModule, name: str, wanted: FuncType) -> None:
    export = module.exports.get(name)
    found = module.signature(name)
    if found == wanted:
        return
    is_function = export is not None and export.kind == "func"
    is_what = str(found) if is_function else export.kind if export else None
    raise ExportError(
        f"The export `{name}` must be {wanted}, " + (f"not {is_what}" if is_what else "is missing"),
        name=name,
        expected=str(wanted),
        found=is_what,
        rule="export.signature" if is_function else "export.present",
    )


def check_profile(profile: str) -> dict[str, int]:
    """Return the limits of a profile in bytes: `model_bytes` and `input_bytes`.

    Raises:
        ProfileError: There is no such profile.
    """
    limits = _abi.PROFILES.get(profile)
    if limits is None:
        raise ProfileError(
            f"There is no profile {profile!r}",
            hint=f"Pass one of {', '.join(map(repr, _abi.PROFILES))}.",
            profile=profile,
        )
    return limits


def check_block(block: Block, profile: str, memory_bytes: int) -> None:
    """Check the static fields of a block against the ABI and the profile that was opted into.

    Raises:
        AbiError: Magic, version, or another static field is wrong.
        ProfileError: The module needs the extended profile, and `profile` is another.
        NoModelError: No model is embedded.
    """
    limits = check_profile(profile)
    if block.magic != _abi.MAGIC:
        raise AbiError("The block does not start with TFLW", rule="block.magic")
    if block["abi_major"] != _abi.ABI_MAJOR:
        raise AbiError(
            f"The module speaks ABI {block['abi_major']}.{block['abi_minor']}, "
            f"this host {_abi.ABI_MAJOR}.{_abi.ABI_MINOR}",
            hint="Build the module again: `tflm-wasm build MODEL`.",
            rule="block.version",
        )
    if block["features"] & ~_KNOWN_FEATURES:
        raise AbiError("The block has unknown feature bits", rule="block.features")
    if block.has(_abi.Feature.EXTENDED) and profile != "extended":
        raise ProfileError(
            "The module is of the extended profile, which must be opted into",
            profile="extended",
        )
    if not (
        0 < block["max_model_size"] <= limits["model_bytes"]
        and 0 < block["max_input_size"] <= limits["input_bytes"]
    ):
        raise AbiError("The module's limits are not those of its profile", rule="block.limits")
    if not block.canary_is_intact:
        raise AbiError("The canary is missing from the block", rule="block.canary")
    if not block.has(_abi.Feature.EMBEDDED_MODEL):
        raise NoModelError("No model is embedded in the module", rule="block.model")
    _check_layout(block, memory_bytes)


def _check_layout(block: Block, memory_bytes: int) -> None:
    stack_end = _abi.BLOCK_BYTES + block["stack_size"]
    if not (stack_end <= block["heap_base"] <= memory_bytes):
        raise AbiError("Stack and heap do not follow the block in memory", rule="block.layout")
    start, size = block["model_ptr"], block["model_size"]
    if (
        start % _abi.ALIGNMENT_BYTES
        or start < stack_end
        or start + size > memory_bytes
        or not 0 < size <= block["max_model_size"]
    ):
        raise AbiError("The embedded model is not where it may be", rule="block.model")
