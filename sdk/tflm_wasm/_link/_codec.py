"""Frames to bytes and back: ``00 | COBS(header, payload, CRC-32) | 00``."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final, NamedTuple

from tflm_wasm._link import _defs

_HEADER: Final = struct.Struct("<BBHH")
_CRC: Final = struct.Struct("<I")
_RUN: Final = 254  # most bytes between two code bytes
_LARGEST: Final = _defs.MAX_PAYLOAD_BYTES + _HEADER.size + _CRC.size
_LARGEST_ENCODED: Final = _LARGEST + _LARGEST // _RUN + 1
_BOOT_LOG_BYTES: Final = 64 * 1024
_TEXT: Final = frozenset(b"\t\r\n\x1b") | frozenset(range(0x20, 0x7F))


class Frame(NamedTuple):
    """A decoded frame; `version` may be one that this package does not speak."""

    version: int
    type: int
    seq: int
    payload: bytes


def cobs_encode(data: bytes) -> bytes:
    """Return `data` without zeros: each is replaced by the distance to the next one.

    Source: Cheshire and Baker, Consistent Overhead Byte Stuffing, 1997.
    """
    encoded = bytearray()
    for piece in data.split(b"\0"):
        start = 0
        while len(piece) - start >= _RUN:
            encoded.append(_RUN + 1)
            encoded += piece[start : start + _RUN]
            start += _RUN
        encoded.append(len(piece) - start + 1)
        encoded += piece[start:]
    # A full run at the very end needs no block after it.
    full_end = piece and len(piece) % _RUN == 0
    return bytes(encoded[:-1] if full_end else encoded)


def cobs_decode(encoded: bytes) -> bytes | None:
    """Return what `cobs_encode` was given, or None when a block is longer than what is there."""
    data = bytearray()
    position = 0
    while position < len(encoded):
        code = encoded[position]
        block = encoded[position + 1 : position + code]
        if code == 0 or len(block) != code - 1:
            return None
        data += block
        position += code
        if code <= _RUN and position < len(encoded):
            data.append(0)
    return bytes(data)


def encode(
    frame_type: int, seq: int, payload: bytes = b"", *, version: int = _defs.VERSION
) -> bytes:
    """Return a frame as it goes over the line, with both delimiters."""
    content = _HEADER.pack(version, frame_type, seq, len(payload)) + payload
    return b"\0" + cobs_encode(content + _CRC.pack(zlib.crc32(content))) + b"\0"


@dataclass
class Received:
    """What a decoder has seen: whole frames, and all that was dropped.

    Attributes:
        frames: Whole, undamaged frames.
        text_bytes: Bytes of plain text between frames, such as the boot log.
        drop_cobs: Frames dropped: not COBS.
        drop_crc: Frames dropped: wrong CRC.
        drop_length: Frames dropped: shorter than a header, or the length field is wrong.
        drop_long: Frames dropped: larger than any frame.
    """

    frames: int = 0
    text_bytes: int = 0
    drop_cobs: int = 0
    drop_crc: int = 0
    drop_length: int = 0
    drop_long: int = 0


class Decoder:
    """Cuts a stream into frames; what is plain text instead becomes the boot log."""

    def __init__(self) -> None:
        self.received = Received()
        self._pending = b""
        self._synced = False
        self._too_long = False
        self._boot_log = bytearray()

    @property
    def boot_log(self) -> str:
        """Text that came outside of frames, the last 64 KiB of it."""
        return bytes(self._boot_log).decode(errors="replace")

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes and return the frames that they complete."""
        *complete, self._pending = (self._pending + data).split(b"\0")
        frames = [frame for piece in complete if (frame := self._end(piece)) is not None]
        if not self._synced:
            self._note_text(self._pending)
            self._pending = b""
        elif len(self._pending) > _LARGEST_ENCODED:
            self._too_long = True
            self._pending = b""
        return frames

    def _end(self, piece: bytes) -> Frame | None:
        """Deal with what stood before a delimiter."""
        if not self._synced:
            self._synced = True
            self._note_text(piece)
            return None
        if self._too_long or len(piece) > _LARGEST_ENCODED:
            self._too_long = False
            self.received.drop_long += 1
            return None
        if not piece:
            return None
        frame = self._decode(piece)
        if frame is not None:
            self.received.frames += 1
        return frame

    def _decode(self, piece: bytes) -> Frame | None:
        content = cobs_decode(piece)
        whole = content is not None and len(content) >= _HEADER.size + _CRC.size
        if content is None or not whole or not _crc_fits(content):
            if _TEXT.issuperset(piece):
                self._note_text(piece)
            elif content is None:
                self.received.drop_cobs += 1
            elif not whole:
                self.received.drop_length += 1
            else:
                self.received.drop_crc += 1
            return None
        version, frame_type, seq, length = _HEADER.unpack_from(content)
        payload = content[_HEADER.size : -_CRC.size]
        if version == _defs.VERSION and length != len(payload):
            self.received.drop_length += 1
            return None
        return Frame(version, frame_type, seq, payload)

    def _note_text(self, text: bytes) -> None:
        self.received.text_bytes += len(text)
        self._boot_log += text
        del self._boot_log[:-_BOOT_LOG_BYTES]


def _crc_fits(content: bytes) -> bool:
    expected: int = _CRC.unpack_from(content, len(content) - _CRC.size)[0]
    return zlib.crc32(content[: -_CRC.size]) == expected
