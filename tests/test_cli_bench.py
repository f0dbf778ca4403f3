"""`tflm-wasm bench` and its verbs."""

from __future__ import annotations

import json

import pytest

from tests.support.cli import refused, reshape, saved, tflm_wasm
from tests.support.html import assert_stands_alone
from tflm_wasm import bench, oracles
from tflm_wasm.bench import Results

FEW = ("--turns", 2, "--frames", 3)


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path, reshape())


@pytest.fixture
def alone(monkeypatch):
    """Hide the reference runtimes, which take long to start."""
    monkeypatch.setattr(oracles, "installed", lambda _: False)


@pytest.fixture
def results(model, tmp_path, alone):  # noqa: ARG001
    path = tmp_path / "results.jsonl"
    tflm_wasm("bench", model, *FEW, "-o", path)
    return path


@pytest.mark.usefixtures("alone")
def test_a_table_shows_every_figure_and_where_it_was(model):
    output = tflm_wasm("bench", "run", model, *FEW).stdout
    for shown in ("invoke, µs", "set-invoke-get, µs", "P50", "ratio", "processor: ", "wasmtime "):
        assert shown in output


@pytest.mark.usefixtures("alone")
def test_json_is_a_line_for_the_run_and_one_for_each_figure(model):
    output = tflm_wasm("bench", model, model, *FEW, "--json").stdout
    run, *figures = (json.loads(line) for line in output.splitlines())
    assert run["run"]["config"] == "quick"
    assert {one["model"] for one in figures} == {"model", "model-2"}
    assert {one["benchmark"] for one in figures} == {"invoke", "set-invoke-get"}
    assert {one["samples"] for one in figures} == {6}


def test_results_are_written_and_reported_again(results, tmp_path):
    assert "invoke, µs" in tflm_wasm("bench", "report", results).stdout
    page, folder = tmp_path / "page.html", tmp_path / "charts"
    assert tflm_wasm("bench", "report", results, "--html", page, "--svg", folder).stdout == ""
    assert_stands_alone(page.read_text())
    names = {path.name for path in folder.iterdir()}
    assert names == {"bench-quick-invoke.svg", "bench-quick-set-invoke-get.svg"}
    one = tmp_path / "one"
    tflm_wasm("bench", "report", results, "--svg", one, "--chart", "bench-quick-invoke")
    assert [path.name for path in one.iterdir()] == ["bench-quick-invoke.svg"]
    told = ("bench", "report", results, "--svg", one, "--chart", "x")
    assert "bench-quick-invoke" in tflm_wasm(*told, code=2).stderr


def test_comparing_results_with_themselves_passes(results):
    output = tflm_wasm("bench", "compare", results, results).stdout
    assert "2 same; the threshold is 5 %" in output
    report = json.loads(tflm_wasm("bench", "compare", results, results, "--json").stdout)
    assert report["passed"]
    assert report["geometric_means"] == {"invoke": 1.0, "set-invoke-get": 1.0}


def scaled(path, factor):
    """Write results with other values, the same in all turns; return the path."""
    run, *figures = (json.loads(line) for line in path.read_text().splitlines())
    for one in figures:
        one["p50"] *= factor
        one["turns"] = [one["p50"]] * 3
    other = path.with_name(f"scaled-{factor}.jsonl")
    other.write_text("\n".join(json.dumps(line) for line in (run, *figures)))
    return other


def test_a_run_that_is_slower_fails_the_comparison_unless_the_threshold_allows_it(results):
    before, slower = scaled(results, 1), scaled(results, 1.5)
    output = tflm_wasm("bench", "compare", before, slower, code=1).stdout
    assert "+50.0 %" in output
    assert "2 worse; the threshold is 5 %" in output
    tflm_wasm("bench", "compare", before, slower, "--threshold", 60)
    tflm_wasm("bench", "compare", slower, before)


def test_files_that_are_no_results_are_one_line_and_a_hint(results, model):
    assert "no results" in refused("bench", "compare", results, model)
    assert "No such file" in refused("bench", "report", model.with_name("x.jsonl"))
    assert "no figures of nobody" in refused(
        "bench", "compare", results, results, "--relative-to", "nobody"
    )


def test_configurations_are_listed():
    output = tflm_wasm("bench", "configs").stdout
    assert all(name in output for name in bench.config_names())


@pytest.mark.usefixtures("alone")
def test_one_benchmark_with_an_option_can_be_run(model):
    told = ("--config", "host", "--only", "threads", "--set", "threads.invokes=4", *FEW)
    output = tflm_wasm("bench", model, *told, "--json").stdout
    run, *figures = (json.loads(line) for line in output.splitlines())
    assert run["run"]["plans"] == [
        {"name": "threads", "turns": 2, "warm_up": 1, "frames": 3, "invokes": 4}
    ]
    assert {one["benchmark"] for one in figures} == {"threads"}


@pytest.mark.usefixtures("alone")
def test_an_engine_that_was_asked_for_and_is_not_installed_fails_with_the_reason(model):
    told = ("bench", model, *FEW, "--only", "invoke", "--engine", "ai_edge_litert")
    output = tflm_wasm(*told, code=1).stdout
    assert "invoke, model, ai_edge_litert: ai_edge_litert is not installed here" in output
    assert "tflm-wasm" in output


@pytest.mark.oracle
@pytest.mark.skipif(
    not oracles.installed("tflite_micro"),
    reason="tflite_micro is not installed: pip install 'tflm-wasm[oracles]' (Linux x86-64)",
)
def test_an_oracle_is_measured_beside_the_module(model, tmp_path):
    told = (*FEW, "--engine", "tflite_micro", "-o", tmp_path / "r.jsonl")
    tflm_wasm("bench", model, *told)
    found = Results.read(tmp_path / "r.jsonl")
    engines = {one.engine for one in found.results}
    assert engines == {"tflm-wasm", "tflite_micro"}
    assert all(found.ratio(one) for one in found.results)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--turns", 0],
        ["--frames", 0],
        ["--fast"],
    ],
)
def test_wrong_usage_is_told(model, wrong):
    assert str(wrong[0]) in tflm_wasm("bench", model, *wrong, code=2).stderr


def test_a_run_without_a_model_is_wrong_usage():
    assert "MODEL" in tflm_wasm("bench", "--config", "quick", code=2).stderr


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (["--config", "nothing"], "nothing"),
        (["--engine", "tf"], "no engine 'tf'"),
        (["--only", "board"], "no benchmark 'board'"),
        (["--set", "threads.invokes=3"], "no benchmark 'threads'"),
    ],
)
def test_what_there_is_not_is_one_line_and_a_hint(model, wrong, reason):
    assert reason in refused("bench", model, *wrong)
