"""Sound in, model inputs out: microWakeWord's front end around TFLM's audio features.

The features are 40 filter bank energies of a 30 ms window, a new window every 10 ms
(`pymicro-features`, TFLM's own C code). A model takes several windows at once, its `stride`
(3 in all public models); one such group is a *frame* here, and one invoke of the model.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflm_wasm._errors import FileError

SAMPLE_RATE = 16_000
WINDOW_MS = 30
STEP_MS = 10
FEATURES = 40
_CHUNK_BYTES = 2 * SAMPLE_RATE * STEP_MS // 1000

Pcm = NDArray[np.int16]


def read_wav(path: str | Path) -> Pcm:
    """Return the samples of a WAV file: int16, mono, 16 kHz.

    Raises:
        FileError: The file is missing, is not a WAV file, or has another format.
    """
    try:
        with wave.open(str(path), "rb") as reader:
            found = reader.getframerate(), reader.getsampwidth(), reader.getnchannels()
            data = reader.readframes(reader.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        why = str(error) or "it ends early"
        raise FileError(f"{path} can't be read as WAV: {why}", path=str(path)) from error
    if found != (SAMPLE_RATE, 2, 1):
        rate, width, channels = found
        raise FileError(
            f"{path} has {rate} Hz, {8 * width} bits and {channels} channel(s); "
            f"{SAMPLE_RATE} Hz, 16 bits and 1 channel are needed",
            hint=f"Convert it: `ffmpeg -i {path} -ar {SAMPLE_RATE} -ac 1 -sample_fmt s16 OUT.wav`.",
            path=str(path),
        )
    return np.frombuffer(data, dtype="<i2")


def features(pcm: Pcm) -> NDArray[np.float32]:
    """Return the filter bank energies of `pcm`: float32 [windows, 40].

    Window k covers the samples from 10·k ms to 10·k + 30 ms; what is left at the end is dropped.
    """
    from pymicro_features import MicroFrontend

    frontend = MicroFrontend()
    data = pcm.astype("<i2").tobytes()
    rows: list[list[float]] = []
    position = 0
    while position + _CHUNK_BYTES <= len(data):
        result = frontend.process_samples(data[position : position + _CHUNK_BYTES])
        position += 2 * result.samples_read
        if result.features:
            rows.append(result.features)
    return np.asarray(rows, dtype=np.float32).reshape(-1, FEATURES)


def quantise(
    energies: NDArray[np.float32],
    *,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    scale: float,
    zero_point: int,
) -> NDArray[Any]:
    """Return the model's inputs: `dtype` [frames, *shape], from float32 [windows, 40].

    round(energy / scale + zero_point), half to even, held at the ends of `dtype`. Windows that do
    not fill a frame are dropped.
    """
    stride = int(np.prod(shape)) // FEATURES
    frames = len(energies) // stride
    used = energies[: frames * stride].astype(np.float64)
    limits = np.iinfo(dtype)
    rounded = np.clip(np.round(used / scale + zero_point), limits.min, limits.max)
    inputs: NDArray[Any] = rounded.astype(dtype).reshape((frames, *shape))
    return inputs


def frame_end_ms(frame: int, stride: int) -> int:
    """Return where in the sound the last window of a frame ends, in ms."""
    return WINDOW_MS + STEP_MS * ((frame + 1) * stride - 1)
