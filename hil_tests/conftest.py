"""Tests on a board: every emulated one, or those that `--board`, `--port`, `--bench` name."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Say what is missing when the plugin of the package is not there."""
    if not config.pluginmanager.hasplugin("tflm_wasm_hil"):
        raise pytest.UsageError(
            "the plugin tflm_wasm_hil is not registered: install the package again, `make venv`"
        )
