"""Failures are found, made small, saved and replayed; the report needs nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.cli import answer, refused, tflm_wasm
from tests.support.html import assert_stands_alone
from tflm_wasm.conformance import Case, Outcome, case_ids, check, find, generators, save
from tflm_wasm.conformance import _run as running
from tflm_wasm.oracles._cases import Answer

pytest.importorskip("tflite_micro", reason="pip install 'tflm-wasm[oracles]'")

IDS = list(case_ids(8, ["MUL/int8"], legal=True))


@pytest.fixture
def wrong_above_100(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the engine's first output wrong where an input of MUL is over 100."""
    right = running.run_ours

    def wrong(case: Case) -> Answer:
        given = right(case)
        outputs = []
        for frame, arrays in zip(case.frames, given.outputs, strict=False):
            loud = any(np.any(one > 100) for one in frame)
            outputs.append((arrays[0] ^ 1 if loud else arrays[0], *arrays[1:]))
        return replace(given, outputs=tuple(outputs))

    monkeypatch.setattr(running, "run_ours", wrong)


def test_a_right_engine_passes() -> None:
    report = check(IDS)
    assert report.cases == 8
    assert report.passed, [one.to_dict() for one in report.failures.values()]
    assert report.outcomes[Outcome.EQUAL] >= 6
    assert report.rows["MUL", "int8"].to_dict()["cases"] == 8


def test_processes_give_the_results_that_one_gives() -> None:
    ids = [*IDS, "EXP/float32/1", "RELU/int8/4", "RELU/int8/5"]
    one, two = check(ids, jobs=1).to_dict(), check(ids, jobs=2).to_dict()
    for report in (one, two):
        del report["seconds"], report["cases_per_s"]
    assert one == two


@pytest.mark.usefixtures("wrong_above_100")
def test_a_failure_is_made_as_small_as_it_goes(tmp_path: Path) -> None:
    report = check(IDS)
    assert not report.passed
    (failure,) = report.failures.values()
    case, result = failure.case, failure.result
    assert result.outcome is Outcome.DIFFERS
    assert [list(tensor.shape) for tensor in case.model.graphs[0].tensors] == [[], [], []]
    assert len(case.frames) == 1
    assert sum(int(np.count_nonzero(one)) for one in case.frames[0]) == 1
    save(report, tmp_path)
    (folder,) = (tmp_path / "failures").iterdir()
    assert (folder / "model.tflite").read_bytes() == case.data
    assert np.load(folder / "inputs.npz")["frame_0_0"].shape == ()
    assert np.load(folder / "tflm.npz")["frame_0_0"] == 0
    assert "MUL [0, 1] to [2]" in (folder / "case.txt").read_text()


@pytest.mark.usefixtures("wrong_above_100")
def test_the_smallest_form_replays_by_its_id() -> None:
    failure = next(iter(check(IDS).failures.values()))
    again = find(failure.result.id)
    assert again.data == failure.case.data
    with running.Bench() as bench:
        assert bench.run(again).outcome is Outcome.DIFFERS


@pytest.mark.usefixtures("wrong_above_100")
def test_the_command_fails_and_says_how_to_replay() -> None:
    output = tflm_wasm("conformance", "MUL/int8", "--count", 4, "--jobs", 1, code=1).stdout
    (case_id,) = re.findall(r"tflm-wasm conformance --case (\S+)", output)
    shown = tflm_wasm("conformance", "--case", case_id, code=1).stdout
    assert "differs" in shown
    assert "MulOptions" in shown


def test_the_command_writes_a_page_a_summary_and_json(tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    given = answer(
        *("conformance", "MUL/int8", "EXP", "--count", 8, "--jobs", 1),
        *("--report", tmp_path / "report", "--summary", summary),
    )
    assert given == {**json.loads((tmp_path / "report/report.json").read_text())}
    assert given["cases"] == 8
    assert set(given["ops"]) == {"EXP", "MUL"}
    kept = json.loads(summary.read_text())
    assert kept["ops"] == given["ops"]
    assert len(kept["versions"]["engine_sha256"]) == 64
    page = (tmp_path / "report/report.html").read_text()
    assert_stands_alone(page)
    assert "<td>EXP</td><td>float32</td><td>ulp = 1</td>" in page


def test_one_case_is_shown_and_saved(tmp_path: Path) -> None:
    output = tflm_wasm("conformance", "--case", "MUL/int8/0~", "--report", tmp_path).stdout
    assert output.startswith("MUL/int8/0~")
    assert "equal" in output
    assert (tmp_path / "model.tflite").read_bytes() == find("MUL/int8/0~").data


def test_all_ops_and_types_are_listed() -> None:
    output = tflm_wasm("conformance", "--list").stdout
    for op, generator in generators().items():
        for kind in generator.kinds:
            assert re.search(rf"^{op} +{kind} +\S", output, re.MULTILINE)


def test_an_unknown_op_or_case_is_refused() -> None:
    assert "NOPE" in refused("conformance", "NOPE")
    assert "MUL/int8" in refused("conformance", "--case", "MUL/int8")
