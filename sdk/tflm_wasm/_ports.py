"""What is attached: serial ports with names that stay, and emulated boards in the background."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tflm_wasm._errors import PortNotFoundError, WrongDeviceError
from tflm_wasm._folders import needed
from tflm_wasm._lock import holder_of

if TYPE_CHECKING:
    from tflm_wasm.aot._board import Board


@dataclass(frozen=True)
class Attached:
    """One port.

    Attributes:
        port: What pyserial opens.
        stable_id: What names the board for good, whatever port it is on.
        description: What it says it is.
        boards: Names of the boards that it can be, by its USB identity.
        vid: USB vendor id, or None.
        pid: USB product id, or None.
        serial_number: USB serial number, or None.
        holder: Who uses it, or None.
        problem: Why it can't be opened and what helps, or nothing.
    """

    port: str
    stable_id: str
    description: str
    boards: tuple[str, ...] = ()
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    holder: str | None = None
    problem: str = ""


def list_ports() -> tuple[Attached, ...]:
    """Return what is attached, emulated boards first.

    Raises:
        SerialMissing: pyserial is not installed.
    """
    from tflm_wasm.aot._board import board_names, load_board

    found: list[Any] = list(needed("serial.tools.list_ports").comports())
    known = [load_board(name) for name in board_names()]
    ids = _ids(found)
    real = (_attached(one, stable_id, known) for one, stable_id in zip(found, ids, strict=True))
    return (*_emulated(), *sorted(real, key=lambda one: one.port))


def find_port(*, port: str | None = None, board: str | None = None) -> Attached:
    """Return the one port that is meant: by its name or stable id, or as the only such board.

    Raises:
        PortNotFoundError: There is none.
        WrongDeviceError: There are several: which one is not guessed.
    """
    attached = list_ports()
    if port is not None:
        named = [one for one in attached if port in (one.port, one.stable_id)]
        return named[0] if named else Attached(port, f"port:{port}", "")
    fitting = [one for one in attached if board is None or board in one.boards]
    what = f"a board '{board}'" if board else "any board"
    if not fitting:
        raise PortNotFoundError(f"Nothing that is attached is {what}", port="")
    if len(fitting) > 1:
        names = ", ".join(one.port for one in fitting)
        raise WrongDeviceError(
            f"Several ports can be {what}: {names}",
            port=names,
            found=names,
            hint=f"Name one, such as `--port {fitting[0].stable_id}`.",
        )
    return fitting[0]


def stable_id_of(name: str) -> str:
    """Return the stable id of a port, or of a probe by its serial number."""
    for one in list_ports():
        if name in (one.port, one.stable_id, one.serial_number):
            return one.stable_id
    return f"port:{name}"


def _emulated() -> Iterable[Attached]:
    from tflm_wasm import emulator

    for one in emulator.find_all():
        yield Attached(
            port=one.port,
            stable_id=one.stable_id,
            description=f"emulated, pid {one.pid}, {Path(one.image).name}",
            boards=(one.board,),
            holder=_holder(one.stable_id, one.port),
        )


def _attached(found: Any, stable_id: str, known: Iterable[Board]) -> Attached:
    identity = (found.vid, found.pid)
    boards = (
        board.name
        for board in known
        if any((usb["vid"], usb["pid"]) == identity for usb in board.usb)
    )
    return Attached(
        port=found.device,
        stable_id=stable_id,
        description=str(found.description or ""),
        boards=tuple(boards),
        vid=found.vid,
        pid=found.pid,
        serial_number=found.serial_number,
        holder=_holder(stable_id, found.device),
        problem=_problem(found.device),
    )


def _ids(found: Iterable[Any]) -> list[str]:
    """Return a stable id for each port; ports of one device are told apart by their interface."""
    ports = list(found)
    plain = [_id(one) for one in ports]
    count = Counter(plain)
    return [
        one if count[one] == 1 else f"{one}:{_interface(port)}"
        for one, port in zip(plain, ports, strict=True)
    ]


def _id(found: Any) -> str:
    if found.vid is None or found.pid is None:
        return f"port:{found.device}"
    usb = f"usb:{found.vid:04x}:{found.pid:04x}"
    if found.serial_number:
        return f"{usb}:{found.serial_number}"
    # Without a serial number the socket that it is plugged into is all there is.
    return f"{usb}@{str(found.location or found.device).partition(':')[0]}"


def _interface(found: Any) -> str:
    return str(found.location or "").partition(":")[2] or str(found.device)


def _holder(stable_id: str, port: str) -> str | None:
    from tflm_wasm._link._serial import holder_of as process_that_has_open

    holder = holder_of(stable_id)
    return str(holder) if holder is not None else process_that_has_open(port)


def _problem(port: str) -> str:
    path = Path(port)
    if not path.exists() or os.access(path, os.R_OK | os.W_OK):
        return ""
    try:
        group = path.group()
    except (KeyError, OSError):
        group = "dialout"
    return f"no permission: `sudo usermod -aG {group} $USER`, then log in again"
