"""Wake words: their speech, features and models, in the sandbox and on an emulated board."""

from __future__ import annotations

import hashlib
import json
import wave
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip(
    "pymicro_features", reason='pymicro-features is missing: pip install "tflm-wasm[demo]"'
)
pytest.importorskip(
    "pymicro_wakeword", reason='pymicro-wakeword is missing: pip install "tflm-wasm[demo]"'
)

from pymicro_wakeword import MicroWakeWordFeatures

import tflm_wasm
from tests.support.files import SPEECH
from tests.support.firmware import needs_qemu, needs_tools
from tflm_wasm._errors import FileError, OracleMissing
from tflm_wasm._link._serial import SerialTransport
from tflm_wasm.emulator import Emulator
from tflm_wasm.wakeword import (
    BUILTIN,
    Clip,
    Detector,
    Hearing,
    WakeWord,
    features,
    frame_end_ms,
    listen,
    quantise,
    read_clips,
    read_wav,
)
from tflm_wasm.wakeword import _board as board
from tflm_wasm.wakeword import _demo as demo
from tflm_wasm.wakeword._board import run_on_board
from tflm_wasm.wakeword._compare import ORACLES, REFERENCE, compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENTRIES = json.loads((SPEECH / "speech.json").read_text(encoding="utf-8"))["files"]
NAMES = [entry["name"] for entry in ENTRIES]


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return read_clips(SPEECH)


@pytest.fixture(scope="module", params=BUILTIN)
def heard(request: pytest.FixtureRequest, clips: list[Clip]) -> Iterator[list[Hearing]]:
    """What one model made of every clip."""
    word = WakeWord.builtin(request.param)
    with tflm_wasm.build(word.model).open() as session:
        yield [listen(session, word, clip) for clip in clips]


# The speech files


@pytest.mark.parametrize("name", NAMES)
def test_a_speech_file_is_16_khz_mono_int16_with_a_second_of_silence_around(name: str) -> None:
    with wave.open(str(SPEECH / name), "rb") as reader:
        assert reader.getparams()[:3] == (1, 2, 16_000)
        pcm = np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2")
    assert not pcm[:16_000].any()
    assert not pcm[-16_000:].any()
    assert np.abs(pcm.astype(int)).max() > 1000
    assert 90_000 < (SPEECH / name).stat().st_size < 120_000


def test_the_readme_gives_the_sum_of_every_speech_file() -> None:
    readme = (SPEECH / "README.md").read_text(encoding="utf-8")
    assert sorted(NAMES) == sorted(path.name for path in SPEECH.glob("*.wav"))
    for name in NAMES:
        assert f"`{hashlib.sha256((SPEECH / name).read_bytes()).hexdigest()}`" in readme


def test_a_sound_of_another_format_is_refused_with_the_command_that_converts_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as writer:
        writer.setparams((2, 2, 44_100, 0, "NONE", ""))
        writer.writeframes(bytes(400))
    with pytest.raises(FileError, match="44100 Hz, 16 bits and 2 channel") as caught:
        read_wav(path)
    assert caught.value.path == str(path)
    assert "ffmpeg -i" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a sound at all", None])
def test_a_file_that_is_no_sound_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=r"broken\.wav can't be read as WAV: \S"):
        read_wav(path)


def test_a_folder_without_speech_says_how_to_give_another(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_clips(tmp_path)
    assert "--speech" in caught.value.hint


# From sound to model inputs


def test_the_features_are_those_of_pymicro_wakeword(clips: list[Clip]) -> None:
    for clip in clips:
        theirs = MicroWakeWordFeatures().process_streaming(clip.pcm.tobytes())
        assert np.array_equal(clip.energies, np.concatenate(list(theirs), axis=1)[0])


@pytest.mark.parametrize(("samples", "windows"), [(0, 0), (479, 0), (480, 1), (639, 1), (640, 2)])
def test_a_window_is_30_ms_and_a_new_one_comes_every_10_ms(samples: int, windows: int) -> None:
    assert features(np.zeros(samples, dtype=np.int16)).shape == (windows, 40)


def test_a_frame_ends_where_its_last_window_ends() -> None:
    assert [frame_end_ms(frame, stride=3) for frame in (0, 1, 2)] == [50, 80, 110]
    assert frame_end_ms(0, stride=1) == 30


def quantised(values: Sequence[float], **parameters: Any) -> list[int]:
    row = np.zeros((1, 40), dtype=np.float32)
    row[0, : len(values)] = values
    frames = quantise(row, shape=(1, 1, 40), dtype=np.dtype(np.int8), **parameters)
    assert frames.shape == (1, 1, 1, 40)
    assert frames.dtype == np.int8
    return [int(value) for value in frames.reshape(-1)[: len(values)]]


def test_quantising_rounds_half_to_even_and_holds_at_the_ends_of_the_type() -> None:
    assert quantised([0.25, 0.75, 1.25], scale=0.5, zero_point=0) == [0, 2, 2]
    assert quantised([0, 1, 300, -300], scale=1.0, zero_point=-100) == [-100, -99, 127, -128]


def test_windows_that_do_not_fill_a_frame_are_dropped() -> None:
    energies = np.arange(80 * 4, dtype=np.float32).reshape(8, 40) / 4
    frames = quantise(
        energies, shape=(1, 3, 40), dtype=np.dtype(np.int8), scale=1.0, zero_point=-128
    )
    assert frames.shape == (2, 1, 3, 40)
    assert np.array_equal(frames.reshape(-1), np.round(energies.reshape(-1)[:240] - 128))


# When a probability is a detection


def detections(probabilities: Sequence[float]) -> list[int]:
    detector = Detector(cutoff=0.5, window=2)
    return [index for index, value in enumerate(probabilities) if detector.update(value)]


def test_nothing_is_detected_before_the_window_is_full() -> None:
    assert detections([1.0]) == []
    assert detections([1.0, 1.0]) == [1]


def test_a_mean_at_the_cutoff_is_no_detection() -> None:
    assert detections([0.5, 0.5, 0.25, 0.75]) == []


def test_one_phrase_is_one_detection_and_two_are_two() -> None:
    assert detections([0, 0, 1, 1, 1, 1, 0, 0]) == [3]
    assert detections([0, 0, 1, 1, 0, 0, 0, 1, 1, 1]) == [3, 8]


def test_a_wake_word_nobody_ships_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="hey_hal"):
        WakeWord.builtin("hey_hal")


# The models in the sandbox


def test_every_phrase_is_detected_by_its_model_and_by_no_other(heard: list[Hearing]) -> None:
    for hearing in heard:
        assert bool(hearing.detections_ms) == hearing.expected, hearing.clip.name
    assert any(hearing.expected for hearing in heard)
    assert demo.wrong_detections(heard) == []


def test_okay_nabu_is_detected_at_the_end_of_the_phrase(clips: list[Clip]) -> None:
    word = WakeWord.builtin("okay_nabu")
    with tflm_wasm.build(word.model).open() as session:
        found = {clip.name: listen(session, word, clip).detections_ms for clip in clips}
    assert found["okay_nabu.wav"] == (2120,)
    assert found["okay_nabu_second_voice.wav"] == (2210,)


def test_a_clip_sounds_the_same_whatever_was_heard_before(clips: list[Clip]) -> None:
    word = WakeWord.builtin("okay_nabu")
    module = tflm_wasm.build(word.model)
    with module.open() as fresh, module.open() as used:
        listen(used, word, clips[0])
        again, first = (listen(session, word, clips[1]).outputs for session in (used, fresh))
    assert np.array_equal(again, first)
    assert len(np.unique(first)) > 10


@pytest.mark.oracle
@pytest.mark.parametrize("oracle", ORACLES)
def test_every_frame_has_the_bytes_of(oracle: str, heard: list[Hearing]) -> None:
    comparison = compare(oracle, heard)
    if isinstance(comparison.error, OracleMissing):
        pytest.skip(f"{comparison.error} {comparison.error.hint}")
    assert comparison.error is None
    assert comparison.differences == ()
    assert comparison.equal == comparison.frames == sum(len(item.frames) for item in heard) > 700
    assert comparison.frame_us is not None
    assert len(comparison.frame_us) == comparison.frames
    assert comparison.frame_us.min() > 0


# The same on a board, and against a real oracle


def shortened(hearing: Hearing, frames: int) -> Hearing:
    return replace(hearing, frames=hearing.frames[:frames], outputs=hearing.outputs[:frames])


@needs_tools
@needs_qemu
def test_the_frames_of_a_wake_word_have_the_hosts_bytes_on_an_emulated_board(
    heard: list[Hearing],
) -> None:
    short = [shortened(heard[0], 40), shortened(heard[1], 20)]
    seen: list[tuple[int, int]] = []
    run = run_on_board(short, lambda done, total: seen.append((done, total)))
    assert run.differences == ()
    assert run.frames == 60
    assert seen == [(number, 60) for number in range(1, 61)]
    assert 50_000 < np.median(run.instructions) < 1_000_000
    total = run.profile.total * run.instructions_per_tick
    assert total == pytest.approx(np.median(run.instructions), rel=0.05)
    assert run.report.ram["model"] == 0

    outputs = short[1].outputs.copy()
    outputs[7] ^= 1
    run = run_on_board([short[0], replace(short[1], outputs=outputs)])
    assert [(item.clip, item.first_frame) for item in run.differences] == [(NAMES[1], 7)]


@needs_tools
@needs_qemu
def test_nothing_is_left_running_when_the_board_part_is_broken_off(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    word = WakeWord.builtin("hey_jarvis")
    with tflm_wasm.build(word.model).open() as session:
        hearing = listen(session, word, clips[0])
    emulators: list[Emulator] = []
    lines: list[SerialTransport] = []

    class Noted(Emulator):
        def connect(self, *, baudrate: int = 115_200) -> SerialTransport:
            emulators.append(self)
            lines.append(super().connect(baudrate=baudrate))
            return lines[-1]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt(f"{done} of {total}")

    monkeypatch.setattr(board, "Emulator", Noted)
    with pytest.raises(KeyboardInterrupt):
        run_on_board([shortened(hearing, 5)], stop)
    assert not emulators[0].alive
    assert not lines[0]._serial.is_open


@pytest.mark.oracle
def test_a_real_oracle_finds_the_one_bit_that_was_changed(heard: list[Hearing]) -> None:
    outputs = heard[0].outputs.copy()
    outputs[3] ^= 0x80
    comparison = compare(REFERENCE, [replace(heard[0], outputs=outputs), heard[1]])
    if isinstance(comparison.error, OracleMissing):
        pytest.skip(f"{comparison.error} {comparison.error.hint}")
    assert [(item.clip, item.first_frame) for item in comparison.differences] == [(NAMES[0], 3)]
    assert comparison.equal == comparison.frames - 1
