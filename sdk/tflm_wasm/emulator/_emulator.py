"""One emulated board: a QEMU process, its monitor and its serial port, with one owner."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import weakref
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

from tflm_wasm._errors import EmulatorEnded, EmulatorError, EmulatorMissing
from tflm_wasm.emulator._process import Daemon, Process
from tflm_wasm.emulator._qmp import Qmp

if TYPE_CHECKING:
    from tflm_wasm._link._serial import SerialTransport
    from tflm_wasm.aot._board import Board

_SOCKET: Final = "qmp.sock"
_LOG: Final = "stderr.log"
_TCP: Final = re.compile(r"tcp:(\S+:\d+)")
_TCP_SERIAL: Final = "socket,host=127.0.0.1,port=0,server=on,wait=off,nodelay=on"
_DYING_S: Final = 1.0
# QEMU 7.2 crashes once in some ten thousand starts, before its board has run.
_STARTS: Final = 3


class Emulator:
    """A board in QEMU, paused before its first instruction until `connect` or `cont`.

    The process ends with `close`, at the end of the `with` block, and when this process dies.

    Args:
        board: The board, or its name.
        image: The firmware, an ELF file; None starts with empty memory, for a debugger to fill.
        icount: One instruction takes 2^icount ns of the board's time, so that ticks repeat from
            run to run; None lets them follow the host's clock.
        serial: "pty", or "tcp" for a port on this machine.
        gdb: Whether to listen for a debugger, at `gdb_server`.
        timeout_s: Deadline of starting, in seconds.
        kept: Whether the process can live on: see `release`.

    Raises:
        EmulatorMissing: QEMU is not installed, or does not emulate this board.
        EmulatorEnded, EmulatorTimeout: It does not start.

    Attributes:
        board: The board's name.
        command: Program and arguments.
        port: Its serial port: what pyserial opens.
        gdb_server: "host:port" for a debugger, or None.
        pid: Its process id.
    """

    def __init__(
        self,
        board: Board | str,
        image: str | os.PathLike[str] | None,
        *,
        icount: int | None = None,
        serial: Literal["pty", "tcp"] = "pty",
        gdb: bool = False,
        timeout_s: float = 10.0,
        kept: bool = False,
    ) -> None:
        described = _described(board)
        self.board = described.name
        machine = command(described, image, icount=icount, serial=serial, gdb=gdb)
        for left in reversed(range(_STARTS)):
            try:
                self._start(machine, timeout_s, kept=kept)
            except EmulatorEnded as error:  # noqa: PERF203 - of a few turns
                by_signal = error.returncode is not None and error.returncode < 0
                if not (by_signal and left):
                    raise
            else:
                break

    def _start(self, machine: tuple[str, ...], timeout_s: float, *, kept: bool) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tw-emu-"))  # short: a socket's path is
        self._monitors: list[Qmp] = []
        self._close = weakref.finalize(self, _end, None, self._folder, self._monitors)
        self.qmp_path = str(self._folder / _SOCKET)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            # Listening before it starts, so that connecting needs no retries.
            listener.bind(self.qmp_path)
            listener.listen(1)
            self.command = (*machine, *_monitor(listener.fileno()))
            log, fds = self._folder / _LOG, (listener.fileno(),)
            try:
                self._process: Process | Daemon = (
                    Daemon(self.command, log, board=self.board, pass_fds=fds, timeout_s=timeout_s)
                    if kept
                    else Process(self.command, log, board=self.board, pass_fds=fds)
                )
            except EmulatorError:
                self._close()
                raise
        self.pid = self._process.pid
        self._own()
        try:
            self._monitors.append(Qmp(self.qmp_path, board=self.board, timeout_s=timeout_s))
            self.port, self.gdb_server = self._ports()
        except EmulatorEnded as error:
            self._process.wait(_DYING_S)
            ended = self._ended()
            self.close()
            raise ended from error
        except BaseException:
            self.close()
            raise

    def _own(self) -> None:
        """End the process when nobody refers to this object any more."""
        self._close.detach()
        self._close = weakref.finalize(self, _end, self._process, self._folder, self._monitors)

    def _ports(self) -> tuple[str, str | None]:
        devices = {one["label"]: one["filename"] for one in self._call("query-chardev")}
        serial = str(devices["serial0"])
        tcp = _TCP.search(serial)
        port = f"socket://{tcp[1]}" if tcp else serial.removeprefix("pty:")
        gdb = _TCP.search(str(devices.get("gdb", "")))
        return port, gdb[1] if gdb else None

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Emulator of {self.board}, pid {self.pid}>"

    def close(self) -> None:
        """End the process and wait until it is gone, or do nothing when that was done."""
        self._close()

    def release(self) -> None:
        """Let a process that is `kept` live on; whoever knows `pid` ends it."""
        self._monitors.pop().close()
        self._close.detach()

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.returncode is None

    def connect(self, *, baudrate: int = 115_200) -> SerialTransport:
        """Open the serial port and let the board run: its first byte is not lost.

        Returns:
            A transport for `Device`, which the caller closes.

        Raises:
            SerialMissing, PortBusyError, PortNotFoundError: The port can't be opened.
            EmulatorEnded, EmulatorTimeout: The emulator is gone, or hangs.
        """
        from tflm_wasm._link._serial import SerialTransport

        self.check()
        transport = SerialTransport(self.port, baudrate=baudrate)
        try:
            self.cont()
        except BaseException:
            transport.close()
            raise
        return transport

    def check(self) -> None:
        """Do nothing while the process is there.

        Raises:
            EmulatorEnded: It is not.
        """
        if not self.alive:
            raise self._ended()

    def cont(self) -> None:
        """Let the board run, or go on.

        Raises:
            EmulatorEnded, EmulatorTimeout: The emulator is gone, or hangs.
        """
        self._call("cont")

    def stop(self) -> None:
        """Halt the board, as if it hung.

        Raises:
            EmulatorEnded, EmulatorTimeout: The emulator is gone, or hangs.
        """
        self._call("stop")

    def reset(self) -> None:
        """Reset the board; its port stays, and RAM that no image filled keeps its content.

        Raises:
            EmulatorEnded, EmulatorTimeout: The emulator is gone, or hangs.
        """
        self._call("system_reset")

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes of the board's memory.

        Raises:
            EmulatorEnded, EmulatorTimeout: The emulator is gone, or hangs.
        """
        path = self._folder / "memory.bin"
        self._call("pmemsave", val=address, size=size, filename=str(path))
        return path.read_bytes()

    def _call(self, name: str, **arguments: Any) -> Any:
        self.check()
        try:
            return self._monitors[0].call(name, **arguments)
        except EmulatorEnded as error:
            self._process.wait(_DYING_S)
            raise self._ended() from error

    def _ended(self) -> EmulatorEnded:
        code, output = self._process.returncode, self._process.output
        how = "has ended" if code is None else f"ended with exit status {code}"
        last = output.splitlines()[-1] if output else "it wrote no message"
        return EmulatorEnded(
            f"The emulator of {self.board} {how}: {last}",
            board=self.board,
            returncode=code,
            output=output,
        )


def command(
    board: Board,
    image: str | os.PathLike[str] | None,
    *,
    icount: int | None = None,
    serial: Literal["pty", "tcp"] = "pty",
    gdb: bool = False,
) -> tuple[str, ...]:
    """Return the program and arguments that emulate a board, paused; all but its monitor.

    Raises:
        EmulatorMissing: QEMU does not emulate this board.
    """
    qemu = board.qemu
    if qemu is None:
        raise EmulatorMissing(
            f"There is no emulator for {board.name}",
            board=board.name,
            hint="Attach the real board and see it with `tflm-wasm devices`.",
        )
    port = _TCP_SERIAL if serial == "tcp" else "pty"
    return (
        qemu["binary"],
        *("-machine", qemu["machine"], *qemu.get("options", ())),
        *(("-kernel", os.fspath(image)) if image is not None else ()),
        *("-display", "none", "-monitor", "none", "-S"),
        *("-chardev", f"{port},id=serial0", "-serial", "chardev:serial0"),
        *(("-icount", f"shift={icount}") if icount is not None else ()),
        *(("-gdb", "tcp:127.0.0.1:0,server=on,wait=off") if gdb else ()),
    )


def _monitor(listening: int) -> tuple[str, ...]:
    chardev = f"socket,id=qmp,fd={listening},server=on,wait=off"
    return "-chardev", chardev, "-mon", "chardev=qmp,mode=control"


def _described(board: Board | str) -> Board:
    from tflm_wasm.aot._board import load_board

    return load_board(board) if isinstance(board, str) else board


def _end(process: Process | Daemon | None, folder: Path, monitors: list[Qmp]) -> None:
    for monitor in monitors:
        monitor.close()
    if process is not None:
        process.end()
    shutil.rmtree(folder, ignore_errors=True)
