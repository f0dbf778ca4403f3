"""A transport that damages what passes through it, reproducibly."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Collection
from typing import Final

from tflm_wasm._link._transport import Transport

FAULTS: Final = (
    "drop",  # the chunk is lost
    "duplicate",  # it comes twice
    "flip",  # one of its bits is inverted
    "truncate",  # its end is lost
    "delay",  # it and all behind it come late
    "split",  # its second half comes a little later
    "merge",  # it waits for the next one
    "stall",  # nothing passes for some seconds
)
_SHORTEST_WAIT_S: Final = 1e-4


class _Lane:
    """One direction: chunks go in, some bytes come out, in order, some of them later."""

    def __init__(self, rng: random.Random, rate: float, faults: Collection[str]) -> None:
        self._rng = rng
        self.rate = rate
        self._faults = sorted(faults)
        self._queue: deque[tuple[float, bytes]] = deque()
        self.injected: Counter[str] = Counter()

    def push(self, data: bytes, now: float) -> None:
        """Take a chunk and perhaps damage it."""
        if not data:
            return
        if not self._faults or self._rng.random() >= self.rate:
            self._enqueue(data, now)
            return
        fault = self._rng.choice(self._faults)
        self.injected[fault] += 1
        cut = self._rng.randrange(len(data))
        if fault == "duplicate":
            self._enqueue(data + data, now)
        elif fault == "flip":
            bit = 1 << self._rng.randrange(8)
            self._enqueue(data[:cut] + bytes([data[cut] ^ bit]) + data[cut + 1 :], now)
        elif fault == "truncate":
            self._enqueue(data[:cut], now)
        elif fault == "split":
            self._enqueue(data[:cut], now)
            self._enqueue(data[cut:], now + 0.01)
        elif fault in ("delay", "merge", "stall"):
            longest = {"delay": 0.6, "merge": 0.2, "stall": 3.0}[fault]
            self._enqueue(data, now + self._rng.uniform(longest / 4, longest))

    def _enqueue(self, data: bytes, due: float) -> None:
        last = self._queue[-1][0] if self._queue else due
        self._queue.append((max(due, last), data))

    def pop(self, now: float) -> bytes:
        """Return what has arrived by now."""
        arrived = bytearray()
        while self._queue and self._queue[0][0] <= now:
            arrived += self._queue.popleft()[1]
        return bytes(arrived)

    @property
    def next_due(self) -> float:
        """When the next bytes arrive."""
        return self._queue[0][0] if self._queue else float("inf")


class FaultyTransport(Transport):
    """Injects faults in both directions; the same seed injects the same ones.

    Args:
        inner: The transport that works.
        seed: What decides everything.
        rate: Probability that a chunk is damaged, 0 to 1. What is written is one chunk a frame.
        faults: Which of `FAULTS` may happen.
        reset: Called to reset the board.
        resets: Numbers of the written frames, from 0, at which that happens: before the frame,
            in its middle, or after it.

    Attributes:
        injected: How many faults were injected, by name.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        seed: int,
        rate: float = 0.1,
        faults: Collection[str] = FAULTS,
        reset: Callable[[], None] | None = None,
        resets: Collection[int] = (),
    ) -> None:
        self.port = inner.port
        self.baudrate = inner.baudrate
        self._inner = inner
        self._rng = random.Random(seed)  # noqa: S311 - not for secrets
        self._out = _Lane(self._rng, rate, faults)
        self._in = _Lane(self._rng, rate, faults)
        self._reset = reset
        self._resets = frozenset(resets)
        self._written = 0

    @property
    def injected(self) -> Counter[str]:
        """How many faults were injected so far, by name."""
        return self._out.injected + self._in.injected

    def write(self, data: bytes, timeout_s: float) -> None:
        """Write a frame, or what is left of it."""
        if self._written in self._resets and self._reset is not None:
            cut = self._rng.choice((0, len(data) // 2, len(data)))
            self._inner.write(data[:cut], timeout_s)
            self._reset()
            data = data[cut:]
            self._out.injected["reset"] += 1
        self._written += 1
        self._out.push(data, self.now())
        self._flush()

    def read(self, timeout_s: float) -> bytes:
        """Return bytes that made it."""
        end = self.now() + timeout_s
        while True:
            self._flush()
            now = self.now()
            if arrived := self._in.pop(now):
                return arrived
            if now >= end:
                return b""
            wait = min(end, self._in.next_due, self._out.next_due) - now
            self._in.push(self._inner.read(max(wait, _SHORTEST_WAIT_S)), self.now())

    def heal(self) -> None:
        """Inject nothing from now on; what is on its way still arrives."""
        self._out.rate = self._in.rate = 0.0
        self._resets = frozenset()

    def close(self) -> None:
        """Close the inner transport."""
        self._inner.close()

    def now(self) -> float:
        """Return the inner transport's time."""
        return self._inner.now()

    def _flush(self) -> None:
        if arrived := self._out.pop(self.now()):
            self._inner.write(arrived, 1.0)
