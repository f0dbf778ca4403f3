"""Emulated boards that live on between commands: found again by their record."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tflm_wasm._files import write_file
from tflm_wasm._folders import runtime_folder
from tflm_wasm.emulator._emulator import Emulator
from tflm_wasm.emulator._process import end_process, is_running
from tflm_wasm.emulator._qmp import Qmp

_KIND: Final = "emulated"
_RESET_S: Final = 2.0


@dataclass(frozen=True)
class Running:
    """An emulated board that runs in the background.

    Attributes:
        board: Its name.
        pid: Its process id.
        port: Its serial port.
        qmp_path: Its monitor's socket.
        digest: SHA-256 of its firmware's memory content, hexadecimal.
        image: The firmware's file.
    """

    board: str
    pid: int
    port: str
    qmp_path: str
    digest: str
    image: str

    @property
    def stable_id(self) -> str:
        """What names it for good."""
        return f"qemu:{self.board}"

    def reset(self) -> None:
        """Reset the board; its port stays.

        Raises:
            EmulatorEnded, EmulatorTimeout: The emulator is gone, or hangs.
        """
        monitor = Qmp(self.qmp_path, board=self.board, timeout_s=_RESET_S)
        try:
            monitor.call("system_reset")
        finally:
            monitor.close()

    def end(self) -> None:
        """End it, or do nothing when that was done."""
        if _is_alive(self):
            end_process(self.pid)
        shutil.rmtree(Path(self.qmp_path).parent, ignore_errors=True)
        with suppress(OSError):
            _record(self.board).unlink()


def keep(emulator: Emulator, *, digest: str, image: str) -> Running:
    """Let an emulator that was started as `kept` live on, and return it."""
    running = Running(
        board=emulator.board,
        pid=emulator.pid,
        port=emulator.port,
        qmp_path=emulator.qmp_path,
        digest=digest,
        image=image,
    )
    write_file(_record(running.board), json.dumps(asdict(running)).encode())
    emulator.release()
    return running


def find(board: str) -> Running | None:
    """Return a board that runs in the background, or None."""
    try:
        running = Running(**json.loads(_record(board).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if _is_alive(running):
        return running
    running.end()  # its folder and record, after somebody killed it
    return None


def find_all() -> tuple[Running, ...]:
    """Return the boards that run in the background, by name."""
    names = sorted(path.stem for path in runtime_folder(_KIND).glob("*.json"))
    return tuple(one for name in names if (one := find(name)) is not None)


def _is_alive(running: Running) -> bool:
    """Return whether the process is that emulator, and not another one with its old id."""
    if not is_running(running.pid):
        return False
    command = Path(f"/proc/{running.pid}/cmdline")
    if not command.exists():  # not Linux
        return Path(running.qmp_path).exists()
    return str(Path(running.qmp_path).parent).encode() in command.read_bytes()


def _record(board: str) -> Path:
    return runtime_folder(_KIND) / f"{board}.json"
