"""Results about boards as one page of HTML that needs nothing else, and no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from statistics import median
from typing import Any, Final

from tflm_wasm._html import page
from tflm_wasm._svg import Bar, chart

_OUTCOMES: Final = ("failed", "skipped", "passed")
_OPS_SHOWN: Final = 12  # of a model
_FACTS: Final = {
    "board_description": "what",
    "sandbox": "sandbox",
    "board_unique_id": "unique id",
    "firmware_digest": "firmware",
    "git_revision": "git revision",
    "link_stats": "link",
}


def render(results: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        results: As `pytest --hil-results` writes them.
    """
    tests, figures = results["tests"], results["figures"]
    counts = Counter(test["outcome"] for test in tests)
    said = ", ".join(f"{counts[one]} {one}" for one in _OUTCOMES if counts[one]) or "no tests"
    parts = [
        f"<h1>Tests on boards</h1><p>{said}.</p>",
        _boards(results["boards"], tests),
        _latency(figures),
        _memory(figures, "flash", "Flash by part"),
        _memory(figures, "ram", "RAM by part"),
        _profiles(figures),
        _tests(tests),
    ]
    return page(f"Tests on boards: {said}", parts)


def _boards(boards: Mapping[str, Mapping[str, str]], tests: list[Mapping[str, Any]]) -> str:
    rows = []
    for name, facts in boards.items():
        counts = Counter(test["outcome"] for test in tests if test["board"] == name)
        said = ", ".join(f"{counts[one]} {one}" for one in _OUTCOMES if counts[one])
        details = "".join(
            f"<br>{escape(title)}: <code>{escape(str(facts[key]))}</code>"
            for key, title in _FACTS.items()
            if facts.get(key)
        )
        rows.append(f"<tr><th>{escape(name)}</th><td>{said}{details}</td></tr>")
    return f"<h2>Boards</h2><table>{''.join(rows)}</table>" if rows else ""


def _by_board(figures: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for one in figures:
        grouped.setdefault(one["board"], []).append(one)
    return grouped


def _latency(figures: Iterable[Mapping[str, Any]]) -> str:
    """Draw half-way times: in ms where the board has a clock, else in ticks."""
    charts = []
    for board, those in _by_board(one for one in figures if one["ticks"]).items():
        for unit, scaled in (("ms", True), ("ticks", False)):
            bars = [
                Bar(one["model"], {"median": value}, f"{value:,.4g} {unit}")
                for one in those
                if bool(one["tick_hz"]) is scaled
                for value in [median(one["ticks"]) * (1000 / one["tick_hz"] if scaled else 1)]
            ]
            charts += [chart(f"{board}: median of one run", bars)] if bars else []
    note = (
        "<p>An emulated board counts instructions, of 32 ns each: good for comparing models and "
        "firmware with each other, but no prediction of a real board's time.</p>"
    )
    return f"<h2>Latency</h2>{note}{''.join(charts)}" if charts else ""


def _memory(figures: Iterable[Mapping[str, Any]], what: str, title: str) -> str:
    charts = []
    for board, those in _by_board(one for one in figures if one[what]).items():
        bars = [Bar(one["model"], one[what], f"{sum(one[what].values()):,} bytes") for one in those]
        charts.append(chart(board, bars))
    return f"<h2>{title}</h2>{''.join(charts)}" if charts else ""


def _profiles(figures: Iterable[Mapping[str, Any]]) -> str:
    """Draw the slowest operators of each model, a board at a time to open."""
    parts = []
    for board, those in _by_board(one for one in figures if sum(one["ops"].values())).items():
        charts = "".join(chart(one["model"], _slowest(one["ops"])) for one in those)
        parts.append(f"<details><summary>{escape(board)}</summary>{charts}</details>")
    return f"<h2>Time by operator</h2>{''.join(parts)}" if parts else ""


def _slowest(ops: Mapping[str, int]) -> list[Bar]:
    total = sum(ops.values())
    ranked = sorted(ops.items(), key=lambda item: -item[1])
    shown, rest = ranked[:_OPS_SHOWN], ranked[_OPS_SHOWN:]
    if rest:
        shown.append((f"{len(rest)} others", sum(ticks for _, ticks in rest)))
    return [
        Bar(name, {"ticks": ticks}, f"{ticks:,} ticks, {100 * ticks / total:.1f} %")
        for name, ticks in shown
    ]


def _tests(tests: Iterable[Mapping[str, Any]]) -> str:
    rows = []
    for one in sorted(tests, key=lambda test: _OUTCOMES.index(test["outcome"])):
        reason = escape(one["reason"])
        details = f"<details open><pre>{reason}</pre></details>" if "\n" in reason else reason
        rows.append(
            f'<tr><td class="{one["outcome"]}">{one["outcome"]}</td>'
            f"<td><code>{escape(one['test'])}</code>{'<br>' if reason else ''}{details}</td></tr>"
        )
    return f"<h2>Tests</h2><table>{''.join(rows)}</table>"
