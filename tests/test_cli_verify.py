"""`tflm-wasm verify`."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest

import tflm_wasm as package
from tests.support.cli import Q8, answer, refused, reshape, saved, tflm_wasm, two_inputs
from tests.support.files import ZOO
from tests.support.models import Tensor, single_op
from tflm_wasm import OracleCrashed, OracleRefused, oracles
from tflm_wasm._verify_inputs import SEQUENCE_FRAMES, make
from tflm_wasm.oracles import installed

needs_tflm = pytest.mark.skipif(
    not installed("tflite_micro"),
    reason="tflite_micro is not installed: pip install 'tflm-wasm[oracles]' (Linux x86-64)",
)
STATEFUL = ZOO / "bearing_int8" / "bearing_int8.tflite"


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path, reshape(**Q8))


class Fake:
    """An oracle that answers like this package, but as `twist` changes it."""

    log: list[str]
    twist = staticmethod(lambda _, output: output)

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.log.append(f"{self.name} closed")

    def open(self, model: bytes) -> None:
        self.log.append(f"{self.name} open")
        self.session = package.load(model, profile="extended")
        self.ran = 0

    def run_many(self, frames):
        results = []
        for frame in frames:
            outputs = [self.twist(self.ran, one) for one in self.session.run(*frame)]
            results.append(outputs)
            self.ran += 1
        self.log.append(f"{self.name} run {len(frames)}")
        return results

    def reset(self) -> None:
        self.log.append(f"{self.name} reset")
        self.session.reset()

    def arena_used(self) -> int | None:
        return 1234 if self.name == "tflite_micro" else None


@pytest.fixture
def fake(monkeypatch):
    """Put a fake in the place of all oracles, and return its class."""
    kind = type("Fake", (Fake,), {"log": []})
    monkeypatch.setattr(oracles, "Oracle", kind)
    monkeypatch.setattr(oracles, "installed", lambda name: name != "ai_edge_litert")
    return kind


def off_by_two_from(first: int):
    def twist(number, output):
        return output ^ np.int8(2) if number >= first else output

    return staticmethod(twist)


@needs_tflm
@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "int32", "bool"])
def test_a_reshape_equals_tflm_on_all_inputs(tmp_path, dtype):
    path = saved(tmp_path, reshape(dtype))
    report = answer("verify", path, "--oracle", "tflite_micro", "--count", 40)
    (result,) = report["oracles"]
    assert report["passed"]
    assert (result["state"], result["equal"], result["differing"]) == ("compared", 40, 0)
    assert report["unit"] == ("ulp" if dtype == "float32" else "LSB")
    assert 0 < report["arena_bytes"] <= result["arena_bytes"]


@needs_tflm
@pytest.mark.oracle
def test_several_inputs_and_outputs_are_compared(tmp_path):
    path = saved(tmp_path, two_inputs())
    assert answer("verify", path, "--oracle", "tflite_micro", "--count", 20)["passed"]


@needs_tflm
@pytest.mark.oracle
def test_a_stateful_model_equals_tflm_in_sequences_with_resets():
    report = answer("verify", STATEFUL, "--oracle", "tflite_micro", "--count", 60)
    assert report["passed"]
    assert report["stateful"]
    assert report["inputs"] == 60


@needs_tflm
@pytest.mark.oracle
def test_the_zoos_golden_inputs_can_be_given():
    golden = STATEFUL.with_name("golden.npz")
    arguments = ("--count", 0, "--oracle", "tflite_micro", "--inputs", golden)
    report = answer("verify", STATEFUL, *arguments)
    assert report["passed"]
    assert report["inputs"] == 64


@needs_tflm
@pytest.mark.oracle
def test_what_both_refuse_is_refused_here_before_any_oracle_is_asked(tmp_path):
    path = saved(tmp_path, single_op("RANDOM_UNIFORM", [Tensor([2])], [Tensor([2])]))
    assert "RANDOM_UNIFORM" in refused("verify", path)
    with oracles.Oracle("tflite_micro") as oracle, pytest.raises(OracleRefused, match="RANDOM"):
        oracle.open(path.read_bytes())


@pytest.mark.usefixtures("fake")
def test_by_default_all_installed_oracles_are_asked(model):
    report = answer("verify", model, "--count", 10)
    assert [one["oracle"] for one in report["oracles"]] == ["tflite_micro", "tflite_runtime"]
    assert report["judges"] == ["tflite_micro"]


@pytest.mark.usefixtures("fake")
def test_the_table_says_what_is_equal_and_how_large_the_arenas_are(model):
    output = tflm_wasm("verify", model, "--count", 10).stdout
    assert "Equal to tflite_micro on all 10 inputs." in output
    assert "arena ours / TFLM x86-64" in output
    assert " / 1,234" in output


def test_a_difference_fails_and_says_where_and_how_to_replay_it(model, fake):
    fake.twist = off_by_two_from(11)
    result = tflm_wasm("verify", model, "--count", 30, "--seed", 5, code=1)
    assert "Not equal to tflite_micro" in result.stdout
    assert "tflite_micro first differs at input 11 " in result.stdout
    assert "--seed 5 --index 11 --oracle tflite_micro" in result.stdout


def test_json_counts_the_differences(model, fake):
    fake.twist = off_by_two_from(11)
    report = answer("verify", model, "--count", 30, "--oracle", "tflite_micro", code=1)
    (result,) = report["oracles"]
    assert not report["passed"]
    assert (result["equal"], result["differing"], result["max_distance"]) == (11, 19, 2)
    assert result["first"]["index"] == 11
    assert int(result["first"]["ours"]) ^ 2 == int(result["first"]["theirs"])


def test_the_replay_command_runs_the_same_input_again(model, fake):
    fake.twist = off_by_two_from(11)
    first = answer("verify", model, "--count", 30, "--seed", 5, code=1)
    fake.twist = off_by_two_from(0)
    program, *arguments = shlex.split(first["replay"])
    again = answer(*arguments, code=1)
    assert program == "tflm-wasm"
    assert again["inputs"] == 1
    assert again["oracles"][0]["first"] == first["oracles"][0]["first"]


def test_a_stateful_input_is_replayed_with_those_before_it(fake):
    fake.twist = off_by_two_from(40 - SEQUENCE_FRAMES)  # counted from the last opening
    arguments = ("verify", STATEFUL, "--oracle", "tflite_runtime", "--count", 60)
    report = answer(*arguments, code=1)
    assert report["oracles"][0]["first"]["index"] == 15
    replayed = answer(*arguments, "--index", 15, code=1)
    assert replayed["inputs"] == 16
    assert replayed["oracles"][0]["first"] == report["oracles"][0]["first"]


def test_the_failing_input_is_saved_and_can_be_given_again(model, fake, tmp_path):
    fake.twist = off_by_two_from(9)
    path = tmp_path / "failing.npz"
    report = answer("verify", model, "--save", path, "--seed", 3, code=1)
    assert report["saved"] == str(path)
    with np.load(path) as arrays, package.load(model) as session:
        np.testing.assert_array_equal(arrays["input_0"], make(session.inputs, 9, 3).frame[0])
    fake.twist = off_by_two_from(0)
    again = answer("verify", model, "--count", 0, "--inputs", path, code=1)
    assert again["oracles"][0]["first"]["kind"] == "user"
    fake.twist = off_by_two_from(10**9)
    assert answer("verify", model, "--count", 0, "--inputs", path)["passed"]


def test_a_whole_failing_sequence_of_a_stateful_model_is_saved(fake, tmp_path):
    fake.twist = off_by_two_from(4)
    path = tmp_path / "failing.npz"
    tflm_wasm("verify", STATEFUL, "--save", path, code=1)
    with np.load(path) as arrays:
        assert arrays["input_0"].shape == (5, 1, 32, 1, 1)


@pytest.mark.usefixtures("fake")
def test_nothing_is_saved_when_nothing_failed(model, tmp_path):
    assert answer("verify", model, "--save", tmp_path / "x.npz")["saved"] is None
    assert not (tmp_path / "x.npz").exists()


def test_a_difference_from_another_runtime_does_not_fail(model, fake):
    def twist(self, _, output):
        return output if self.name == "tflite_micro" else output ^ np.int8(1)

    fake.twist = twist
    result = tflm_wasm("verify", model)
    assert "tflite_runtime first differs" in result.stdout
    assert "Equal to tflite_micro on all 200 inputs." in result.stdout
    assert tflm_wasm("verify", model, "--oracle", "tflite_runtime", code=1).stdout


def test_each_sequence_of_a_stateful_model_starts_afresh(fake):
    frames = SEQUENCE_FRAMES
    tflm_wasm("verify", STATEFUL, "--count", 2 * frames)
    assert fake.log == [
        "tflite_micro open",
        f"tflite_micro run {frames}",
        "tflite_micro reset",
        f"tflite_micro run {frames}",
        "tflite_micro closed",
        "tflite_runtime open",
        f"tflite_runtime run {frames}",
        "tflite_runtime open",
        f"tflite_runtime run {frames}",
        "tflite_runtime closed",
    ]


@pytest.mark.parametrize(
    ("error", "state"), [(OracleCrashed, "crashed"), (OracleRefused, "refused")]
)
def test_an_oracle_that_stops_is_reported_with_its_reason(model, fake, error, state):
    def twist(self, number, output):
        if self.name == "tflite_runtime" and number == 30:
            raise error("died with signal 11", oracle=self.name)
        return output

    fake.twist = twist
    report = answer("verify", model)
    assert report["passed"]
    stopped = report["oracles"][1]
    assert (stopped["state"], stopped["reason"]) == (state, "died with signal 11")
    assert stopped["equal"] == SEQUENCE_FRAMES
    assert f"tflite_runtime {state}: died with signal 11" in tflm_wasm("verify", model).stdout


def test_without_an_answer_of_the_judge_nothing_is_verified(model, fake):
    def twist(self, _, output):
        if self.name == "tflite_micro":
            raise OracleRefused("no", oracle=self.name)
        return output

    fake.twist = twist
    assert "Not verified: tflite_micro did not answer." in tflm_wasm("verify", model, code=1).stdout


def test_without_any_oracle_nothing_is_verified(model, monkeypatch):
    monkeypatch.setattr(oracles, "installed", lambda _: False)
    assert "no oracle is installed" in tflm_wasm("verify", model, code=1).stdout


def test_an_oracle_that_is_asked_for_but_missing_is_a_failure(model, monkeypatch):
    monkeypatch.setattr(oracles, "installed", lambda _: False)
    report = answer("verify", model, "--oracle", "tflite_micro", code=1)
    assert report["oracles"][0]["state"] == "missing"


@pytest.mark.usefixtures("fake")
def test_a_model_that_fails_while_running_here_fails_and_is_replayable(tmp_path, monkeypatch):
    path = saved(tmp_path, reshape())
    run = package.Session.run
    calls = []

    def failing(session, *arrays):
        calls.append(arrays)
        if len(calls) == 13:
            raise package.GuestTrap("`wasm_invoke` trapped: unreachable", kind="unreachable")
        return run(session, *arrays)

    monkeypatch.setattr(package.Session, "run", failing)
    result = tflm_wasm("verify", path, "--count", 30, "--oracle", "tflite_micro", code=1)
    assert "The module failed on input 12: GuestTrap" in result.stdout
    assert "--index 12" in result.stdout


@pytest.mark.usefixtures("fake")
def test_outputs_that_never_change_are_pointed_out(tmp_path):
    constant = single_op("RELU", [Tensor([2], **Q8)], [Tensor([2], "int8", None, 0.5, 127)])
    assert "equality says little" in tflm_wasm("verify", saved(tmp_path, constant)).stdout


@pytest.mark.usefixtures("fake")
def test_an_index_that_does_not_exist_is_refused(model):
    assert "no input 999" in refused("verify", model, "--index", 999)


@pytest.mark.usefixtures("fake")
def test_nothing_to_run_is_refused(model):
    assert "no input to run" in refused("verify", model, "--count", 0)


@pytest.mark.usefixtures("fake")
def test_inputs_that_do_not_fit_are_refused(model, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((9, 9), np.int8))
    assert "(9, 9)" in refused("verify", model, "--inputs", tmp_path / "x.npy")
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04")
    assert "can be read" in refused("verify", model, "--inputs", tmp_path / "x.npz")


def test_an_unknown_oracle_is_wrong_usage(model):
    assert "tflite_micro" in tflm_wasm("verify", model, "--oracle", "onnx", code=2).stderr


@pytest.mark.usefixtures("fake")
def test_progress_counts_up_to_the_total(model):
    from tflm_wasm._verify import verify

    seen = []
    verify(model, count=30, progress=lambda *step: seen.append(step))
    assert [done for _, done, _ in seen] == [25, 30, 55, 60, 85, 90]
    assert {total for _, _, total in seen} == {90}


@pytest.mark.usefixtures("fake")
def test_the_report_is_json_without_numpy_types(model):
    json.loads(tflm_wasm("verify", model, "--json", "--count", 3).stdout)
