"""Results as tables for a page of Markdown: models down, engines across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tflm_wasm.bench._results import Result, Results
from tflm_wasm.bench._table import caution, groups, number


def markdown(results: Results) -> str:
    """Return a table for each figure: medians, with their ratios in brackets, and the means."""
    parts = [f"> {note}\n" for note in (caution(results.run),) if note]
    parts += [f"**{title}**\n\n{table}\n" for title, table in tables(results).items()]
    return "\n".join(parts)


def tables(results: Results) -> dict[str, str]:
    """Return those tables by the figures' titles and units, such as "invoke, µs"."""
    return {title: "\n".join(_table(group, results)) for title, group in groups(results)}


def _table(group: Sequence[Result], results: Results) -> Iterator[str]:
    engines = list(dict.fromkeys(one.engine for one in group))
    yield _row(["model", *engines])
    yield _row(["---"] * (1 + len(engines)))
    for model in dict.fromkeys(one.model for one in group):
        cells = {one.engine: _cell(one, results) for one in group if one.model == model}
        yield _row([model, *(cells.get(engine, "") for engine in engines)])
    what = group[0].benchmark, group[0].part
    means = [one for one in results.geometric_means() if (one.benchmark, one.part) == what]
    for name in dict.fromkeys(one.name for one in means):
        ratios = {one.engine: f"({number(one.ratio)})" for one in means if one.name == name}
        yield _row([f"geometric mean, {name}", *(ratios.get(engine, "") for engine in engines)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(one: Result, results: Results) -> str:
    value = "" if one.p50 is None else number(one.p50)
    ratio = results.ratio(one)
    return value if ratio is None or one.engine == one.baseline else f"{value} ({number(ratio)})"
