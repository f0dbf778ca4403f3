"""A cache of its own for each test."""

from __future__ import annotations

import pytest

from tests.support.cached_code import forget
from tflm_wasm import _code_cache, code_cache
from tflm_wasm._wasmtime import Engine


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Give each test a cache of its own, and return its folder."""
    monkeypatch.setattr(_code_cache, "_chosen", [])
    code_cache.use(tmp_path / "code")
    forget()
    yield tmp_path / "code"
    forget()


@pytest.fixture
def no_compiler(monkeypatch):
    """Let compiling fail."""

    def compile_nothing(*_: object) -> None:
        raise AssertionError("compiled")

    def forbid() -> None:
        monkeypatch.setattr(Engine, "compile", compile_nothing)

    return forbid
