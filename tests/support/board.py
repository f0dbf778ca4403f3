"""A board without a board: the agent as a native program, its flash, and a clock that jumps."""

from __future__ import annotations

import functools
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.support.files import ROOT, ZOO
from tflm_wasm import Session, build
from tflm_wasm.link import Transport

SCRIPT = ROOT / "firmware_models" / "device" / "build.py"
FLASH_BYTES, SECTOR_BYTES, UNIT_BYTES = 128 * 1024, 1024, 8


@functools.cache
def native_agent() -> Path:
    """Compile the agent with ASan and UBSan, once for each process; skip without a compiler."""
    if not (shutil.which("gcc") or shutil.which("clang")):
        pytest.skip("no C compiler for the native agent: apt-get install gcc")
    folder = tempfile.TemporaryDirectory(prefix="tflm-wasm-agent-")
    _folders.append(folder)
    output = Path(folder.name) / "agent_native"
    subprocess.run([sys.executable, SCRIPT, output], check=True)
    return output


_folders: list[tempfile.TemporaryDirectory[str]] = []  # deleted when the process ends


class Board:
    """The agent in lockstep: each command is answered before the next one.

    `powered` is False between a power loss and `reset()`.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [native_agent(), "lockstep"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.powered = False

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(timeout=10) == 0, "the sanitizers found something: see above"

    def _command(self, letter: str, payload: bytes = b"") -> bytes:
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(letter.encode() + struct.pack("<I", len(payload)) + payload)
        pipe_in.flush()
        head = pipe_out.read(5)
        if len(head) < 5:
            pytest.fail(f"the agent ended with {self._process.wait(timeout=10)}: see above")
        self.powered = bool(head[0])
        return pipe_out.read(struct.unpack_from("<I", head, 1)[0])

    def new(
        self,
        *,
        payload: int = 256,
        arena: int = 64 * 1024,
        flash: int = FLASH_BYTES,
        sector: int = SECTOR_BYTES,
        unit: int = UNIT_BYTES,
    ) -> bytes:
        """Start over with a blank flash; return the boot log."""
        return self._command("N", struct.pack("<5I", payload + 10, arena, flash, sector, unit))

    def feed(self, data: bytes) -> bytes:
        """Send bytes to the link and return what comes back."""
        return self._command("F", data)

    def reset(self) -> bytes:
        """Restart with the flash as it is; return the boot log."""
        return self._command("R")

    def lose_power_after(self, flash_bytes: int) -> None:
        """Lose power once so many more bytes of flash were erased or programmed."""
        self._command("P", struct.pack("<I", flash_bytes))

    def fault_next(self, kind: int, address: int) -> None:
        """Let the next call into the guest fault."""
        self._command("X", struct.pack("<II", kind, address))

    def log(self, text: str) -> bytes:
        """Let the firmware log a line."""
        return self._command("L", text.encode())

    def encode(self, frame_type: int, seq: int, payload: bytes) -> bytes:
        """Return the frame that C makes of a reply."""
        return self._command("E", struct.pack("<BH", frame_type, seq) + payload)

    def decode(self, seq: int, data: bytes) -> bytes:
        """Return type, seq and payload of the requests that C finds in `data`."""
        return self._command("D", struct.pack("<H", seq) + data)


class BoardTransport(Transport):
    """Bytes to a board and back at once; waiting moves a clock of its own."""

    port = "board"
    baudrate = 1_000_000

    def __init__(self, board: Board) -> None:
        self.board = board
        self.sent = self.returned = 0  # bytes on the line
        self.writes = 0
        self.closed = False
        self._arrived = b""
        self._time = 0.0

    def read(self, timeout_s: float) -> bytes:
        arrived, self._arrived = self._arrived, b""
        if not arrived:
            self._time += timeout_s
        return arrived

    def write(self, data: bytes, timeout_s: float) -> None:  # noqa: ARG002
        self.writes += 1
        self.sent += len(data)
        self.hear(self.board.feed(data))

    def hear(self, data: bytes) -> None:
        """Let bytes arrive from the board."""
        self.returned += len(data)
        self._arrived += data

    def reset(self) -> None:
        """Reset the board; its boot log arrives."""
        self.hear(self.board.reset())

    def close(self) -> None:
        self.closed = True

    def now(self) -> float:
        return self._time


def zoo_model(name: str) -> bytes:
    """Return a model of our own."""
    return (ZOO / name / f"{name}.tflite").read_bytes()


_sessions: dict[str, Session] = {}


def host(name: str) -> Session:
    """Return a session with a model of our own, open until `close_hosts`."""
    if name not in _sessions:
        _sessions[name] = build(zoo_model(name)).open()
    return _sessions[name]


def close_hosts() -> None:
    """Close what `host` opened: other tests count the sessions that are open."""
    while _sessions:
        _sessions.popitem()[1].close()


def random_frames(session: Session, count: int, seed: int = 0) -> list[tuple[np.ndarray, ...]]:
    """Return random inputs for a model."""
    rng = np.random.default_rng(seed)
    return [
        tuple(
            np.frombuffer(rng.bytes(t.view.nbytes), t.dtype).reshape(t.shape)
            for t in session.inputs
        )
        for _ in range(count)
    ]
