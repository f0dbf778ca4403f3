"""Tests on a board: every emulated one, or those that `--board`, `--port`, `--bench` name."""

from __future__ import annotations

import pytest

from hil_tests import models


def pytest_configure(config: pytest.Config) -> None:
    """Say what is missing when the plugin of the package is not there."""
    if not config.pluginmanager.hasplugin("tflm_wasm_hil"):
        raise pytest.UsageError(
            "the plugin tflm_wasm_hil is not registered: install the package again, `make venv`"
        )


def pytest_report_header() -> str:
    """Say how much of the suite this is."""
    wanted = models.inputs_wanted()
    if wanted:
        return f"boards: {wanted} inputs a model"
    return (
        f"boards: a slice of the suite, {models.ENOUGH} inputs a model but down to "
        f"{models.FEWEST} for large ones; `make hil-full` runs {models.ENOUGH} for all"
    )
