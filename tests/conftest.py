"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_MODELS = Path(__file__).parents[1].parent / "shared" / "models"


@pytest.fixture
def shared_model():
    """Return a function from a file name in ../shared/models to its path, or skip."""

    def find(name: str) -> Path:
        path = SHARED_MODELS / name
        if not path.exists():
            pytest.skip(f"{name} is missing: put it into ../shared/models beside the checkout")
        return path

    return find


@pytest.fixture(scope="session")
def wake_word_model() -> Path:
    """Return the path of okay_nabu.tflite from the pymicro-wakeword package."""
    package = pytest.importorskip(
        "pymicro_wakeword", reason='needs pymicro-wakeword: pip install "tflm-wasm[demo]"'
    )
    return Path(package.__file__).parent / "models" / "okay_nabu.tflite"
