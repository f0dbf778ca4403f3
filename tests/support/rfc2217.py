"""A server that puts a port of this machine on the network, by RFC 2217."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType

import serial
from serial.rfc2217 import PortManager

_POLL_S = 0.01
_END_S = 10.0


class Rfc2217Server:
    """Serves one client, then no more.

    Args:
        port: What pyserial opens; it must know modem lines, which a pty does not.
    """

    def __init__(self, port: str) -> None:
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._server.getsockname()[1]}"
        self._client: socket.socket | None = None
        self._sending = threading.Lock()
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def __enter__(self) -> Rfc2217Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Go away, whether or not a client is there."""
        for one in (self._server, self._client):
            if one is not None:
                with suppress(OSError):  # the other side was first
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        for thread in self._threads:
            thread.join(_END_S)
            assert not thread.is_alive()

    def write(self, data: bytes) -> None:
        """Send to the client; the manager calls it, too."""
        assert self._client is not None
        with self._sending:
            self._client.sendall(data)

    def _serve(self) -> None:
        try:
            self._client, _ = self._server.accept()
        except OSError:
            return
        with serial.serial_for_url(self._port, timeout=_POLL_S) as port:
            manager = PortManager(port, self)
            back = threading.Thread(target=self._send_back, args=(port, manager))
            self._threads.append(back)
            back.start()
            try:
                while data := self._client.recv(4096):
                    port.write(b"".join(manager.filter(data)))
            except OSError:  # closed, here or there
                pass
            self._client.close()
            back.join(_END_S)

    def _send_back(self, port: serial.SerialBase, manager: PortManager) -> None:
        try:
            while True:
                if data := port.read(4096):
                    self.write(b"".join(manager.escape(data)))
                elif self._client is None or self._client.fileno() < 0:
                    return
        except OSError:  # SerialException is one
            return
