"""Settings that every test shares."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

# The same examples on every run, and a line to paste that replays a failure.
settings.register_profile("project", derandomize=True, print_blob=True, deadline=None)
settings.load_profile("project")

# Machine code of this run alone, shared by its processes; it goes with the first of them.
if "TFLM_WASM_CODE_CACHE" not in os.environ:
    _folder = tempfile.TemporaryDirectory(prefix="tflm-wasm-code-", ignore_cleanup_errors=True)
    os.environ["TFLM_WASM_CODE_CACHE"] = _folder.name


@pytest.fixture
def as_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], bytes]]:
    """Return a function that makes a module the packaged engine."""
    from tflm_wasm import _compile
    from tflm_wasm._wasm import parse

    def replace(wasm: bytes) -> bytes:
        monkeypatch.setattr(_compile, "_own_code", lambda: parse(wasm).engine)
        monkeypatch.setattr(_compile, "packaged_engine", lambda: wasm)
        _compile._own_machine_code.cache_clear()
        return wasm

    yield replace
    _compile._own_machine_code.cache_clear()


@pytest.fixture(params=["own", "foreign"])
def as_code(request: pytest.FixtureRequest) -> Callable[[bytes], bytes]:
    """Return a function that makes a module the packaged engine, or leaves it foreign."""
    replace: Callable[[bytes], bytes] = request.getfixturevalue("as_own")
    return replace if request.param == "own" else lambda wasm: wasm
