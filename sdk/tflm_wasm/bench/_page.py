"""Results as one page of HTML that needs nothing else, and no network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from tflm_wasm._html import page
from tflm_wasm.bench._plots import charts
from tflm_wasm.bench._results import Result, Results
from tflm_wasm.bench._table import caution, facts, groups, mean_cells, rows


def render(results: Results) -> str:
    """Return the page."""
    run = results.run
    title = f"Benchmarks: {run.get('title', '')}"
    notes = [f"<p><strong>{escape(caution(run))}</strong></p>"] if caution(run) else []
    drawn = "".join(charts(results).values())
    parts = [
        f"<h1>{escape(title)}</h1>",
        *notes,
        _facts(run),
        _means(results),
        f"<h2>Charts</h2>{drawn}" if drawn else "",
        *(_table(name, group, results) for name, group in groups(results)),
        _failures(results),
    ]
    return page(title, parts)


def _facts(run: Mapping[str, Any]) -> str:
    lines = (
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts(run)
    )
    return f"<table>{''.join(lines)}</table>"


def _row(texts: tuple[str, ...], tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(text)}</{tag}>' for text in texts)}</tr>"


def _means(results: Results) -> str:
    means = results.geometric_means()
    if not means:
        return ""
    head = _row(("models", "figure", "engine", "ratio"), "th")
    lines = "".join(_row(mean_cells(one)) for one in means)
    return f"<h2>Geometric means</h2><table>{head}{lines}</table>"


def _table(name: str, group: list[Result], results: Results) -> str:
    columns, texts = rows(group, results)
    head = _row(tuple(one.removeprefix(">") for one in columns), "th")
    return f"<h2>{escape(name)}</h2><table>{head}{''.join(map(_row, texts))}</table>"


def _failures(results: Results) -> str:
    failed = [one for one in results.results if one.error]
    lines = "".join(_row((one.benchmark, one.model, one.engine, one.error)) for one in failed)
    return f"<h2>Not measured</h2><table>{lines}</table>" if lines else ""
