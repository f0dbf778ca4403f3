"""How long a model takes here and in the reference runtimes, measured in one run in turns."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from tflm_wasm import oracles as _oracles
from tflm_wasm._device import Device
from tflm_wasm._doctor import provenance
from tflm_wasm._errors import NoModelError, OracleError
from tflm_wasm._inputs import Frame
from tflm_wasm._load import as_module
from tflm_wasm._module import Module
from tflm_wasm._profile import Profile
from tflm_wasm._session import Session
from tflm_wasm._verify import Progress
from tflm_wasm._verify_inputs import make

OURS: Final = "tflm-wasm"
INVOKE: Final = "invoke"
ROUND_TRIP: Final = "set-invoke-get"
Key: TypeAlias = tuple[str, str]  # runtime, what


@dataclass(frozen=True)
class Timing:
    """How long one runtime took for one input, in µs.

    Attributes:
        runtime: `tflm-wasm`, or an oracle's name.
        what: "set-invoke-get" from Python arrays to Python arrays, or "invoke" alone.
        samples: How many inputs were timed.
        median_us: Half of them took no longer; that is P50.
        p90_us: Nine in ten took no longer.
        p99_us: 99 in 100 took no longer.
        ratio: Its median over ours for the same `what`.
        error: Why there are no times; the figures are then None.
    """

    runtime: str
    what: str
    samples: int = 0
    median_us: float | None = None
    p90_us: float | None = None
    p99_us: float | None = None
    ratio: float | None = None
    error: str = ""


@dataclass(frozen=True)
class BenchReport:
    """The result of `bench`.

    Attributes:
        sha256: Digest of the model, in hex.
        profile: The profile of the module.
        rounds: Turns that each runtime had; one more, not counted, came first.
        frames: Inputs in each turn.
        timings: One `Timing` per runtime and way of timing.
        provenance: The machine, versions and the engine's digest.
    """

    sha256: str
    profile: str
    rounds: int
    frames: int
    timings: tuple[Timing, ...]
    provenance: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {**vars(self), "timings": [vars(one) for one in self.timings]}


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


class _Runner(Protocol):
    def __call__(self, frames: Sequence[Frame]) -> list[int]:
        """Run frames; return nanoseconds for each."""


def bench(
    source: str | os.PathLike[str] | bytes | Module,
    *,
    oracles: Sequence[str] | None = None,
    rounds: int = 20,
    frames: int = 50,
    seed: int = 0,
    profile: str = "strict",
    progress: Progress | None = None,
) -> BenchReport:
    """Time a model here and in reference runtimes, in turns, so that all see the same machine.

    A round trip is timed the same way everywhere: NumPy arrays in, invoke, NumPy arrays out, in
    one thread; for an oracle inside its own process, without the way there.

    Args:
        source: Path or content of a .tflite or .wasm, or a module.
        oracles: Names of the runtimes; None takes those that are installed.
        rounds: How many turns each one has.
        frames: How many inputs in a turn.
        seed: Seed of the inputs, which are uniform or smooth random ones.
        profile: The profile to opt into.
        progress: Called with what is running, turns done and turns in all.

    Raises:
        TflmWasmError: As `load`; a runtime that fails is a result, not an error.
    """
    module = as_module(source, profile=profile)
    if module.model is None:
        raise NoModelError("The module holds no .tflite model to give to a reference runtime")
    names = [name for name in _oracles.NAMES if _oracles.installed(name)]
    names = names if oracles is None else list(dict.fromkeys(oracles))
    with ExitStack() as stack:
        session = stack.enter_context(module.open())
        inputs = [make(session.inputs, 8 + i, seed).frame for i in range(frames)]
        runners: dict[Key, _Runner] = {
            (OURS, INVOKE): _invoke_only(session),
            (OURS, ROUND_TRIP): _round_trip(session),
        }
        errors: dict[Key, str] = {}
        for name in names:
            with _noting(errors, (name, ROUND_TRIP)):
                runners[name, ROUND_TRIP] = _oracle(stack, name, module.model)
        samples = _in_turns(runners, errors, inputs, rounds, progress)
    return BenchReport(
        sha256=hashlib.sha256(module.model).hexdigest(),
        profile=module.profile,
        rounds=rounds,
        frames=frames,
        timings=_timings(samples, errors),
        provenance=provenance(),
    )


@contextmanager
def _noting(errors: dict[Key, str], key: Key) -> Iterator[None]:
    """Take an oracle's failure for its answer."""
    try:
        yield
    except OracleError as error:
        errors[key] = str(error)


def _in_turns(
    runners: dict[Key, _Runner],
    errors: dict[Key, str],
    inputs: list[Frame],
    rounds: int,
    progress: Progress | None,
) -> dict[Key, list[int]]:
    """Give each runner its turn in each round, the first one another each time."""
    samples: dict[Key, list[int]] = {key: [] for key in runners}
    order = list(runners)
    total = (rounds + 1) * len(order)
    for number in range(rounds + 1):
        for turn, key in enumerate(order):
            if key not in errors:
                with _noting(errors, key):
                    times = runners[key](inputs)
                    samples[key] += times if number > 0 else []  # the first round warms up
            if progress is not None:
                progress(key[0], number * len(order) + turn + 1, total)
        order = [*order[1:], order[0]]
    return samples


def _timings(samples: dict[Key, list[int]], errors: dict[Key, str]) -> tuple[Timing, ...]:
    medians = {key: float(np.median(times)) for key, times in samples.items() if key not in errors}
    timings = []
    for key in [*samples, *(key for key in errors if key not in samples)]:
        runtime, what = key
        if key in errors:
            timings.append(Timing(runtime, what, error=errors[key]))
            continue
        p50, p90, p99 = (float(one) / 1000 for one in np.percentile(samples[key], (50, 90, 99)))
        ratio = medians[key] / medians[OURS, what]
        timings.append(Timing(runtime, what, len(samples[key]), p50, p90, p99, ratio))
    return tuple(timings)


def _invoke_only(session: Session) -> _Runner:
    def run(frames: Sequence[Frame]) -> list[int]:
        times = []
        for frame in frames:
            for tensor, array in zip(session.inputs, frame, strict=True):
                tensor.view[...] = array
            times.append(_nanoseconds(session.invoke))
        return times

    return run


def _round_trip(session: Session) -> _Runner:
    def run(frames: Sequence[Frame]) -> list[int]:
        times = []
        for frame in frames:
            start = time.perf_counter_ns()
            session.run(*frame)
            times.append(time.perf_counter_ns() - start)
        return times

    return run


def _nanoseconds(call: Callable[[], object]) -> int:
    start = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - start


def _oracle(stack: ExitStack, name: str, model: bytes) -> _Runner:
    oracle = stack.enter_context(_oracles.Oracle(name))
    oracle.open(model)

    def run(frames: Sequence[Frame]) -> list[int]:
        oracle.run_many(frames)
        return oracle.nanoseconds

    return run
