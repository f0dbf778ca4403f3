"""Firmware for emulated boards: made once, then taken from the cache."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tflm_wasm import aot
from tflm_wasm._build import build
from tflm_wasm.aot import _sources

_HEAD: Final = struct.Struct("<I")
_MOST_ARENA_BYTES: Final = 512 * 1024
_BESIDES_ARENA_BYTES: Final = 48 * 1024  # engine, stacks, link buffers, and gaps for the MPU


@dataclass(frozen=True)
class Image:
    """Firmware for one board.

    Attributes:
        elf: The executable.
        flash: Its bytes of flash by part.
        ram: Its bytes of RAM by part.
    """

    elf: bytes
    flash: dict[str, int] = field(default_factory=dict)
    ram: dict[str, int] = field(default_factory=dict)


def with_model(board: aot.Board, model: bytes) -> Image:
    """Return firmware with a model built in, and only the ops and the arena that it needs.

    Raises:
        DoesNotFitError: The board is too small for it.
        ModelError: The engine can't run the model.
        AotError: It can't be made.
    """

    def make() -> aot.Firmware:
        return aot.compile(build(model, profile="extended"), board)

    return _cached(board, model, make)


def for_any_model(board: aot.Board) -> Image:
    """Return firmware with every op and as much arena as there is, for models that are uploaded.

    Raises:
        DoesNotFitError: The board is too small for it.
        AotError: It can't be made.
    """

    def make() -> aot.Firmware:
        room = board.ram.bytes - _BESIDES_ARENA_BYTES
        if room <= 0 or board.flash_driver is None:
            raise aot.DoesNotFitError(
                f"{board.title} has no room for models that are uploaded",
                what="ram" if room <= 0 else "flash",
                needed=_BESIDES_ARENA_BYTES,
                available=board.ram.bytes,
            )
        options = aot.Options(arena_bytes=min(room, _MOST_ARENA_BYTES))
        return aot.compile(None, board, options)

    return _cached(board, b"", make)


def _cached(board: aot.Board, what: bytes, make: Callable[[], aot.Firmware]) -> Image:
    """Return an image from the cache, which knows it by all that it is made of."""

    def packed() -> bytes:
        firmware = make()
        report = firmware.report
        head = json.dumps({"flash": report.flash, "ram": report.ram}).encode()
        return _HEAD.pack(len(head)) + head + firmware.elf

    sources = _sources.digest(
        *(_sources.root() / "abi", _sources.engine(), _sources.device()),
        *(Path(aot.__file__).parent, Path(__file__).parent),
    )
    content = aot.Cache().get("firmware", (sources, repr(board), what), packed)
    (size,) = _HEAD.unpack_from(content)
    start = _HEAD.size + size
    return Image(elf=content[start:], **json.loads(content[_HEAD.size : start]))
