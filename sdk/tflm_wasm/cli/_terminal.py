"""What commands write with: tables, JSON and progress bars."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from tflm_wasm._names import plain

if TYPE_CHECKING:
    from rich.console import Console

Progress: TypeAlias = Callable[[str, int, int], None]
_WIDTH_OF_A_FILE = 240  # nothing is cut off in a pipe


def console() -> Console:
    """Return a console on standard output that takes no text for markup."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    return Console(width=width, markup=False, highlight=False, emoji=False, soft_wrap=True)


def say(text: object, style: str | None = None) -> None:
    """Write a line to standard output."""
    console().print(plain(text), style=style)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Write a table to standard output; a column named `>x` is aligned to the right.

    Without any names there is no head line.
    """
    from rich.table import Table

    grid = Table(
        title=plain(title) or None,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
        show_header=any(columns),
    )
    for name in columns:
        right = name.startswith(">")
        grid.add_column(name.removeprefix(">"), justify="right" if right else "left")
    for row in rows:
        grid.add_row(*(plain(cell) for cell in row))
    output = console()
    output.print()
    output.print(grid, soft_wrap=False)


def write_json(value: object, *, indent: int | None = 2) -> None:
    """Write JSON to standard output; NaN and infinities, which JSON lacks, become strings."""
    click.echo(json.dumps(_finite(value), indent=indent, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


@contextmanager
def progress() -> Iterator[Progress | None]:
    """Show a progress bar on standard error while it is a terminal; else give no callback."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:16}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def advance(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield advance
