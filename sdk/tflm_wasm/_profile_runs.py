"""The operators of an open model timed over many runs."""

from __future__ import annotations

from tflm_wasm._device import Device
from tflm_wasm._profile import Profile
from tflm_wasm._session import Session
from tflm_wasm._verify import Progress
from tflm_wasm._verify_inputs import make


def profile_runs(
    target: Session | Device, *, runs: int, seed: int = 0, progress: Progress | None = None
) -> Profile:
    """Return the median time of each operator of a model that is open, on random inputs.

    Args:
        target: Where the model runs; one with a state is reset before and after.
        runs: How many runs.
        seed: Seed of the inputs.
        progress: Called with what is running, runs done and runs in all.

    Raises:
        TflmWasmError: As `Session.profile`.
    """
    if target.stateful:
        target.reset()
    found = []
    for number in range(runs):
        found.append(target.profile(*make(target.inputs, 8 + number, seed).frame))
        if progress is not None:
            progress("operators", number + 1, runs)
    if target.stateful:
        target.reset()
    return Profile.median(found)
