"""What a board says: text before its first frame, then log frames."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflm_wasm._errors import PortLostError
from tflm_wasm._link._codec import encode
from tflm_wasm._link._defs import Type
from tflm_wasm._link._messages import pack
from tflm_wasm._link._transport import Transport
from tflm_wasm._monitor import Line, LineReader, monitor


def log(level: int, text: bytes, seq: int = 0) -> bytes:
    """Return a log frame."""
    return encode(Type.LOG, seq, pack("log_event", level) + text)


STREAM = (
    b"boot 1\r\nboot 2\r\n"
    + log(0, b"bad", 1)
    + encode(Type.OPEN | 0x80, 5, bytes(100))
    + log(3, b"fine", 2)
)
LINES = [
    Line("boot", "boot 1"),
    Line("boot", "boot 2"),
    Line("error", "bad"),
    Line("debug", "fine"),
]


class Script(Transport):
    """Gives the pieces one by one, then is unplugged."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def read(self, timeout_s: float) -> bytes:  # noqa: ARG002
        if not self._pieces:
            raise PortLostError("unplugged", port=self.port)
        return self._pieces.pop(0)

    def write(self, data: bytes, timeout_s: float) -> None:
        raise AssertionError(f"a monitor wrote {data!r} ({timeout_s})")


def lines_of(*pieces: bytes) -> list[Line]:
    reader, found = LineReader(), []
    for piece in pieces:
        found += reader.lines(piece)
    return found + reader.rest()


def test_boot_log_and_log_frames_come_in_order():
    assert lines_of(STREAM) == LINES


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_how_the_bytes_are_cut_does_not_matter(cuts):
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(places)]
    assert lines_of(*pieces) == LINES


def test_a_line_without_an_end_is_shown_when_the_board_falls_silent():
    reader = LineReader()
    assert reader.lines(b"panic at 0x") == []
    assert reader.rest() == [Line("boot", "panic at 0x")]
    assert reader.rest() == []


def test_the_boot_log_of_a_restart_after_frames_is_shown_too():
    reader = LineReader()
    reader.lines(STREAM)
    reader.lines(b"boot again\r\n")
    assert reader.rest() == [Line("boot", "boot again")]


def test_a_monitor_ends_when_its_time_is_over():
    assert list(monitor(Script(STREAM), time_s=0)) == []


def test_a_monitor_whose_port_goes_away_says_so_after_the_last_line():
    with pytest.raises(PortLostError):
        list(monitor(Script(STREAM)))
    lines = monitor(Script(STREAM))
    assert [next(lines) for _ in LINES] == LINES


def test_noise_is_no_line():
    assert lines_of(bytes(range(1, 256)) + b"\0" + b"\xff\xfe\0" + log(2, b"ok"))[-1] == Line(
        "info", "ok"
    )
