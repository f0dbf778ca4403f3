"""One user at a time for each board."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from tflm_wasm._errors import FileError, PortBusyError, SerialMissing
from tflm_wasm._lock import BoardLock, _path, holder_of

ID = "usb:2e8a:000a:E660/58"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def other_process() -> subprocess.Popen[bytes]:
    """Start a process that holds the lock, and wait until it does."""
    program = f"""
import subprocess, sys
from tflm_wasm._lock import BoardLock
with BoardLock({ID!r}, "nightly run"):
    print("held", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    return process


def test_a_held_board_says_who_holds_it_and_why():
    with other_process() as holder:
        with pytest.raises(PortBusyError, match="nightly run") as caught, BoardLock(ID, "mine"):
            pass
        assert f"pid {holder.pid} on {socket.gethostname()}" in caught.value.holder
        assert str(holder.pid) in caught.value.hint
        assert holder_of(ID).pid == holder.pid
        holder.stdin.close()
    assert holder_of(ID) is None


def test_a_board_is_free_after_its_holder_was_killed():
    with other_process() as holder:
        holder.send_signal(signal.SIGKILL)
    with BoardLock(ID, "mine"):
        assert holder_of(ID).reason == "mine"


def test_a_board_is_free_after_an_error():
    with pytest.raises(ValueError, match="oops"), BoardLock(ID, "mine"):
        raise ValueError("oops")
    with BoardLock(ID, "again"):
        pass


def test_a_record_of_a_dead_holder_is_not_blamed_on_it():
    with other_process() as dead:
        record = _path(ID).read_bytes()
        dead.send_signal(signal.SIGKILL)
    with BoardLock(ID, "mine"):
        _path(ID).write_bytes(record)  # as before a new holder has written its own
        with pytest.raises(PortBusyError) as caught:
            BoardLock(ID, "second", timeout_s=0.1).acquire()
        assert caught.value.holder is None


def test_two_users_in_one_process_exclude_each_other():
    with BoardLock(ID, "first"), pytest.raises(PortBusyError, match="first"):
        BoardLock(ID, "second", timeout_s=0.1).acquire()


def test_other_boards_are_free():
    with BoardLock(ID, "one"), BoardLock(ID.replace("/", "_"), "two", timeout_s=0):
        assert holder_of(ID).reason == "one"


def test_a_record_without_a_lock_means_nothing():
    with BoardLock(ID, "mine"):
        record = _path(ID).read_bytes()
    _path(ID).write_bytes(record)
    assert holder_of(ID) is None
    with BoardLock(ID, "again"):
        pass


def test_a_damaged_record_still_is_a_busy_board():
    with BoardLock(ID, "mine"):
        _path(ID).write_bytes(b"{")
        with pytest.raises(PortBusyError, match="is in use") as caught:
            BoardLock(ID, "second", timeout_s=0.1).acquire()
        assert caught.value.holder is None


def test_a_holder_on_another_machine_is_not_taken_for_gone():
    with BoardLock(ID, "mine"):
        record = json.loads(_path(ID).read_bytes()) | {"host": "elsewhere", "pid": 2**22 + 1}
        _path(ID).write_text(json.dumps(record))
        with pytest.raises(PortBusyError, match="on elsewhere"):
            BoardLock(ID, "second", timeout_s=0.1).acquire()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: run as another user")
def test_a_folder_that_may_not_be_written_is_a_typed_error(folder):
    folder.chmod(0o500)
    with pytest.raises(FileError):
        BoardLock(ID, "mine").acquire()


def test_a_file_where_the_folder_should_be_is_a_typed_error(folder):
    (folder / "tflm-wasm").write_text("")
    with pytest.raises(FileError):
        BoardLock(ID, "mine").acquire()


@pytest.mark.parametrize("name", ["filelock", "platformdirs"])
def test_without_the_extra_the_error_says_how_to_get_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SerialMissing, match=name) as caught:
        BoardLock(ID, "mine").acquire()
    assert "tflm-wasm[firmware]" in caught.value.hint
