"""Flash and RAM of a firmware by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tflm_wasm import _abi
from tflm_wasm._block import Block
from tflm_wasm.aot._elf import Elf

_START: Final = (".boot_block", ".vectors", ".digest", ".sandbox")


@dataclass(frozen=True)
class Report:
    """Bytes by part, in the order in which they are worth reading.

    Attributes:
        flash: `engine` (the guest's code), `runtime` (compiler_rt), `model`, `sandbox` (start-up,
            drivers, sandbox), `agent`, `data` (initial values of RAM), `gaps` (for alignment).
        ram: `block`, `c_stack`, `engine_data` and `arena` of linear memory, `model` (copies of
            weights: 0), `native_stack`, `firmware`, `firmware_stack`, `gaps`.
    """

    flash: dict[str, int]
    ram: dict[str, int]

    @property
    def flash_bytes(self) -> int:
        """All flash used."""
        return sum(self.flash.values())

    @property
    def ram_bytes(self) -> int:
        """All RAM used."""
        return sum(self.ram.values())


def make_report(elf: Elf, block: Block, arena_bytes: int) -> Report:
    """Measure an executable."""
    symbols = elf.symbols
    own_end = symbols["guest_code_own_end"]
    engine = own_end - symbols["tw_guest_code"]
    flash = {
        "engine": engine,
        "runtime": elf.size(".guest_code") - engine,
        "model": symbols["model_end"] - symbols["model_start"],
        "sandbox": sum(map(elf.size, _START)),
        "agent": elf.size(".agent"),
        "data": elf.size(".data"),
    }
    base = min(one.address for one in elf.sections if one.name in _START and one.size)
    flash["gaps"] = symbols["tw_flash_used_end"] - base - sum(flash.values())
    heap = -(-block["heap_base"] // _abi.ALIGNMENT_BYTES) * _abi.ALIGNMENT_BYTES
    stack = block["stack_size"]
    ram = {
        "block": _abi.BLOCK_BYTES,
        "c_stack": stack,
        "engine_data": heap - _abi.BLOCK_BYTES - stack,
        "arena": arena_bytes,
        "model": 0 if arena_bytes else block["model_size"],
        "native_stack": symbols["tw_guest_stack_region_end"] - symbols["tw_guest_stack"],
        "firmware": elf.size(".data") + elf.size(".bss"),
        "firmware_stack": elf.size(".main_stack"),
    }
    linear = symbols["tw_guest_memory_end"] - symbols["tw_guest_memory"]
    ram["gaps"] = max(0, linear - heap - ram["arena"] - ram["model"])
    return Report(flash, ram)
