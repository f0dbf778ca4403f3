"""The checker names the rule that a module breaks, and survives whatever it is given."""

from __future__ import annotations

import importlib.util
import json
import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tflm_wasm
from tests.support.files import ROOT, WAKEWORDS, ZOO, wakeword_model
from tests.support.models import Tensor, single_op
from tflm_wasm import _abi
from tflm_wasm._build import packaged_engine
from tflm_wasm._check import CheckReport, api, check
from tflm_wasm._check.report import Ledger
from tflm_wasm._check.run import run
from tflm_wasm._errors import LimitsError, ProfileError
from tflm_wasm._limits import Limits

LIMITS = Limits(time_s=0.5)
MUTATIONS = 600
ZOO_MODELS = sorted(ZOO.glob("*/*.tflite"))


def _load_guests():
    path = ROOT / "abi" / "conformance" / "guests.py"
    spec = importlib.util.spec_from_file_location("conformance_guests", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return {guest.name: guest for guest in module.load()}


GUESTS = _load_guests()
BREAKING = [guest for guest in GUESTS.values() if guest.rule]
CONFORMING = [guest for guest in GUESTS.values() if not guest.rule]
NEGATE = GUESTS["negate"].wasm()


def check_here(wasm, *, profile="strict", model=None, limits=LIMITS) -> CheckReport:
    """Check in this process, which is faster than `check`."""
    return run(wasm, profile=profile, limits=limits, model=model)


@pytest.mark.parametrize("guest", BREAKING, ids=lambda guest: guest.name)
def test_a_broken_rule_is_named_and_no_other(guest):
    report = check_here(guest.wasm(), profile=guest.profile)
    assert report.broken == (guest.rule,), str(report)
    assert not report.passed


@pytest.mark.parametrize("guest", CONFORMING, ids=lambda guest: guest.name)
def test_a_conforming_module_passes(guest):
    report = check_here(guest.wasm(), profile=guest.profile)
    assert report.broken == (), str(report)
    assert report.passed
    assert report.complete == (guest.name != "model_from_the_host")


def test_a_module_without_a_model_is_checked_whole_with_one_given():
    wasm = GUESTS["model_from_the_host"].wasm()
    assert check_here(wasm, model=b"NEG1").complete
    assert check_here(wasm, model=b"NEG1").passed
    assert check_here(wasm, model=b"NOPE").broken == ("init.accepts",)


def test_every_rule_is_broken_by_a_guest_or_a_test():
    elsewhere = {"module.size", "module.compile"}  # the next two tests
    assert {guest.rule for guest in BREAKING} | elsewhere == set(_abi.RULES)


def test_a_module_over_the_hosts_limits_is_not_looked_at():
    for limits in (Limits(module_bytes=len(NEGATE) - 1), Limits(code_bytes=100)):
        assert check_here(NEGATE, limits=limits).broken == ("module.size",)


def test_a_module_that_compiles_for_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(api, "_COMPILE_S", 0.0)
    monkeypatch.setattr(api, "_CALLS", 0)
    report = check(NEGATE)
    assert report.broken == ("module.compile",)


# --- this project's own modules ---


def assert_conforms(report):
    """A built module has no more memory than it needs: there may be no room to move a buffer."""
    assert report.passed, str(report)
    unreached = {result.id for result in report.results if result.outcome == "not reached"}
    many = {rule for rule in _abi.RULES if rule.startswith("many.")}
    assert unreached <= {"input.packed", "output.packed"} | many


def test_the_engine_conforms_as_far_as_it_goes_without_a_model():
    report = check_here(packaged_engine())
    assert report.passed, str(report)
    assert not report.complete


@pytest.mark.parametrize("path", ZOO_MODELS, ids=lambda path: path.stem)
def test_a_built_module_conforms_to_every_rule(path):
    assert_conforms(check_here(tflm_wasm.build(path).wasm))


@pytest.mark.parametrize("name", WAKEWORDS)
def test_a_built_wake_word_module_conforms_to_every_rule(name):
    assert_conforms(check_here(tflm_wasm.build(wakeword_model(name)).wasm))


@pytest.mark.parametrize("path", ZOO_MODELS, ids=lambda path: path.stem)
def test_the_engine_conforms_to_every_rule_with_a_model_beside_it(path):
    report = check_here(packaged_engine(), model=path.read_bytes())
    assert report.passed, str(report)
    assert report.complete, str(report)


# --- the child process ---


@pytest.mark.parametrize("name", ["negate", "endless_invoke", "giant_memory", "tail_call"])
def test_a_child_process_finds_the_same(name):
    guest = GUESTS[name]
    report = check(guest.wasm(), time_limit_s=LIMITS.time_s)
    assert report == check_here(guest.wasm())


def test_the_child_process_takes_a_model():
    report = check(GUESTS["model_from_the_host"].wasm(), model=b"NEG1")
    assert report.passed
    assert report.complete


@pytest.mark.parametrize(
    ("said", "rule"),
    [("", "module.compile"), ('["module.compile", "passed", ""]\n', "call.trap")],
)
def test_a_child_process_that_dies_is_a_broken_rule(monkeypatch, said, rule):
    script = f"import sys; sys.stdin.buffer.read(); sys.stdout.write({said!r}); sys.exit(3)"
    monkeypatch.setattr(api, "_WORKER", ("-c", script))
    report = check(NEGATE)
    assert report.broken == (rule,)
    (found,) = (result for result in report.results if result.outcome == "failed")
    assert "exit code 3" in found.detail


def test_wrong_arguments_are_errors():
    with pytest.raises(ProfileError):
        check(NEGATE, profile="lax")
    with pytest.raises(LimitsError):
        check(NEGATE, time_limit_s=0)


# --- the report ---


def test_a_report_becomes_json_and_text():
    report = check_here(GUESTS["imports_a_function"].wasm())
    whole = json.loads(json.dumps(report.to_dict()))
    assert whole["broken"] == ["import.none"]
    assert [rule["id"] for rule in whole["rules"]] == list(_abi.RULES)
    (found,) = (rule for rule in whole["rules"] if rule["outcome"] == "failed")
    assert "fd_write" in found["detail"]
    assert "failed      import.none" in str(report)


def test_a_broken_rule_stays_broken_with_its_first_detail():
    ledger = Ledger()
    ledger.note("call.trap", ok=True)
    ledger.note("call.trap", ok=False, detail="first")
    ledger.note("call.trap", ok=False, detail="second")
    ledger.note("call.trap", ok=True)
    assert ledger.outcomes["call.trap"] == ("failed", "first")


# --- anything at all ---


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_report(content):
    assert not check_here(content).passed


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_after_a_wasm_header_give_a_report(content):
    assert not check_here(b"\0asm\x01\0\0\0" + content).passed


@pytest.mark.parametrize("length", range(0, len(NEGATE), 7))
def test_a_truncated_module_breaks_a_rule(length):
    assert not check_here(NEGATE[:length]).passed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MUTATIONS // 50))
def test_a_mutated_module_gives_a_report(seed):
    """Replay one with `pytest -k 'mutated and [SEED]'`."""
    chance = random.Random(seed)  # noqa: S311 - a test pattern
    bases = [guest.wasm() for guest in CONFORMING]
    limits = Limits(time_s=0.05)
    for _ in range(50):
        wasm = bytearray(chance.choice(bases))
        for _ in range(chance.randrange(1, 4)):
            wasm[chance.randrange(8, len(wasm))] = chance.randrange(256)
        report = check_here(bytes(wasm), model=b"NEG1", limits=limits)
        assert len(report.results) == len(_abi.RULES)


def test_a_built_module_whose_outputs_are_apart_conforms():
    first = Tensor([1, 40_000], "int8", scale=1.0)
    parts = [Tensor([1, 20_000], "int8", scale=1.0) for _ in range(2)]
    axis = Tensor([1], "int32", data=[1])
    options = ("SplitOptions", {"num_splits": 2})
    model = single_op("SPLIT", [axis, first], parts, options)
    report = check_here(tflm_wasm.build(model).wasm)
    assert not report.broken, report.broken
