"""An emulated board has one owner, and loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.boards import GREETING, board, build_image, needs_qemu, read_until
from tflm_wasm._deadline import Deadline
from tflm_wasm._errors import (
    EmulatorEnded,
    EmulatorError,
    EmulatorMissing,
    EmulatorTimeout,
    PortBusyError,
    PortLostError,
)
from tflm_wasm.aot._board import board_names, load_board
from tflm_wasm.emulator import Emulator, command
from tflm_wasm.emulator._process import is_running, wait_until_gone
from tflm_wasm.emulator._qmp import Qmp

pytestmark = needs_qemu
GONE_S = 10.0


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image(tmp_path_factory.mktemp("image"))


@pytest.mark.parametrize("serial", ["pty", "tcp"])
def test_the_first_byte_of_the_boot_log_arrives(image, serial):
    with Emulator(board(), image, serial=serial) as emulator:
        transport = emulator.connect()
        assert read_until(transport, GREETING) == GREETING
        transport.close()


def test_a_reset_keeps_the_port_and_boots_again(image):
    with Emulator(board(), image) as emulator:
        transport = emulator.connect()
        read_until(transport, GREETING)
        emulator.reset()
        assert read_until(transport, GREETING) == GREETING
        transport.close()


def test_a_stopped_board_answers_after_it_goes_on(image):
    with Emulator(board(), image, icount=5) as emulator:
        transport = emulator.connect()
        read_until(transport, GREETING)
        emulator.stop()
        transport.write(b"echo", 1.0)
        assert transport.read(0.2) == b""
        emulator.cont()
        assert read_until(transport, b"echo") == b"echo"
        transport.close()


def test_the_boards_memory_holds_the_image(image):
    with Emulator(board(), image) as emulator:
        assert emulator.read_memory(0, 4) == (0x20010000).to_bytes(4, "little")


def test_the_process_its_folder_and_its_watchdog_end_with_the_block(image):
    with Emulator(board(), image) as emulator:
        pid, folder = emulator.pid, Path(emulator.qmp_path).parent
        watchdog = emulator._process._watchdog.pid
        assert is_running(pid)
        assert is_running(watchdog)
    assert not is_running(pid)
    assert not is_running(watchdog)
    assert not folder.exists()
    emulator.close()


def test_a_closed_emulator_says_that_it_has_ended(image):
    with Emulator(board(), image) as emulator:
        pass
    with pytest.raises(EmulatorEnded):
        emulator.cont()


def test_a_forgotten_emulator_ends(image):
    emulator = Emulator(board(), image)
    pid = emulator.pid
    del emulator
    assert not is_running(pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_ends_when_its_owner_is_killed(image, how):
    code = (
        "from tflm_wasm.emulator import Emulator; import sys\n"
        f"e = Emulator({board().name!r}, {str(image)!r})\n"
        "print(e.pid, e.qmp_path, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        pid, path = owner.stdout.readline().decode().split()
        assert is_running(int(pid))
        owner.send_signal(how)
    assert wait_until_gone(int(pid), GONE_S)
    deadline = Deadline(GONE_S)
    while Path(path).parent.exists():
        assert not deadline.passed


def test_a_killed_emulator_is_a_typed_error_on_both_ends(image):
    with Emulator(board(), image) as emulator:
        transport = emulator.connect()
        read_until(transport, GREETING)
        os.kill(emulator.pid, signal.SIGKILL)
        with pytest.raises(EmulatorEnded, match="exit status -9") as caught:
            emulator.stop()
        assert caught.value.returncode == -signal.SIGKILL
        with pytest.raises(PortLostError):
            read_until(transport, b"nothing")
        transport.close()


def test_a_frozen_emulator_is_given_up_at_the_deadline(image):
    with Emulator(board(), image) as emulator:
        os.kill(emulator.pid, signal.SIGSTOP)
        with pytest.raises(EmulatorTimeout) as caught:
            emulator._monitors[0].call("stop", timeout_s=0.2)
        assert caught.value.time_s == 0.2
    assert not is_running(emulator.pid)


def test_a_held_port_names_its_holder_and_is_free_afterwards(image):
    with Emulator(board(), image) as emulator:
        first = emulator.connect()
        with pytest.raises(PortBusyError, match="this process"):
            emulator.connect()
        first.close()
        emulator.connect().close()


def test_an_image_that_is_not_there_is_told_with_qemus_words(tmp_path):
    with pytest.raises(EmulatorEnded, match="Could not load kernel") as caught:
        Emulator(board(), tmp_path / "nothing.elf")
    assert caught.value.returncode == 1


@pytest.fixture
def crash(tmp_path, monkeypatch):
    """Put a QEMU into the path that crashes so many times before it starts."""

    def put(times):
        real, count = shutil.which(board().qemu["binary"]), tmp_path / "count"
        count.write_text("0")
        fake = tmp_path / Path(real).name
        fake.write_text(
            f"#!/bin/sh\nn=$(cat {count})\necho $((n + 1)) > {count}\n"
            f'[ "$n" -ge {times} ] || kill -SEGV $$\nexec {real} "$@"\n'
        )
        fake.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return count

    return put


def test_an_emulator_that_crashes_while_it_starts_is_started_again(image, crash):
    count = crash(2)
    with Emulator(board(), image) as emulator:
        emulator.connect().close()
    assert count.read_text() == "3\n"


def test_an_emulator_that_always_crashes_is_a_typed_error(image, crash):
    count = crash(100)
    with pytest.raises(EmulatorEnded, match="exit status -11") as caught:
        Emulator(board(), image)
    assert caught.value.returncode == -signal.SIGSEGV
    assert count.read_text() == "3\n"


def test_a_refused_command_is_told_with_qemus_words(image):
    with Emulator(board(), image) as emulator, pytest.raises(EmulatorError, match="not-a-command"):
        emulator._call("not-a-command")


def test_a_missing_emulator_comes_with_the_command_that_installs_it(image, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorMissing) as caught:
        Emulator(board(), image)
    assert caught.value.hint == "Install it: `sudo apt-get install qemu-system-arm`."
    assert caught.value.program == "qemu-system-arm"


def test_instruction_counting_is_passed_on(image):
    line = " ".join(command(board(), image, icount=5))
    assert "-icount shift=5" in line


def test_a_monitor_that_says_nothing_is_given_up_at_the_deadline(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen(1)
        with pytest.raises(EmulatorTimeout):
            Qmp(str(tmp_path / "q"), board="x", timeout_s=0.1)


def test_a_monitor_that_is_not_there_has_ended(tmp_path):
    with pytest.raises(EmulatorEnded):
        Qmp(str(tmp_path / "q"), board="x", timeout_s=0.1)


@pytest.mark.parametrize("name", [name for name in board_names() if load_board(name).qemu])
def test_every_board_that_has_an_emulator_starts(name):
    binary = load_board(name).qemu["binary"]
    if shutil.which(binary) is None:
        pytest.skip(f"{binary} is missing: apt-get install qemu-system-arm qemu-system-misc")
    described = load_board(name)
    with Emulator(described, None) as emulator:
        assert len(emulator.read_memory(described.ram.base, 16)) == 16
        assert emulator.alive
