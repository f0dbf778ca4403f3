"""Ports of an emulated board that are wrong, held, forbidden, dead, or go away.

Each ends in a typed error with a hint, by a deadline under two seconds, and the port is free.
"""

from __future__ import annotations

import fcntl
import inspect
import os
import signal
import socket
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import serial

import tflm_wasm
from tests.support.board import host, random_frames
from tests.support.files import ZOO
from tests.support.firmware import firmware, needs_qemu, needs_tools
from tests.support.privileges import IS_ROOT, NOBODY, unprivileged
from tests.support.rfc2217 import Rfc2217Server
from tflm_wasm import Device, build
from tflm_wasm._deadline import Deadline
from tflm_wasm._link._serial import _NEGOTIATION_S
from tflm_wasm.emulator import Emulator
from tflm_wasm.link import SerialTransport

pytestmark = [
    needs_qemu,
    needs_tools,
    # pyserial 3.5 sets up its thread for RFC 2217 the old way.
    pytest.mark.filterwarnings("ignore:set(Daemon|Name)..:DeprecationWarning"),
]
BOARD, MODEL = "mps2-an386", "sine_int8"
PROMISED_S = 2.0
WATCHDOG_S = 60.0  # of what takes milliseconds, on a machine that does something else
OPEN_S = inspect.signature(Device).parameters["open_timeout_s"].default
KINDS = ("pty", "socket", "rfc2217")
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "firmware.elf"
    path.write_bytes(firmware(build(ZOO / MODEL / f"{MODEL}.tflite"), BOARD).elf)
    return path


@contextmanager
def board_on(kind: str, image: Path) -> Iterator[tuple[Emulator, str, Callable[[], None]]]:
    """Emulate a board that runs; return it, its port, and what makes it go away."""
    with ExitStack() as stack:
        emulator = stack.enter_context(
            Emulator(BOARD, image, serial="pty" if kind == "pty" else "tcp")
        )
        emulator.cont()
        if kind == "rfc2217":
            server = stack.enter_context(Rfc2217Server(emulator.port))
            yield emulator, server.url, server.close
        else:
            yield emulator, emulator.port, lambda: os.kill(emulator.pid, signal.SIGKILL)


@pytest.fixture
def emulator(image: Path) -> Iterator[Emulator]:
    with board_on("pty", image) as (one, _, _):
        yield one


def device(port: str | SerialTransport) -> Device:
    return Device(port, board=BOARD, timeout_s=WATCHDOG_S, open_timeout_s=WATCHDOG_S)


def times_open(port: str) -> int:
    """Return how often this process has a port open."""
    links = [os.path.realpath(one) for one in Path("/proc/self/fd").iterdir()]
    return links.count(os.path.realpath(port))


@contextmanager
def refused(error: type[tflm_wasm.LinkError], port: str) -> Iterator[pytest.ExceptionInfo]:
    """Expect an error with a hint; then nobody here holds the port or runs a thread for it."""
    watchdog = Deadline(WATCHDOG_S)
    before, threads = times_open(port), set(threading.enumerate())
    with pytest.raises(error) as caught:
        yield caught
    assert not watchdog.passed
    assert caught.value.port == port
    assert "`" in caught.value.hint
    assert times_open(port) == before
    assert set(threading.enumerate()) <= threads


class Doomed(SerialTransport):
    """A port that goes away once a number of requests more were sent."""

    def __init__(self, url: str, end: Callable[[], None]) -> None:
        super().__init__(url)
        self.requests_left = -1
        self._end = end

    def write(self, data: bytes, timeout_s: float) -> None:
        super().write(data, timeout_s)
        self.requests_left -= 1
        if self.requests_left == 0:
            self._end()


def test_every_deadline_is_under_two_seconds():
    assert OPEN_S < PROMISED_S
    assert _NEGOTIATION_S < PROMISED_S


@each_kind
def test_a_board_behind_a_port_gives_the_bytes_of_the_host(kind: str, image: Path):
    session = host(MODEL)
    with board_on(kind, image) as (_, port, _), device(port) as board:
        for frame in random_frames(session, 5):
            assert board.run(*frame)[0].tobytes() == session.run(*frame)[0].tobytes()
        board.upload(build(ZOO / "digits_int8" / "digits_int8.tflite").model, activate=False)
        counters = board.stats()
    assert counters.device["drop_crc"] == counters.host["drop_crc"] == 0


@each_kind
@pytest.mark.parametrize("requests", [1, 4])
def test_a_board_that_goes_away_in_the_middle_of_a_call(kind: str, requests: int, image: Path):
    with board_on(kind, image) as (emulator, port, end):
        line = Doomed(port, end)
        with device(line) as board:
            line.requests_left = requests
            with pytest.raises(tflm_wasm.PortLostError) as caught:
                board.upload(bytes(20_000))
        assert (caught.value.port, "`" in caught.value.hint) == (port, True)
        assert times_open(port) == 0
    with Emulator(BOARD, image) as emulator, device(emulator.connect()) as board:
        assert board.identify().board == BOARD


def test_a_port_that_vanished_is_not_found(image: Path):
    with board_on("pty", image) as (emulator, port, _):
        pass
    assert not emulator.alive
    with refused(tflm_wasm.PortNotFoundError, port):
        Device(port)


def test_a_port_that_another_program_keeps_to_itself_names_it(emulator: Emulator):
    port = Path(emulator.port)
    port.chmod(0o666)
    held = os.open(port, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(held, termios.TIOCEXCL)
    user = NOBODY if IS_ROOT else None
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[held], user=user) as holder:
        with refused(tflm_wasm.PortBusyError, emulator.port) as caught, unprivileged():
            Device(emulator.port)
        assert caught.value.holder == f"cat (pid {holder.pid})"
        holder.communicate(timeout=WATCHDOG_S)
    fcntl.ioctl(held, termios.TIOCNXCL)  # which a port other than a pty forgets when it is closed
    os.close(held)
    with unprivileged(), device(emulator.port) as board:
        assert board.identify().board == BOARD


def test_a_port_that_the_user_may_not_open(emulator: Emulator):
    port = Path(emulator.port)
    port.chmod(0o000)
    with refused(tflm_wasm.PortPermissionError, emulator.port) as caught, unprivileged():
        Device(emulator.port)
    assert "usermod" in caught.value.hint
    port.chmod(0o666)
    with unprivileged(), device(emulator.port) as board:
        assert board.identify().board == BOARD


def test_another_board_than_asked_for(emulator: Emulator):
    with refused(tflm_wasm.WrongDeviceError, emulator.port) as caught:
        Device(emulator.port, board="mps2-an385", open_timeout_s=WATCHDOG_S)
    assert caught.value.found == BOARD
    with device(emulator.port) as board:
        assert board.identify().board == BOARD


def test_a_board_that_hangs(emulator: Emulator):
    emulator.stop()
    with refused(tflm_wasm.LinkTimeoutError, emulator.port) as caught:
        Device(emulator.port)
    assert caught.value.request == "open"
    assert caught.value.time_s <= OPEN_S
    emulator.cont()
    with device(emulator.port) as board:
        assert board.identify().board == BOARD


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_a_network_port_that_nobody_serves(scheme: str):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = f"{scheme}://127.0.0.1:{server.getsockname()[1]}"
    with refused(tflm_wasm.PortNotFoundError, port):
        Device(port)


def test_a_network_port_whose_server_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = f"rfc2217://127.0.0.1:{server.getsockname()[1]}"
        with refused(tflm_wasm.PortNotFoundError, port):
            Device(port)
        port = port.replace("rfc2217", "socket")
        with refused(tflm_wasm.LinkTimeoutError, port):
            Device(port)


def test_the_deadline_of_an_rfc2217_url_is_its_own_if_it_has_one():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = f"rfc2217://127.0.0.1:{server.getsockname()[1]}?ign_set_control&timeout=0.1"
        with refused(tflm_wasm.PortNotFoundError, port):
            Device(port)
        assert serial.serial_for_url(port, do_not_open=True).port == port
