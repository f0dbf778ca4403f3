"""What the two sides' answers to a case mean."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module, resources
from typing import Any, Final

import numpy as np

from tflm_wasm._verify_compare import NEVER, distance
from tflm_wasm.conformance._case import Case
from tflm_wasm.conformance._writer import Array
from tflm_wasm.oracles._cases import Answer

CLASSES: Final = "classes.toml"
EXCEPTIONS: Final = "exceptions.toml"


class Outcome(Enum):
    """How a case ended."""

    EQUAL = "equal"
    NEAR = "within its class"
    DIFFERS = "differs"
    BOTH_REFUSE = "both refuse"
    OURS_REFUSES = "only we refuse"
    MISSING = "we do not have the op"
    TFLM_REFUSES = "only TFLM refuses"
    TFLM_CRASHES = "TFLM crashes, we refuse"
    CRASH_ACCEPTED = "TFLM crashes, we run it"
    UNSTABLE = "TFLM's output depends on memory that it never wrote"
    UNREACHABLE = "TFLM's Python package can't pass a tensor"
    TRAP = "we trap"

    @property
    def is_agreement(self) -> bool:
        """Whether the two sides agree, as far as they can be compared."""
        return self in _AGREE


_AGREE: Final = (
    Outcome.EQUAL,
    Outcome.NEAR,
    Outcome.BOTH_REFUSE,
    Outcome.TFLM_CRASHES,
    Outcome.UNREACHABLE,
)


@dataclass(frozen=True)
class Tolerance:
    """How far floats may be apart; 0 and 0 is the class "equal".

    Attributes:
        ulp: Units in the last place.
        absolute: Or this difference.
    """

    ulp: int = 0
    absolute: float = 0.0

    def __str__(self) -> str:
        if self.absolute:
            return f"within {self.absolute:g}"
        return f"ulp = {self.ulp}" if self.ulp else "equal"


@dataclass(frozen=True)
class Rule:
    """A disagreement that is known, with its reason.

    Attributes:
        reason: Why.
        outcome: Name of the `Outcome`.
        ops: Patterns of names of ops.
        kinds: Patterns of types.
        ours: Regular expression found in our sentence.
        theirs: Regular expression found in TFLM's.
        spoiled: Regular expression found in what is wrong with the model.
        open: Whether it is a fault that is to be mended, so that cases of it fail.
    """

    reason: str
    outcome: str
    ops: Sequence[str] = ("*",)
    kinds: Sequence[str] = ("*",)
    ours: str = ""
    theirs: str = ""
    spoiled: str = ""
    open: bool = False

    def matches(self, result: Result) -> bool:
        """Say whether the rule is about this result."""
        return (
            self.outcome == result.outcome.name
            and any(fnmatchcase(result.op, one) for one in self.ops)
            and any(fnmatchcase(result.kind, one) for one in self.kinds)
            and all(
                re.search(pattern, text)
                for pattern, text in (
                    (self.ours, result.ours),
                    (self.theirs, result.theirs),
                    (self.spoiled, result.spoiled),
                )
            )
        )


@dataclass(frozen=True)
class Result:
    """How a case ended, and why.

    Attributes:
        id: The case's id.
        outcome: How it ended.
        ulp: The largest distance between outputs: ulp of floats, LSB of integers.
        nan_only: Whether outputs were equal but for bits of NaNs.
        ours: Our sentence, when we refuse, or where outputs differ.
        theirs: TFLM's.
        spoiled: What is wrong with the model, if anything.
        rule: Number of the rule that knows this disagreement.
    """

    id: str
    outcome: Outcome
    ulp: int = 0
    nan_only: bool = False
    ours: str = ""
    theirs: str = ""
    spoiled: str = ""
    rule: int | None = field(default=None, compare=False)

    @property
    def op(self) -> str:
        """The op's name."""
        return self.id.split("/")[0]

    @property
    def kind(self) -> str:
        """Its type."""
        return self.id.split("/")[1]

    @property
    def passed(self) -> bool:
        """Whether it ended as it should."""
        return self.outcome.is_agreement or (self.is_known and not rules()[self.rule or 0].open)

    @property
    def is_known(self) -> bool:
        """Whether it is a disagreement that is documented, be it meant to be or to be mended."""
        return self.rule is not None

    @property
    def reason(self) -> str:
        """The reason for a disagreement that is known."""
        return "" if self.rule is None else rules()[self.rule].reason


@dataclass(frozen=True)
class Partial:
    """Outputs of an op that TFLM does not always write.

    Attributes:
        reason: Which part it writes.
        ops: The ops.
        valid: Number of the output that says, true or false, whether output 0 was written.
        count: Number of the output that says how many rows of those before it were written.
    """

    reason: str
    ops: Sequence[str]
    valid: int | None = None
    count: int | None = None

    def written(self, outputs: Sequence[Array]) -> tuple[Array, ...]:
        """Return the outputs with zeros for what was not written."""
        says = self.valid if self.valid is not None else self.count
        if says is None or len(outputs) <= says or outputs[says].size != 1:
            return tuple(outputs)  # a model that something is wrong with
        said = outputs[says].reshape(-1)[0]
        if self.valid is not None:
            return tuple(outputs) if said else (np.zeros_like(outputs[0]), *outputs[1:])
        rows = [one.copy() for one in outputs]
        for one in rows[:says]:
            if one.ndim > 1:
                one[:, int(said) :] = 0
        return tuple(rows)


def _load(name: str) -> dict[str, Any]:
    # Imported by name, because Python 3.10 has the same reader only as a package, tomli.
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    file = resources.files("tflm_wasm.conformance") / name
    content: dict[str, Any] = toml.loads(file.read_text(encoding="utf-8"))
    return content


@cache
def tolerances() -> Mapping[tuple[str, str], Tolerance]:
    """Return the classes that are not "equal", by op and type."""
    return {
        (op, kind): Tolerance(**fields)
        for op, kinds in _load(CLASSES).items()
        for kind, fields in kinds.items()
    }


@cache
def rules() -> Sequence[Rule]:
    """Return the known disagreements."""
    return [Rule(**fields) for fields in _load(EXCEPTIONS)["exception"]]


@cache
def partials() -> Mapping[str, Partial]:
    """Return which outputs are not always written, by op."""
    listed = [Partial(**fields) for fields in _load(EXCEPTIONS)["partial"]]
    return {op: one for one in listed for op in one.ops}


def tolerance(op: str, kind: str) -> Tolerance:
    """Return the class of an op in a type."""
    return tolerances().get((op, kind), Tolerance())


def judge(case: Case, ours: Answer, theirs: Answer, again: Answer | None = None) -> Result:
    """Compare the answers to a case.

    Args:
        case: The case.
        ours: The engine's answer.
        theirs: TFLM's.
        again: TFLM's, when its memory held something else before. Where the two differ, TFLM has
            left an output unwritten or read memory that was not, and nothing is compared.
    """
    ours, theirs = _written(case, ours), _written(case, theirs)
    again = _written(case, again) if again is not None else None
    if again is not None and not _same(theirs, again):
        theirs = _stable(ours, theirs, again)
    else:
        again = None
    outcome, ulp, nan_only, where = _outcome(case, ours, theirs)
    if again is not None and outcome in (Outcome.EQUAL, Outcome.NEAR):
        outcome = Outcome.UNSTABLE
    result = Result(
        id=case.id,
        outcome=outcome,
        ulp=ulp,
        nan_only=nan_only,
        ours=where[0] if where else ours.reason,
        theirs=where[1] if where else theirs.reason,
        spoiled=case.spoiled,
    )
    return with_rule(result)


def _written(case: Case, answer: Answer) -> Answer:
    partial = partials().get(case.op)
    if partial is None:
        return answer
    return replace(answer, outputs=tuple(map(partial.written, answer.outputs)))


def _same(one: Answer, other: Answer) -> bool:
    return one.step == other.step and all(
        a.tobytes() == b.tobytes()
        for first, second in zip(one.outputs, other.outputs, strict=True)
        for a, b in zip(first, second, strict=True)
    )


def _stable(ours: Answer, theirs: Answer, again: Answer) -> Answer:
    """Return TFLM's answer with our elements wherever it is not the same in both of its runs."""
    frames = []
    for mine, one, other in zip(ours.outputs, theirs.outputs, again.outputs):  # noqa: B905
        frames.append(tuple(_merged(*arrays) for arrays in zip(mine, one, other, strict=True)))
    return Answer(tuple(frames), theirs.step, theirs.reason)


def _merged(mine: Array, one: Array, other: Array) -> Array:
    if mine.shape != one.shape or mine.dtype != one.dtype:
        return one
    if one.shape != other.shape:
        return mine
    size = one.dtype.itemsize
    same = one.view(np.uint8) == other.view(np.uint8) if one.ndim else one == other
    stable = same.reshape(*one.shape[:-1], -1, size).all(-1) if one.ndim else same
    return np.where(stable, one, mine)


def with_rule(result: Result) -> Result:
    """Return the result with the rule that it falls under, if it needs one."""
    if result.outcome.is_agreement:
        return result
    found = next((i for i, rule in enumerate(rules()) if rule.matches(result)), None)
    return Result(**{**vars(result), "rule": found})


_Where = tuple[str, str]  # our value there and TFLM's, in words


def _outcome(case: Case, ours: Answer, theirs: Answer) -> tuple[Outcome, int, bool, _Where | None]:
    if ours.step == "died":
        return Outcome.TRAP, 0, False, None
    if theirs.step == "died":
        accepted = Outcome.TFLM_CRASHES if ours.step else Outcome.CRASH_ACCEPTED
        return accepted, 0, False, None
    if theirs.step in ("input", "output") or ours.step in ("input", "output"):
        return Outcome.UNREACHABLE, 0, False, None
    ulp, near, nan_only, where = _compare(case, ours, theirs)
    if not near:
        return Outcome.DIFFERS, ulp, False, where
    if ours.step or theirs.step:
        return _refusal(ours, theirs), ulp, nan_only, None
    return (Outcome.NEAR if ulp else Outcome.EQUAL), ulp, nan_only, None


def _refusal(ours: Answer, theirs: Answer) -> Outcome:
    """Refusing a model and refusing to run it the first time are the same."""
    first, second = (
        len(one.outputs) if one.step == "invoke" else 0 if one.step else None
        for one in (ours, theirs)
    )
    if first == second:
        return Outcome.BOTH_REFUSE
    if ours.reason.startswith("OP: "):
        return Outcome.MISSING
    if second is None or (first is not None and first < second):
        return Outcome.OURS_REFUSES
    return Outcome.TFLM_REFUSES


def _compare(case: Case, ours: Answer, theirs: Answer) -> tuple[int, bool, bool, _Where | None]:
    """Return the largest distance, whether all are near, whether NaNs differ, and where."""
    allowed = tolerance(case.op, case.kind)
    largest, near, nan_only, where = 0, True, False, None
    for number, frames in enumerate(zip(ours.outputs, theirs.outputs)):  # noqa: B905
        for i, (mine, other) in enumerate(zip(*frames, strict=True)):
            apart = distance(mine, other) if mine.shape == other.shape else NEVER
            nan_only |= apart == 0 and mine.tobytes() != other.tobytes()
            if apart > allowed.ulp and not _within(mine, other, allowed.absolute):
                near = False
                where = where or _describe(number, i, mine, other)
            largest = max(largest, apart)
    return largest, near, nan_only, where


def _within(mine: Array, other: Array, absolute: float) -> bool:
    if not absolute or mine.shape != other.shape:
        return False
    return bool(np.allclose(mine, other, rtol=0, atol=absolute, equal_nan=True))


def _describe(frame: int, output: int, mine: Array, other: Array) -> _Where:
    place = f"frame {frame}, output {output}"
    if mine.dtype != other.dtype or mine.shape != other.shape:
        return f"{place}: {mine.dtype} {mine.shape}", f"{place}: {other.dtype} {other.shape}"
    differ = mine != other
    if mine.dtype.kind == "f":
        bits = np.signbit(mine) != np.signbit(other)
        differ = (differ | bits) & ~(np.isnan(mine) & np.isnan(other))
    where = tuple(int(i) for i in np.argwhere(differ)[0])
    return f"{place}, at {where}: {mine[where]!r}", f"{place}, at {where}: {other[where]!r}"
