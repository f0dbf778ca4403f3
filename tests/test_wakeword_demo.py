"""What the demo of `make run` shows, and that it fails loudly; with made-up oracles and boards."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
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

from rich.console import Console

from tests.support.files import SPEECH
from tflm_wasm import OpTime, Profile
from tflm_wasm._errors import EmulatorEnded, EmulatorMissing, OracleCrashed, OracleMissing
from tflm_wasm.aot import Report
from tflm_wasm.wakeword import BUILTIN, Hearing
from tflm_wasm.wakeword import _demo as demo
from tflm_wasm.wakeword._board import BoardRun, OnFrame
from tflm_wasm.wakeword._compare import Comparison, difference

if TYPE_CHECKING:
    from collections.abc import Sequence


def flat(text: str) -> str:
    """Undo the wrapping of lines and take panels' borders away."""
    return " ".join(text.replace("│", " ").split())


def shown(folder: Path = SPEECH, **arguments: Any) -> tuple[list[str], str]:
    console = Console(file=io.StringIO(), width=100)
    problems = demo.run(console, folder, **{"run_on_board": None, **arguments})
    assert isinstance(console.file, io.StringIO)
    return problems, flat(console.file.getvalue())


def all_equal(oracle: str, hearings: Sequence[Hearing]) -> Comparison:
    frames = sum(len(hearing.frames) for hearing in hearings)
    return Comparison(oracle, frames, (), np.ones(frames))


def one_bit_off(oracle: str, hearings: Sequence[Hearing]) -> Comparison:
    theirs = hearings[0].outputs.copy()
    theirs[57] ^= 1
    found = difference(hearings[0], theirs)
    assert found is not None
    return replace(all_equal(oracle, hearings), differences=(found,))


def missing(oracle: str, hearings: Sequence[Hearing]) -> Comparison:
    assert hearings
    return Comparison(oracle, error=OracleMissing(f"{oracle} is not installed.", oracle=oracle))


def crashed(oracle: str, hearings: Sequence[Hearing]) -> Comparison:
    assert hearings
    return Comparison(oracle, error=OracleCrashed(f"{oracle} died.", oracle=oracle))


def relabelled(folder: Path, wake_words: dict[str, str]) -> Path:
    """Copy the speech files, with another answer to what must be detected in some."""
    shutil.copytree(SPEECH, folder)
    path = folder / "speech.json"
    entries = json.loads(path.read_text(encoding="utf-8"))["files"]
    entries = [{**entry, "wake_word": wake_words.get(entry["name"])} for entry in entries]
    path.write_text(json.dumps({"files": entries}), encoding="utf-8")
    return folder


def test_the_demo_passes_when_all_is_well() -> None:
    problems, text = shown(compare=all_equal)
    assert problems == []
    assert "5 of 5 phrases detected" in text
    assert '"Okay Nabu" detected at 2,120 ms' in text
    assert "PASSED" in text


def test_one_bit_of_one_frame_that_is_not_tflms_fails_the_demo() -> None:
    problems, text = shown(compare=one_bit_off)
    assert len(problems) == len(BUILTIN)  # tflite_runtime's bit is counted, and no failure
    assert "okay_nabu differs from TFLM on okay_nabu.wav: 1 of" in problems[0]
    assert "the first is 57" in problems[0]
    assert "FAILED" in text
    assert "frames that differ from it are counted" in text


def test_an_oracle_that_crashes_fails_the_demo_when_it_is_tflm() -> None:
    problems, text = shown(compare=crashed)
    assert problems[0] == "okay_nabu was not compared with TFLM: tflite_micro died."
    assert len(problems) == len(BUILTIN)
    assert "FAILED" in text


def test_a_missing_oracle_is_said_and_claims_no_equality() -> None:
    problems, text = shown(compare=missing)
    assert problems == []
    assert "not installed" in text
    assert 'pip install "tflm-wasm[oracles]"' in text
    assert "not compared with TFLM" in text
    assert "byte-equal to TFLM" not in text


def test_a_missed_phrase_and_a_wrong_detection_fail_the_command(tmp_path: Path) -> None:
    folder = relabelled(tmp_path / "speech", {"alexa.wav": "okay_nabu"})
    command = [sys.executable, "-m", "tflm_wasm.wakeword", "--no-board", "--speech", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 1, done.stderr
    assert "FAILED" in done.stdout
    text = flat(done.stdout)
    assert 'did not detect "Okay Nabu" in alexa.wav: the mean peaks at 0.004 ≤ 0.85' in text
    assert 'detected "Okay Nabu" in okay_nabu.wav at 2,120 ms, where it is not said' in text


def test_the_command_says_in_one_sentence_that_the_speech_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tflm_wasm.wakeword", "--speech", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "holds no speech.json" in done.stderr


# The same on a board


def on_a_board(hearings: Sequence[Hearing], on_frame: OnFrame) -> BoardRun:
    """A board that gives the host's bytes."""
    frames = sum(len(hearing.frames) for hearing in hearings)
    on_frame(frames, frames)
    profile = Profile((OpTime(0, "VAR_HANDLE", 10), OpTime(1, "CONV_2D", 30)), 1000, 1)
    report = Report({"engine": 5000, "model": 700}, {"arena": 4000, "gaps": 0})
    return BoardRun("a board", frames, (), np.full(frames, 321_000), profile, 2.0, report)


def another_byte(hearings: Sequence[Hearing], on_frame: OnFrame) -> BoardRun:
    theirs = hearings[0].outputs.copy()
    theirs[57] ^= 1
    found = difference(hearings[0], theirs)
    assert found is not None
    return replace(on_a_board(hearings, on_frame), differences=(found,))


def no_emulator(hearings: Sequence[Hearing], _: OnFrame) -> BoardRun:
    program = "qemu-system-arm"
    raise EmulatorMissing(f"{program} is not installed", board=hearings[0].word.name)


def broken_board(hearings: Sequence[Hearing], on_frame: OnFrame) -> BoardRun:
    if hearings[0].word.name == "alexa":
        raise EmulatorEnded("The emulator ended with exit status 1", board="x")
    return on_a_board(hearings, on_frame)


def test_the_board_part_shows_time_memory_and_the_slowest_operators() -> None:
    problems, text = shown(compare=all_equal, run_on_board=on_a_board)
    assert problems == []
    assert "3,028 of 3,028 frames on the board byte-equal to the host" in text
    assert "757 (all) 321,000 5,700 4,000" in text
    assert "engine 5,000 arena 4,000" in text
    assert "1 CONV_2D 60 75%" in text


def test_one_bit_of_one_frame_on_the_board_fails_the_demo() -> None:
    problems, text = shown(compare=all_equal, run_on_board=another_byte)
    assert len(problems) == len(BUILTIN)
    assert "okay_nabu on the board differs from okay_nabu.wav: 1 of" in problems[0]
    assert "FAILED" in text


def test_without_an_emulator_the_demo_says_so_and_how_to_get_it() -> None:
    problems, text = shown(compare=all_equal, run_on_board=no_emulator)
    assert problems == []
    assert "PASSED, as far as it could be checked" in text
    assert "not run on a board: qemu-system-arm is not installed" in text
    assert "apt-get install qemu-system-arm" in text
    assert "byte-equal to TFLM" in text


def test_a_board_that_fails_fails_the_demo() -> None:
    problems, text = shown(compare=all_equal, run_on_board=broken_board)
    assert len(problems) == 1
    assert "alexa failed on the board: The emulator ended with exit status 1" in problems[0]
    assert "FAILED" in text
