"""What a production wake-word model may take on a Cortex-M4, and what its sandbox may cost."""

from __future__ import annotations

import pytest

from tests.support.firmware import CACHE, firmware, needs_qemu, needs_tools
from tflm_wasm import Module, build
from tflm_wasm.bench import NATIVE, instructions

pytestmark = needs_tools
pytest.importorskip(
    "pymicro_wakeword", reason='pymicro-wakeword is missing: pip install "tflm-wasm[demo]"'
)
BOARD = "mps2-an386"
TFLM_ARENA_BYTES = 20_580  # TFLM's, as it says on a 32-bit core
MOST_RAM_BYTES = TFLM_ARENA_BYTES + 12 * 1024
MOST_FLASH_BYTES = 96 * 1024
# Instructions, relative to the same engine compiled natively.
MOST_TIMES = {"mpu": 1.15, "checked": 1.6}


@pytest.fixture(scope="module")
def okay_nabu() -> Module:
    from tflm_wasm.wakeword import WakeWord

    return build(WakeWord.builtin("okay_nabu").model)


def test_okay_nabu_and_its_sandbox_take_little_more_ram_than_tflms_arena(okay_nabu: Module):
    ram = firmware(okay_nabu, BOARD).report.ram
    sandbox = {name: size for name, size in ram.items() if not name.startswith("firmware")}
    assert sum(sandbox.values()) <= MOST_RAM_BYTES
    assert sandbox["model"] == 0


def test_the_firmware_with_the_ops_of_okay_nabu_is_small(okay_nabu: Module):
    flash = firmware(okay_nabu, BOARD).report.flash
    assert flash["model"] == len(okay_nabu.model)
    assert sum(flash.values()) - flash["model"] <= MOST_FLASH_BYTES


@needs_qemu
@pytest.mark.slow
def test_the_sandbox_costs_few_instructions(okay_nabu: Module):
    """The emulator counts them, so that they are the same in every run."""
    native = instructions(okay_nabu, BOARD, NATIVE, cache=CACHE)[0]
    for sandbox, most in MOST_TIMES.items():
        found = instructions(okay_nabu, BOARD, sandbox, cache=CACHE)[0]
        assert native < found <= most * native, sandbox
