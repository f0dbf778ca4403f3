"""The models that boards are tested with: our own, wake words, and public ones where they are."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

import tflm_wasm
from hil_tests import cases
from tflm_wasm import Session
from tflm_wasm._inspect_ops import read_ops

ROOT = Path(__file__).resolve().parents[1]
ZOO = ROOT / "firmware_models" / "zoo"
SHARED = ROOT.parent / "shared" / "models"
OWN = tuple(sorted(path.stem for path in ZOO.glob("*/*.tflite")))
WAKE_WORDS = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")
PUBLIC = (
    *("ad01_int8", "add0", "audio_preprocessor_int8", "conv0", "hello_world_int8"),
    *("keyword_scrambled", "kws_ref_model", "leaky_relu0", "micro_speech_quantized", "pad0"),
    *("person_detect", "pretrainedResnet_quant", "quantize0", "str_ww_ref_model"),
    *("strided_slice0", "sub0", "trained_lstm", "trained_lstm_int8", "transpose_conv4"),
    "vww_96_int8",
)
ALL = (*OWN, *WAKE_WORDS, *PUBLIC)
ENOUGH = 50  # inputs that a model is compared on
# What is left out when the environment asks for no number of inputs. An emulator takes a second for
# so many multiply-accumulates, and one for receiving so many bytes.
MACS_OF_A_TEST, BYTES_OF_A_TEST = 10_000_000, 10_000
EXTREMES = 8  # of the generated inputs, which begin with them
FEWEST = 3  # inputs of a model with many of either
LARGE_BYTES, LARGE_MACS = 32_768, 200_000
BOARDS_OF_A_LARGE = 2
LONG_TESTS = ("test_digits_are_read_as_well_as_on_the_host",)  # are dealt out as a large model is
UPLOADING_TESTS = {"test_a_generated_model_gives_the_bytes_of_the_host": cases.BOARDS}
ROOMY_KIB = 128  # RAM of a board that every model here fits on


def content(name: str) -> bytes:
    """Return a model, or skip the test when it is not here."""
    if name in OWN:
        return (ZOO / name / f"{name}.tflite").read_bytes()
    if name in WAKE_WORDS:
        spec = importlib.util.find_spec("pymicro_wakeword")
        if spec is None or spec.origin is None:
            pytest.skip("pymicro-wakeword is not installed: pip install 'tflm-wasm[demo]'")
        return (Path(spec.origin).parent / "models" / f"{name}.tflite").read_bytes()
    path = SHARED / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"{name}.tflite is not there: put the public model into ../shared/models")
    return path.read_bytes()


def inputs_wanted() -> int | None:
    """Return what the environment asks for, or None: as many as there is time for."""
    wanted = os.environ.get("TFLM_WASM_HIL_INPUTS")
    return int(wanted) if wanted else None


@cache
def macs_of(name: str) -> int:
    """Return the multiply-accumulates of one run."""
    return sum(op.macs for op in read_ops(content(name)) if op.subgraph == 0)


def inputs_of(name: str) -> int:
    """Return on how many inputs a model is compared."""
    sent = sum(tensor.view.nbytes for tensor in on_host(name).inputs)
    affordable = min(MACS_OF_A_TEST // max(macs_of(name), 1), BYTES_OF_A_TEST // max(sent, 1))
    return inputs_wanted() or min(ENOUGH, max(FEWEST, affordable))


def numbers_of(count: int) -> list[int]:
    """Return which generated inputs to take: with few, extremes and random ones in turn."""
    if count >= ENOUGH:
        return list(range(count))
    random = range(EXTREMES, ENOUGH)
    pairs = zip(random[:EXTREMES], range(EXTREMES), strict=True)
    return sorted([*(one for pair in pairs for one in pair), *random[EXTREMES:]][:count])


def is_large(name: str) -> bool:
    """Return whether a model that is here, or a test, is left out on most boards."""
    if name not in ALL:
        return name in LONG_TESTS
    try:
        return len(content(name)) > LARGE_BYTES or macs_of(name) > LARGE_MACS
    except pytest.skip.Exception:
        return False


def boards_of(name: str, boards: Mapping[str, int | None]) -> set[str]:
    """Return the boards that a model or a test is for.

    A large one is for two boards that it fits on, and every other one is also for one that it may
    be refused by. A test that is for certain boards is for all when none of these is there.

    Args:
        name: The model's name, or the test's.
        boards: All boards, with the RAM of each in KiB, None where that is not known.
    """
    if not inputs_wanted() and name in UPLOADING_TESTS:
        return set(boards) & set(UPLOADING_TESTS[name]) or set(boards)
    if inputs_wanted() or not is_large(name):
        return set(boards)
    roomy = [one for one, ram_kib in boards.items() if ram_kib is None or ram_kib >= ROOMY_KIB]
    others = [one for one in boards if one not in roomy]
    number = (*ALL, *LONG_TESTS).index(name)
    chosen = {roomy[(number + i) % len(roomy)] for i in range(BOARDS_OF_A_LARGE) if roomy}
    if others and (number % 2 == 0 or not roomy):
        chosen.add(others[number // 2 % len(others)])
    return chosen


@cache
def on_host(name: str) -> Session:
    """Return the model in WebAssembly on this machine: what a board is held against.

    Raises:
        tflm_wasm.ModelError: The engine can't run it.
    """
    return tflm_wasm.load(content(name), profile="extended")
