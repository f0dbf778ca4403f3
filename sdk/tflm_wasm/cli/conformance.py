"""`tflm-wasm conformance`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm.conformance import Report


@click.command()
@click.argument("ops", metavar="[OP[/TYPE]]...", nargs=-1)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=50_000,
    show_default=True,
    help="Cases to run, as many of each op and type.",
)
@click.option(
    "--start",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of the first case of each; another one gives other cases.",
)
@click.option("--case", "ids", multiple=True, help="Run this case alone, and show it.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    help="Processes to use, each with one for TFLM beside it.  [default: one for each CPU]",
)
@click.option(
    "--report",
    "folder",
    type=_options.PATH,
    help="Write report.html, report.json and the smallest form of each failure to this folder.",
)
@click.option("--summary", type=_options.PATH, help="Write the counts of each op to this .json.")
@click.option("--list", "listing", is_flag=True, help="List ops, types and classes; run nothing.")
@_options.as_json
@click.pass_context
def command(
    context: click.Context,
    ops: tuple[str, ...],
    count: int,
    start: int,
    ids: tuple[str, ...],
    jobs: int,
    folder: Path | None,
    summary: Path | None,
    *,
    listing: bool,
    as_json: bool,
) -> None:
    """Hold the engine against TFLM, op by op.

    Models of each op in each type are made from a seed: shapes, options, quantization and inputs
    from all over what TFLM accepts, and one in five with something wrong. Both sides must give the
    same bytes, up to the op's class, or both must refuse. A failure is made as small as it goes.

    Exits with 1 when any case disagrees in a way that is not meant to be.
    """
    from tflm_wasm.cli._terminal import progress, write_json
    from tflm_wasm.conformance import case_ids, check, save

    if listing:
        _list(ops)
        return
    if ids:
        _show_cases(context, ids, folder)
        return
    with progress() as advance:
        report = check(
            case_ids(count, ops, start=start),
            jobs=jobs,
            smallest=folder is not None,
            progress=advance,
        )
    if folder is not None:
        save(report, folder)
    if summary is not None:
        from tflm_wasm._files import write_file

        write_file(summary, (json.dumps(report.summary(), indent=1) + "\n").encode())
    if as_json:
        write_json(report.to_dict())
    else:
        _show(report, folder)
    context.exit(0 if report.passed else 1)


def _list(ops: tuple[str, ...]) -> None:
    from tflm_wasm.cli._terminal import table
    from tflm_wasm.conformance import pairs, tolerance

    table(("op", "type", "class"), [(*one, tolerance(*one)) for one in pairs(ops)])


def _show_cases(context: click.Context, ids: tuple[str, ...], folder: Path | None) -> None:
    from tflm_wasm.cli._terminal import say
    from tflm_wasm.conformance import Bench, describe, find, save_case

    passed = True
    with Bench() as bench:
        for one in ids:
            case = find(one)
            result = bench.run(case)
            passed &= result.passed
            for line in describe(case).splitlines():
                say(line)
            say(result.outcome.value, style="green" if result.passed else "bold red")
            for name, text in (("here", result.ours), ("TFLM", result.theirs)):
                if text:
                    say(f"{name}: {text}")
            if result.reason:
                say(f"known: {result.reason}")
            if folder is not None:
                save_case(case, folder)
    context.exit(0 if passed else 1)


def _show(report: Report, folder: Path | None) -> None:
    from tflm_wasm.cli._terminal import say, table

    rows = [(one.value, f"{n:,}") for one, n in report.outcomes.most_common()]
    table(("", ">cases"), rows)
    say("")
    for failure in report.failures.values():
        result = failure.result
        say(f"{result.op} {result.kind}: {result.outcome.value}, {failure.count:,} cases", "red")
        sentences = (("here", result.ours), ("TFLM", result.theirs), ("known", result.reason))
        for name, text in sentences:
            if text:
                say(f"  {name}: {text}")
        say(f"  Replay: tflm-wasm conformance --case {result.id}")
    failed = sum(failure.count for failure in report.failures.values())
    speed = report.cases / max(report.seconds, 1e-9)
    known = sum(n for rule, n in report.exceptions() if not rule.open)
    say(
        f"{report.cases:,} cases, {speed:,.0f} a second: {failed:,} failed, "
        f"{known:,} disagree as they are meant to.",
        style="bold red" if failed else "bold green",
    )
    if folder is not None:
        say(f"Report: {folder / 'report.html'}")
