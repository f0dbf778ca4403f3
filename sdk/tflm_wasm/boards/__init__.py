"""The boards this package knows: their flash and RAM, read from boards.toml."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib import resources
from typing import NamedTuple


class Board(NamedTuple):
    """One board.

    Attributes:
        name: Its name, such as `microbit`.
        core: Its processor core.
        flash_bytes: Program memory: the firmware and the model.
        ram_bytes: Its largest one block of RAM.
        emulated: The QEMU machine of that board, or None.
    """

    name: str
    core: str
    flash_bytes: int
    ram_bytes: int
    emulated: str | None


@cache
def known_boards() -> tuple[Board, ...]:
    """Return all boards, the one with the least RAM first."""
    # Imported by name, because Python 3.10 has the same reader only as a package, tomli.
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    content = toml.loads(resources.files(__name__).joinpath("boards.toml").read_text("utf-8"))
    boards = (
        Board(
            name=one["name"],
            core=one["core"],
            flash_bytes=one["flash_kib"] * 1024,
            ram_bytes=one["ram_kib"] * 1024,
            emulated=one.get("emulated"),
        )
        for one in content["board"]
    )
    return tuple(sorted(boards, key=lambda board: (board.ram_bytes, board.flash_bytes)))
