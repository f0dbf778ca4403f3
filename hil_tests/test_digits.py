"""The accuracy of the digit model, measured over the serial link."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hil_tests import models
from tflm_wasm.hil import Board

if str(models.ROOT / "firmware_models") not in sys.path:
    sys.path.insert(0, str(models.ROOT / "firmware_models"))

from zoo import catalog

(DIGITS,) = (entry for entry in catalog.entries() if entry.name == "digits_int8")


@pytest.mark.needs(ram_kib=64)
def test_digits_are_read_as_well_as_on_the_host(board: Board) -> None:
    device, host = board.start(DIGITS.model), models.on_host(DIGITS.name)
    inputs = DIGITS.heldout()[0].reshape(-1, *DIGITS.input.shape)
    on_board = np.stack([device.run(one)[0] for one in inputs])
    on_host = np.stack([host.run(one)[0] for one in inputs])
    assert on_board.tobytes() == on_host.tobytes()
    score = DIGITS.score(on_board)
    assert score == DIGITS.score(on_host) == DIGITS.tflm_score
    assert len(inputs) >= 100
