"""A runtime folder of its own for each test, and the test image."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.boards import build_image
from tflm_wasm import emulator


@pytest.fixture(autouse=True)
def own_runtime_folder(tmp_path, monkeypatch):
    """Keep locks and records of emulators away from the user's, and end what a test left."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir(mode=0o700)
    yield
    for one in emulator.find_all():
        one.end()


@pytest.fixture(scope="session")
def image(tmp_path_factory) -> Path:
    """Return a program for the board of the tests."""
    return build_image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def other_image(tmp_path_factory) -> Path:
    """Return another one."""
    return build_image(tmp_path_factory.mktemp("image"), variant=2)
