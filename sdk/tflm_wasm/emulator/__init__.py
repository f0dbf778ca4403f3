"""Emulated boards: QEMU processes with an owner."""

from __future__ import annotations

from tflm_wasm.emulator._background import Running, find, find_all, keep
from tflm_wasm.emulator._emulator import Emulator, command

__all__ = ["Emulator", "Running", "command", "find", "find_all", "keep"]
