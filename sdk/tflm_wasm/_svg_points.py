"""Charts of points and lines as SVG, to stand inside an HTML page, beside the bars of `_svg`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Final

from tflm_wasm._svg import COLOURS, figure, legend

_ROW, _LABEL, _PLOT, _VALUE, _AXIS = 18, 210, 460, 190, 24
_HEIGHT: Final = 160
_LOG_FROM: Final = 20.0  # times that the largest value is the smallest


@dataclass(frozen=True)
class Span:
    """A row of `spans`: marks from the first, which is a dot, to the last; without any, a heading.

    Attributes:
        label: What stands in front.
        values: Values from small to large.
        text: What stands behind.
        colour: Index of its colour.
    """

    label: str
    values: tuple[float, ...] = ()
    text: str = ""
    colour: int = 0


@dataclass(frozen=True)
class Line:
    """A line of `lines`: its name, and its values at equal distances."""

    name: str
    values: tuple[float, ...]


def spans(title: str, rows: Sequence[Span], unit: str) -> str:
    """Return a chart with a row for each span, all on one scale: logarithmic when that is long.

    Raises:
        ValueError: No row has a value.
    """
    values = [value for row in rows for value in row.values]
    low, high = min(values), max(values)
    is_log = low > 0 and high / low > _LOG_FROM
    ticks = _powers(low, high) if is_log else _steps(min(0.0, low), max(0.0, high))

    def x(value: float) -> float:
        start, end = ticks[0], ticks[-1]
        if is_log:
            start, end, value = log10(start), log10(end), log10(value)
        return _LABEL + (value - start) / (end - start) * _PLOT

    bottom = _ROW * len(rows) + 4
    drawn = [
        f'<line x1="{x(tick):.1f}" y1="0" x2="{x(tick):.1f}" y2="{bottom}" class="grid"/>'
        f'<text x="{x(tick):.1f}" y="{bottom + 10}" class="tick">{tick:,.6g}</text>'
        for tick in ticks
    ]
    drawn.append(f'<text x="{_LABEL + _PLOT + 40}" y="{bottom + 10}">{escape(unit)}</text>')
    for number, row in enumerate(rows):
        y = number * _ROW + _ROW / 2 + 2
        kind = "label" if row.values else "heading"
        at = _LABEL - 10 if row.values else 4
        drawn.append(f'<text x="{at}" y="{y}" class="{kind}">{escape(row.label)}</text>')
        if row.values:
            drawn.append(_marks(row, y, [x(value) for value in row.values]))
    width = _LABEL + _PLOT + _VALUE
    return figure(title, width, bottom + _AXIS, "".join(drawn))


def _marks(row: Span, y: float, xs: list[float]) -> str:
    colour = COLOURS[row.colour % len(COLOURS)]
    drawn = [
        f'<line x1="{xs[0]:.1f}" y1="{y}" x2="{xs[-1]:.1f}" y2="{y}" stroke="{colour}"/>',
        f'<circle cx="{xs[0]:.1f}" cy="{y}" r="4" fill="{colour}"/>',
    ]
    drawn += [
        f'<line x1="{x:.1f}" y1="{y - 4}" x2="{x:.1f}" y2="{y + 4}" stroke="{colour}"/>'
        for x in xs[1:]
    ]
    drawn.append(f'<text x="{_LABEL + _PLOT + 14}" y="{y}">{escape(row.text)}</text>')
    return "".join(drawn)


def lines(title: str, drawn: Sequence[Line], unit: str) -> str:
    """Return a chart of lines over the same time, on a scale from 0 on, with a legend.

    Raises:
        ValueError: No line has a value.
    """
    ticks = _steps(0.0, max(value for line in drawn for value in line.values))
    colours = {line.name: COLOURS[i % len(COLOURS)] for i, line in enumerate(drawn)}
    top, left, width = _ROW, 70, _PLOT + _LABEL

    def y(value: float) -> float:
        return top + 8 + (1 - value / ticks[-1]) * _HEIGHT

    parts = [
        f'<line x1="{left}" y1="{y(tick):.1f}" x2="{left + width}" y2="{y(tick):.1f}" '
        'class="grid"/>'
        f'<text x="{left - 8}" y="{y(tick):.1f}" class="label">{tick:,.6g}</text>'
        for tick in ticks
    ]
    for line in drawn:
        step = width / max(1, len(line.values) - 1)
        points = " ".join(
            f"{left + i * step:.1f},{y(value):.1f}" for i, value in enumerate(line.values)
        )
        colour = colours[line.name]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
    return figure(
        f"{title}, {unit}", left + width + 20, top + _HEIGHT + 24, legend(colours) + "".join(parts)
    )


def _powers(low: float, high: float) -> list[float]:
    """Return the powers of ten that `low` and `high` lie between."""
    first, last = floor(log10(low)), ceil(log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _steps(low: float, high: float) -> list[float]:
    """Return four to eleven round numbers that `low` and `high` lie between."""
    reach = (high - low) or 1.0
    step = 10.0 ** floor(log10(reach))
    step = next(step * factor for factor in (0.2, 0.5, 1.0, 2.0) if reach / (step * factor) <= 8)
    return [step * i for i in range(floor(low / step), ceil((high or 1.0) / step) + 1)]
