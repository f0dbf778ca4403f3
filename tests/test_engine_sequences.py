"""Streaming models on the bare engine equal TFLM frame by frame, over hundreds of frames."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite
from numpy.typing import NDArray

from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.files import ROOT, WAKEWORDS, wakeword_model

SPEECH = ROOT / "firmware_models" / "speech"
# TFLM's arena on a Cortex-M4 with reference kernels
TFLM_ARENA_BYTES = {"okay_nabu": 20_580}


@functools.cache
def clips() -> list[NDArray[np.float32]]:
    """Return the features of the speech files; skip when the front end is absent."""
    reason = "pymicro-features is missing: pip install 'tflm-wasm[demo]'"
    pytest.importorskip("pymicro_features", reason=reason)
    from tflm_wasm.wakeword import read_clips

    return [clip.energies for clip in read_clips(SPEECH)]


def speech_frames(path: Path) -> list[NDArray[Any]]:
    """Return each clip as inputs of the model, int8 [frames, 1, 3, 40]."""
    from tflm_wasm.wakeword import quantise

    graph = tflite.Model.GetRootAs(path.read_bytes(), 0).Subgraphs(0)
    tensor = graph.Tensors(graph.Inputs(0))
    scale, zero_point = tensor.Quantization().Scale(0), tensor.Quantization().ZeroPoint(0)
    return [
        quantise(
            energies,
            shape=tuple(tensor.ShapeAsNumpy()),
            dtype=np.dtype("int8"),
            scale=scale,
            zero_point=zero_point,
        )
        for energies in clips()
    ]


@pytest.mark.parametrize("name", WAKEWORDS)
def test_wake_words_equal_tflm_on_speech_with_and_without_resets(name: str) -> None:
    path = wakeword_model(name)
    sounds = speech_frames(path)
    starts = np.cumsum([0, *map(len, sounds)])
    frames = [[frame] for frame in np.concatenate(sounds)]
    assert len(frames) >= 200
    assert_equal_to_tflm(path.read_bytes(), frames, resets=set(starts[1:-1:2].tolist()))


@pytest.mark.parametrize("name", WAKEWORDS)
def test_wake_words_equal_tflm_on_noise_and_extremes(name: str) -> None:
    path = wakeword_model(name)
    rng = np.random.default_rng(11)
    noise = [[rng.integers(-128, 128, [1, 3, 40]).astype(np.int8)] for _ in range(150)]
    extremes = [[np.full([1, 3, 40], value, np.int8)] for value in (-128, 127, 0, 127, -128)]
    quiet = [[rng.integers(-128, -100, [1, 3, 40]).astype(np.int8)] for _ in range(60)]
    frames = noise + extremes * 4 + quiet
    assert_equal_to_tflm(path.read_bytes(), frames, resets=(1, 140, 200))


@pytest.mark.parametrize("name", TFLM_ARENA_BYTES)
def test_the_arena_of_a_wake_word_is_no_larger_than_tflms(name: str) -> None:
    engine = Engine(wakeword_model(name).read_bytes())
    assert engine.get("arena_needed") <= TFLM_ARENA_BYTES[name]
