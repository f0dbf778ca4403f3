"""TFLM's audio front end as a model of Signal ops: equal to TFLM on recorded speech."""

from __future__ import annotations

import functools

import numpy as np

from tests.support import front_end
from tests.support.engine import Engine, assert_equal_to_tflm, oracle
from tests.support.files import ROOT, shared_model
from tests.support.front_end import STEP, WINDOW
from tflm_wasm import _abi
from tflm_wasm.wakeword import read_wav

SPEECH = sorted((ROOT / "firmware_models" / "speech").glob("*.wav"))


@functools.cache
def speech() -> list[np.ndarray]:
    """Return the samples of each recording."""
    assert len(SPEECH) >= 5
    return [read_wav(path) for path in SPEECH]


def windows(step: int, size: int) -> tuple[list[list[np.ndarray]], list[int]]:
    """Return [1, size] windows of all recordings, and the numbers at which a recording starts."""
    frames: list[list[np.ndarray]] = []
    starts = []
    for pcm in speech():
        starts.append(len(frames))
        places = range(0, len(pcm) - size + 1, step)
        frames += [[pcm[i : i + size].reshape(1, size)] for i in places]
    return frames, starts


def odd_windows(size: int) -> list[list[np.ndarray]]:
    """Return silence, extremes, noise loud and quiet."""
    rng = np.random.default_rng(4)
    low, high = -32768, 32767
    arrays = [np.full((1, size), value) for value in (0, high, low, 1, 0)]
    arrays += [rng.choice([low, high], (1, size)) for _ in range(5)]
    arrays += [rng.normal(0, scale, (1, size)).clip(low, high) for scale in (1, 30, 1000, 30_000)]
    return [[array.astype(np.int16)] for array in arrays]


def test_the_audio_preprocessor_of_micro_speech_equals_tflm_on_speech() -> None:
    model = shared_model("audio_preprocessor_int8").read_bytes()
    frames, starts = windows(320, WINDOW)
    assert len(frames) >= 200
    assert_equal_to_tflm(model, [*frames, *odd_windows(WINDOW)], resets=starts[1::2])


def test_a_front_end_of_our_own_equals_tflm_on_speech() -> None:
    frames, starts = windows(320, WINDOW)
    model = front_end.features().to_bytes()
    assert_equal_to_tflm(model, [*frames, *odd_windows(WINDOW)], resets=starts[1::2])


def test_its_features_are_not_trivial() -> None:
    engine = Engine(front_end.features().to_bytes())
    frames, _ = windows(320, WINDOW)
    outputs = np.array([engine.run(frame)[0] for frame in frames[:200]])
    assert len(np.unique(outputs)) > 100
    assert (outputs.std(axis=0) > 0).all()


def test_a_streaming_front_end_equals_tflm_step_by_step() -> None:
    """A stack that TFLM does not write means nothing there."""
    model = front_end.streaming_features().to_bytes()
    frames, starts = windows(STEP, STEP)
    assert len(frames) >= 400
    engine = Engine(model)
    oracle().open(model)
    stacks = 0
    for start, end in zip(starts, [*starts[1:], len(frames)], strict=True):
        oracle().reset()
        engine.reset()
        expected = oracle().run_many(frames[start:end])
        for frame, (logs, stack, valid) in zip(frames[start:end], expected, strict=True):
            got = engine.run(frame)
            np.testing.assert_array_equal(got[0], logs)
            assert got[2] == valid
            stacks += int(valid)
            if valid:
                np.testing.assert_array_equal(got[1], stack)
    assert stacks > 200


def test_a_signal_taken_apart_and_put_together_equals_tflm() -> None:
    frames, starts = windows(STEP, STEP)
    model = front_end.resynthesis().to_bytes()
    assert_equal_to_tflm(model, [*frames, *odd_windows(STEP)], resets=starts[1::3])


def every_ops_frames(count: int) -> list[list[np.ndarray]]:
    """Return noise for the model of every custom op."""
    rng = np.random.default_rng(1)
    return [
        [
            rng.integers(-9999, 9999, (1, STEP)).astype(np.int16),
            rng.integers(-128, 128, (1, 12, 3)).astype(np.int8),
        ]
        for _ in range(count)
    ]


def test_a_model_of_every_custom_op_equals_tflm() -> None:
    model = front_end.every_custom_op().to_bytes()
    assert_equal_to_tflm(model, every_ops_frames(120), resets=(3, 50, 51))


def test_a_model_of_every_custom_op_runs_in_steps_as_in_one() -> None:
    model = front_end.every_custom_op().to_bytes()
    whole, stepped = Engine(model), Engine(model)
    for inputs in every_ops_frames(9):
        expected = [y.tobytes() for y in whole.run(inputs)]
        outputs, codes = stepped.run_in_steps(inputs)
        assert [y.tobytes() for y in outputs] == expected
        ran = [code for code in codes if code >= 0]
        assert len(ran) in (len(codes), len(codes) - 1)  # what follows the circular buffer
    assert _abi.Feature.STATEFUL & whole.get("features")
