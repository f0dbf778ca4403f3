"""`tflm-wasm bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm._bench import BenchReport, Timing


@click.command()
@click.argument("models", metavar="MODEL|MODULE...", nargs=-1, required=True, type=_options.PATH)
@_options.oracles
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Turns that each runtime has.",
)
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Inputs in each turn.",
)
@_options.seed
@_options.profile
@_options.as_json
def command(
    models: tuple[Path, ...],
    oracles: tuple[str, ...],
    rounds: int,
    frames: int,
    seed: int,
    profile: str,
    *,
    as_json: bool,
) -> None:
    """Time models beside the reference runtimes.

    All have their turns within one run. `set-invoke-get` is from NumPy arrays to NumPy arrays, in
    one thread, and measured the same way for all. `invoke` is the call alone. A ratio above 1
    means slower than tflm-wasm. With --json there is one line for each model, with where it was
    measured.
    """
    from tflm_wasm._bench import bench
    from tflm_wasm.cli._terminal import progress, write_json

    for model in models:
        with progress() as advance:
            report = bench(
                model,
                oracles=oracles or None,
                rounds=rounds,
                frames=frames,
                seed=seed,
                profile=profile,
                progress=advance,
            )
        if as_json:
            write_json({"model": str(model), **report.to_dict()}, indent=None)
        else:
            _show(model, report)


def _show(model: Path, report: BenchReport) -> None:
    from tflm_wasm.cli._terminal import say, table

    where = report.provenance
    say(f"{model}: {report.rounds} rounds of {report.frames} inputs", style="bold")
    columns = ("runtime", "what", ">P50 µs", ">P90 µs", ">P99 µs", ">ratio")
    table(columns, [_row(one) for one in report.timings])
    for one in report.timings:
        if one.error:
            say(f"{one.runtime}: {one.error}", style="yellow")
    say("")
    say(f"{where['cpu']}, {where['platform']}, {where['python']}", style="dim")
    say(f"wasmtime {where['wasmtime']}, engine {where['engine_sha256'][:12]}", style="dim")
    say("")


def _row(one: Timing) -> tuple[object, ...]:
    figures = (one.median_us, one.p90_us, one.p99_us, one.ratio)
    cells = ("" if figure is None else f"{figure:,.2f}" for figure in figures)
    return one.runtime, one.what, *cells
