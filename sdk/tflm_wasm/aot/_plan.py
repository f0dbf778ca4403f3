"""Where things go in a board's memory such that its MPU can tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tflm_wasm.aot._board import Board
from tflm_wasm.aot._errors import DoesNotFitError

REGIONS_PER_RANGE: Final = 2
_INSTANCE_BYTES: Final = 64


def align(address: int, step: int) -> int:
    """Return the first multiple of `step` at or above `address`."""
    return -(-address // step) * step


def granule(mpu: str | None, start: int, size: int) -> int:
    """Return what both ends of a range have to be multiples of, in bytes.

    On ARMv7-M the range, begun at the first such multiple from `start` on, then takes at most two
    regions of eight parts each. It is the smallest such granule, so the least is wasted.
    """
    if mpu == "v8m":
        return 32
    if mpu != "v7m":
        return 16
    step = 32
    while True:
        base = align(start, step)
        last = align(base + max(size, 1), step) - 1
        if last // (8 * step) - base // (8 * step) < REGIONS_PER_RANGE:
            return step
        step *= 2


@dataclass(frozen=True)
class RamPlan:
    """RAM: linear memory first, the guest's native stack last, the firmware in between."""

    guest_base: int
    guest_bytes: int
    stack_base: int
    stack_bytes: int
    stack_end: int


def plan_ram(board: Board, guest_bytes: int, stack_bytes: int) -> RamPlan:
    """Place the guest's memory and stack.

    Args:
        board: The board.
        guest_bytes: What linear memory has to hold.
        stack_bytes: Size of the guest's native stack.

    Raises:
        DoesNotFitError: They are larger than the board's RAM.
    """
    mpu = board.core.mpu if board.sandbox == "mpu" else None
    base = board.ram.base
    size = align(guest_bytes, granule(mpu, base, guest_bytes))
    region = stack_bytes + _INSTANCE_BYTES
    # From the end of RAM downwards, where any step that divides the size divides the start.
    region = align(region, granule(mpu, 0, region))
    stack_base = board.ram.end - region
    if base + size > stack_base:
        raise DoesNotFitError(
            f"{board.title} has {board.ram.bytes:,} bytes of RAM; the guest alone takes "
            f"{size + region:,}",
            what="ram",
            needed=size + region,
            available=board.ram.bytes,
        )
    return RamPlan(base, size, stack_base, region - _INSTANCE_BYTES, board.ram.end)


@dataclass(frozen=True)
class SlotPlan:
    """Flash for uploaded models: two slots of `slot_bytes` from `base` on; 0: there are none."""

    base: int
    slot_bytes: int


def plan_slots(board: Board, used_end: int, sector_bytes: int) -> SlotPlan:
    """Divide the flash behind the firmware into two slots that the MPU can tell apart."""
    left = (board.flash.end - used_end) // 2
    if board.flash_driver is None or left < 4 * sector_bytes:
        return SlotPlan(board.flash.end, 0)
    step = max(sector_bytes, (1 << (left - 1).bit_length()) // 8)
    base = align(used_end, step)
    return SlotPlan(base, (board.flash.end - base) // 2 // step * step)
