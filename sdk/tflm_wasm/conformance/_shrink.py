"""Finding the smallest case that fails as a given one does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from tflm_wasm.conformance._case import Case, make, number_of
from tflm_wasm.conformance._judge import Result
from tflm_wasm.conformance._run import Bench
from tflm_wasm.conformance._writer import Array


def signature(result: Result) -> tuple[str, ...]:
    """Return what failures of one kind have in common: the outcome and the words, not the numbers.

    Where outputs differ the words are the op's and the type's.
    """
    words = (result.ours, result.theirs)
    if re.match(r"frame \d+, output", result.ours):
        words = (result.op, result.kind)
    spoiled = result.spoiled.split(":")[0]
    return result.outcome.name, spoiled, *(re.sub(r"-?[\d.]+", "#", one)[:160] for one in words)


def shrink(case: Case, bench: Bench, *, attempts: int = 400) -> tuple[Case, Result]:
    """Return the smallest case found that fails with the same signature, and how it ends.

    Choices are made smaller one by one; then frames are left out, and inputs set to zero in parts.

    Args:
        case: A case that fails.
        bench: Where to run.
        attempts: How many smaller cases to run at the most.
    """
    best = _Best(case, bench, attempts)
    before = None
    while best.case is not before:
        before = best.case
        for name in list(best.case.choices):
            best.smaller_choice(name)
    for candidate in chain(_with_one_frame(best), _with_zeros(best)):
        best.take(candidate)
    return best.case, best.result


class _Best:
    """The smallest case so far."""

    def __init__(self, case: Case, bench: Bench, attempts: int) -> None:
        self._bench = bench
        self._left = attempts
        self.case, self.result = case, bench.run(case)
        self._wanted = signature(self.result)

    def take(self, candidate: Case) -> bool:
        """Make a candidate the best if it fails alike; say whether it did."""
        if self._left == 0:
            return False
        self._left -= 1
        result = self._bench.run(candidate)
        if result.passed or signature(result) != self._wanted:
            return False
        self.case, self.result = candidate, result
        return True

    def smaller_choice(self, name: str) -> None:
        """Make a choice as small as it goes: 0, or half of it, or one less, again and again."""
        found = True
        while found:
            value = self.case.choices.get(name, 0)
            options = sorted({0, value // 2, value - 1}) if value > 0 else []
            found = any(self.take(self._with(name, option)) for option in options)

    def _with(self, name: str, value: int) -> Case:
        case = self.case
        exact = {**case.choices, name: value}
        return make(case.generator, case.kind, number_of(case.id), exact)


def _with_one_frame(best: _Best) -> Iterator[Case]:
    """Yield the best case with each of its frames alone."""
    frames = best.case.frames
    for frame in frames if len(frames) > 1 else ():
        yield replace(best.case, frames=(frame,), resets=())


def _with_zeros(best: _Best) -> Iterator[Case]:
    """Yield the best case with parts of its inputs zero: whole arrays, halves, ... elements."""
    for frame, arrays in enumerate(best.case.frames):
        for i, array in enumerate(arrays):
            parts = 1
            while parts <= array.size:
                for part in range(parts):
                    yield _zeroed(
                        best.case, frame, i, part * array.size // parts, array.size // parts
                    )
                parts *= 2


def _zeroed(case: Case, frame: int, number: int, start: int, count: int) -> Case:
    arrays: list[Array] = list(case.frames[frame])
    changed = arrays[number].copy().reshape(-1)
    changed[start : start + count] = np.zeros((), changed.dtype)
    arrays[number] = changed.reshape(arrays[number].shape)
    frames = list(case.frames)
    frames[frame] = tuple(arrays)
    return replace(case, frames=tuple(frames))
