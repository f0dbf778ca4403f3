"""One point in time by which a row of blocking calls must end."""

from __future__ import annotations

import time


class Deadline:
    """`time_s` seconds from now."""

    def __init__(self, time_s: float) -> None:
        self.time_s = time_s
        self._end = time.monotonic() + time_s

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether time is up."""
        return self.left == 0.0
