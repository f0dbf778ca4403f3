"""What a board says by itself: its boot log as raw text, then its log frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from tflm_wasm._deadline import Deadline
from tflm_wasm._link._codec import Decoder
from tflm_wasm._link._defs import Type
from tflm_wasm._link._messages import LogRecord
from tflm_wasm._link._transport import Transport

_IDLE_S: Final = 0.2
_LONGEST: Final = 4096
_PRINTABLE: Final = frozenset(b"\t\r\n\x1b") | frozenset(range(0x20, 0x7F))


class Line(NamedTuple):
    """A line; `level` is error, warning, info or debug, or "boot" for text outside of frames."""

    level: str
    text: str


class LineReader(Decoder):
    """Turns what a port sends into lines; frames that are no logs are passed over."""

    def __init__(self) -> None:
        super().__init__()
        self._text = b""

    def lines(self, data: bytes) -> list[Line]:
        """Take bytes and return the lines that they complete, in order."""
        found: list[Line] = []
        for piece in data.splitlines(keepends=True) or [b""]:
            frames = self.feed(piece)
            found += self._take_text(whole=bool(frames))
            found += [_log(frame.payload) for frame in frames if frame.type == Type.LOG]
        return found

    def rest(self) -> list[Line]:
        """Return the line that has begun: to be called when the board has fallen silent."""
        if self._pending and _PRINTABLE.issuperset(self._pending):
            # No frame, but what a board says that restarted between two frames.
            self._note_text(self._pending)
            self._pending = b""
        return self._take_text(whole=True)

    def _note_text(self, text: bytes) -> None:
        super()._note_text(text)
        self._text += text

    def _take_text(self, *, whole: bool) -> list[Line]:
        *complete, self._text = self._text.split(b"\n")
        if whole or len(self._text) > _LONGEST:
            complete.append(self._text)
            self._text = b""
        texts = (line.rstrip(b"\r").decode(errors="replace") for line in complete)
        return [Line("boot", text) for text in texts if text]


def monitor(transport: Transport, *, time_s: float | None = None) -> Iterator[Line]:
    """Yield what a board says by itself, for `time_s` seconds, or for as long as it is there.

    Raises:
        PortLostError: The port went away.
    """
    reader = LineReader()
    deadline = Deadline(time_s) if time_s is not None else None
    while deadline is None or not deadline.passed:
        wait = _IDLE_S if deadline is None else min(_IDLE_S, deadline.left)
        data = transport.read(wait)
        yield from reader.lines(data) if data else reader.rest()
    yield from reader.rest()


def _log(payload: bytes) -> Line:
    record = LogRecord.of(payload)
    return Line(record.level, record.text)
