"""Models that the conformance machine generates, with what this machine makes of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import tflm_wasm
from hil_tests.outcomes import Outcome, outcome
from tflm_wasm.conformance import pairs, sample

COUNT: Final = 200
PARTS: Final = 8  # tests that the cases are divided into
BOARDS: Final = ("mps2-an386", "riscv32-virt")  # where they are uploaded: a Cortex-M4, a RISC-V
_FOR_EACH_TYPE: Final = 2  # of which some refuse their model or its inputs


@dataclass(frozen=True)
class Case:
    """A model that runs, its inputs frame by frame, and the outputs of each frame."""

    id: str
    model: bytes
    frames: list[list[object]]
    expected: list[Outcome]

    @property
    def op(self) -> str:
        """The op's name."""
        return self.id.split("/")[0]


def part_of(part: int) -> tuple[Case, ...]:
    """Return one of `PARTS` parts of the cases."""
    return generated()[part::PARTS]


@cache
def generated() -> tuple[Case, ...]:
    """Return `COUNT` cases that run to an output: of each op one, then of each a second, and on."""
    of_op: dict[str, list[Case]] = defaultdict(list)
    for case in _that_run():
        of_op[case.op].append(case)
    rounds = range(max(len(found) for found in of_op.values()))
    dealt = [found[i] for i in rounds for found in of_op.values() if i < len(found)]
    return tuple(dealt[:COUNT])


def _that_run() -> Iterator[Case]:
    for case_id, model, frames in sample(_FOR_EACH_TYPE * len(pairs())):
        inputs = [list(frame) for frame in frames]
        try:
            host = tflm_wasm.load(model, profile="extended")
        except tflm_wasm.ModelError:
            continue
        expected = [outcome(host, frame) for frame in inputs]
        if all(isinstance(one, list) for one in expected):
            yield Case(case_id, model, inputs, expected)
