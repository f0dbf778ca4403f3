"""Results: files of them, means, comparisons, the page and the charts."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from tests.support.html import assert_stands_alone
from tflm_wasm._svg import standalone
from tflm_wasm.bench import (
    BenchmarkError,
    Result,
    Results,
    ResultsError,
    charts,
    compare,
    markdown,
    render,
)
from tflm_wasm.bench._stats import Summary, geometric_mean
from tflm_wasm.bench._table import caution, number, rows

RUN: dict[str, Any] = {
    "config": "crafted",
    "title": "crafted",
    "absent": ["fourth"],
    "clock": "wall",
    "started": "2026-01-01T00:00:00+00:00",
    "load_average": [0.1, 0.2],
    "models": {},
    "provenance": {
        "cpu": "a cpu",
        "cpu_count": 2,
        "platform": "an os",
        "python": "a python",
        "tflm_wasm": "1",
        "git_revision": "abc",
        "engine_sha256": "ff",
        "wasmtime": "50",
        "numpy": "1",
        "oracles": {"tflite_micro": "9", "tflite_runtime": None},
    },
}


def result(value: float | None = 10.0, **changed: Any) -> Result:
    what = {"benchmark": "invoke", "part": "invoke", "unit": "µs", "better": "lower"}
    who = {"engine": "tflm-wasm", "own": True, "baseline": "tflm-wasm"}
    usual = Result(model="kws", **what, **who)
    figures: dict[str, Any] = {"error": "it broke"}
    if value is not None:
        turns = tuple(value * factor for factor in (0.99, 1.0, 1.0, 1.01))
        names = ("least", "p50", "p90", "p99", "p999", "most")
        figures = {"samples": 4000, "turns": turns, **dict.fromkeys(names, value)}
    return replace(usual, **{**figures, **changed})


def results(*those: Result, **means: tuple[str, ...]) -> Results:
    return Results(RUN, means, those)


def theirs(value: float | None, **changed: Any) -> Result:
    return result(value, **{"engine": "other", "own": False, **changed})


# --- files ----------------------------------------------------------------------------------------


def test_results_read_back_are_the_same(tmp_path):
    written = results(result(), theirs(3.5), result(None, model="ic"), MLPerf=("kws", "ic"))
    written.write(tmp_path / "r.jsonl")
    assert Results.read(tmp_path / "r.jsonl") == written
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["run", "result", "result", "result"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "nonsense", '{"kind": "result"}', '{"kind": "run", "format": 99}'],
)
def test_a_file_that_holds_no_results_is_refused(tmp_path, content):
    path = tmp_path / "r.jsonl"
    path.write_text(content)
    with pytest.raises(ResultsError, match=r"r\.jsonl"):
        Results.read(path)


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    results(result()).write(tmp_path / "r.jsonl")
    whole = (tmp_path / "r.jsonl").read_text()
    (tmp_path / "r.jsonl").write_text(whole[:-20])
    with pytest.raises(ResultsError):
        Results.read(tmp_path / "r.jsonl")


# --- numbers --------------------------------------------------------------------------------------


def test_percentiles_are_those_of_the_samples():
    summary = Summary.of(range(1, 1002))
    assert (summary.samples, summary.least, summary.most) == (1001, 1, 1001)
    assert (summary.p50, summary.p90, summary.p99) == (501, 901, 991)
    assert summary.p999 == pytest.approx(1000)


def test_percentiles_that_the_samples_do_not_bear_are_not_shown():
    few, some, many = (result(samples=count) for count in (9, 100, 1000))
    assert few.percentiles == (10, None, None, None)
    assert some.percentiles == (10, 10, 10, None)
    assert many.percentiles == (10, 10, 10, 10)
    assert rows([few], results(few)) == (
        ["model", "engine", ">P50", ">ratio", ">samples"],
        [("kws", "tflm-wasm", "10.00", "1.000", "9")],
    )


def test_the_mean_is_geometric_and_of_the_models_that_are_there():
    mlperf = ("kws", "ic", "vww")
    found = results(
        *(result(10.0, model=name) for name in (*mlperf, "other")),
        *(theirs(value, model=name) for name, value in {"kws": 20.0, "ic": 80.0}.items()),
        theirs(1000.0, model="other"),
        MLPerf=mlperf,
    )
    (own, other) = found.geometric_means()
    assert (own.ratio, own.models, own.missing) == (1.0, mlperf, ())
    assert other.ratio == pytest.approx(4.0)
    assert (other.models, other.missing) == (("kws", "ic"), ("vww",))
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_what_only_the_baseline_has_gets_no_mean():
    alone = results(result(), result(model="ic"), ours=("kws", "ic"))
    assert alone.geometric_means() == []


def test_there_is_no_ratio_without_the_baseline():
    lonely = results(theirs(20.0))
    assert lonely.ratio(lonely.results[0]) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "0.123"), (12.345, "12.35"), (123.45, "123.5"), (1234.5, "1,234"), (-20.0, "-20.00")],
)
def test_numbers_have_four_digits(value, text):
    assert number(value) == text


# --- comparing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (10.0, 10.4, "same"),
        (10.0, 9.6, "same"),
        (10.0, 11.0, "worse"),
        (10.0, 9.0, "better"),
        (10.0, None, "failed"),
        (None, 10.0, "new"),
        (None, None, "same"),
    ],
)
def test_a_change_is_judged_by_the_threshold(old, new, verdict):
    keeps = result(5.0, model="keeps")
    found = compare(results(result(old), keeps), results(result(new), keeps))
    assert [one.verdict for one in found.changes] == [verdict, "same"]
    assert found.passed == (verdict not in {"worse", "failed"})


def test_where_more_is_better_less_is_worse():
    more = {"benchmark": "threads", "part": "scaling", "better": "higher"}
    old, up, down = (results(result(value, **more)) for value in (1.5, 2.0, 1.0))
    assert compare(old, up).changes[0].verdict == "better"
    assert not compare(old, down).passed


def test_a_figure_that_is_gone_fails_and_a_new_one_does_not():
    both, one = results(result(), result(model="ic")), results(result())
    assert [change.verdict for change in compare(both, one).changes] == ["same", "gone"]
    assert not compare(both, one).passed
    assert [change.verdict for change in compare(one, both).changes] == ["same", "new"]
    assert compare(one, both).passed


def test_turns_that_scatter_over_the_same_range_decide_nothing():
    old = result(10.0, turns=(9.0, 10.0, 13.0, 14.0))
    new = result(12.0, turns=(8.0, 12.0, 13.0, 15.0))
    found = compare(results(old), results(new))
    assert found.changes[0].verdict == "unclear"
    assert found.passed


def test_a_machine_that_is_twice_as_slow_does_not_matter_relative_to_another_engine():
    old = results(result(10.0), theirs(100.0))
    new = results(result(20.0), theirs(200.0))
    assert not compare(old, new).passed
    assert compare(old, new, relative_to="other").changes[0].verdict == "same"
    slower = results(result(30.0), theirs(200.0))
    change = compare(old, slower, relative_to="other").changes[0]
    assert (change.verdict, change.old, change.new) == ("worse", 0.1, 0.15)


def test_without_figures_of_the_other_engine_nothing_is_decided():
    old, new = results(result(), theirs(1.0)), results(result(99.0), theirs(1.0, model="ic"))
    found = compare(old, new, relative_to="other")
    assert [one.verdict for one in found.changes] == ["unclear"]


def test_values_that_may_be_0_have_a_change_that_is_none():
    def growth(value):
        return results(result(value, part="growth", unit="KiB", slack=256.0))

    assert compare(growth(0.0), growth(200.0)).changes[0].verdict == "same"
    assert compare(growth(0.0), growth(300.0)).changes[0].verdict == "worse"


def test_other_engines_are_not_judged():
    found = compare(results(result(), theirs(1.0)), results(result(), theirs(9.0)))
    assert found.passed
    assert [one.result.engine for one in found.changes] == ["tflm-wasm"]


def test_files_without_anything_in_common_can_not_be_compared():
    with pytest.raises(BenchmarkError, match="no figure in common"):
        compare(results(result(model="a")), results(result(model="b")))
    with pytest.raises(BenchmarkError, match="nobody"):
        compare(results(result()), results(result()), relative_to="nobody")


def test_means_of_changes_are_geometric():
    old = results(*(result(10.0, model=name) for name in "ab"))
    new = results(result(20.0, model="a"), result(80.0, model="b"))
    assert compare(old, new).geometric_means() == {"invoke": pytest.approx(4.0)}


# --- the page and the charts ----------------------------------------------------------------------

LONG = {"benchmark": "endurance", "part": "latency", "turns": (5.0, 5.1, 5.0, 7.0)}
FULL = results(
    result(10.0),
    result(20.0, model="ic"),
    theirs(200.0),
    theirs(300.0, model="ic", p999=9000.0),
    result(None, engine="third", own=False),
    result(5.0, **LONG),
    result(-3.0, benchmark="endurance", part="growth", unit="KiB", samples=1, turns=()),
    MLPerf=("kws", "ic"),
)


def test_the_page_is_whole_and_loads_nothing():
    assert_stands_alone(render(FULL))


def test_the_page_shows_figures_ratios_means_reasons_and_where_it_was():
    page = render(FULL)
    shown = (
        "200.0",
        "20.000",
        "17.32",
        "it broke",
        "a cpu, 2 of them",
        "fourth",
        "tflite_micro 9",
        "MLPerf (2)",
    )
    for text in shown:
        assert text in page
    assert "tflite_runtime" not in page
    assert page.count("<svg") == len(charts(FULL))


def test_names_can_not_become_markup():
    bad = "<script>alert(1)</script>"
    evil = results(result(model=bad, unit=bad), theirs(1.0, engine=bad, model=bad, error=bad))
    page = render(evil)
    assert "<script" not in page
    assert_stands_alone(page)


def test_every_chart_is_a_file_of_its_own():
    found = charts(FULL)
    assert list(found)[:2] == ["means-mlperf", "invoke"]
    assert "kws-endurance-latency-turn-by-turn" in found
    for name, chart in found.items():
        assert re.fullmatch(r"[a-z0-9-]+", name)
        tree = ET.fromstring(standalone(chart))  # noqa: S314 - our own
        assert tree.tag == "{http://www.w3.org/2000/svg}svg"
        width, height = (float(tree.attrib[side]) for side in ("width", "height"))
        for circle in tree.iter("{http://www.w3.org/2000/svg}circle"):
            assert 0 < float(circle.attrib["cx"]) < width
            assert 0 < float(circle.attrib["cy"]) < height


def test_marks_lie_where_their_values_are_on_a_logarithmic_scale():
    found = results(result(10.0), theirs(100.0, engine="b"), theirs(1000.0, engine="c"))
    chart = charts(found)["invoke"]
    a, b, c = (float(one) for one in re.findall(r'circle cx="([\d.]+)"', chart))
    assert c - b == pytest.approx(b - a, abs=0.2)
    assert b > a


def test_a_busy_machine_is_told():
    assert caution(RUN) == ""
    assert "busy" in caution({**RUN, "load_average": [3.0, 3.0]})
    assert caution({**RUN, "load_average": [None, None]}) == ""
    assert "busy" in render(Results({**RUN, "load_average": [3.0, 3.0]}, {}, (result(),)))


def test_markdown_has_models_down_and_engines_across():
    found = results(
        result(10.0),
        theirs(20.0),
        result(10.0, model="ic"),
        theirs(80.0, model="ic"),
        result(3.0, model="own"),
        theirs(None, model="own"),
        ours=("kws", "ic"),
    )
    assert markdown(found).splitlines() == [
        "**invoke, µs**",
        "",
        "| model | tflm-wasm | other |",
        "| --- | --- | --- |",
        "| kws | 10.00 | 20.00 (2.000) |",
        "| ic | 10.00 | 80.00 (8.000) |",
        "| own | 3.000 |  |",
        "| geometric mean, ours | (1.000) | (4.000) |",
    ]
