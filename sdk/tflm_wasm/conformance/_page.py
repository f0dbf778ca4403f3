"""A report as one page of HTML."""

from __future__ import annotations

from html import escape
from typing import Final

from tflm_wasm._html import page
from tflm_wasm.conformance._describe import describe
from tflm_wasm.conformance._judge import Outcome, tolerance
from tflm_wasm.conformance._report import Failure, Report, Row

_COLUMNS: Final = (
    ("equal", Outcome.EQUAL),
    ("within class", Outcome.NEAR),
    ("differ", Outcome.DIFFERS),
    ("both refuse", Outcome.BOTH_REFUSE),
    ("only we refuse", Outcome.OURS_REFUSES),
    ("op missing", Outcome.MISSING),
    ("only TFLM refuses", Outcome.TFLM_REFUSES),
    ("TFLM crashes, we refuse", Outcome.TFLM_CRASHES),
    ("TFLM crashes, we run", Outcome.CRASH_ACCEPTED),
    ("TFLM undefined", Outcome.UNSTABLE),
    ("unreachable", Outcome.UNREACHABLE),
    ("we trap", Outcome.TRAP),
)


def render(report: Report) -> str:
    """Return the page."""
    failed = sum(one.count for one in report.failures.values())
    said = f"{report.cases:,} cases, {failed:,} failed" if failed else f"{report.cases:,} cases"
    speed = report.cases / max(report.seconds, 1e-9)
    versions = ", ".join(f"{name} {value[:20]}" for name, value in report.versions.items())
    return page(
        f"Conformance: {said}",
        [
            "<h1>Conformance with TFLM</h1>",
            f"<p>{said}, {speed:,.0f} a second. {escape(versions)}.</p>",
            _totals(report),
            _failures(report),
            _exceptions(report),
            _ops(report),
        ],
    )


def _totals(report: Report) -> str:
    counts = report.outcomes
    rows = "".join(
        f'<tr><td>{escape(one.value)}</td><td class="number">{counts[one]:,}</td></tr>'
        for one in Outcome
        if counts[one]
    )
    return f"<table>{rows}</table>"


def _failures(report: Report) -> str:
    if not report.failures:
        return '<h2>Failures</h2><p class="passed">None.</p>'
    return "<h2>Failures</h2>" + "".join(map(_failure, report.failures.values()))


def _failure(failure: Failure) -> str:
    result = failure.result
    sentences = {
        "here": result.ours,
        "TFLM": result.theirs,
        "wrong": result.spoiled,
        "known": result.reason,
    }
    said = "".join(f"<br>{name}: {escape(text)}" for name, text in sentences.items() if text)
    ids = ", ".join(f"<code>{escape(one)}</code>" for one in failure.ids)
    return (
        f'<h3 class="failed">{escape(result.op)} {escape(result.kind)}: '
        f"{escape(result.outcome.value)}</h3><p>{failure.count:,} cases: {ids}{said}</p>"
        f"<details><summary>smallest form</summary><pre>{escape(describe(failure.case))}</pre>"
        "</details>"
    )


def _exceptions(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{escape(rule.reason)}</td><td>{escape(Outcome[rule.outcome].value)}"
        f"{', to be mended' if rule.open else ''}</td>"
        f'<td class="number">{count:,}</td></tr>'
        for rule, count in report.exceptions()
    )
    return f"<h2>Known disagreements</h2><table>{rows}</table>" if rows else ""


def _ops(report: Report) -> str:
    shown = [(name, one) for name, one in _COLUMNS if report.outcomes[one]]
    names = ["op", "type", "class", "cases", *(name for name, _ in shown), "max ulp", "known"]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = [_row(row, [one for _, one in shown]) for _, row in sorted(report.rows.items())]
    return f"<h2>Ops</h2><table><tr>{head}</tr>{''.join(rows)}</table>"


def _row(row: Row, shown: list[Outcome]) -> str:
    words = (row.op, row.kind, str(tolerance(row.op, row.kind)))
    counts = (row.cases, *(row.outcomes[one] for one in shown), row.ulp, row.excepted)
    cells = [f"<td>{escape(word)}</td>" for word in words]
    cells += [f'<td class="number">{n:,}</td>' if n else "<td></td>" for n in counts]
    return f"<tr>{''.join(cells)}</tr>"
