"""What production models may take on a Cortex-M4, and what the sandbox may cost."""

from __future__ import annotations

import pytest

from tests.support.files import shared_model
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
# Of MLPerf Tiny and TFLM: instructions of TFLM with CMSIS-NN, natively, without a sandbox, and the
# arena that TFLM takes there.
TFLM = {
    "kws_ref_model": (7_704_000, 22_772),
    "pretrainedResnet_quant": (29_878_000, 54_340),
    "str_ww_ref_model": (2_231_000, 15_252),
    "vww_96_int8": (24_116_000, 100_660),
    "ad01_int8": (583_000, 2_260),
    "hello_world_int8": (3_500, 676),
}
MOST_FRAME_INSTRUCTIONS = 261_000  # of okay_nabu
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
        assert sandbox != "mpu" or found <= MOST_FRAME_INSTRUCTIONS


@needs_qemu
@pytest.mark.slow
@pytest.mark.parametrize("name", TFLM)
def test_a_sandboxed_model_takes_no_more_than_tflm_and_cmsis_nn_without(name: str):
    most, arena_bytes = TFLM[name]
    module = build(shared_model(name), profile="extended")
    assert instructions(module, BOARD, "mpu", cache=CACHE)[0] <= most
    assert firmware(module, BOARD).report.ram["arena"] <= arena_bytes
