"""One model listens to one sound, inside the sandbox."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tflm_wasm._errors import FileError
from tflm_wasm.wakeword._detector import Detector, WakeWord
from tflm_wasm.wakeword._features import (
    SAMPLE_RATE,
    Pcm,
    features,
    frame_end_ms,
    quantise,
    read_wav,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tflm_wasm import Device, Session


@dataclass(frozen=True)
class Clip:
    """A sound and the name of the wake word that must be detected in it, None for none.

    `pcm` is int16 [samples] at 16 kHz, `energies` are its features, float32 [windows, 40].
    """

    name: str
    pcm: Pcm
    energies: NDArray[np.float32]
    wake_word: str | None

    @property
    def duration_ms(self) -> float:
        return 1000 * len(self.pcm) / SAMPLE_RATE


@dataclass(frozen=True)
class Hearing:
    """What a model made of a clip.

    `frames` are the quantised inputs [n, *input shape]; `outputs` the raw output bytes of each
    frame, uint8 [n, output bytes]; `means` the sliding mean probability after each frame;
    `detections_ms` where in the sound detections start; `frame_us` the time of each frame around
    set, invoke and get.
    """

    word: WakeWord
    clip: Clip
    frames: NDArray[Any]
    outputs: NDArray[np.uint8]
    means: NDArray[np.float64]
    detections_ms: tuple[int, ...]
    frame_us: NDArray[np.float64]

    @property
    def expected(self) -> bool:
        """Whether this model must detect something in this clip."""
        return self.clip.wake_word == self.word.name


def read_clips(folder: Path) -> list[Clip]:
    """Return the clips that `folder`/speech.json lists.

    Raises:
        FileError: speech.json or a WAV file is missing or has another format.
    """
    try:
        manifest = json.loads((folder / "speech.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(
            f"{folder} holds no speech.json",
            hint="Run this in a checkout of the project, or pass `--speech FOLDER`.",
            path=str(folder),
        ) from error
    clips = []
    for entry in manifest["files"]:
        pcm = read_wav(folder / entry["name"])
        clips.append(Clip(entry["name"], pcm, features(pcm), entry.get("wake_word")))
    return clips


def listen(session: Session, word: WakeWord, clip: Clip) -> Hearing:
    """Reset `session` (an open module of `word.model`) and run the whole clip through it."""
    tensor = session.inputs[0]
    frames = quantise(
        clip.energies,
        shape=tensor.shape,
        dtype=tensor.dtype,
        scale=tensor.scale,
        zero_point=tensor.zero_point,
    )
    session.reset()
    outputs, frame_us = run_frames(session, frames)
    detector = Detector(word.cutoff, word.window)
    means = np.zeros(len(frames))
    detections = []
    for index, probability in enumerate(probabilities(session, outputs)):
        if detector.update(probability):
            stride = len(clip.energies) // len(frames)
            detections.append(frame_end_ms(index, stride))
        means[index] = detector.mean
    return Hearing(word, clip, frames, outputs, means, tuple(detections), frame_us)


def run_frames(
    session: Session | Device, frames: NDArray[Any], after: Callable[[], None] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the output bytes, uint8 [n, bytes], and the µs of each frame.

    `after` is called after each frame.
    """
    source, target = session.inputs[0].view, session.outputs[0].view
    outputs = np.empty((len(frames), target.nbytes), dtype=np.uint8)
    frame_us = np.empty(len(frames))
    for index, frame in enumerate(frames):
        start = time.perf_counter_ns()
        source[...] = frame
        session.invoke()
        got = target.copy()
        frame_us[index] = (time.perf_counter_ns() - start) / 1000
        outputs[index] = got.reshape(-1).view(np.uint8)
        if after is not None:
            after()
    return outputs, frame_us


def probabilities(session: Session, outputs: NDArray[np.uint8]) -> list[float]:
    """Return the probability (0..1) of each frame: the first output element, dequantised."""
    tensor = session.outputs[0]
    raw = outputs.view(tensor.dtype)[:, 0].astype(np.float64)
    return [float(value) for value in (raw - tensor.zero_point) * tensor.scale]
