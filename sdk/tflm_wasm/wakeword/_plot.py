"""A probability over time, drawn in a terminal: as wide as the terminal, in eighths of a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_ASCII = " ....:::#"
_MARGIN = 7
_LOW, _OVER, _DIM, _MARK = "cyan", "bold green", "bright_black", "bold green"


@dataclass(frozen=True)
class Plot:
    """A rich renderable.

    `curve` holds one value (0..1) per frame, `loudness` one per frame too; `marks_ms` are the
    detections. Everything is stretched or squeezed to the width there is (the largest value of
    each column is drawn, so no peak is lost).
    """

    curve: NDArray[np.float64]
    loudness: NDArray[np.float64]
    duration_ms: float
    cutoff: float
    marks_ms: Sequence[int] = ()
    height: int = 8

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(10, options.max_width - _MARGIN - 1)
        blocks = _ASCII if options.ascii_only else _EIGHTHS
        curve = columns(self.curve, width)
        for row in reversed(range(self.height)):
            yield self._label(row)
            yield from self._row(row, curve, blocks, ascii_only=options.ascii_only)
            yield Segment.line()
        yield Segment("sound".rjust(_MARGIN - 2) + "  ", Style.parse(_DIM))
        loud = columns(self.loudness, width)
        yield Segment("".join(blocks[round(value * 8)] for value in loud), Style.parse(_DIM))
        yield Segment.line()
        yield Text(" " * _MARGIN + self._axis(width), style=_DIM, no_wrap=True)
        if self.marks_ms:
            yield Text(
                " " * _MARGIN + self._marks(width, "^" if options.ascii_only else "▲"), _MARK
            )

    def _cutoff_row(self) -> int:
        return min(self.height - 1, int(self.cutoff * self.height))

    def _label(self, row: int) -> Segment:
        names = {self.height - 1: "1.0", 0: "0.0"}
        if self.height > 2:
            names[self._cutoff_row()] = f"{self.cutoff:.2f}"
        return Segment(names.get(row, "").rjust(_MARGIN - 2) + "  ", Style.parse(_DIM))

    def _row(
        self, row: int, curve: NDArray[np.float64], blocks: str, *, ascii_only: bool
    ) -> Iterator[Segment]:
        empty = ("-" if ascii_only else "┄") if row == self._cutoff_row() else " "
        for value in curve:
            lowest = 1 if row == 0 else 0  # a line along the bottom even where nothing is heard
            eighths = max(lowest, round(float(np.clip(value * self.height - row, 0, 1)) * 8))
            if eighths == 0:
                yield Segment(empty, Style.parse(_DIM))
            else:
                yield Segment(blocks[eighths], Style.parse(_OVER if value > self.cutoff else _LOW))

    def _axis(self, width: int) -> str:
        line = [" "] * width
        for second in range(int(self.duration_ms // 1000) + 1):
            label = f"{second} s"
            at = self._column(1000 * second, width)
            if at + len(label) <= width:
                line[at : at + len(label)] = label
        return "".join(line).rstrip()

    def _marks(self, width: int, mark: str) -> str:
        line = [" "] * width
        for milliseconds in self.marks_ms:
            line[self._column(milliseconds, width)] = mark
        return "".join(line).rstrip()

    def _column(self, milliseconds: float, width: int) -> int:
        return min(width - 1, int(milliseconds / self.duration_ms * width))


def columns(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return `width` values for `values` [n]: the largest of each column's share, n ≥ 1."""
    starts = np.arange(width) * len(values) // width
    ends = np.maximum(starts + 1, np.arange(1, width + 1) * len(values) // width)
    return np.array([values[a:b].max() for a, b in zip(starts, ends, strict=True)])


def loudness(pcm: NDArray[np.int16], frames: int) -> NDArray[np.float64]:
    """Return how loud each of `frames` equal parts of the sound is: 0 (-60 dBFS or less) .. 1."""
    parts = np.array_split(pcm.astype(np.float64) / 32768, frames)
    power = np.array([np.mean(part**2) for part in parts])
    decibels = 10 * np.log10(np.maximum(power, 1e-6))
    return np.asarray(decibels / 60 + 1)
