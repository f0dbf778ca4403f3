"""Boards to run the plugin on: the native agent behind ptys."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.board import native_agent
from tests.support.files import ZOO

MODEL = ZOO / "sine_int8" / "sine_int8.tflite"


@dataclass
class Stand:
    """A process that plays a board, its port, and a file to send more from than it would."""

    port: str
    master: int | None
    process: subprocess.Popen[bytes]


@pytest.fixture
def new_board() -> Iterator[Callable[..., Stand]]:
    """Start boards on ports of their own."""
    pty = pytest.importorskip("pty", reason="a pty needs Linux or macOS")
    tty = pytest.importorskip("tty", reason="a pty needs Linux or macOS")
    pytest.importorskip("serial", reason="pip install 'tflm-wasm[firmware]'")
    started: list[tuple[Stand, int]] = []

    def start(*, keep_master: bool = False) -> Stand:
        master, slave = pty.openpty()
        tty.setraw(slave)
        process = subprocess.Popen([native_agent(), "stream", MODEL], stdin=master, stdout=master)
        if not keep_master:  # so that the port goes away with the process
            os.close(master)
        started.append((Stand(os.ttyname(slave), master if keep_master else None, process), slave))
        return started[-1][0]

    yield start
    for stand, slave in started:
        stand.process.kill()
        stand.process.wait()
        if stand.master is not None:
            os.close(stand.master)
        os.close(slave)


@pytest.fixture
def stand(new_board: Callable[..., Stand]) -> Stand:
    """One board."""
    return new_board()


@pytest.fixture(autouse=True)
def _locks_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
