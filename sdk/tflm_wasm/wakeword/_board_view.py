"""What the main job shows of the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tflm_wasm._errors import EmulatorMissing, SerialMissing, TflmWasmError
from tflm_wasm.aot import ToolMissingError
from tflm_wasm.cli._terminal import progress
from tflm_wasm.wakeword._board import BoardRun, OnFrame
from tflm_wasm.wakeword._listen import Hearing

RunOnBoard: TypeAlias = Callable[[Sequence[Hearing], OnFrame], BoardRun]
# By model: its run, or why it failed; or else why there is no board at all.
Runs: TypeAlias = dict[str, BoardRun | TflmWasmError] | TflmWasmError

_NO_BOARD = (EmulatorMissing, SerialMissing, ToolMissingError)

_SHOWN_OPS = 6


def board_runs(hearings: Mapping[str, Sequence[Hearing]], run_on_board: RunOnBoard) -> Runs:
    """Run every model's frames on the board, with a progress bar on a terminal."""
    runs: dict[str, BoardRun | TflmWasmError] = {}
    with progress() as advance:
        for name, heard in hearings.items():

            def on_frame(done: int, total: int, name: str = name) -> None:
                if advance is not None:
                    advance(f"{name}, board", done, total)

            try:
                runs[name] = run_on_board(heard, on_frame)
            except _NO_BOARD as error:
                return error
            except TflmWasmError as error:
                runs[name] = error
    return runs


def board_problems(runs: Runs) -> list[str]:
    """Return a sentence for each way in which the board is not the host; none without a board."""
    sentences = []
    for name, run in runs.items() if isinstance(runs, dict) else ():
        if isinstance(run, TflmWasmError):
            sentences.append(f"{name} failed on the board: {run}. {run.hint}")
        else:
            sentences += [f"{name} on the board differs from {item}" for item in run.differences]
    return sentences


def show_board(console: Console, runs: Runs) -> None:
    """Show equality, time and memory of each model, and where the first one spends them."""
    done = {} if isinstance(runs, TflmWasmError) else runs
    shown = {name: run for name, run in done.items() if isinstance(run, BoardRun)}
    if not shown:
        return
    first = next(iter(shown))
    console.print(_table(shown), _parts(first, shown[first]), _ops(first, shown[first]))


def _table(runs: Mapping[str, BoardRun]) -> Table:
    board = next(iter(runs.values())).board
    table = Table(title=f"\nOver a serial line on {board}", box=SIMPLE_HEAD)
    table.add_column("model", no_wrap=True)
    for column in (
        *("frames", "equal to\nthe host", "instructions\na frame"),
        *("flash\nbytes", "RAM\nbytes"),
    ):
        table.add_column(column, justify="right")
    for name, run in runs.items():
        equal = run.frames - sum(one.differing for one in run.differences)
        whole = equal == run.frames
        cell = Text(f"{equal:,}" + (" (all)" if whole else ""), "green" if whole else "bold red")
        median = f"{int(np.median(run.instructions)):,}"
        sizes = (run.report.flash_bytes, run.report.ram_bytes)
        table.add_row(name, f"{run.frames:,}", cell, median, *(f"{size:,}" for size in sizes))
    return table


def _parts(name: str, run: BoardRun) -> Table:
    table = Table(title=f"\n{name}: bytes by part", box=SIMPLE_HEAD)
    for column in ("flash", "", "RAM", ""):
        table.add_column(column, justify="right" if not column else "left")
    columns = [
        [(part.replace("_", " "), f"{size:,}") for part, size in sizes.items() if size]
        for sizes in (run.report.flash, run.report.ram)
    ]
    for row in range(max(map(len, columns))):
        cells = [column[row] if row < len(column) else ("", "") for column in columns]
        table.add_row(*cells[0], *cells[1])
    return table


def _ops(name: str, run: BoardRun) -> Table:
    profile = run.profile
    title = f"\n{name}: its slowest operators, of {len(profile.ops)}"
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("op", justify="right")
    table.add_column("name", no_wrap=True)
    table.add_column("instructions", justify="right")
    table.add_column("share", justify="right")
    for op in profile.slowest(_SHOWN_OPS):
        instructions = f"{op.ticks * run.instructions_per_tick:,.0f}"
        share = f"{op.ticks / max(1, profile.total):.0%}"
        table.add_row(str(op.index), op.name, instructions, share)
    return table
