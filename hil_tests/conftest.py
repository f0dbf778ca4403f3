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
        return f"boards: every model on every board, {wanted} inputs each"
    return (
        f"boards: a slice of the suite. Large models are on {models.BOARDS_OF_A_LARGE} boards, "
        f"with down to {models.FEWEST} inputs instead of {models.ENOUGH}; all of it: make hil-full"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deal the large models out to the boards."""
    cases = {
        item: item.callspec.params
        for item in items
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and {"name", "board"} <= item.callspec.params.keys()
    }
    boards = list(dict.fromkeys(case["board"].name for case in cases.values()))
    left_out = [
        item
        for item, case in cases.items()
        if not models.runs_on(case["name"], boards.index(case["board"].name), len(boards))
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
