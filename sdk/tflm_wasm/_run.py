"""Running a session over many inputs."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from tflm_wasm._inputs import Array, Sequences
from tflm_wasm._session import Session


def run_sequences(
    session: Session, sequences: Sequences, progress: Callable[[str, int, int], None] | None = None
) -> list[Array]:
    """Run all frames in order, with a reset before each sequence but the first.

    Args:
        session: An open session.
        sequences: Its inputs, from `frames_of`.
        progress: Called with what is running, frames done and frames in all.

    Returns:
        One array for each output, of shape `sequences.leading` followed by the output's own.

    Raises:
        TflmWasmError: As `Session.run` and `Session.reset`.
    """
    total = prod(sequences.leading)
    results: list[tuple[Array, ...]] = []
    for number, frames in enumerate(sequences.frames):
        if number > 0:
            session.reset()
        for frame in frames:
            results.append(session.run(*frame))
            if progress is not None:
                progress("running", len(results), total)
    columns = zip(*results, strict=True)
    return [
        np.stack(column).reshape((*sequences.leading, *tensor.shape))
        for column, tensor in zip(columns, session.outputs, strict=True)
    ]
