"""Results as charts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tflm_wasm._svg_points import Line, Span, lines, spans
from tflm_wasm.bench._results import Mean, Result, Results
from tflm_wasm.bench._table import number


def charts(results: Results) -> dict[str, str]:
    """Return charts by names that can be file names: means, then each figure, then long runs."""
    found = _means(results)
    for title, group in _grouped(results.results):
        chart = _figure(title, group, results)
        if chart:
            found[slug(title)] = chart
    return {**found, **_series(results.results)}


def slug(title: str) -> str:
    """Return a title as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _grouped(results: Iterable[Result]) -> list[tuple[str, list[Result]]]:
    grouped: dict[str, list[Result]] = {}
    for one in results:
        grouped.setdefault(one.title, []).append(one)
    return list(grouped.items())


def _engines(results: Results) -> list[str]:
    return list(dict.fromkeys(one.engine for one in results.results))


def _means(results: Results) -> dict[str, str]:
    """Draw the geometric means of each group of models, a row for each figure and engine."""
    engines, found = _engines(results), {}
    grouped: dict[str, list[Mean]] = {}
    for one in results.geometric_means():
        grouped.setdefault(one.name, []).append(one)
    for name, means in grouped.items():
        rows: list[Span] = []
        for title in dict.fromkeys((one.benchmark, one.part) for one in means):
            those = [one for one in means if (one.benchmark, one.part) == title]
            rows.append(Span(": ".join(dict.fromkeys(title))))
            rows += [
                Span(one.engine, (one.ratio,), f"{number(one.ratio)} x", engines.index(one.engine))
                for one in those
            ]
        found[f"means-{slug(name)}"] = spans(f"{name}: geometric means of ratios", rows, "x")
    return found


def _figure(title: str, group: Sequence[Result], results: Results) -> str:
    """Draw one figure of all models and engines: a dot at P50, marks at P90, P99 and P99.9."""
    engines = _engines(results)
    rows: list[Span] = []
    for model in dict.fromkeys(one.model for one in group):
        those = [one for one in group if one.model == model and one.p50 is not None]
        rows += [Span(model)] if those else []
        rows += [_span(one, results.ratio(one), engines.index(one.engine)) for one in those]
    unit = group[0].unit
    has_values = any(row.values for row in rows)
    count = max((len(row.values) for row in rows), default=0)
    marks = ", ".join(("P50", "P90", "P99", "P99.9")[:count]) if count > 1 else "medians"
    return spans(f"{title} ({marks})", rows, unit) if has_values else ""


def _span(one: Result, ratio: float | None, colour: int) -> Span:
    values = tuple(value for value in one.percentiles if value is not None)
    behind = f"{number(values[0])} {one.unit}" + ("" if ratio is None else f" ({number(ratio)} x)")
    return Span(one.engine, values, behind, colour)


def _series(results: Sequence[Result]) -> dict[str, str]:
    """Draw what a long run's figures were, turn by turn."""
    found = {}
    long = [one for one in results if one.benchmark == "endurance" and len(one.turns) > 1]
    for title, group in _grouped(long):
        for model in dict.fromkeys(one.model for one in group):
            drawn = [Line(one.engine, one.turns) for one in group if one.model == model]
            name = f"{model}, {title}, turn by turn"
            found[slug(name)] = lines(name, drawn, group[0].unit)
    return found
