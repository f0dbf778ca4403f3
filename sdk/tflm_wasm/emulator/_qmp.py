"""The QEMU Machine Protocol: JSON lines over a Unix socket, each call with a deadline."""

from __future__ import annotations

import json
import socket
from typing import Any

from tflm_wasm._deadline import Deadline
from tflm_wasm._errors import EmulatorEnded, EmulatorError, EmulatorTimeout

_PIECE = 65536


class Qmp:
    """A connection to an emulator's monitor.

    Args:
        path: Its Unix socket, on which somebody listens already.
        board: The board's name, for errors.
        timeout_s: Deadline for its greeting, in seconds.

    Raises:
        EmulatorEnded, EmulatorTimeout: Nobody is there, or it says nothing.
    """

    def __init__(self, path: str, *, board: str, timeout_s: float) -> None:
        self._board = board
        self._received = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deadline = Deadline(timeout_s)
        try:
            self._socket.settimeout(deadline.left)
            self._connect(path)
            self._message(deadline)
            self.call("qmp_capabilities", timeout_s=max(deadline.left, 0.1))
        except BaseException:
            self.close()
            raise

    def _connect(self, path: str) -> None:
        try:
            self._socket.connect(path)
        except TimeoutError as error:
            raise self._too_late(self._socket.gettimeout() or 0.0) from error
        except OSError as error:
            raise self._ended() from error

    def call(self, command: str, *, timeout_s: float = 5.0, **arguments: Any) -> Any:
        """Run a command of the monitor and return what it answers.

        Raises:
            EmulatorError: It refused the command.
            EmulatorEnded, EmulatorTimeout: It is gone, or did not answer in time.
        """
        deadline = Deadline(timeout_s)
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        try:
            self._socket.settimeout(max(deadline.left, 0.001))
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except TimeoutError as error:
            raise self._too_late(timeout_s) from error
        except OSError as error:
            raise self._ended() from error
        while True:
            answer = self._message(deadline)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                reason = answer["error"].get("desc", "no reason given")
                raise EmulatorError(f"QEMU refused '{command}': {reason}", board=self._board)

    def close(self) -> None:
        """Let go of the connection; the emulator runs on."""
        self._socket.close()

    def _message(self, deadline: Deadline) -> dict[str, Any]:
        """Return the next line, which may be an event."""
        while b"\n" not in self._received:
            try:
                self._socket.settimeout(max(deadline.left, 0.001))
                data = self._socket.recv(_PIECE)
            except TimeoutError as error:
                raise self._too_late(deadline.time_s) from error
            except OSError as error:
                raise self._ended() from error
            if not data:
                raise self._ended()
            self._received += data
        line, self._received = self._received.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def _ended(self) -> EmulatorEnded:
        return EmulatorEnded(f"The emulator of {self._board} has ended", board=self._board)

    def _too_late(self, time_s: float) -> EmulatorTimeout:
        message = f"The emulator of {self._board} did not answer in {time_s:.1f} s"
        return EmulatorTimeout(message, board=self._board, time_s=time_s)
