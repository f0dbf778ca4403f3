"""The agent against hosts that break the rules: refused, counted, and nothing is done."""

from __future__ import annotations

import struct
import zlib

import pytest

from tests.support.board import Board, BoardTransport, zoo_model
from tflm_wasm import Device
from tflm_wasm._link._codec import Decoder, Frame, cobs_encode, encode
from tflm_wasm._link._defs import LAYOUTS, REPLY_BIT, ErrorCode, Type
from tflm_wasm._link._messages import unpack

START = 0xFFFE  # so that seq wraps


@pytest.fixture
def talk(board: Board):
    """Send one frame and return the one that comes back; a session is open, a model runs."""
    Device(BoardTransport(board)).upload(zoo_model("sine_int8"))

    def send(kind: int, seq: int, payload: bytes = b"") -> Frame:
        (frame,) = Decoder().feed(board.feed(encode(kind, seq & 0xFFFF, payload)))
        return frame

    assert send(Type.OPEN, START, bytes(8)).type == Type.OPEN | REPLY_BIT
    return send


def error(frame: Frame) -> ErrorCode:
    assert frame.type == Type.ERROR
    return ErrorCode(unpack("error_event", frame.payload)[0]["code"])


def detail(frame: Frame) -> int:
    return unpack("error_event", frame.payload)[0]["detail"]


def invokes(board: Board) -> int:
    return Device(BoardTransport(board)).stats().device["invokes"]


INVOKE = LAYOUTS["invoke_request"].struct.pack(0) + b"\x07"


def test_a_seq_that_is_not_the_next_is_refused_and_nothing_is_done(board, talk):
    assert talk(Type.INVOKE, START + 1, INVOKE).type == Type.INVOKE | REPLY_BIT
    assert talk(Type.STATS, START + 2).type == Type.STATS | REPLY_BIT
    before = invokes(board)
    talk(Type.OPEN, START, bytes(8))
    talk(Type.STATS, START + 1)
    for late in (START - 1, START, START + 3, START + 0x8000):
        refused = talk(Type.INVOKE, late, INVOKE)
        assert error(refused) is ErrorCode.SEQUENCE
        assert detail(refused) == (START + 2) & 0xFFFF
    assert talk(Type.INVOKE, START + 2, INVOKE).type == Type.INVOKE | REPLY_BIT
    assert invokes(board) == before + 1


def test_another_request_with_the_last_seq_is_not_taken_for_a_repeat(talk):
    talk(Type.STATS, START + 1)
    assert error(talk(Type.INVOKE, START + 1, INVOKE)) is ErrorCode.SEQUENCE


def test_without_a_session_everything_but_open_is_refused(board, talk):
    board.reset()
    for kind in set(Type) - {Type.OPEN}:
        assert error(talk(kind, START + 1)) is ErrorCode.SESSION


def test_an_error_is_repeated_like_any_reply(talk):
    first = talk(0x55, START + 1)
    assert error(first) is ErrorCode.TYPE
    assert talk(0x55, START + 1) == first


@pytest.mark.parametrize("kind", [kind for kind in Type if kind < Type.LOG])
def test_a_payload_of_the_wrong_size_is_refused(talk, kind):
    layout = LAYOUTS.get(f"{kind.name.lower()}_request")
    least = layout.struct.size if layout else 0
    open_ended = kind in (Type.UPLOAD_DATA, Type.WRITE_INPUT, Type.INVOKE)
    wrong = [size for size in (least - 1, least + 1) if size >= 0]
    seq = START
    for size in wrong[:1] if open_ended else wrong:
        seq = (seq + 1) & 0xFFFF
        assert error(talk(kind, seq, bytes(size))) is ErrorCode.LENGTH


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Type.BLOCK, struct.pack("<HH", 4000, 100)),
        (Type.BLOCK, struct.pack("<HH", 0, 0xFFFF)),
        (Type.WRITE_INPUT, struct.pack("<I", 1) + b"x"),
        (Type.WRITE_INPUT, struct.pack("<I", 0xFFFFFFFF) + b"x"),
        (Type.INVOKE, struct.pack("<I", 0) + b"xy"),
        (Type.READ_OUTPUT, struct.pack("<I", 2)),
    ],
)
def test_bytes_outside_of_block_inputs_and_outputs_are_refused(talk, kind, payload):
    assert error(talk(kind, START + 1, payload)) is ErrorCode.RANGE


def test_a_frame_of_another_version_is_answered_with_the_version(board, talk):
    content = struct.pack("<BBHH", 9, Type.STATS, START + 1 & 0xFFFF, 0)
    wire = b"\0" + cobs_encode(content + struct.pack("<I", zlib.crc32(content))) + b"\0"
    (frame,) = Decoder().feed(board.feed(wire))
    assert error(frame) is ErrorCode.VERSION
    assert detail(frame) == 1
    assert talk(Type.STATS, START + 1).type == Type.STATS | REPLY_BIT


def test_pieces_of_an_upload_come_in_order_and_in_whole_units(talk):
    piece = LAYOUTS["upload_data_request"].struct
    assert error(talk(Type.UPLOAD_DATA, START + 1, piece.pack(0) + bytes(8))) is ErrorCode.SLOT
    begin = LAYOUTS["upload_begin_request"].struct.pack(100, b"\x11" * 32)
    assert talk(Type.UPLOAD_BEGIN, START + 2, begin).type == Type.UPLOAD_BEGIN | REPLY_BIT
    wrong = [(8, 8), (0, 7), (0, 101), (0xFFFFFFF8, 8)]
    for number, (offset, size) in enumerate(wrong, START + 3):
        refused = talk(Type.UPLOAD_DATA, number, piece.pack(offset) + bytes(size))
        assert (error(refused), detail(refused)) == (ErrorCode.OFFSET, 0)
    taken = talk(Type.UPLOAD_DATA, START + 7, piece.pack(0) + bytes(96))
    assert taken.payload == piece.pack(96)
    assert talk(Type.UPLOAD_DATA, START + 8, piece.pack(96) + bytes(4)).payload == piece.pack(100)
