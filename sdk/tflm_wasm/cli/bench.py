"""`tflm-wasm bench`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm.bench import Comparison, Config, Results


class _Verbs(click.Group):
    """A group whose first verb can be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` in front of what is none of the verbs."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Verbs, no_args_is_help=True)
def command() -> None:
    """Measure engines side by side; compare runs.

    `tflm-wasm bench MODEL...` is short for `tflm-wasm bench run MODEL...`. Results are tables here;
    --json and --output write them as JSON lines, for the other verbs and for programs.
    """


def _outputs(function: click.decorators.FC) -> click.decorators.FC:
    """Add the options of what can be written."""
    function = click.option(
        "--chart",
        "chosen",
        multiple=True,
        help="Write only this chart, named as its file is; may be repeated.",
    )(function)
    function = click.option(
        "--svg", type=_options.PATH, help="Write each chart into this folder, as SVG."
    )(function)
    return click.option("--html", type=_options.PATH, help="Write one page with everything.")(
        function
    )


@command.command("run")
@click.argument("models", metavar="[MODEL|MODULE]...", nargs=-1, type=_options.PATH)
@click.option(
    "--config",
    "config_name",
    default="quick",
    show_default=True,
    help="What is measured: a name from `bench configs`, or a TOML file.",
)
@click.option(
    "--engine",
    "engines",
    multiple=True,
    help="Measure only this engine and the baseline; may be repeated.  [default: all installed]",
)
@click.option("--only", multiple=True, help="Run only this benchmark; may be repeated.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="BENCHMARK.OPTION=VALUE",
    help="Set an option of a benchmark, as in TOML; may be repeated.",
)
@click.option("--turns", type=click.IntRange(min=1), help="Turns that each engine has.")
@click.option("--frames", type=click.IntRange(min=1), help="Inputs in each turn.")
@click.option(
    "--clock",
    type=click.Choice(["wall", "cpu"]),
    help="Which time counts: the wall's, or the processor's, which a busy machine disturbs less.",
)
@click.option(
    "-o",
    "--output",
    type=_options.PATH,
    help="Write the results as JSON lines, all there are after each benchmark.",
)
@_outputs
@_options.as_json
def run_command(
    models: tuple[Path, ...],
    config_name: str,
    engines: tuple[str, ...],
    only: tuple[str, ...],
    assignments: tuple[str, ...],
    turns: int | None,
    frames: int | None,
    clock: str | None,
    output: Path | None,
    html: Path | None,
    svg: Path | None,
    chosen: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Measure models in all engines, in turns within one run.

    Each engine has a process of its own, pinned to one processor. Ratios are to the baseline,
    which is tflm-wasm unless the configuration says otherwise: of times, above 1 is slower.
    An engine that is not installed or fails is listed with the reason, and the others go on; with
    --engine, that of an engine named there makes the exit code 1.
    """
    from tflm_wasm import bench
    from tflm_wasm.cli._terminal import progress

    config = bench.read_config(config_name).with_counts(turns=turns, frames=frames)
    for assignment in assignments:
        config = config.with_option(assignment)
    config = config.only(only) if only else config
    config = replace(config, clock=clock) if clock else config
    config = config.with_engines(engines) if engines else config.installed()
    if not models and not config.models:
        raise click.UsageError("Name at least one MODEL: the configuration brings none.")
    with progress() as advance:
        keep = None if output is None else lambda so_far: so_far.write(output)
        results = bench.run(config, models, progress=advance, keep=keep)
    _write(results, html, svg, chosen)
    if as_json:
        for line in results.to_lines():
            click.echo(line)
    else:
        _show(results)
    if any(one.error for one in results.results if one.own or one.engine in engines):
        raise click.exceptions.Exit(1)


@command.command("report")
@click.argument("file", metavar="RESULTS", type=_options.PATH)
@_outputs
@click.option("--markdown", is_flag=True, help="Write tables for a page of Markdown.")
def report_command(
    file: Path, html: Path | None, svg: Path | None, chosen: tuple[str, ...], *, markdown: bool
) -> None:
    """Show results that were written before."""
    from tflm_wasm import bench

    results = bench.Results.read(file)
    _write(results, html, svg, chosen)
    if markdown:
        click.echo(bench.markdown(results), nl=False)
    elif html is None and svg is None:
        _show(results)


@command.command("compare")
@click.argument("old", metavar="OLD", type=_options.PATH)
@click.argument("new", metavar="NEW", type=_options.PATH)
@click.option(
    "--threshold",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Changes up to this many per cent are none.",
)
@click.option(
    "--relative-to",
    default="",
    metavar="ENGINE",
    help="Compare ratios to this engine in the same run, so that a slower machine does not matter.",
)
@_options.as_json
def compare_command(
    old: Path, new: Path, threshold: float, relative_to: str, *, as_json: bool
) -> None:
    """Compare the figures of tflm-wasm in two files of results.

    The exit code is 1 when one got worse, failed, or is gone. A change whose turns scatter over
    the same range as before is unclear, which is no failure.
    """
    from tflm_wasm import bench
    from tflm_wasm.cli._terminal import write_json

    results = bench.Results.read(old), bench.Results.read(new)
    comparison = bench.compare(*results, threshold=threshold / 100, relative_to=relative_to)
    if as_json:
        write_json(comparison.to_dict())
    else:
        _show_changes(comparison)
    if not comparison.passed:
        raise click.exceptions.Exit(1)


@command.command("configs")
def configs_command() -> None:
    """List the configurations that come with this package."""
    from tflm_wasm import bench
    from tflm_wasm.cli._terminal import table

    configs = [bench.read_config(name) for name in bench.config_names()]
    table(("name", "what", "benchmarks"), [_config_row(one) for one in configs])


def _config_row(config: Config) -> tuple[str, str, str]:
    return config.name, config.title, ", ".join(plan.kind.name for plan in config.plans)


def _write(results: Results, html: Path | None, svg: Path | None, chosen: tuple[str, ...]) -> None:
    from tflm_wasm import bench
    from tflm_wasm._files import write_file
    from tflm_wasm._svg import standalone

    if html is not None:
        write_file(html, bench.render(results).encode())
    if svg is None:
        return
    charts = {
        f"bench-{results.run['config']}-{name}": one for name, one in bench.charts(results).items()
    }
    for name in chosen:
        if name not in charts:
            known = ", ".join(charts)
            raise click.UsageError(f"There is no chart {name!r}; there are: {known}.")
    svg.mkdir(parents=True, exist_ok=True)
    for name in chosen or charts:
        write_file(svg / f"{name}.svg", standalone(charts[name]).encode())


def _show(results: Results) -> None:
    from tflm_wasm.bench import _table
    from tflm_wasm.cli._terminal import say, table

    for name, group in _table.groups(results):
        table(*_table.rows(group, results), title=name)
    means = [_table.mean_cells(one) for one in results.geometric_means()]
    if means:
        table(("models", "figure", "engine", ">ratio"), means, title="geometric means")
    say("")
    for one in results.results:
        if one.error:
            say(f"{one.benchmark}, {one.model}, {one.engine}: {one.error}", style="yellow")
    for name, text in _table.facts(results.run):
        say(f"{name}: {text}", style="dim")
    if warning := _table.caution(results.run):
        say(warning, style="yellow")


def _show_changes(comparison: Comparison) -> None:
    from tflm_wasm.bench._table import number
    from tflm_wasm.cli._terminal import say, table

    rows = []
    for one in comparison.changes:
        result, factor = one.result, one.factor
        values = ("" if value is None else number(value) for value in (one.old, one.new))
        change = "" if factor is None else f"{100 * (factor - 1):+.1f} %"
        rows.append((result.title, result.model, result.engine, *values, change, one.verdict))
    unit = f"ratio to {comparison.relative_to}" if comparison.relative_to else "median"
    table(("figure", "model", "engine", ">old", ">new", ">change", "verdict"), rows, title=unit)
    means = comparison.geometric_means().items()
    table(("geometric mean of new/old", ">"), [(title, f"{mean:.3f}") for title, mean in means])
    counts = Counter(one.verdict for one in comparison.changes)
    say("")
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    say(f"{said}; the threshold is {100 * comparison.threshold:g} %")
