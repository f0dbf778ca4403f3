"""Real ports: a pty with the native agent behind it, and everything that can be wrong with one."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import tflm_wasm
from tests.support.board import host, native_agent, random_frames, zoo_model
from tests.support.files import ZOO
from tflm_wasm import Device
from tflm_wasm.link import SerialTransport, holder_of

serial = pytest.importorskip(
    "serial", reason="pyserial is missing: pip install 'tflm-wasm[firmware]'"
)
pty = pytest.importorskip("pty", reason="a pty needs Linux or macOS")
tty = pytest.importorskip("tty", reason="a pty needs Linux or macOS")
SHORT_S = 0.3  # for boards that will not answer however long one waits
HOLD = "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); print('held'); input()"


class Emulator:
    """A process behind a pty, as QEMU is."""

    def __init__(self, *command: object) -> None:
        master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.process = subprocess.Popen([*map(str, command)], stdin=master, stdout=master)
        os.close(master)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        os.close(self._slave)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A board that has the sine model built in."""
    it = Emulator(native_agent(), "stream", ZOO / "sine_int8" / "sine_int8.tflite")
    yield it
    it.close()


def is_free(port: str) -> bool:
    with serial.Serial(port, exclusive=True):
        return True


def test_a_board_behind_a_port_gives_the_bytes_of_the_host(emulator: Emulator) -> None:
    with Device(emulator.port, board="native") as device:
        for name in ("sine_int8", "digits_int8"):
            if name != "sine_int8":
                device.upload(zoo_model(name))
            session = host(name)
            for frame in random_frames(session, 5):
                assert device.run(*frame)[0].tobytes() == session.run(*frame)[0].tobytes()
        assert device.identify().board == "native"
    assert is_free(emulator.port)


def test_a_second_client_takes_over_where_the_first_one_closed(emulator: Emulator) -> None:
    (frame,) = random_frames(host("sine_int8"), 1)
    results = []
    for _ in range(2):
        with Device(emulator.port) as device:
            results.append(device.run(*frame)[0].tobytes())
    assert results[0] == results[1]


def test_a_killed_emulator_is_a_lost_port(emulator: Emulator) -> None:
    with Device(emulator.port) as device:
        emulator.kill()
        with pytest.raises(tflm_wasm.PortLostError) as caught:
            device.stats()
        assert caught.value.port == emulator.port
        with pytest.raises(tflm_wasm.PortLostError):
            device.stats()


def test_a_silent_board_ends_in_a_timeout_and_the_port_is_free() -> None:
    silent = Emulator(sys.executable, "-c", "import time; time.sleep(60)")
    try:
        with pytest.raises(tflm_wasm.LinkTimeoutError) as caught:
            Device(silent.port, open_timeout_s=SHORT_S)
        assert caught.value.request == "open"
        assert caught.value.attempts >= 1
        assert is_free(silent.port)
    finally:
        silent.close()


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("import os\nwhile True: os.write(1, b'ok> ' + os.read(0, 99)[:0])", "ok> "),
        ("import os\nwhile True: os.write(1, os.read(0, 999))", "an echo"),
        ("import os\nwhile True: os.read(0, 9); os.write(1, bytes(range(256)) * 2)", "no frames"),
    ],
    ids=["shell", "echo", "noise"],
)
def test_something_else_on_the_port_is_a_wrong_device(program: str, found: str) -> None:
    other = Emulator(sys.executable, "-c", program)
    try:
        with pytest.raises(tflm_wasm.WrongDeviceError) as caught:
            Device(other.port, open_timeout_s=1.0)
        assert found in caught.value.found
        assert is_free(other.port)
    finally:
        other.close()


def test_another_board_than_asked_for_is_a_wrong_device(emulator: Emulator) -> None:
    with pytest.raises(tflm_wasm.WrongDeviceError, match="native, not mps2-an386") as caught:
        Device(emulator.port, board="mps2-an386")
    assert caught.value.found == "native"
    assert is_free(emulator.port)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the holder is found through /proc")
def test_a_port_that_another_program_holds_names_the_holder(emulator: Emulator) -> None:
    command = [sys.executable, "-uc", HOLD, emulator.port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(tflm_wasm.PortBusyError) as caught:
            Device(emulator.port)
        assert re.search(rf"\(pid {holder.pid}\)$", caught.value.holder or "")
        assert str(holder.pid) in str(caught.value)
        assert holder_of(emulator.port) == caught.value.holder
        holder.communicate(b"\n", timeout=10)
    with Device(emulator.port) as device:
        assert device.stats().device["requests"] > 0


def test_a_port_that_this_program_holds_says_so(emulator: Emulator) -> None:
    with Device(emulator.port), pytest.raises(tflm_wasm.PortBusyError) as caught:
        Device(emulator.port)
    assert caught.value.holder == "this process"


def test_a_port_without_permission_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    # As the tests may run as root, who may open anything.
    monkeypatch.setattr("serial.serialposix.os.open", refuse)
    with pytest.raises(tflm_wasm.PortPermissionError) as caught:
        Device("/dev/ttyACM0")
    assert caught.value.port == "/dev/ttyACM0"


@pytest.mark.parametrize("port", ["/dev/ttyNONE7", "nonsense://x", "/dev/null"])
def test_a_port_that_is_none_is_typed(port: str) -> None:
    with pytest.raises(tflm_wasm.PortNotFoundError) as caught:
        Device(port)
    assert caught.value.port == port


def test_a_network_port_that_nobody_serves_is_typed() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = f"socket://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(tflm_wasm.PortNotFoundError):
        Device(port)


def test_a_board_behind_a_socket_works() -> None:
    model = ZOO / "sine_int8" / "sine_int8.tflite"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                subprocess.run(
                    [native_agent(), "stream", model],
                    stdin=connection,
                    stdout=connection,
                    check=True,
                )

        thread = threading.Thread(target=serve)
        thread.start()
        (frame,) = random_frames(host("sine_int8"), 1)
        with Device(f"socket://127.0.0.1:{server.getsockname()[1]}") as device:
            want = host("sine_int8").run(*frame)[0]
            assert device.run(*frame)[0].tobytes() == want.tobytes()
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_a_missing_pyserial_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(tflm_wasm.SerialMissing) as caught:
        SerialTransport("/dev/ttyACM0")
    assert "pip install" in caught.value.hint
