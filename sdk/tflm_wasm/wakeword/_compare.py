"""Do the reference runtimes give the same bytes, frame by frame?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflm_wasm._errors import OracleError
from tflm_wasm.oracles import Oracle
from tflm_wasm.wakeword._listen import Hearing

REFERENCE = "tflite_micro"
ORACLES = (REFERENCE, "tflite_runtime")


@dataclass(frozen=True)
class Difference:
    """The first frame of a clip whose output bytes differ, and how many do."""

    clip: str
    differing: int
    frames: int
    first_frame: int
    ours: bytes
    theirs: bytes

    def __str__(self) -> str:
        return (
            f"{self.clip}: {self.differing} of {self.frames} frames differ, the first is "
            f"{self.first_frame}: {self.ours.hex()} here, {self.theirs.hex()} there"
        )


@dataclass(frozen=True)
class Comparison:
    """What one oracle said about all clips of one model.

    `error` is why it said nothing; then the other fields are empty. `frame_us` is the time of each
    frame around set, invoke and get, measured inside the oracle's own process.
    """

    oracle: str
    frames: int = 0
    differences: tuple[Difference, ...] = ()
    frame_us: NDArray[np.float64] | None = None
    error: OracleError | None = None

    @property
    def equal(self) -> int:
        """How many frames have equal bytes."""
        return self.frames - sum(difference.differing for difference in self.differences)


def compare(name: str, hearings: Sequence[Hearing]) -> Comparison:
    """Run the frames of `hearings` (all of one model) through the oracle `name`.

    The oracle opens the model anew for each clip, since the models are stateful.
    """
    differences: list[Difference] = []
    nanoseconds: list[int] = []
    try:
        with Oracle(name) as oracle:
            for hearing in hearings:
                oracle.open(hearing.word.model)
                theirs = oracle.run_many([[frame] for frame in hearing.frames])
                nanoseconds += oracle.nanoseconds
                found = difference(hearing, np.stack([outputs[0] for outputs in theirs]))
                if found is not None:
                    differences.append(found)
    except OracleError as error:
        return Comparison(name, error=error)
    frames = sum(len(hearing.frames) for hearing in hearings)
    return Comparison(name, frames, tuple(differences), np.array(nanoseconds) / 1000)


def difference(hearing: Hearing, theirs: NDArray[Any]) -> Difference | None:
    """Return where `theirs` (outputs [frames, ...]) differ, None if nowhere."""
    theirs = theirs.reshape(len(hearing.outputs), -1).view(np.uint8)
    rows = np.flatnonzero((hearing.outputs != theirs).any(axis=1))
    if len(rows) == 0:
        return None
    first = int(rows[0])
    return Difference(
        clip=hearing.clip.name,
        differing=len(rows),
        frames=len(theirs),
        first_frame=first,
        ours=hearing.outputs[first].tobytes(),
        theirs=theirs[first].tobytes(),
    )
