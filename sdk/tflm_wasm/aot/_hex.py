"""Intel HEX, the text form of a firmware image that programmers take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_RECORD_BYTES: Final = 16
_DATA, _END, _UPPER_ADDRESS = 0, 1, 4


def intel_hex(image: bytes, base: int) -> bytes:
    """Return an image that begins at address `base` as Intel HEX."""
    return "".join(f"{line}\n" for line in _lines(image, base)).encode()


def _lines(image: bytes, base: int) -> Iterator[str]:
    upper = 0
    at = base
    while at < base + len(image):
        if at >> 16 != upper:
            upper = at >> 16
            yield _record(_UPPER_ADDRESS, 0, upper.to_bytes(2, "big"))
        # A record's address has 16 bits, and does not wrap.
        end = min(at + _RECORD_BYTES, (upper + 1) << 16, base + len(image))
        yield _record(_DATA, at & 0xFFFF, image[at - base : end - base])
        at = end
    yield _record(_END, 0, b"")


def _record(kind: int, address: int, content: bytes) -> str:
    record = bytes([len(content)]) + address.to_bytes(2, "big") + bytes([kind]) + content
    return f":{record.hex()}{-sum(record) & 0xFF:02x}".upper()
