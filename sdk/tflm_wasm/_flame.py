"""Flame graphs of a profile: as SVG without a script, and as the folded stacks other tools read.

A frame is the model, a kind of operator, or an operator; the model lies at the bottom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

from tflm_wasm._names import plain
from tflm_wasm._profile import OpTime, Profile, share, written
from tflm_wasm._svg import COLOURS, figure, standalone
from tflm_wasm._tensor import shape_text

_WIDTH: Final = 1000
_ROW: Final = 24
_LETTER: Final = 6.5  # about the width of one
_MARGIN: Final = 5
_LEVELS: Final = 3
*_KINDS, _MODEL = COLOURS
_ON_DARK: Final = {COLOURS[0]: "#fff"}  # letters on the others are black


@dataclass(frozen=True)
class Frame:
    """A frame: its ticks are those of its children, unless it is an operator."""

    name: str
    ticks: int
    colour: str
    children: tuple[Frame, ...] = ()


def frames(profile: Profile, name: str) -> Frame:
    """Return the model's frame; the longest come first, those without a tick are left out."""
    kinds: dict[str, list[OpTime]] = {}
    for op in profile.slowest():
        if op.ticks:
            kinds.setdefault(op.name, []).append(op)
    ordered = sorted(kinds.items(), key=lambda kind: -_ticks(kind[1]))
    children = []
    for number, (kind, ops) in enumerate(ordered):
        colour = _KINDS[number % len(_KINDS)]
        leaves = tuple(Frame(_name(op), op.ticks, colour) for op in ops)
        children.append(Frame(kind or "unknown", _ticks(ops), colour, leaves))
    return Frame(name, profile.total, _MODEL, tuple(children))


def _ticks(ops: list[OpTime]) -> int:
    return sum(op.ticks for op in ops)


def _name(op: OpTime) -> str:
    shape = "" if op.shape is None else shape_text(op.shape)
    return " ".join(part for part in (str(op.index), op.name, shape) if part)


def fold(profile: Profile, name: str) -> str:
    """Return a line for each operator: its frames from the model on, and its ticks."""
    root = frames(profile, name)
    return "".join(
        f"{';'.join(plain(one.name).replace(';', ',') for one in (root, kind, op))} {op.ticks}\n"
        for kind in root.children
        for op in kind.children
    )


def draw(profile: Profile, name: str) -> str:
    """Return an SVG file."""
    root = frames(profile, name)
    drawn = "".join(_drawn(profile, root, 0.0, _LEVELS - 1)) if root.ticks else ""
    title = f"{plain(name)}: {written(profile, root.ticks)} {profile.unit}"
    return standalone(figure(title, _WIDTH, _LEVELS * _ROW, drawn))


def _drawn(profile: Profile, frame: Frame, x: float, row: int) -> Iterator[str]:
    """Yield a frame and, above it, its children, which begin where it begins."""
    width = frame.ticks / profile.total * _WIDTH
    time = f"{written(profile, frame.ticks)} {profile.unit}, {share(profile, frame.ticks)}"
    text = f"{plain(frame.name)}: {time}"
    yield (
        f'<g><title>{escape(text)}</title><rect x="{x:.2f}" y="{row * _ROW}" '
        f'width="{width:.2f}" height="{_ROW}" fill="{frame.colour}" stroke="#fff" '
        f'stroke-width="0.5"/>{_label(text, x, row, width, frame.colour)}</g>'
    )
    for child in frame.children:
        yield from _drawn(profile, child, x, row - 1)
        x += child.ticks / profile.total * _WIDTH


def _label(text: str, x: float, row: int, width: float, colour: str) -> str:
    """Return as much of a text as there is room for, or nothing for a few letters."""
    room = int((width - 2 * _MARGIN) / _LETTER)
    if room < min(4, len(text)):
        return ""
    shown = text if len(text) <= room else f"{text[: room - 1]}…"
    ink = _ON_DARK.get(colour, "#000")
    y = (row + 0.5) * _ROW
    return f'<text x="{x + _MARGIN:.2f}" y="{y}" style="fill:{ink}">{escape(shown)}</text>'
