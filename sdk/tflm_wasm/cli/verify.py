"""`tflm-wasm verify`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm._verify import OracleResult, VerifyReport


@click.command()
@click.argument("model", metavar="MODEL|MODULE", type=_options.PATH)
@_options.oracles
@click.option(
    "--inputs",
    "files",
    type=_options.PATH,
    multiple=True,
    help="Your own inputs, as for `run`; repeat it for a model with several.",
)
@click.option(
    "--count",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Inputs to generate: extremes of the type's range, then random ones.",
)
@_options.seed
@click.option(
    "--index",
    type=click.IntRange(min=0),
    help="Replay only this input, and those before it that its state depends on.",
)
@click.option("--save", type=_options.PATH, help="Save the first failing input to this .npz.")
@_options.profile
@_options.as_json
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    oracles: tuple[str, ...],
    files: tuple[Path, ...],
    count: int,
    seed: int,
    index: int | None,
    save: Path | None,
    profile: str,
    *,
    as_json: bool,
) -> None:
    """Compare a model byte for byte with TFLM.

    And with the other reference runtimes that are installed. Each runs in a process of its own:
    one that refuses the model or crashes is reported with its reason. A stateful model runs in
    sequences, with a reset before each.

    Exits with 1 unless every output equals tflite_micro's; where only other runtimes are asked,
    all of them must be equal. NaN equals NaN.
    """
    from tflm_wasm._inputs import read_source
    from tflm_wasm._verify import verify
    from tflm_wasm.cli._terminal import progress, write_json

    sources = [read_source(path) for path in files]
    with progress() as advance:
        report = verify(
            model,
            oracles=oracles or None,
            inputs=sources,
            count=count,
            seed=seed,
            index=index,
            profile=profile,
            progress=advance,
        )
    replay = _replay(report, model, files, count, profile)
    saved = _save(report, save)
    if as_json:
        write_json({"model": str(model), **report.to_dict(), "replay": replay, "saved": saved})
    else:
        _show(report, model, replay, saved)
    context.exit(0 if report.passed else 1)


def _replay(
    report: VerifyReport, model: Path, files: tuple[Path, ...], count: int, profile: str
) -> str | None:
    """Return the command that runs the first failing input again, None when there is none."""
    found = report.first_mismatch
    if report.failure is None and found is None:
        return None
    words = ["tflm-wasm", "verify", str(model), "--seed", str(report.seed)]
    if report.failure is not None:
        words += ["--index", str(report.failure[0])]
    elif found is not None:
        words += ["--index", str(found[1].index), "--oracle", found[0].oracle]
    words += ["--count", str(count)] if count != 200 else []
    words += ["--profile", profile] if profile != "strict" else []
    for path in files:
        words += ["--inputs", str(path)]
    return shlex.join(words)


def _save(report: VerifyReport, path: Path | None) -> str | None:
    """Write the first failing input; `verify --inputs` and `run` read it."""
    import numpy as np

    from tflm_wasm._files import write_file
    from tflm_wasm._inputs import encode_outputs

    if path is None or not report.failing:
        return None
    arrays = {}
    for number, frames in enumerate(report.failing):
        arrays[f"input_{number}"] = frames[0] if len(frames) == 1 else np.stack(frames)
    write_file(path, encode_outputs(arrays, "npz"))
    return str(path)


def _show(report: VerifyReport, model: Path, replay: str | None, saved: str | None) -> None:
    from tflm_wasm.cli._terminal import say, table

    sequences = " in sequences" if report.stateful else ""
    say(f"{model}: {report.inputs} inputs{sequences}, seed {report.seed}, {report.profile} profile")
    columns = (
        "oracle",
        "version",
        ">equal",
        ">differing",
        f">max {report.unit}",
        ">arena ours / TFLM x86-64",
        "",
    )
    table(columns, [_row(report, one) for one in report.results])
    say("")
    for one in report.results:
        if one.reason:
            say(f"{one.oracle} {one.state}: {one.reason}", style="yellow")
        if one.first is not None:
            first = one.first
            say(
                f"{one.oracle} first differs at input {first.index} ({first.kind}), output "
                f"{first.output} at {first.place}: {first.ours} here, {first.theirs} there"
            )
    if report.failure is not None:
        say(f"The module failed on input {report.failure[0]}: {report.failure[1]}", style="red")
    if report.distinct_outputs == 1 and report.inputs > 1:
        say(
            "Every output was the same, so equality says little: add real inputs with --inputs.",
            style="yellow",
        )
    if replay is not None:
        say(f"Replay: {replay}")
    if saved is not None:
        say(f"Saved: {saved}")
    _verdict(report)


def _row(report: VerifyReport, one: OracleResult) -> tuple[object, ...]:
    arena = f"{report.arena_bytes:,} / {one.arena_bytes:,}" if one.arena_bytes is not None else ""
    if one.equal + one.differing == 0:
        return one.oracle, one.version or "", "", "", "", arena, one.state
    far = "shape" if one.max_distance >= 1 << 62 else f"{one.max_distance:,}"
    state = "" if one.state == "compared" else one.state
    return one.oracle, one.version or "", one.equal, one.differing, far, arena, state


def _verdict(report: VerifyReport) -> None:
    from tflm_wasm.cli._terminal import say

    names = ", ".join(one.oracle for one in report.judges)
    if report.passed:
        say(f"Equal to {names} on all {report.inputs} inputs.", style="bold green")
    elif not names:
        say(
            'Not verified: no oracle is installed; pip install "tflm-wasm[oracles]".',
            style="bold red",
        )
    elif any(one.differing for one in report.judges) or report.failure is not None:
        say(f"Not equal to {names}.", style="bold red")
    else:
        say(f"Not verified: {names} did not answer.", style="bold red")
