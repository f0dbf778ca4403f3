"""Memory plans: the MPU can express them, and little is wasted."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.files import ROOT
from tflm_wasm import aot
from tflm_wasm.aot._plan import REGIONS_PER_RANGE, align, granule, plan_ram, plan_slots

BOARD = replace(aot.load_board("netduinoplus2"), flash_driver="memory")


@given(start=st.integers(0, 2**24), size=st.integers(1, 2**20))
def test_a_range_takes_two_regions_of_eight_parts_at_most(start: int, size: int):
    step = granule("v7m", start, size)
    first = align(start, step)
    end = align(first + size, step)
    assert (end - 1) // (8 * step) - first // (8 * step) < REGIONS_PER_RANGE
    # What is lost is at most a quarter of the size, or the smallest part at each end.
    assert end - size - start <= max(2 * 32, size // 4 + step)


@given(guest=st.integers(4096, 150_000), stack=st.integers(256, 8192))
def test_the_guests_memory_and_stack_lie_at_the_ends_of_ram(guest: int, stack: int):
    plan = plan_ram(BOARD, guest, stack)
    assert plan.guest_base == BOARD.ram.base
    assert plan.guest_bytes >= guest
    assert plan.stack_bytes >= stack
    assert plan.guest_base + plan.guest_bytes <= plan.stack_base
    assert plan.stack_base + plan.stack_bytes < plan.stack_end == BOARD.ram.end
    assert granule("v7m", plan.guest_base, plan.guest_bytes) <= granule("v7m", 0, plan.guest_bytes)


def test_a_guest_larger_than_ram_is_refused_with_both_sizes():
    with pytest.raises(aot.DoesNotFitError) as caught:
        plan_ram(BOARD, BOARD.ram.bytes, 2048)
    assert caught.value.needed > caught.value.available == BOARD.ram.bytes


@given(used=st.integers(0, 2**20))
def test_two_equal_slots_lie_behind_the_firmware(used: int):
    slots = plan_slots(BOARD, BOARD.flash.base + used, 4096)
    assert slots.base + 2 * slots.slot_bytes <= BOARD.flash.end
    assert slots.slot_bytes % 4096 == 0
    if slots.slot_bytes:
        assert slots.base >= BOARD.flash.base + used


def test_a_board_that_cannot_write_its_flash_has_no_slots():
    board = replace(BOARD, flash_driver=None)
    assert plan_slots(board, board.flash.base, 4096).slot_bytes == 0


@pytest.mark.parametrize("name", aot.board_names())
def test_every_board_file_is_complete(name: str):
    board = aot.load_board(name)
    assert board.name == name
    assert board.title
    assert board.flash.bytes > board.ram.bytes or name.startswith("mps")
    assert (board.core.mpu is None) == (board.sandbox == "checked")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('sandbox = "mpu"', 'sandbox = "none"'),
        ('family = "pl011"', 'family = "telex"'),
        ('core = "cortex-m3"', 'core = "z80"'),
        ('core = "cortex-m3"', 'core = "cortex-m0"'),  # which has no MPU
        ('title = "', 'name = "'),
        ("bytes = 0x0004_0000", 'bytes = 0x0004_0000\ndriver = "punched-cards"'),
        ("[ram]", "[ram"),
    ],
)
def test_a_wrong_board_file_is_refused_with_its_path(tmp_path, good: str, bad: str):
    text = (ROOT / "firmware_models" / "boards" / "lm3s6965evb" / "board.toml").read_text()
    assert good in text
    path = tmp_path / "board.toml"
    path.write_text(text.replace(good, bad))
    with pytest.raises(aot.BoardError, match=re.escape(str(path))):
        aot.load_board(path)


def test_an_unknown_board_is_refused():
    with pytest.raises(aot.BoardError) as caught:
        aot.load_board("enigma")
    assert caught.value.board == "enigma"
