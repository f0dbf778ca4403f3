"""What comes out of a model, in a form in which the host's and a board's are equal or not."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from tflm_wasm import Device, GuestError, Session

Outcome: TypeAlias = "list[bytes] | tuple[type, Any]"


def same_nan(output: np.ndarray) -> np.ndarray:
    """WebAssembly leaves open which NaN an operation gives: its sign is the processor's."""
    if output.dtype.kind == "c":
        return same_nan(output.reshape(-1).view(output.real.dtype))
    if output.dtype.kind != "f":
        return output
    return np.where(np.isnan(output), output.dtype.type(np.nan), output)


def outcome(target: Session | Device, frame: list[Any]) -> Outcome:
    """Return the outputs' bytes, or how the guest refused the inputs."""
    try:
        return [same_nan(output).tobytes() for output in target.run(*frame)]
    except GuestError as error:
        return type(error), getattr(error, "status", None)
