"""What a link runs over: two methods, and a clock, so that tests need not wait."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod


class Transport(ABC):
    """A stream of bytes to a board, both ways, for one thread.

    Attributes:
        port: Its name in errors.
        baudrate: Bits per second, ten of them a byte; bounds how soon an answer can be expected.
    """

    port: str = "transport"
    baudrate: int = 115_200

    @abstractmethod
    def read(self, timeout_s: float) -> bytes:
        """Return bytes as soon as there are any, or b"" when none came within `timeout_s`.

        Raises:
            PortLostError: The port went away.
        """

    @abstractmethod
    def write(self, data: bytes, timeout_s: float) -> None:
        """Write all of `data`, or as much as the other side takes within `timeout_s`.

        Raises:
            PortLostError: The port went away.
        """

    def close(self) -> None:
        """Let go of the port, or do nothing when that was done."""
        return

    def now(self) -> float:
        """Return the time in seconds of the clock that timeouts are measured with."""
        return time.monotonic()
