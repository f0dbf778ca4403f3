"""Models that are uploaded to a board with slots: accepted, refused, and the old one goes on."""

from __future__ import annotations

import numpy as np
import pytest

import tflm_wasm
from hil_tests import models
from tflm_wasm import Device
from tflm_wasm.hil import Board

ZERO = np.zeros((1, 1), np.int8)


def still_runs(device: Device) -> bool:
    expected = models.on_host("sine_int8").run(ZERO)[0].tobytes()
    return device.run(ZERO)[0].tobytes() == expected


def test_an_uploaded_model_runs_and_is_there_after_a_reset(
    board: Board, with_slots: Device
) -> None:
    assert still_runs(with_slots)
    assert still_runs(board.reset())


def test_a_model_larger_than_a_slot_is_refused_with_both_sizes(with_slots: Device) -> None:
    limit = with_slots.identify().slot_bytes
    with pytest.raises(tflm_wasm.ModelTooLargeError) as caught:
        with_slots.upload(bytes(limit + 1))
    assert (caught.value.size, caught.value.limit) == (limit + 1, limit)
    assert still_runs(with_slots)


def test_a_model_that_is_none_is_refused_and_the_old_one_goes_on(with_slots: Device) -> None:
    with pytest.raises(tflm_wasm.ModelError):
        with_slots.upload(b"\x08\0\0\0TFL3" + bytes(56))
    assert still_runs(with_slots)


def test_a_cut_off_model_is_refused_and_the_old_one_goes_on(with_slots: Device) -> None:
    model = models.content("sine_int8")
    with pytest.raises(tflm_wasm.ModelError):
        with_slots.upload(model[: len(model) // 2])
    assert still_runs(with_slots)


def test_nothing_was_lost_on_the_link(with_slots: Device) -> None:
    stats = with_slots.stats()
    drops = {name: n for name, n in stats.device.items() if name.startswith("drop_") and n}
    drops |= {name: n for name, n in stats.host.items() if name.startswith("drop_") and n}
    assert drops == {}
    assert stats.device["uart_overruns"] == 0
