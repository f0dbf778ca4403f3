"""Every model gives the bytes of the host on every board that it fits, and is refused elsewhere."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import tflm_wasm
from hil_tests import models
from hil_tests.outcomes import Outcome, outcome, same_nan
from tflm_wasm import ArenaTooSmallError, Device, ModelTooLargeError, Session
from tflm_wasm._verify_inputs import SEQUENCE_FRAMES, Case, make
from tflm_wasm.aot import DoesNotFitError
from tflm_wasm.hil import Board

SEED = 2026
TOO_SMALL = (ArenaTooSmallError, DoesNotFitError, ModelTooLargeError)
# What everything but model and arena takes at most: a board with this much more has to take it.
BESIDES_ARENA_KIB = 40
BESIDES_MODEL_KIB = 192


@cache
def on_host(name: str) -> list[list[tuple[Case, Outcome]]]:
    """Return the inputs of a model in sequences, each with what comes out on this machine."""
    host = models.on_host(name)
    numbers = models.numbers_of(models.inputs_of(name))
    cases = [make(host.inputs, number, SEED) for number in numbers]
    found = []
    for at in range(0, len(cases), SEQUENCE_FRAMES):
        host.reset()
        sequence = cases[at : at + SEQUENCE_FRAMES]
        found.append([(case, outcome(host, case.frame)) for case in sequence])
    return found


@cache
def zeros_on_host(name: str) -> Outcome:
    """Return what the model makes of zeros in its initial state on this machine."""
    host = models.on_host(name)
    host.reset()
    return outcome(host, zeros(host))


def zeros(host: Session) -> list[Any]:
    return [np.zeros(tensor.shape, tensor.dtype) for tensor in host.inputs]


@pytest.mark.parametrize("name", models.ALL)
def test_a_model_gives_the_bytes_of_the_host_or_is_refused(board: Board, name: str) -> None:
    model = models.content(name)
    try:
        host = models.on_host(name)
    except tflm_wasm.ModelError as refused:
        with pytest.raises(type(refused)):
            board.start(model)
        return
    try:
        device = board.start(model)
    except TOO_SMALL as error:
        check_refusal(board, error, len(model), host.arena_needed)
        return
    assert device.stateful == host.stateful
    ticks = []
    for sequence in on_host(name):
        device.reset()
        for case, expected in sequence:
            assert outcome(device, case.frame) == expected, f"input {case.index}, {case.kind}"
            ticks.append(device.last_ticks)
    flash, ram = board.footprint
    board.record(name, ticks=ticks, flash=flash, ram=ram, ops=ticks_by_op(device, name))


def ticks_by_op(device: Device, name: str) -> dict[str, int]:
    """Return the ticks of each operator in one run, which gives the host's bytes, too."""
    device.reset()
    profile = device.profile(*zeros(models.on_host(name)))
    on_board = [same_nan(tensor.view).tobytes() for tensor in device.outputs]
    assert on_board == zeros_on_host(name)
    return {f"{op.index} {op.name}": op.ticks for op in profile.ops}


def check_refusal(board: Board, error: Exception, model_bytes: int, arena_bytes: int) -> None:
    """See that a refusal says the sizes, that it is right, and that the board goes on."""
    needed = error.size if isinstance(error, ModelTooLargeError) else error.needed
    available = error.limit if isinstance(error, ModelTooLargeError) else error.available
    assert needed > available > 0
    assert f"{needed:,}" in str(error)
    assert f"{available:,}" in str(error)
    has = board.capabilities
    if board.spec.is_emulated:
        fits_ram = has.ram_kib * 1024 >= arena_bytes + BESIDES_ARENA_KIB * 1024
        fits_flash = has.flash_kib * 1024 >= model_bytes + BESIDES_MODEL_KIB * 1024
        assert not (fits_ram and fits_flash), "there is room enough"
        device = board.start(models.content("sine_int8")) if has.ram_kib >= 64 else None
    else:
        device = board.device
    assert device is None or device.identify().board
