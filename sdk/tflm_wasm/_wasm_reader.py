"""Reading numbers, names and vectors of the WebAssembly binary format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tflm_wasm._errors import MalformedModuleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

_VALUE_TYPES: Final = {
    0x7F: "i32",
    0x7E: "i64",
    0x7D: "f32",
    0x7C: "f64",
    0x7B: "v128",
    0x70: "funcref",
    0x6F: "externref",
}


class Reader:
    """Reads `data`; `base` is where it starts in the module, which only serves errors."""

    def __init__(self, data: bytes | memoryview, base: int = 0) -> None:
        self.data = data
        self.base = base
        self.pos = 0

    def fail(self, what: str) -> MalformedModuleError:
        offset = self.base + self.pos
        return MalformedModuleError(f"{what} at byte {offset} of the module", offset=offset)

    @property
    def left(self) -> int:
        return len(self.data) - self.pos

    def take(self, count: int) -> bytes | memoryview:
        """Return the next bytes: a view where `data` is one."""
        start = self.pos
        end = start + count
        if end > len(self.data):
            raise self.fail(f"{count} bytes expected, {self.left} left")
        self.pos = end
        return self.data[start:end]

    def byte(self) -> int:
        pos = self.pos
        if pos >= len(self.data):
            raise self.fail("1 bytes expected, 0 left")
        self.pos = pos + 1
        return self.data[pos]

    def _leb(self, bits: int) -> tuple[int, int]:
        """Return an LEB128 number as unsigned, and how many bits it was given in."""
        data, pos = self.data, self.pos
        value = shift = 0
        while shift < bits:
            if pos == len(data):
                self.pos = pos
                raise self.fail("1 bytes expected, 0 left")
            byte = data[pos]
            pos += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                self.pos = pos
                return value, shift
        self.pos = pos
        raise self.fail("LEB128 number too long")

    def u32(self) -> int:
        pos = self.pos
        if pos < len(self.data) and self.data[pos] < 0x80:  # most are short
            self.pos = pos + 1
            return self.data[pos]
        value, _ = self._leb(32)
        if value >> 32:
            raise self.fail("number over 32 bits")
        return value

    def u64(self) -> int:
        value, _ = self._leb(64)
        if value >> 64:
            raise self.fail("number over 64 bits")
        return value

    def i32(self) -> int:
        value, width = self._leb(32)
        if value >> (width - 1):
            value -= 1 << width
        if not -(1 << 31) <= value < 1 << 31:
            raise self.fail("number over 32 bits")
        return value

    def name(self) -> str:
        raw = self.take(self.u32())
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError:
            raise self.fail("name that is not UTF-8") from None

    def vector(self, item: Callable[[Reader], T]) -> tuple[T, ...]:
        count = self.u32()
        if count > self.left:  # an item has at least one byte
            raise self.fail(f"vector of {count} items in {self.left} bytes")
        return tuple(item(self) for _ in range(count))

    def value_type(self) -> str:
        code = self.byte()
        if code not in _VALUE_TYPES:
            raise self.fail(f"unknown value type 0x{code:02x}")
        return _VALUE_TYPES[code]
