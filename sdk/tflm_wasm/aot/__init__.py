"""Ahead of time: a module compiled into firmware for a microcontroller board."""

from __future__ import annotations

from tflm_wasm.aot._board import Board, Core, Memory, board_names, load_board
from tflm_wasm.aot._cache import Cache
from tflm_wasm.aot._errors import (
    AotError,
    BoardError,
    DoesNotFitError,
    ToolFailedError,
    ToolMissingError,
    Wasm2cChangedError,
)
from tflm_wasm.aot._firmware import Firmware, Options, compile  # noqa: A004 - aot.compile
from tflm_wasm.aot._report import Report

__all__ = [
    "AotError",
    "Board",
    "BoardError",
    "Cache",
    "Core",
    "DoesNotFitError",
    "Firmware",
    "Memory",
    "Options",
    "Report",
    "ToolFailedError",
    "ToolMissingError",
    "Wasm2cChangedError",
    "board_names",
    "compile",
    "load_board",
]
