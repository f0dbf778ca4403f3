"""Does a model give the same bytes here as in the reference runtimes?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tflm_wasm import oracles as _oracles
from tflm_wasm._errors import (
    GuestError,
    InputError,
    NoModelError,
    OracleCrashed,
    OracleError,
    OracleMissing,
    OracleRefused,
)
from tflm_wasm._inputs import Array, Source, frames_of
from tflm_wasm._load import as_module
from tflm_wasm._module import Module
from tflm_wasm._session import Session
from tflm_wasm._verify_compare import Mismatch, distance, mismatch
from tflm_wasm._verify_inputs import Case, generated, given, until

JUDGE: Final = "tflite_micro"  # equal means equal to it
Progress: TypeAlias = Callable[[str, int, int], None]  # what, done, total
_STATES: Final[dict[type[OracleError], str]] = {
    OracleMissing: "missing",
    OracleRefused: "refused",
    OracleCrashed: "crashed",
}


@dataclass(frozen=True)
class OracleResult:
    """What one reference runtime said.

    Attributes:
        oracle: Its name.
        version: Its version, None when it is not installed.
        state: "compared"; or "missing", "refused", "crashed" or "failed" when it stopped early.
        reason: Why it stopped; empty when it did not.
        equal: Inputs with the same outputs, byte for byte.
        differing: Inputs with other outputs.
        max_distance: Largest difference: LSB of integers, ulp of floats.
        first: The first difference.
        arena_bytes: The arena that TFLM used; None for another runtime.
    """

    oracle: str
    version: str | None
    state: str
    reason: str = ""
    equal: int = 0
    differing: int = 0
    max_distance: int = 0
    first: Mismatch | None = None
    arena_bytes: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether it answered everything, all of it equal."""
        return self.state == "compared" and self.equal > 0 and self.differing == 0


@dataclass(frozen=True)
class VerifyReport:
    """The result of `verify`.

    Attributes:
        sha256: Digest of the model, in hex.
        profile: The profile of the module.
        seed: Seed of the random inputs.
        inputs: Inputs that were run.
        stateful: Whether they were run in sequences, with a reset before each.
        distinct_outputs: How many different outputs there were; 1 means they say little.
        unit: What `max_distance` counts: "LSB", "ulp" or, with both kinds of outputs, "LSB/ulp".
        arena_bytes: The arena used here.
        failure: The first input that the module itself failed on, and how; None when it ran all.
        results: One `OracleResult` per oracle.
        failing: The frames that replay the first difference: for each input, arrays in order.
    """

    sha256: str
    profile: str
    seed: int
    inputs: int
    stateful: bool
    distinct_outputs: int
    unit: str
    arena_bytes: int
    failure: tuple[int, str] | None
    results: tuple[OracleResult, ...]
    failing: tuple[list[Array], ...]

    @property
    def judges(self) -> tuple[OracleResult, ...]:
        """The oracles that decide: tflite_micro, or all where it was not asked."""
        chosen = tuple(result for result in self.results if result.oracle == JUDGE)
        return chosen or self.results

    @property
    def passed(self) -> bool:
        """Whether everything ran here, and equals what the judges answered."""
        return (
            self.failure is None
            and bool(self.judges)
            and all(result.agrees for result in self.judges)
        )

    @property
    def first_mismatch(self) -> tuple[OracleResult, Mismatch] | None:
        """The first difference from a judge, or else from any oracle."""
        for result in (*self.judges, *self.results):
            if result.first is not None:
                return result, result.first
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        failure = self.failure
        return {
            "passed": self.passed,
            "judges": [result.oracle for result in self.judges],
            "sha256": self.sha256,
            "profile": self.profile,
            "seed": self.seed,
            "inputs": self.inputs,
            "stateful": self.stateful,
            "distinct_outputs": self.distinct_outputs,
            "unit": self.unit,
            "arena_bytes": self.arena_bytes,
            "failure": None if failure is None else {"index": failure[0], "reason": failure[1]},
            "oracles": [
                {**vars(one), "first": None if one.first is None else one.first.to_dict()}
                for one in self.results
            ],
        }


def verify(
    source: str | os.PathLike[str] | bytes | Module,
    *,
    oracles: Sequence[str] | None = None,
    inputs: Sequence[Source] = (),
    count: int = 200,
    seed: int = 0,
    index: int | None = None,
    profile: str = "strict",
    progress: Progress | None = None,
) -> VerifyReport:
    """Run a model here and in reference runtimes, and compare every output.

    A stateful model runs in sequences of 25 inputs. Each starts with a reset, here and in
    tflite_micro; the other runtimes open the model anew, because their own reset leaves resource
    variables as they are.

    Args:
        source: Path or content of a .tflite or .wasm, or a module.
        oracles: Names of the runtimes; None takes those that are installed.
        inputs: A user's own inputs, which are run besides the generated ones.
        count: How many inputs to generate.
        seed: Seed of the random ones.
        index: Run only this input, and those before it that its state depends on.
        profile: The profile to opt into.
        progress: Called with what is running, inputs done and inputs in all.

    Raises:
        TflmWasmError: As `load`; a runtime that fails is a result, not an error.
        InputError: `inputs` don't fit, or there is nothing to run.
    """
    module = as_module(source, profile=profile)
    if module.model is None:
        raise NoModelError("The module holds no .tflite model to give to a reference runtime")
    names = [name for name in _oracles.NAMES if _oracles.installed(name)]
    names = names if oracles is None else list(dict.fromkeys(oracles))
    with module.open() as session:
        sequences = generated(session.inputs, count, seed)
        if inputs:
            sequences += given(frames_of(inputs, session.inputs), count)
        stateful = session.stateful
        if index is not None:
            sequences = until(sequences, index, stateful=stateful)
        total = sum(map(len, sequences))
        if total == 0:
            raise InputError(
                "There is no input to run" if index is None else f"There is no input {index}",
                hint="Ask for some: `tflm-wasm verify MODEL --count 200`.",
            )
        meter = _Meter(progress, total * (1 + len(names)))
        ours, failure = _run_here(session, sequences, meter)
        unit = _unit(session)
        arena_bytes = session.arena_used
    results = [_compare(name, module.model, sequences, ours, stateful, meter) for name in names]
    report = VerifyReport(
        sha256=hashlib.sha256(module.model).hexdigest(),
        profile=module.profile,
        seed=seed,
        inputs=total,
        stateful=stateful,
        distinct_outputs=len({_bytes(one) for outputs in ours for one in outputs}),
        unit=unit,
        arena_bytes=arena_bytes,
        failure=failure,
        results=tuple(results),
        failing=(),
    )
    return _with_failing(report, sequences)


class _Meter:
    """Counts inputs for a progress callback."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self, what: str, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(what, self._done, self._total)


def _unit(session: Session) -> str:
    floats = {tensor.dtype.kind == "f" for tensor in session.outputs}
    return "LSB/ulp" if len(floats) == 2 else "ulp" if floats == {True} else "LSB"


def _bytes(outputs: Sequence[Array]) -> bytes:
    return b"".join(array.tobytes() for array in outputs)


def _run_here(
    session: Session, sequences: list[list[Case]], meter: _Meter
) -> tuple[list[list[list[Array]]], tuple[int, str] | None]:
    """Return outputs by sequence and frame; a sequence ends early where the module fails."""
    everything: list[list[list[Array]]] = []
    failure: tuple[int, str] | None = None
    for cases in sequences:
        outputs: list[list[Array]] = []
        everything.append(outputs)
        case = cases[0]
        try:
            session.reset()
            for case in cases:
                outputs.append(list(session.run(*case.frame)))
        except GuestError as error:
            failure = failure or (case.index, f"{type(error).__name__}: {error}")
            session.reopen()
        meter.add("tflm-wasm", len(cases))
    return everything, failure


def _compare(
    name: str,
    model: bytes,
    sequences: list[list[Case]],
    ours: list[list[list[Array]]],
    stateful: bool,  # noqa: FBT001 - private
    meter: _Meter,
) -> OracleResult:
    """Run the inputs that ran here in an oracle, and compare."""
    version = _oracles.version(name)
    tally = _Tally()
    state, reason, arena_bytes = "compared", "", None
    try:
        with _oracles.Oracle(name) as oracle:
            oracle.open(model)
            arena_bytes = oracle.arena_used()
            for number, (cases, mine) in enumerate(zip(sequences, ours, strict=True)):
                if stateful and number > 0:
                    if name == JUDGE:
                        oracle.reset()
                    else:
                        oracle.open(model)
                theirs = oracle.run_many([case.frame for case in cases[: len(mine)]])
                for case, one, other in zip(cases, mine, theirs, strict=False):
                    tally.add(case, one, other)
                meter.add(name, len(cases))
    except OracleError as error:
        state, reason = _STATES.get(type(error), "failed"), str(error)
    return OracleResult(
        oracle=name,
        version=version,
        state=state,
        reason=reason,
        equal=tally.equal,
        differing=tally.differing,
        max_distance=tally.max_distance,
        first=tally.first,
        arena_bytes=arena_bytes,
    )


class _Tally:
    """Counts equal and different inputs."""

    def __init__(self) -> None:
        self.equal = self.differing = self.max_distance = 0
        self.first: Mismatch | None = None

    def add(self, case: Case, ours: list[Array], theirs: list[Array]) -> None:
        apart = [distance(a, b) for a, b in zip(ours, theirs, strict=True)]
        worst = max(apart, default=0)
        self.max_distance = max(self.max_distance, worst)
        if worst == 0:
            self.equal += 1
            return
        self.differing += 1
        if self.first is None:
            output = next(i for i, one in enumerate(apart) if one)
            self.first = mismatch(case, output, ours[output], theirs[output])


def _with_failing(report: VerifyReport, sequences: list[list[Case]]) -> VerifyReport:
    """Add the inputs that replay the first failure or difference."""
    found = report.first_mismatch
    index = report.failure[0] if report.failure else found[1].index if found else None
    if index is None:
        return report
    (cases,) = until(sequences, index, stateful=report.stateful)
    columns = tuple([case.frame[i] for case in cases] for i in range(len(cases[0].frame)))
    return VerifyReport(**{**vars(report), "failing": columns})
