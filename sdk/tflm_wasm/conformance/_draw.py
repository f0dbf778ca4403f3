"""Seeded choices that have names.

A choice depends on the case's key and on its own name, on nothing else: fixing one leaves all the
others as they were. That is what makes a case replay alone, and what shrinking is built on: 0 is
the simplest value of every choice, so a smaller number is a simpler case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tflm_wasm.conformance._writer import Array

T = TypeVar("T")
Words = NDArray[np.uint64]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)


class Draw:
    """The choices of one case.

    Args:
        key: Names the case; equal keys give equal choices, on every machine.
        exact: All choices, when they are not to be drawn: name to value, 0 where it is left out.

    Attributes:
        made: What was chosen so far: name to value.
        counts: From how many values each of them was chosen.
    """

    def __init__(self, key: str, exact: Mapping[str, int] | None = None) -> None:
        self._key = key
        self._exact = exact
        self.made: dict[str, int] = {}
        self.counts: dict[str, int] = {}

    def _seed(self, name: str) -> int:
        digest = blake2b(f"{self._key}/{name}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little")

    def below(self, name: str, count: int) -> int:
        """Return a number from 0 to `count` - 1.

        Raises:
            ValueError: The name has been used with another count.
        """
        if self.counts.setdefault(name, count) != count:
            raise ValueError(f"{name} is a choice of {self.counts[name]} and of {count}")
        if self._exact is None:
            value = self._seed(name) % count
        else:
            value = min(self._exact.get(name, 0), count - 1)
        self.made[name] = value
        return value

    def pick(self, name: str, options: Sequence[T]) -> T:
        """Return one of the options; the first is the simplest, and one may be there twice."""
        return options[self.below(name, len(options))]

    def whole(self, name: str, low: int, high: int) -> int:
        """Return a number from `low` to `high`, both of them possible; `low` is the simplest."""
        return low + self.below(name, high - low + 1)

    def one_in(self, name: str, count: int) -> bool:
        """Return True once in `count` times."""
        return self.below(name, count) == count - 1

    def real(self, name: str, low: float, high: float) -> float:
        """Return one of 65,536 real numbers from `low` to `high`."""
        return low + (high - low) * self.below(name, 65_536) / 65_535

    def some(self, name: str, items: Sequence[T], count: int) -> list[T]:
        """Return `count` of the items, in any order; the first ones in theirs are the simplest."""
        left = list(items)
        return [left.pop(self.below(f"{name}.{i}", len(left))) for i in range(count)]

    def words(self, name: str, count: int) -> Words:
        """Return `count` random 64-bit words (splitmix64), which do not count as a choice."""
        with np.errstate(over="ignore"):
            z = (np.arange(1, count + 1, dtype=np.uint64)) * _GOLDEN + np.uint64(self._seed(name))
            z = (z ^ (z >> np.uint64(30))) * _MIX_1
            z = (z ^ (z >> np.uint64(27))) * _MIX_2
            return z ^ (z >> np.uint64(31))


# ---- arrays: one function of (words, dtype) for each way to fill one ----


def _limits(dtype: str) -> tuple[int, int]:
    if dtype == "int4":
        return -8, 7
    info = np.iinfo(dtype)
    return int(info.min), min(int(info.max), 2**63 - 1)


def whole_numbers(words: Words, low: int, high: int) -> Array:
    """Return numbers from `low` to `high`, as int64 (uint64 when they need it)."""
    span = high - low + 1
    if span >= 1 << 64:
        return words.view(np.int64)
    return np.array((words % np.uint64(span)).astype(np.int64) + low)


def unit(words: Words) -> Array:
    """Return float64 in [0, 1)."""
    return np.array((words >> np.uint64(11)).astype(np.float64) / (1 << 53))


def normal(words: Words) -> Array:
    """Return numbers near the normal distribution: a sum of four uniform ones, float64."""
    parts = [(words >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48)]
    return np.array((sum(part.astype(np.float64) for part in parts) / 65_536 - 2) * 1.7320508)


def _ramp(words: Words, dtype: str) -> Array:
    low, high = _limits(dtype)
    return low + np.arange(words.size, dtype=np.int64) * 7 % (min(high - low, 1 << 31) + 1)


INTEGERS: Final[dict[str, Callable[[Words, str], Array]]] = {
    "zero": lambda words, _: np.zeros(words.size, np.int64),
    "noise": lambda words, dtype: whole_numbers(words, *_limits(dtype)),
    "few": lambda words, dtype: whole_numbers(words, max(-3, _limits(dtype)[0]), 3),
    "low": lambda words, dtype: np.full(words.size, _limits(dtype)[0]),
    "high": lambda words, dtype: np.full(words.size, _limits(dtype)[1], np.int64),
    "ends": lambda words, dtype: np.where(words % np.uint64(2) == 0, *_limits(dtype)),
    "ramp": _ramp,
}

ODD_FLOATS: Final = np.array(
    [
        *(0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, 6.0),
        *(1e-45, -1e-45, 1.1754942e-38, -1.1754944e-38, 3.4028235e38, -3.4028235e38, 1e-20, 1e20),
        *(2147483647.0, -2147483648.0, 127.5, -128.5, 32767.5, 0.1, 88.72284, -87.33655, 16777216),
    ],
    np.float32,
)

FLOATS: Final[dict[str, Callable[[Words], Array]]] = {
    "zero": lambda words: np.zeros(words.size),
    "normal": normal,
    "wide": lambda words: normal(words) * np.exp2(whole_numbers(words >> np.uint64(7), -12, 12)),
    "halves": lambda words: whole_numbers(words, -9, 9) / 2,
    "any": lambda words: _finite(words),
    "odd": lambda words: ODD_FLOATS[(words % np.uint64(ODD_FLOATS.size)).astype(np.int64)],
    "low": lambda words: np.full(words.size, -100.0),
    "high": lambda words: np.full(words.size, 100.0),
    "tiny": lambda words: normal(words) * 1e-39,
}


def _finite(words: Words) -> Array:
    """Return every bit pattern that is a number."""
    bits = (words >> np.uint64(32)).astype(np.uint32)
    bits = np.where(bits & 0x7F80_0000 == 0x7F80_0000, bits & 0x807F_FFFF, bits)
    return bits.astype(np.uint32).view(np.float32)
