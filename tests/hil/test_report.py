"""The report: one page that needs nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.html import assert_stands_alone
from tflm_wasm.hil._errors import ResultsError
from tflm_wasm.hil._report import render
from tflm_wasm.hil._results import FORMAT, read_results


def figure(**changed: Any) -> dict[str, Any]:
    usual = {"board": "m4", "model": "digits", "tick_hz": 1000, "ticks": [5, 7, 6]}
    return {**usual, "flash": {}, "ram": {}, "ops": {}, **changed}


def results(*figures: dict[str, Any], **changed: Any) -> dict[str, Any]:
    test = {"test": "a.py::test_it[m4]", "board": "m4", "outcome": "passed", "reason": ""}
    facts = {"firmware_digest": "f19e", "git_revision": "abc"}
    usual = {"format": FORMAT, "boards": {"m4": facts}, "tests": [test]}
    return {**usual, "figures": list(figures), **changed}


FULL = results(
    figure(),
    figure(model="big", ticks=[60], flash={"engine": 3000, "model": 1000}, ram={"arena": 99}),
    figure(board="m0", tick_hz=0, ops={"CONV_2D": 30, "SOFTMAX": 10}),
)


def test_the_page_is_whole_and_loads_nothing() -> None:
    assert_stands_alone(render(FULL))


def test_the_page_shows_latency_memory_and_profile_with_their_units() -> None:
    page = render(FULL)
    for shown in ("6 ms", "60 ms", "6 ticks", "4,000 bytes", "99 bytes", "30 ticks, 75.0 %"):
        assert f">{shown}<" in page
    for title in ("Latency", "Flash by part", "RAM by part", "Time by operator"):
        assert f"<h2>{title}</h2>" in page
    assert page.count("<svg") == 5


def test_bars_are_as_long_as_their_values_on_one_scale() -> None:
    page = render(results(figure(ticks=[10]), figure(model="big", ticks=[40])))
    widths = [float(one) for one in re.findall(r'<rect [^>]*width="([\d.]+)"[^>]*fill', page)]
    assert widths == [pytest.approx(max(widths) / 4, abs=0.1), max(widths)]


def test_what_was_not_measured_is_not_drawn() -> None:
    page = render(results())
    assert "<svg" not in page
    assert "Latency" not in page


def test_a_page_without_any_test_says_so() -> None:
    assert "no tests" in render(results(tests=[], boards={}))


def test_names_and_reasons_can_not_become_markup() -> None:
    bad = "<script>alert(1)</script>&\n"
    test = {"test": bad, "board": bad, "outcome": "failed", "reason": bad}
    evil = figure(board=bad, model=bad, flash={bad: 1, "b": 1}, ops={bad: 1})
    page = render(results(evil, tests=[test], boards={bad: {"firmware_digest": bad}}))
    assert "<script" not in page
    assert page.count("&lt;script") > 6


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 999}'])
def test_a_file_that_holds_no_results_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(content)
    with pytest.raises(ResultsError, match=r"r\.json"):
        read_results(path)
