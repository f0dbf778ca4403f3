"""Serial ports, ptys of emulators, and pyserial's URLs such as socket:// and rfc2217://."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tflm_wasm._errors import (
    LinkError,
    PortBusyError,
    PortLostError,
    PortNotFoundError,
    PortPermissionError,
    SerialMissing,
)
from tflm_wasm._link._transport import Transport

_MOST_BYTES: Final = 4096
_RFC2217: Final = "rfc2217://"
_NEGOTIATION_S: Final = 1.2
_POLL_S: Final = 0.05
_BUSY: Final = (errno.EAGAIN, errno.EBUSY)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM)


class SerialTransport(Transport):
    """An exclusively held serial port.

    Args:
        url: A port's name, or a URL of pyserial.
        baudrate: Bits per second; emulated and network ports ignore it.

    Raises:
        SerialMissing: pyserial is not installed.
        PortNotFoundError, PortBusyError, PortPermissionError: The port can't be opened.
    """

    def __init__(self, url: str, *, baudrate: int = 115_200) -> None:
        self.port = url
        self.baudrate = baudrate
        try:
            serial: Any = import_module("serial")
        except ImportError as error:
            raise SerialMissing("pyserial is not installed", port=url) from error
        self._error: type[Exception] = serial.SerialException
        self._timeout: type[Exception] = serial.SerialTimeoutException
        # Each new timeout is negotiated with an RFC 2217 server, so there it stays as it is.
        self._has_timeouts = not url.startswith(_RFC2217)
        try:
            self._serial: Any = serial.serial_for_url(_with_deadline(url), **self._options(url))
        except (serial.SerialException, OSError, ValueError) as error:
            raise _open_error(url, error) from error

    def _options(self, url: str) -> dict[str, Any]:
        if not self._has_timeouts:
            return {"baudrate": self.baudrate, "timeout": _POLL_S}
        # Only ports of this machine have a lock to take.
        exclusive = {} if "://" in url else {"exclusive": True}
        return {"baudrate": self.baudrate, "timeout": 0, "write_timeout": 1, **exclusive}

    def read(self, timeout_s: float) -> bytes:
        """Return bytes as soon as there are any."""
        until = self.now() + timeout_s
        try:
            while True:
                left = max(0.0, until - self.now())
                if self._has_timeouts:
                    self._serial.timeout = left
                size = min(max(1, self._serial.in_waiting), _MOST_BYTES)
                data = bytes(self._serial.read(size))
                if data or self.now() >= until:
                    return data
        except (self._error, OSError) as error:
            raise self._lost(error) from error

    def write(self, data: bytes, timeout_s: float) -> None:
        """Write all of `data`, or as much as the other side takes in time."""
        try:
            if self._has_timeouts:
                self._serial.write_timeout = max(0.001, timeout_s)
            self._serial.write(data)
        except self._timeout:
            return  # as if it was lost on the way
        except (self._error, OSError) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Let go of the port."""
        # pyserial forgets to close the socket of a server that has gone.
        connection = getattr(self._serial, "_socket", None)
        with suppress(self._error, OSError):  # it went away by itself
            self._serial.close()
        if connection is not None:
            connection.close()

    def _lost(self, error: Exception) -> PortLostError:
        return PortLostError(f"Port {self.port} went away: {error}", port=self.port)


def _with_deadline(url: str) -> str:
    """Return the URL with a deadline for an RFC 2217 server's answer, unless it has one."""
    if not url.startswith(_RFC2217) or "timeout=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}timeout={_NEGOTIATION_S}"


def _open_error(url: str, error: Exception) -> LinkError:
    """Return the typed error for a port that does not open."""
    cause: BaseException | None = error
    number = getattr(error, "errno", None)
    while number is None and cause is not None:
        cause = cause.__context__
        number = getattr(cause, "errno", None)
    if number in _BUSY:
        holder = holder_of(url)
        by = f" by {holder}" if holder else ""
        return PortBusyError(f"Port {url} is in use{by}", port=url, holder=holder)
    if number in _FORBIDDEN:
        return PortPermissionError(f"No permission to open port {url}", port=url)
    return PortNotFoundError(f"There is no serial port {url}: {error}", port=url)


def holder_of(port: str, *, proc: Path = Path("/proc")) -> str | None:
    """Return who has a port open, such as `screen (pid 4711)`; None where that can't be seen."""
    target = os.path.realpath(port)
    for process in proc.glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            links = [os.path.realpath(link) for link in (process / "fd").iterdir()]
        except OSError:  # another user's, or gone
            continue
        if target in links:
            return f"{_name_of(process)} (pid {process.name})"
    return "this process" if _is_own(target) else None


def _is_own(target: str) -> bool:
    folder = Path("/proc/self/fd")
    return folder.exists() and target in {os.path.realpath(link) for link in folder.iterdir()}


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a program"
