"""TFLM in a process that forks: it answers case after case, whatever the cases do to it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.support.models import Graph, Model, Op, Tensor, single_op
from tests.support.stateful import delay
from tflm_wasm.oracles import Oracle
from tflm_wasm.oracles._cases import CaseOracle

Q8 = {"dtype": "int8", "scale": 0.5, "zero_point": 3}
X = np.array([1, -2, 3, 4], np.int8)
RELU = single_op("RELU", [Tensor([4], **Q8)], [Tensor([4], **Q8)])
OPTIONS = ("stride_h", "stride_w", "depth_multiplier")
# A DEPTHWISE_CONV_2D whose bias is absent: TFLM frees what it does not have.
CRASHES = Model(
    [
        Graph(
            [Tensor([1, 1, 1, 1]), Tensor([1, 1, 1, 1], data=[1.0]), Tensor([1, 1, 1, 1])],
            [
                Op(
                    "DEPTHWISE_CONV_2D",
                    [0, 1, -1],
                    [2],
                    (
                        "DepthwiseConv2DOptions",
                        {"stride_h": 1, "stride_w": 1, "depth_multiplier": 1},
                    ),
                )
            ],
            [0],
            [2],
        )
    ]
).to_bytes()


@pytest.fixture(scope="module")
def tflm() -> Iterator[CaseOracle]:
    pytest.importorskip("tflite_micro", reason="pip install 'tflm-wasm[oracles]'")
    with CaseOracle("tflite_micro", timeout_s=2) as oracle:
        yield oracle


def relu(tflm: CaseOracle) -> list[int]:
    answer = tflm.answer(RELU, [[X]], outputs=1, variables=0)
    assert answer.step == ""
    return [int(one) for one in answer.outputs[0][0]]


def test_it_answers_as_the_plain_oracle_does(tflm: CaseOracle) -> None:
    frames = [[X], [X[::-1].copy()], [X * 0]]
    with Oracle("tflite_micro") as plain:
        plain.open(RELU)
        expected = plain.run_many(frames)
    answer = tflm.answer(RELU, frames, outputs=1, variables=0)
    assert [one[0].tolist() for one in answer.outputs] == [one[0].tolist() for one in expected]


def test_a_crash_is_an_answer_and_the_next_case_is_answered(tflm: CaseOracle) -> None:
    before = relu(tflm)
    for _ in range(3):
        answer = tflm.answer(
            CRASHES, [[np.zeros([1, 1, 1, 1], np.float32)]], outputs=1, variables=0
        )
        assert (answer.step, answer.outputs) == ("died", ())
        assert "signal 11" in answer.reason
        assert relu(tflm) == before


def test_a_model_that_never_ends_is_stopped(tflm: CaseOracle) -> None:
    flag = Tensor([], "bool")
    copy = Graph([flag, flag], [Op("RESHAPE", [0], [1])], [0], [1])
    options = ("WhileOptions", {"cond_subgraph_index": 1, "body_subgraph_index": 2})
    main = Graph([flag, flag], [Op("WHILE", [0], [1], options)], [0], [1])
    endless = Model([main, copy, copy]).to_bytes()
    answer = tflm.answer(endless, [[np.ones([], bool)]], outputs=1, variables=0)
    assert answer.step == "died"
    assert "signal 14" in answer.reason
    assert relu(tflm)


def test_a_refusal_says_why(tflm: CaseOracle) -> None:
    unknown = single_op("RANK", [Tensor([4])], [Tensor([], "int32")])
    answer = tflm.answer(unknown, [[X]], outputs=1, variables=0)
    assert answer.step == "open"
    assert "RANK" in answer.reason


def test_an_array_of_another_shape_is_not_an_input(tflm: CaseOracle) -> None:
    answer = tflm.answer(RELU, [[X], [X[:1]]], outputs=1, variables=0)
    assert answer.step == "input"
    assert len(answer.outputs) == 1


def test_state_lasts_from_frame_to_frame_and_resets_end_it(tflm: CaseOracle) -> None:
    model = delay(scale=0.5, zero_point=0).to_bytes()
    frames = [[np.full([1, 2], i, np.int8)] for i in range(1, 5)]
    kept = tflm.answer(model, frames, outputs=1, variables=1).outputs
    assert [frame[0][:, 0].tolist() for frame in kept][-1] == [1, 2, 3, 4]
    cut = tflm.answer(model, frames, resets=[2], outputs=1, variables=1).outputs
    assert [frame[0][:, 0].tolist() for frame in cut][-1] == [0, 0, 3, 4]


def test_memory_that_nobody_wrote_depends_on_the_fill() -> None:
    pytest.importorskip("tflite_micro", reason="pip install 'tflm-wasm[oracles]'")
    # TFLM compares int16 with constants that its GREATER never prepared.
    model = single_op(
        "GREATER",
        [Tensor([8], "int16", scale=0.5), Tensor([8], "int16", scale=0.25)],
        [Tensor([8], "bool")],
    )
    a = np.array([30000, -30000, 1, 2, 3, -4, 5, 6], np.int16)
    seen = set()
    for fill in (0x01, 0x5A, 0xA5, 0xFE):
        with CaseOracle("tflite_micro", fill=fill) as tflm:
            answer = tflm.answer(model, [[a, a[::-1].copy()]], outputs=1, variables=0)
            seen.add(answer.outputs[0][0].tobytes())
    assert len(seen) > 1


def test_a_fresh_child_answers_alike(tflm: CaseOracle) -> None:
    before = relu(tflm)
    tflm.renew()
    assert relu(tflm) == before


def test_it_ends_with_its_owner() -> None:
    pytest.importorskip("tflite_micro", reason="pip install 'tflm-wasm[oracles]'")
    tflm = CaseOracle("tflite_micro")
    relu(tflm)
    tflm.close()
    tflm.close()
    assert tflm._worker.process.poll() is not None


def test_the_process_that_forks_may_die_too(tflm: CaseOracle) -> None:
    before = relu(tflm)
    for _ in range(2):
        tflm._worker.process.kill()
        tflm._worker.process.wait()
        assert relu(tflm) == before
        tflm.renew()
