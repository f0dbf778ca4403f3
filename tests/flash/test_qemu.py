"""Runner `qemu`: an emulated board that lives on in the background."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support.boards import board, needs_qemu, read_until
from tflm_wasm import emulator
from tflm_wasm._errors import EmulatorMissing, PortBusyError
from tflm_wasm._link._serial import SerialTransport
from tflm_wasm._lock import BoardLock
from tflm_wasm.emulator._process import is_running
from tflm_wasm.flash import flash

pytestmark = needs_qemu


def test_the_board_runs_on_with_the_image_after_flashing(image):
    result = flash(board(), image)
    assert (result.runner, result.state, result.verified) == ("qemu", "written", True)
    assert result.boot_log == ("tflm-wasm test image",)
    port = SerialTransport(result.port)
    port.write(b"hello", 5.0)
    assert b"hello" in read_until(port, b"hello")
    port.close()


def test_the_same_image_is_not_written_again(image):
    flash(board(), image)
    before = emulator.find(board().name)
    assert flash(board(), image).state == "identical"
    assert emulator.find(board().name) == before


def test_forced_the_same_image_is_written_again(image):
    flash(board(), image)
    before = emulator.find(board().name)
    assert flash(board(), image, force=True).state == "written"
    assert emulator.find(board().name).pid != before.pid
    assert not is_running(before.pid)


def test_another_image_takes_the_place_of_the_first(image, other_image):
    flash(board(), image)
    before = emulator.find(board().name)
    assert flash(board(), other_image).state == "written"
    assert not is_running(before.pid)
    assert len(emulator.find_all()) == 1


def test_a_killed_board_is_flashed_again(image):
    flash(board(), image)
    before = emulator.find(board().name)
    os.kill(before.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_running(before.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert flash(board(), image).state == "written"


def test_a_board_in_the_background_can_be_reset_and_ended(image):
    flash(board(), image)
    running = emulator.find(board().name)
    port = SerialTransport(running.port)
    running.reset()
    assert b"test image\r\n" in read_until(port, b"test image\r\n")
    port.close()
    running.end()
    assert emulator.find_all() == ()
    assert not is_running(running.pid)
    running.end()


def test_a_dry_run_starts_nothing_and_gives_the_command(image):
    result = flash(board(), image, dry_run=True, options={"icount": "5"})
    assert result.state == "planned"
    assert result.steps[0].startswith("qemu-system-arm -machine mps2-an386")
    assert "-icount shift=5" in result.steps[0]
    assert emulator.find_all() == ()


def test_a_board_in_use_names_who_uses_it(image):
    with (
        BoardLock(f"qemu:{board().name}", "the nightly run"),
        pytest.raises(PortBusyError, match="the nightly run"),
    ):
        flash(board(), image)


def test_without_qemu_the_error_says_how_to_get_it(image, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmulatorMissing) as caught:
        flash(board(), image)
    assert "apt-get install qemu-system-arm" in caught.value.hint


def test_progress_ends_with_all_bytes(image):
    seen = []
    result = flash(board(), image, progress=lambda *step: seen.append(step))
    assert seen[-1] == ("verify", result.size, result.size)
