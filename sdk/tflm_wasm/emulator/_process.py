"""A child process that never outlives its owner, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tflm_wasm._deadline import Deadline
from tflm_wasm._errors import EmulatorMissing

# Blocks until its standard input ends, which the kernel sees to even when the owner is killed.
_WATCHDOG: Final = 'cat >/dev/null; kill -KILL "$1" 2>/dev/null; rm -rf -- "$2"'
_END_S: Final = 5.0
_TAIL_BYTES: Final = 2000
_POLL_S: Final = 0.02


class Process:
    """A child process, ended by its id when closed, or when this process dies.

    Args:
        command: Program and arguments.
        log: File for its standard error, in a folder that goes when this process dies.
        board: The board's name, for errors.
        pass_fds: File descriptors that it inherits.

    Raises:
        EmulatorMissing: The program is not installed.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        board: str,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._log = log
        self._process = _start(command, log, board, pass_fds)
        self.pid = self._process.pid
        self._watchdog: subprocess.Popen[bytes] | None = _watch(self._process, log.parent)

    @property
    def returncode(self) -> int | None:
        """Its exit status, or None while it runs."""
        code = self._process.poll()
        if code is not None:
            self._dismiss_watchdog()  # the id may be another process's from now on
        return code

    @property
    def output(self) -> str:
        """The end of what it wrote to standard error."""
        return tail(self._log)

    def end(self) -> None:
        """Kill it and wait until it is gone, or do nothing when it is."""
        if self.returncode is None:
            self._process.kill()
            self._process.wait(_END_S)
        self._dismiss_watchdog()

    def wait(self, time_s: float) -> int | None:
        """Return its exit status as soon as it has one, or None after `time_s` seconds."""
        try:
            self._process.wait(time_s)
        except subprocess.TimeoutExpired:
            return None
        return self.returncode

    def _dismiss_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.wait(_END_S)
            if self._watchdog.stdin is not None:
                self._watchdog.stdin.close()
            self._watchdog = None


class Daemon:
    """A process that lives on after this one, until somebody ends it by its id.

    It must know QEMU's -daemonize, which returns once the process is up.

    Args:
        command: Program and arguments.
        log: File for what it says until it is up.
        board: The board's name, for errors.
        pass_fds: File descriptors that it inherits.
        timeout_s: Deadline for it to be up, in seconds.

    Raises:
        EmulatorMissing: The program is not installed.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        board: str,
        pass_fds: Sequence[int] = (),
        timeout_s: float,
    ) -> None:
        self._log = log
        pidfile = log.with_name("pid")
        full = (*command, "-daemonize", "-pidfile", str(pidfile))
        starter = _start(full, log, board, pass_fds)
        try:
            self._code: int | None = starter.wait(timeout_s) or None
        except subprocess.TimeoutExpired:
            starter.kill()
            self._code = starter.wait(_END_S)
        self.pid = int(pidfile.read_text()) if self._code is None else starter.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, 0 when that is not known, or None while it runs."""
        if self._code is None and not is_running(self.pid):
            self._code = 0
        return self._code

    @property
    def output(self) -> str:
        """What it wrote to standard error until it was up."""
        return tail(self._log)

    def end(self) -> None:
        """Kill it and wait until it is gone, or do nothing when it is."""
        if self.returncode is None:
            end_process(self.pid)

    def wait(self, time_s: float) -> int | None:
        """Return its exit status as soon as it has one, or None after `time_s` seconds."""
        wait_until_gone(self.pid, time_s)
        return self.returncode


def is_running(pid: int) -> bool:
    """Return whether there is such a process, other than one that only waits to be buried."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return not Path("/proc/self").exists()
    return state not in ("Z", "X")


def wait_until_gone(pid: int, time_s: float) -> bool:
    """Return whether a process that is no child of ours is gone within `time_s` seconds."""
    deadline = Deadline(time_s)
    while is_running(pid):
        if deadline.passed:
            return False
        time.sleep(_POLL_S)
    return True


def end_process(pid: int) -> None:
    """Kill a process and wait until it is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid, _END_S)


def tail(log: Path) -> str:
    """Return the end of a log file, or nothing when there is none."""
    try:
        return log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
    except OSError:
        return ""


def _start(
    command: Sequence[str], log: Path, board: str, pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    with log.open("wb") as errors:
        try:
            return subprocess.Popen(  # noqa: S603 - of a board file, without a shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=pass_fds,
                start_new_session=True,  # a Ctrl-C in the terminal is for us alone
            )
        except OSError as error:
            program = command[0]
            package = "qemu-system-arm" if program.endswith("-arm") else "qemu-system-misc"
            raise EmulatorMissing(
                f"{program}, which emulates {board}, does not start: {error.strerror}",
                board=board,
                program=program,
                hint=f"Install it: `sudo apt-get install {package}`.",
            ) from error


def _watch(process: subprocess.Popen[bytes], folder: Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - a constant, a number and a path of ours
            ["/bin/sh", "-c", _WATCHDOG, "watchdog", str(process.pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except BaseException:
        process.kill()
        process.wait(_END_S)
        raise
