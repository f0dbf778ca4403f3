"""An oracle for thousands of models, any of which may kill it."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from tflm_wasm._errors import OracleCrashed
from tflm_wasm.oracles import Oracle, current_outputs
from tflm_wasm.oracles._frames import Array

Step = Literal["", "open", "input", "invoke", "output", "died"]
_START_S: Final = 60  # longest time that a machine at work takes to start the process


@dataclass(frozen=True)
class Answer:
    """What the oracle says about a model.

    Attributes:
        outputs: The outputs of each frame up to the first that failed.
        step: The step that failed: it refused the model ("open"), could not be given an input,
            refused to run, could not return an output, or died. Empty when all went well.
        reason: What it printed.
    """

    outputs: tuple[tuple[Array, ...], ...]
    step: Step = ""
    reason: str = ""


class CaseOracle(Oracle):
    """A reference runtime in a child of its worker process; a model that kills it costs a fork.

    Args:
        name: One of `oracles.NAMES`.
        timeout_s: Longest time in whole seconds for one model.
        fill: The byte (1 to 255) that glibc fills memory with when it is allocated, so that an
            output nobody wrote is not 0 by luck.

    Raises:
        OracleMissing: The runtime is not installed.
    """

    def __init__(self, name: str, *, timeout_s: int = 20, fill: int = 0xA5) -> None:
        self._case_timeout_s = timeout_s
        self._fill = fill
        super().__init__(name, timeout_s=timeout_s + _START_S)

    def _arguments(self) -> list[str]:
        return [self.name, "--fork"]

    def _environment(self) -> dict[str, str]:
        # glibc fills with the complement of the byte it is given.
        return {**os.environ, "MALLOC_PERTURB_": str(self._fill ^ 0xFF)}

    def renew(self) -> None:
        """Go on in a fresh child, in whose memory no other model has left anything."""
        self._worker.revive()
        self._ask({"command": "renew"}, [])

    def answer(
        self,
        model: bytes,
        frames: Sequence[Sequence[Array]],
        *,
        resets: Collection[int] = (),
        outputs: int,
        variables: int,
        arena_bytes: int = 1 << 20,
    ) -> Answer:
        """Open a model and run frames in order.

        Args:
            model: The .tflite file.
            frames: Arrays for all inputs, frame by frame.
            resets: Numbers of the frames that a reset comes before.
            outputs: How many outputs the model has.
            variables: How many resource variables it has.
            arena_bytes: Size of the tensor arena, in bytes.
        """
        options = {
            "arena_bytes": arena_bytes,
            "current_outputs": current_outputs(model),
            "variables": variables,
        }
        header: dict[str, Any] = {
            "command": "case",
            "options": options,
            "frames": len(frames),
            "inputs_per_frame": len(frames[0]) if frames else 0,
            "resets": list(resets),
            "timeout_s": self._case_timeout_s,
        }
        self._worker.revive()
        arrays = [np.frombuffer(model, np.uint8), *(one for frame in frames for one in frame)]
        try:
            reply, results = self._ask(header, arrays)
        except OracleCrashed as error:
            return Answer((), "died", str(error))
        printed = self._worker.printed().strip()
        reason = f"{reply['error']}; {printed[:600]}" if reply["error"] else ""
        answers = [tuple(results[i * outputs : (i + 1) * outputs]) for i in range(reply["frames"])]
        return Answer(tuple(answers), reply["step"], reason)
