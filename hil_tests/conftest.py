"""Tests on a board: every emulated one, or those that `--board`, `--port`, `--bench` name."""

from __future__ import annotations

import pytest

import tflm_wasm
from hil_tests import models
from tflm_wasm import Device
from tflm_wasm.aot import load_board
from tflm_wasm.hil import BoardSpec

PAGE_BYTES = 4096


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


@pytest.hookimpl(tryfirst=True)  # so that -k leaves out more, and deals nothing out anew
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deal the large models and the long tests out to the boards."""
    cases = {
        item: (params.get("name", item.originalname), params["board"])
        for item in items
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and "board" in (params := item.callspec.params)
    }
    boards = {spec.name: _ram_kib(spec) for _, spec in cases.values()}
    left_out = {
        item
        for item, (name, spec) in cases.items()
        if spec.name not in models.boards_of(name, boards)
    }
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _ram_kib(spec: BoardSpec) -> int | None:
    name = spec.board or (spec.name if spec.is_emulated else None)
    return None if name is None else load_board(name).ram.bytes // 1024


@pytest.fixture
def with_slots(device: Device) -> Device:
    """A board that the sine model was uploaded to."""
    identity = device.identify()
    if identity.slots == 0 or identity.slot_bytes < PAGE_BYTES:
        pytest.skip(f"{identity.board} has no slots for models: its flash is not written")
    try:
        device.upload(models.content("sine_int8"))
    except tflm_wasm.UploadError:
        pytest.skip(f"{identity.board} has flash that its emulator does not write")
    return device
