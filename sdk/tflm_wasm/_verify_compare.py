"""How far two runtimes' outputs are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tflm_wasm._inputs import Array
from tflm_wasm._verify_inputs import Case

NEVER = (1 << 63) - 1  # the distance of a number from a NaN, or of two different shapes


@dataclass(frozen=True)
class Mismatch:
    """The first input whose outputs differ, and where.

    Attributes:
        index: The input's number; with the seed it replays.
        kind: How the input was made, such as "uniform".
        output: Which output.
        place: Where in it; empty when its type or shape is another one.
        ours: Our value, or what our output is.
        theirs: The oracle's.
    """

    index: int
    kind: str
    output: int
    place: tuple[int, ...]
    ours: str
    theirs: str

    def to_dict(self) -> dict[str, Any]:
        """Return the mismatch as JSON-ready values."""
        return {**vars(self), "place": list(self.place)}


def distance(ours: Array, theirs: Array) -> int:
    """Return the largest difference of two outputs: LSB of integers, ulp of floats; 0 is equal.

    NaN equals NaN, because WebAssembly leaves the bits of a NaN open; -0.0 differs from 0.0.
    """
    if ours.dtype != theirs.dtype or ours.size != theirs.size:
        return NEVER
    if ours.tobytes() == theirs.tobytes():
        return 0
    return int(_distances(ours.reshape(-1), theirs.reshape(-1)).max())


def mismatch(case: Case, output: int, ours: Array, theirs: Array) -> Mismatch:
    """Describe the first place where two outputs differ."""
    if ours.dtype != theirs.dtype or ours.size != theirs.size:
        texts = [f"{one.dtype} {one.shape}" for one in (ours, theirs)]
        return Mismatch(case.index, case.kind, output, (), *texts)
    theirs = theirs.reshape(ours.shape)
    apart = _distances(ours.reshape(-1), theirs.reshape(-1))
    first = np.unravel_index(int(np.flatnonzero(apart)[0]), ours.shape)
    place = tuple(int(i) for i in first)
    return Mismatch(case.index, case.kind, output, place, str(ours[place]), str(theirs[place]))


def _distances(ours: Array, theirs: Array) -> Array:
    if ours.dtype.kind == "f":
        nans = np.isnan(ours).astype(int) + np.isnan(theirs)
        apart = np.abs(_ordered(ours) - _ordered(theirs))
        return np.where(nans == 0, apart, np.where(nans == 2, 0, NEVER))
    if ours.dtype.itemsize < 8:
        lsb: Array = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
        return lsb
    pairs = zip(ours.tolist(), theirs.tolist(), strict=True)
    return np.array([min(abs(a - b), NEVER) for a, b in pairs], np.int64)


def _ordered(values: Array) -> Array:
    """Map floats to int64 so that neighbours are neighbours, with -0.0 just below 0.0."""
    bits = values.astype(np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF) - 1, bits)
