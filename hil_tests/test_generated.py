"""Generated models of every op, uploaded one after the other, give the bytes of the host."""

from __future__ import annotations

import pytest

from hil_tests import cases
from hil_tests.outcomes import outcome
from tflm_wasm import Device


@pytest.mark.parametrize("part", range(cases.PARTS))
def test_a_generated_model_gives_the_bytes_of_the_host(with_slots: Device, part: int) -> None:
    differing = []
    for case in cases.part_of(part):
        with_slots.upload(case.model)
        if [outcome(with_slots, frame) for frame in case.frames] != case.expected:
            differing.append(case.id)
    assert not differing, "replay: tflm-wasm conformance --case ID"
