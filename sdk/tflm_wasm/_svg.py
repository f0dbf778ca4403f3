"""Bar charts as SVG, to stand inside an HTML page: no script, no font, no network.

`figure` and `standalone` are for charts of every kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_ROW, _BAR, _LABEL, _PLOT, _VALUE = 22, 14, 210, 460, 150
# Okabe and Ito's colours, which most people with impaired colour vision can tell apart.
COLOURS: Final = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"),
)

CSS: Final = """
svg text { font: 11px system-ui, sans-serif; fill: currentColor; dominant-baseline: middle }
svg .label { text-anchor: end } svg .tick { text-anchor: middle } svg .heading { font-weight: 600 }
svg .grid { stroke: #8884 }
"""


@dataclass(frozen=True)
class Bar:
    """One bar: a label, its parts in order (each ≥ 0), and what is written behind it."""

    label: str
    parts: Mapping[str, float]
    text: str

    @property
    def total(self) -> float:
        """Its length, in the chart's unit."""
        return sum(self.parts.values())


def chart(title: str, bars: Sequence[Bar]) -> str:
    """Return a chart of horizontal bars on one scale from 0 on, with a legend for several parts."""
    longest = max((bar.total for bar in bars), default=0.0) or 1.0
    names = list(dict.fromkeys(name for bar in bars for name in bar.parts))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    top = _ROW if len(names) > 1 else 0
    width, height = _LABEL + _PLOT + _VALUE, top + _ROW * len(bars) + 4
    rows = [_row(bar, top + _ROW * i, longest, colours) for i, bar in enumerate(bars)]
    return figure(title, width, height, (legend(colours) if top else "") + "".join(rows))


def figure(title: str, width: int, height: int, drawn: str) -> str:
    """Return a chart with its title, for a page of `_html`.

    Args:
        title: What it shows.
        width: Of the drawing.
        height: Of the drawing.
        drawn: The drawing, as elements of SVG.
    """
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg role="img" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<title>{escape(title)}</title>{drawn}</svg></figure>"
    )


def standalone(chart: str) -> str:
    """Return a chart of `figure` as a file of its own, legible on light and dark pages."""
    opening, closing = chart.index("<svg"), chart.index("</figure>")
    head, rest = chart[opening:closing].split(">", 1)
    style = f"<style>svg {{ color: #777 }} {CSS}</style>"
    return f'{head} xmlns="http://www.w3.org/2000/svg">{style}{rest}\n'


def _row(bar: Bar, y: float, longest: float, colours: Mapping[str, str]) -> str:
    middle = y + _ROW / 2
    drawn = [f'<text x="{_LABEL - 8}" y="{middle}" class="label">{escape(bar.label)}</text>']
    x = float(_LABEL)
    for name, value in bar.parts.items():
        width = value / longest * _PLOT
        drawn.append(
            f'<rect x="{x:.1f}" y="{y + (_ROW - _BAR) / 2}" width="{width:.1f}" height="{_BAR}" '
            f'fill="{colours[name]}"><title>{escape(f"{name}: {value:,.6g}")}</title></rect>'
        )
        x += width
    drawn.append(f'<text x="{x + 6:.1f}" y="{middle}">{escape(bar.text)}</text>')
    return "".join(drawn)


def legend(colours: Mapping[str, str]) -> str:
    """Return names beside their colours, in a row at the top."""
    drawn, x = [], 4.0
    for name, colour in colours.items():
        drawn.append(
            f'<rect x="{x:.0f}" y="5" width="10" height="10" fill="{colour}"/>'
            f'<text x="{x + 14:.0f}" y="11">{escape(name)}</text>'
        )
        x += 28 + 6.5 * len(name)
    return "".join(drawn)
