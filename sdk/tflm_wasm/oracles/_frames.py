"""Messages between this process and an oracle's: a JSON header, then the bytes of arrays."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def encode(header: dict[str, Any], arrays: list[Array] | None = None) -> bytes:
    """Return one message: u32 bytes of header, header, array bytes in order."""
    contiguous = [np.ascontiguousarray(a).reshape(np.shape(a)) for a in arrays or []]
    described = {**header, "arrays": [[a.dtype.str, list(a.shape)] for a in contiguous]}
    text = json.dumps(described).encode()
    return struct.pack("<I", len(text)) + text + b"".join(a.tobytes() for a in contiguous)


def array_bytes(header: dict[str, Any]) -> int:
    """Return how many bytes of arrays follow a decoded header."""
    return sum(np.dtype(d).itemsize * int(np.prod(s, dtype=np.int64)) for d, s in header["arrays"])


def decode_arrays(header: dict[str, Any], data: bytes) -> list[Array]:
    """Return the arrays that follow a header."""
    arrays = []
    for dtype, shape in header["arrays"]:
        count = int(np.prod(shape, dtype=np.int64))
        size = np.dtype(dtype).itemsize * count
        arrays.append(np.frombuffer(data[:size], dtype).reshape(shape).copy())
        data = data[size:]
    return arrays
