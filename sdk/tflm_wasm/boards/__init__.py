"""The boards this package knows, as their files in firmware_models/boards describe them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple


class Board(NamedTuple):
    """What is said about a board in tables; `tflm_wasm.aot.Board` has everything.

    Attributes:
        name: Its name, such as `microbit`.
        core: Its processor core.
        flash_bytes: Program memory: the firmware and the model.
        ram_bytes: The block of RAM that the firmware uses.
        emulated: The QEMU machine of that board, or None.
        runners: Who can write its flash, the default first.
    """

    name: str
    core: str
    flash_bytes: int
    ram_bytes: int
    emulated: str | None
    runners: tuple[str, ...] = ()


@cache
def known_boards() -> tuple[Board, ...]:
    """Return all boards, the one with the least RAM first."""
    from tflm_wasm.aot._board import CORES, board_names, load_board

    names = {core: name for name, core in reversed(CORES.items())}
    boards = []
    for one in map(load_board, board_names()):
        machine = str(one.qemu["machine"]) if one.qemu else None
        runners = tuple(one.runners) or (("qemu",) if one.qemu else ())
        boards.append(
            Board(one.name, names[one.core], one.flash.bytes, one.ram.bytes, machine, runners)
        )
    return tuple(sorted(boards, key=lambda board: (board.ram_bytes, board.flash_bytes)))
