"""What two answers mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tflm_wasm.conformance import Outcome, find
from tflm_wasm.conformance import _judge as judging
from tflm_wasm.conformance._judge import Rule, Tolerance, judge, rules, tolerances
from tflm_wasm.conformance._registry import generators
from tflm_wasm.oracles._cases import Answer, Step

CASE = find("ADD/float32/0")
ONE = np.array([1.0, -2.0], np.float32)


def answer(*frames: Any, step: Step = "", reason: str = "") -> Answer:
    return Answer(tuple((np.asarray(one),) for one in frames), step, reason)


def refused(reason: str = "", frames: int = 0) -> Answer:
    return answer(*[ONE] * frames, step="invoke" if frames else "open", reason=reason)


@pytest.fixture(autouse=True)
def no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "rules", list)


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        (answer(ONE), answer(ONE), Outcome.EQUAL),
        (answer(ONE), answer(-ONE), Outcome.DIFFERS),
        (answer(ONE), answer(ONE[:1]), Outcome.DIFFERS),
        (answer(ONE), answer(ONE.reshape(2, 1)), Outcome.DIFFERS),
        (answer(ONE), answer(ONE.view(np.int32)), Outcome.DIFFERS),
        (answer([0.0]), answer([-0.0]), Outcome.DIFFERS),
        (refused(), refused(), Outcome.BOTH_REFUSE),
        (refused(), answer(ONE), Outcome.OURS_REFUSES),
        (answer(ONE), refused(), Outcome.TFLM_REFUSES),
        (refused("OP: op 0: X is not supported"), answer(ONE), Outcome.MISSING),
        (refused(), answer(step="died"), Outcome.TFLM_CRASHES),
        (answer(ONE), answer(step="died"), Outcome.CRASH_ACCEPTED),
        (answer(step="died"), answer(ONE), Outcome.TRAP),
        (answer(ONE), answer(step="input"), Outcome.UNREACHABLE),
        (refused(), answer(step="output"), Outcome.UNREACHABLE),
    ],
)
def test_every_outcome(ours: Answer, theirs: Answer, outcome: Outcome) -> None:
    assert judge(CASE, ours, theirs).outcome is outcome


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        (refused(), answer(step="invoke"), Outcome.BOTH_REFUSE),
        (answer(step="invoke"), refused(), Outcome.BOTH_REFUSE),
        (refused(frames=1), refused(frames=1), Outcome.BOTH_REFUSE),
        (refused(frames=1), refused(frames=2), Outcome.OURS_REFUSES),
        (refused(frames=2), refused(frames=1), Outcome.TFLM_REFUSES),
        (refused(), refused(frames=1), Outcome.OURS_REFUSES),
    ],
)
def test_refusing_counts_by_frame(ours: Answer, theirs: Answer, outcome: Outcome) -> None:
    assert judge(CASE, ours, theirs).outcome is outcome


def test_frames_before_a_refusal_are_compared() -> None:
    ours = Answer(((ONE,),), "invoke")
    theirs = Answer(((-ONE,),), "invoke")
    assert judge(CASE, ours, theirs).outcome is Outcome.DIFFERS


def test_any_nan_equals_any_nan_and_is_counted() -> None:
    nans = np.array([0x7FC00000, 0xFFC00001], np.uint32).view(np.float32)
    result = judge(CASE, answer(nans), answer(nans[::-1]))
    assert result.outcome is Outcome.EQUAL
    assert result.nan_only
    assert not judge(CASE, answer(nans), answer(nans)).nan_only
    assert judge(CASE, answer(nans), answer(ONE)).outcome is Outcome.DIFFERS


@pytest.mark.parametrize(
    ("steps", "tolerance", "outcome"),
    [
        (1, Tolerance(ulp=1), Outcome.NEAR),
        (2, Tolerance(ulp=1), Outcome.DIFFERS),
        (2, Tolerance(absolute=1e-6), Outcome.NEAR),
        (2000, Tolerance(absolute=1e-6), Outcome.DIFFERS),
        (1, Tolerance(), Outcome.DIFFERS),
    ],
)
def test_a_class_says_how_far_outputs_may_be_apart(
    monkeypatch: pytest.MonkeyPatch, steps: int, tolerance: Tolerance, outcome: Outcome
) -> None:
    monkeypatch.setattr(judging, "tolerances", lambda: {("ADD", "float32"): tolerance})
    apart = (ONE.view(np.int32) + steps).view(np.float32)
    result = judge(CASE, answer(ONE), answer(apart))
    assert result.outcome is outcome
    assert result.ulp == steps


def test_what_tflm_did_not_write_is_not_compared() -> None:
    first, second = np.array([1.0, 5.0], np.float32), np.array([1.0, 7.0], np.float32)
    ours = answer(np.array([1.0, 0.0], np.float32))
    assert judge(CASE, ours, answer(first), answer(second)).outcome is Outcome.UNSTABLE
    wrong = answer(np.array([2.0, 0.0], np.float32))
    assert judge(CASE, wrong, answer(first), answer(second)).outcome is Outcome.DIFFERS
    assert judge(CASE, ours, answer(first), answer(first)).outcome is Outcome.DIFFERS


def test_a_difference_is_described_where_it_is() -> None:
    result = judge(CASE, answer(ONE, ONE), answer(ONE, ONE * np.float32([1, 2])))
    assert result.ours.startswith("frame 1, output 0, at (1,): ")
    assert "-2.0" in result.ours
    assert "-4.0" in result.theirs


def test_a_rule_excuses_only_what_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Rule("because", "OURS_REFUSES", ops=("A*",), kinds=("float*",), ours="^PARAM: .* 4$")
    monkeypatch.setattr(judging, "rules", lambda: [rule])
    ours = refused("PARAM: op 0 ADD: fused activation 4")
    excused = judge(CASE, ours, answer(ONE))
    assert (excused.rule, excused.reason, excused.passed) == (0, "because", True)
    for case, mine, theirs in (
        (find("SUB/float32/0"), ours, answer(ONE)),
        (find("ADD/int8/0"), ours, answer(ONE)),
        (CASE, refused("PARAM: op 0 ADD: fused activation 5"), answer(ONE)),
        (CASE, ours, answer(step="input")),
    ):
        assert judge(case, mine, theirs).rule is None
    assert not judge(CASE, answer(ONE), answer(-ONE)).passed


def test_an_open_fault_is_known_but_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        judging, "rules", lambda: [Rule("later", "DIFFERS", ops=("ADD",), open=True)]
    )
    result = judge(CASE, answer(ONE), answer(-ONE))
    assert (result.is_known, result.passed, result.reason) == (True, False, "later")


def test_a_frame_counts_only_while_its_flag_is_true() -> None:
    case = find("SignalFramer/int16/0~")
    old, new = np.array([[1, 2]], np.int16), np.array([[3, 4]], np.int16)
    for valid, outcome in ((False, Outcome.EQUAL), (True, Outcome.DIFFERS)):
        flag = np.array(valid)
        ours, theirs = Answer(((old, flag),)), Answer(((new, flag),))
        assert judge(case, ours, theirs).outcome is outcome
    yes, no = (Answer(((old, np.array(flag)),)) for flag in (True, False))
    assert judge(case, yes, no).outcome is Outcome.DIFFERS


def test_detections_count_as_far_as_their_number_says() -> None:
    case = find("TFLite_Detection_PostProcess/float32/0~")
    rows = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    other = rows.copy()
    other[0, 2] = 7
    for count, outcome in ((2, Outcome.EQUAL), (3, Outcome.DIFFERS)):
        one = [np.zeros((1, 3), np.float32)] * 2 + [np.array([count], np.float32)]
        ours, theirs = Answer(((rows, *one),)), Answer(((other, *one),))
        assert judge(case, ours, theirs).outcome is outcome


def test_the_data_files_name_ops_types_and_outcomes_that_exist() -> None:
    for op, kind in tolerances():
        assert kind in generators()[op].kinds
    for rule in rules():
        assert Outcome[rule.outcome]
        assert not Outcome[rule.outcome].is_agreement
        assert rule.reason
        assert rule.ours or rule.theirs or rule.spoiled or rule.ops != ("*",)
