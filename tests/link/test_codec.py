"""Frames: golden bytes, properties of the codec in Python and in C, and every single-bit flip."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflm_wasm._link._codec import Decoder, Frame, cobs_decode, cobs_encode, encode
from tflm_wasm._link._defs import MAX_PAYLOAD_BYTES, REPLY_BIT, VERSION

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GOLDEN = tomllib.loads((Path(__file__).parent / "golden.toml").read_text())["frame"]
FRAMES = [
    pytest.param(frame["type"], frame["seq"], bytes.fromhex(p), bytes.fromhex(w), id=frame["name"])
    for frame in GOLDEN
    for p, w in [(frame["payload"], frame["wire"])]
]
types = st.integers(0, 255)
seqs = st.integers(0, 0xFFFF)
# Zeros and long runs without any are where COBS has its corners.
runs = st.integers(250, 260).map(lambda size: b"\x11" * size)
pieces = st.one_of(st.binary(max_size=8), runs, st.just(b"\0"))
bytes_with_zeros = st.lists(pieces, max_size=12).map(b"".join)
payloads = bytes_with_zeros.map(lambda data: data[:246])


@pytest.mark.parametrize(("kind", "seq", "payload", "wire"), FRAMES)
def test_a_golden_frame_is_encoded_to_its_bytes(kind, seq, payload, wire):
    assert encode(kind, seq, payload) == wire


@pytest.mark.parametrize(("kind", "seq", "payload", "wire"), FRAMES)
def test_a_golden_frame_is_decoded_to_its_fields(kind, seq, payload, wire):
    assert Decoder().feed(wire) == [Frame(VERSION, kind, seq, payload)]


@pytest.mark.parametrize(("kind", "seq", "payload", "wire"), FRAMES)
def test_c_agrees_on_a_golden_frame(board, kind, seq, payload, wire):
    assert board.decode(seq, wire) == struct.pack("<BH", kind, seq) + payload
    if kind & REPLY_BIT:
        assert board.encode(kind, seq, payload) == wire


@pytest.mark.parametrize(("kind", "seq", "payload", "wire"), FRAMES)
def test_every_single_bit_flip_of_a_golden_frame_is_rejected(board, kind, seq, payload, wire):
    whole = Frame(VERSION, kind, seq, payload)
    for bit in range(8 * len(wire)):
        damaged = bytearray(wire)
        damaged[bit // 8] ^= 1 << bit % 8
        # In the middle of a stream, so that the first delimiter matters; the next frame passes.
        decoder = Decoder()
        decoder.feed(b"\0")
        assert decoder.feed(bytes(damaged)) + decoder.feed(wire) == [whole], f"bit {bit}"
        seen = board.decode(seq, b"\0" + bytes(damaged) + b"\0")
        assert seen == b"", f"bit {bit}"


@given(bytes_with_zeros)
def test_cobs_leaves_no_zero_and_can_be_undone(data):
    encoded = cobs_encode(data)
    assert 0 not in encoded
    assert len(encoded) <= len(data) + max(1, -(-len(data) // 254))
    assert cobs_decode(encoded) == data


@given(st.binary(max_size=600))
def test_decoding_anything_never_fails(data):
    decoder = Decoder()
    frames = decoder.feed(b"\0" + data + b"\0")
    received = decoder.received
    drops = received.drop_cobs + received.drop_crc + received.drop_length + received.drop_long
    pieces = [piece for piece in data.split(b"\0") if piece]
    assert len(frames) + drops <= len(pieces)
    assert len(frames) + drops + received.text_bytes >= len(pieces)


@given(types, seqs, bytes_with_zeros, st.lists(st.integers(1, 40), min_size=1))
def test_a_frame_survives_being_cut_into_pieces(kind, seq, payload, cuts):
    wire = b"boot\r\n" + encode(kind, seq, payload) * 2
    decoder, frames, start = Decoder(), [], 0
    while start < len(wire):
        size = cuts[len(frames) % len(cuts)]
        frames += decoder.feed(wire[start : start + size])
        start += size
    assert frames == [Frame(VERSION, kind, seq, payload)] * 2
    assert decoder.boot_log == "boot\r\n"


@given(types, seqs, payloads)
def test_c_and_python_encode_the_same_bytes(one_board, kind, seq, payload):
    one_board.new()
    assert one_board.encode(kind, seq, payload) == encode(kind | REPLY_BIT, seq, payload)


@given(types, seqs, payloads)
def test_c_decodes_what_python_encodes(one_board, kind, seq, payload):
    one_board.new()
    wire = encode(kind, seq, payload)
    assert one_board.decode(seq, b"noise" + wire) == struct.pack("<BH", kind, seq) + payload


@given(st.binary(max_size=600))
def test_c_finds_a_request_exactly_where_python_does(one_board, data):
    one_board.new()
    found = Decoder().feed(b"\0" + data + b"\0")
    seq = found[0].seq if found else 0
    assert bool(one_board.decode(seq, b"\0" + data + b"\0")) == bool(found)


def test_a_frame_of_the_largest_size_passes_and_a_larger_one_is_counted():
    decoder = Decoder()
    largest = b"\x55" * MAX_PAYLOAD_BYTES
    assert decoder.feed(encode(1, 2, largest)) == [Frame(VERSION, 1, 2, largest)]
    assert decoder.feed(encode(1, 2, largest * 3) + encode(1, 3)) == [Frame(VERSION, 1, 3, b"")]
    assert decoder.received.drop_long == 1


def test_endless_noise_without_a_delimiter_takes_no_memory():
    decoder = Decoder()
    decoder.feed(b"\0")
    for _ in range(1000):
        decoder.feed(b"\xaa" * 1000)
    assert len(decoder._pending) < 2 * MAX_PAYLOAD_BYTES
    assert decoder.feed(b"\0" + encode(1, 1)) == [Frame(VERSION, 1, 1, b"")]
    assert decoder.received.drop_long == 1


def test_a_frame_of_another_version_is_shown_with_its_version():
    content = struct.pack("<BBHH", 7, 1, 2, 3) + b"xyz"
    wire = b"\0" + cobs_encode(content + struct.pack("<I", zlib.crc32(content))) + b"\0"
    assert Decoder().feed(wire) == [Frame(7, 1, 2, b"xyz")]
