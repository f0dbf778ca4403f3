"""The models that boards are tested with: our own, wake words, and public ones where they are."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path

import pytest

import tflm_wasm
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
# so many multiply-accumulates, and receives 10 KB in a second.
MACS_OF_A_TEST = 10_000_000
FEWEST = 3  # inputs of a model with many
LARGE_BYTES, LARGE_MACS = 32_768, 200_000
BOARDS_OF_A_LARGE = 2


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
    affordable = max(FEWEST, MACS_OF_A_TEST // max(macs_of(name), 1))
    return inputs_wanted() or min(ENOUGH, affordable)


def is_large(name: str) -> bool:
    """Return whether a model that is here is left out on most boards."""
    try:
        return len(content(name)) > LARGE_BYTES or macs_of(name) > LARGE_MACS
    except pytest.skip.Exception:
        return False


def runs_on(name: str, board: int, boards: int) -> bool:
    """Return whether a model is tested on board number `board` of `boards`."""
    if inputs_wanted() or not is_large(name):
        return True
    return (ALL.index(name) - board) % boards < BOARDS_OF_A_LARGE


@cache
def on_host(name: str) -> Session:
    """Return the model in WebAssembly on this machine: what a board is held against.

    Raises:
        tflm_wasm.ModelError: The engine can't run it.
    """
    return tflm_wasm.load(content(name), profile="extended")
