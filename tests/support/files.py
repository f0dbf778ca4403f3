"""Models to test with: our own, those of pymicro-wakeword, and public ones where they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ZOO = ROOT / "firmware_models" / "zoo"
SPEECH = ROOT / "firmware_models" / "speech"
SHARED = ROOT.parent / "shared" / "models"
WAKEWORDS = ("okay_nabu", "alexa", "hey_jarvis", "hey_mycroft")


def wakeword_model(name: str) -> Path:
    """Return a model of pymicro-wakeword, or skip the test when the package is absent."""
    spec = importlib.util.find_spec("pymicro_wakeword")
    if spec is None or spec.origin is None:
        pytest.skip("pymicro-wakeword is not installed: pip install 'tflm-wasm[demo]'")
    return Path(spec.origin).parent / "models" / f"{name}.tflite"


def shared_model(name: str) -> Path:
    """Return a public model from ../shared/models, or skip the test when it is not there."""
    path = SHARED / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"{name}.tflite is not there: put the public model into ../shared/models")
    return path
