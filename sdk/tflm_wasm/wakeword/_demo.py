"""The main job: production wake-word models listen inside the sandbox, beside TFLM."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import tflm_wasm
from tflm_wasm._errors import OracleMissing, TflmWasmError
from tflm_wasm.wakeword._board import run_on_board
from tflm_wasm.wakeword._board_view import (
    RunOnBoard,
    Runs,
    board_problems,
    board_runs,
    show_board,
)
from tflm_wasm.wakeword._compare import ORACLES, REFERENCE, Comparison, compare
from tflm_wasm.wakeword._detector import BUILTIN, WakeWord
from tflm_wasm.wakeword._listen import Clip, Hearing, listen, read_clips
from tflm_wasm.wakeword._plot import Plot, loudness

Compare: TypeAlias = Callable[[str, Sequence[Hearing]], Comparison]

SPEECH = Path(__file__).resolve().parents[3] / "firmware_models" / "speech"
PLOTTED = "okay_nabu"
SHORT = {REFERENCE: "TFLM", "tflite_runtime": "tflite-\nruntime"}


def run(
    console: Console,
    folder: Path = SPEECH,
    *,
    compare: Compare = compare,
    run_on_board: RunOnBoard | None = run_on_board,
) -> list[str]:
    """Run every model over every clip, show it on `console`, and return what went wrong.

    First on the host, beside the oracles, then on an emulated board, unless `run_on_board` is None.

    Raises:
        TflmWasmError: A clip can't be read, or a module can't be built or run.
    """
    clips = read_clips(folder)
    hearings = {name: _hear(console, WakeWord.builtin(name), clips) for name in BUILTIN}
    comparisons = {}
    for name, heard in hearings.items():
        with console.status(f"{name}: the same frames through {' and '.join(ORACLES)}"):
            comparisons[name] = [compare(oracle, heard) for oracle in ORACLES]
    console.print(_detections(hearings, clips), _equality(hearings, comparisons))
    _print_notes(console, comparisons)
    problems = [text for heard in hearings.values() for text in wrong_detections(heard)]
    problems += [text for name in BUILTIN for text in inequalities(name, comparisons[name])]
    runs: Runs = {}
    if run_on_board is not None:
        console.rule("[bold]The same frames on an emulated microcontroller board[/]")
        runs = board_runs(hearings, run_on_board)
        show_board(console, runs)
    problems += board_problems(runs)
    console.print(_verdict(problems, hearings, comparisons, runs))
    return problems


def wrong_detections(hearings: Sequence[Hearing]) -> list[str]:
    """Return a sentence for each clip that should have been detected and wasn't, or the reverse."""
    sentences = []
    for hearing in hearings:
        what = f'"{hearing.word.phrase}" in {hearing.clip.name}'
        if hearing.expected and not hearing.detections_ms:
            peak, cutoff = hearing.means.max(initial=0.0), hearing.word.cutoff
            sentences.append(f"did not detect {what}: the mean peaks at {peak:.3f} ≤ {cutoff}")
        if hearing.detections_ms and not hearing.expected:
            sentences.append(f"detected {what} at {_times(hearing)}, where it is not said")
    return sentences


def inequalities(model: str, comparisons: Sequence[Comparison]) -> list[str]:
    """Return a sentence for each way in which the frames are not those of TFLM.

    An oracle that is not installed is no inequality, and only TFLM must be equal: `tflite_runtime`
    has kernels that round differently.
    """
    sentences = []
    for comparison in comparisons:
        if comparison.oracle != REFERENCE:
            continue
        sentences += [f"{model} differs from TFLM on {item}" for item in comparison.differences]
        if comparison.error is not None and not isinstance(comparison.error, OracleMissing):
            sentences.append(f"{model} was not compared with TFLM: {comparison.error}")
    return sentences


def _hear(console: Console, word: WakeWord, clips: Sequence[Clip]) -> list[Hearing]:
    module = tflm_wasm.build(word.model)
    hearings = []
    with module.open() as session:
        if word.name == PLOTTED:
            _print_head(console, word, module, session)
        for clip in clips:
            hearing = listen(session, word, clip)
            hearings.append(hearing)
            if word.name == PLOTTED:
                _print_hearing(console, hearing)
    return hearings


def _print_head(
    console: Console, word: WakeWord, module: tflm_wasm.Module, session: tflm_wasm.Session
) -> None:
    console.rule(f"[bold]{word.name}.tflite[/] in a WebAssembly sandbox")
    console.print(
        f"model {len(word.model):,} bytes, module {len(module.wasm):,} bytes "
        f"({module.digest[:8]}…), arena {session.arena_used:,} bytes",
        highlight=False,
    )


def _print_hearing(console: Console, hearing: Hearing) -> None:
    clip, word = hearing.clip, hearing.word
    title = Text.assemble("\n", (clip.name, "bold"), f"  {clip.duration_ms / 1000:.1f} s  ")
    if hearing.detections_ms:
        title.append(f'▶ "{word.phrase}" detected at {_times(hearing)}', "bold green")
    else:
        title.append(
            f"nothing detected, the mean peaks at {hearing.means.max():.3f}", "bright_black"
        )
    console.print(title)
    console.print(
        Plot(
            curve=hearing.means,
            loudness=loudness(clip.pcm, len(hearing.means)),
            duration_ms=clip.duration_ms,
            cutoff=word.cutoff,
            marks_ms=hearing.detections_ms,
            height=8 if hearing.expected else 2,
        )
    )


def _times(hearing: Hearing) -> str:
    return " and ".join(f"{milliseconds:,} ms" for milliseconds in hearing.detections_ms)


def _detections(hearings: dict[str, list[Hearing]], clips: Sequence[Clip]) -> Table:
    title = "\nWhat each model heard: peak of the mean probability, and when it fired"
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("file", no_wrap=True)
    for name, heard in hearings.items():
        table.add_column(f"{name}\n> {heard[0].word.cutoff}", justify="right")
    for row, clip in enumerate(clips):
        cells = []
        for heard in hearings.values():
            hearing = heard[row]
            peak = f"{hearing.means.max(initial=0.0):.3f}"
            fired = f"{peak}\n{_times(hearing)}" if hearing.detections_ms else peak
            right = bool(hearing.detections_ms) == hearing.expected
            style = (
                "bold red" if not right else "bold green" if hearing.expected else "bright_black"
            )
            cells.append(Text(fired, style))
        table.add_row(clip.name, *cells)
    return table


def _equality(
    hearings: dict[str, list[Hearing]], comparisons: dict[str, list[Comparison]]
) -> Table:
    title = "\nFrames with equal bytes, and the median time of a frame: set, invoke, get"
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column("model", no_wrap=True)
    table.add_column("frames", justify="right")
    for oracle in ORACLES:
        table.add_column(f"equal to\n{SHORT[oracle]}", justify="right")
    for runner in ("this\nmodule", *SHORT.values()):
        table.add_column(f"{runner}\nµs", justify="right")
    for name, heard in hearings.items():
        ours = np.median(np.concatenate([hearing.frame_us for hearing in heard]))
        times = [_median(comparison) for comparison in comparisons[name]]
        equal = [_equal(comparison) for comparison in comparisons[name]]
        frames = sum(len(hearing.frames) for hearing in heard)
        table.add_row(name, f"{frames:,}", *equal, f"{ours:.1f}", *times)
    return table


def _equal(comparison: Comparison) -> Text:
    if comparison.error is not None:
        missing = isinstance(comparison.error, OracleMissing)
        return Text("not installed" if missing else "failed", "yellow")
    whole = comparison.equal == comparison.frames
    bad = "yellow" if comparison.oracle != REFERENCE else "bold red"
    return Text(f"{comparison.equal:,}" + (" (all)" if whole else ""), "green" if whole else bad)


def _median(comparison: Comparison) -> str:
    return "-" if comparison.frame_us is None else f"{np.median(comparison.frame_us):.1f}"


def _print_notes(console: Console, comparisons: dict[str, list[Comparison]]) -> None:
    flat = [comparison for row in comparisons.values() for comparison in row]
    notes = {f"{item.error}. {item.error.hint}" for item in flat if item.error}
    missing = {item.oracle for item in flat if isinstance(item.error, OracleMissing)}
    if missing - {REFERENCE} and sys.version_info >= (3, 12):
        notes.add("tflite-runtime ends at Python 3.11: `make clean`, `make run PYTHON=python3.11`.")
    if any(item.differences for item in flat if item.oracle != REFERENCE):
        notes.add(
            "tflite_runtime is not TFLM, and some of its kernels round differently: frames that "
            "differ from it are counted, and are no failure."
        )
    for note in sorted(notes):
        console.print(note, style="yellow", highlight=False, markup=False)


def _verdict(
    problems: Sequence[str],
    hearings: dict[str, list[Hearing]],
    comparisons: dict[str, list[Comparison]],
    runs: Runs,
) -> Panel:
    if problems:
        lines = "\n".join(f"✗ {problem}" for problem in problems)
        return Panel(Text(lines), title="FAILED", border_style="bold red")
    frames = sum(len(hearing.frames) for heard in hearings.values() for hearing in heard)
    phrases = sum(hearing.expected for heard in hearings.values() for hearing in heard)
    lines = f"✓ {phrases} of {phrases} phrases detected, and nothing where nothing is said"
    compared = [item for row in comparisons.values() for item in row if item.oracle == REFERENCE]
    no_tflm = any(item.error for item in compared)
    lines += (
        f"\n? not compared with TFLM: {REFERENCE} is not installed here"
        if no_tflm
        else f"\n✓ {frames:,} of {frames:,} frames byte-equal to TFLM"
    )
    if isinstance(runs, TflmWasmError):
        lines += f"\n? not run on a board: {runs}. {runs.hint}"
    elif runs:
        lines += f"\n✓ {frames:,} of {frames:,} frames on the board byte-equal to the host"
    if no_tflm or isinstance(runs, TflmWasmError):
        title = "PASSED, as far as it could be checked"
        return Panel(Text(lines), title=title, border_style="yellow")
    return Panel(Text(lines), title="PASSED", border_style="bold green")
