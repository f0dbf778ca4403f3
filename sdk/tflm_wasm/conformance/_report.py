"""What many cases came to: counts by op and type, failures, documented disagreements."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tflm_wasm import oracles
from tflm_wasm._version import __version__
from tflm_wasm.conformance._case import Case, find
from tflm_wasm.conformance._describe import describe
from tflm_wasm.conformance._engine import engine_bytes
from tflm_wasm.conformance._judge import Outcome, Result, Rule, rules
from tflm_wasm.conformance._run import ORACLE, Bench, run
from tflm_wasm.conformance._shrink import shrink, signature

Progress = Callable[[str, int, int], None]

_IDS_SHOWN: Final = 5  # of a failure
_SHRUNK: Final = 100  # failures at the most, which takes some seconds for each


@dataclass
class Row:
    """What the cases of one op in one type came to.

    Attributes:
        op: The op.
        kind: The type.
        cases: How many were run.
        outcomes: How many ended with each outcome.
        ulp: The largest distance of those within their class.
        nan_only: How many were equal but for bits of NaNs.
        excepted: How many disagree in a way that is known, be it meant to be or to be mended.
    """

    op: str
    kind: str
    cases: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    ulp: int = 0
    nan_only: int = 0
    excepted: int = 0

    def add(self, result: Result) -> None:
        """Count a result."""
        self.cases += 1
        self.outcomes[result.outcome] += 1
        self.nan_only += result.nan_only
        self.excepted += result.is_known
        if result.outcome is Outcome.NEAR:
            self.ulp = max(self.ulp, result.ulp)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON-ready values; outcomes that did not occur are left out."""
        counts = {one.name.lower(): n for one in Outcome if (n := self.outcomes[one])}
        more = {"ulp": self.ulp, "nan_only": self.nan_only, "excepted": self.excepted}
        return {"cases": self.cases, **counts, **{name: n for name, n in more.items() if n}}


@dataclass
class Failure:
    """Cases that fail alike.

    Attributes:
        first: The first of them.
        ids: The ids of some.
        count: How many there are.
        smallest: The smallest case that fails so, and how it ends; None before it was looked for.
    """

    first: Result
    ids: list[str] = field(default_factory=list)
    count: int = 0
    smallest: tuple[Case, Result] | None = None

    @property
    def case(self) -> Case:
        """The smallest case there is."""
        return self.smallest[0] if self.smallest else find(self.first.id)

    @property
    def result(self) -> Result:
        """How that one ends."""
        return self.smallest[1] if self.smallest else self.first

    def to_dict(self) -> dict[str, Any]:
        """Return the failure as JSON-ready values."""
        result = self.result
        return {
            "outcome": result.outcome.name.lower(),
            "count": self.count,
            "ids": self.ids,
            "smallest": result.id,
            "ours": result.ours,
            "theirs": result.theirs,
            "spoiled": result.spoiled,
            "known": result.reason,
            "model": describe(self.case),
        }


@dataclass
class Report:
    """What cases came to.

    Attributes:
        rows: One for each op and type, in order.
        failures: Groups of failures, the largest first.
        rules: How often each known disagreement was met, by its number.
        seconds: How long the cases took, in seconds.
        versions: What was compared.
    """

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    failures: dict[tuple[str, ...], Failure] = field(default_factory=dict)
    rules: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every case ended as it should."""
        return not self.failures

    @property
    def cases(self) -> int:
        """How many cases were run."""
        return sum(row.cases for row in self.rows.values())

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many cases ended with each outcome."""
        return sum((row.outcomes for row in self.rows.values()), Counter())

    def add(self, result: Result) -> None:
        """Count a result."""
        key = result.op, result.kind
        self.rows.setdefault(key, Row(*key)).add(result)
        if result.rule is not None:
            self.rules[result.rule] += 1
        if not result.passed:
            failure = self.failures.setdefault(signature(result), Failure(result))
            failure.count += 1
            if len(failure.ids) < _IDS_SHOWN:
                failure.ids.append(result.id)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "versions": self.versions,
            "passed": self.passed,
            "cases": self.cases,
            "seconds": round(self.seconds, 1),
            "cases_per_s": round(self.cases / max(self.seconds, 1e-9), 1),
            "outcomes": {one.name.lower(): n for one, n in self.outcomes.items()},
            "ops": self.summary()["ops"],
            "failures": [one.to_dict() for one in self.failures.values()],
            "exceptions": [
                {
                    "reason": rule.reason,
                    "outcome": rule.outcome.lower(),
                    "open": rule.open,
                    "count": n,
                }
                for rule, n in self.exceptions()
            ],
        }

    def summary(self) -> dict[str, Any]:
        """Return what is kept beside the documentation: counts by op and type."""
        ops: dict[str, dict[str, Any]] = {}
        for (op, kind), row in sorted(self.rows.items()):
            ops.setdefault(op, {})[kind] = row.to_dict()
        return {"versions": self.versions, "cases": self.cases, "ops": ops}

    def exceptions(self) -> list[tuple[Rule, int]]:
        """Return each known disagreement and how many cases met it."""
        return [(rule, self.rules[i]) for i, rule in enumerate(rules())]


def check(
    ids: Iterable[str], *, jobs: int = 1, smallest: bool = True, progress: Progress | None = None
) -> Report:
    """Run cases here and on TFLM.

    Args:
        ids: Which.
        jobs: How many processes to use, each with one for TFLM beside it.
        smallest: Whether to look for the smallest form of each failure.
        progress: Called with what is done, cases done and cases in all.

    Raises:
        OracleMissing: TFLM is not installed.
        CaseError: An id is not that of a case.
    """
    report = Report(
        versions={
            "tflm_wasm": __version__,
            "engine_sha256": hashlib.sha256(engine_bytes()).hexdigest(),
            ORACLE: oracles.version(ORACLE) or "",
        }
    )
    started = time.monotonic()
    listed = list(ids)
    for done, result in enumerate(run(listed, jobs=jobs), 1):
        report.add(result)
        if progress is not None:
            progress("cases", done, len(listed))
    report.seconds = time.monotonic() - started
    report.failures = dict(sorted(report.failures.items(), key=lambda item: -item[1].count))
    if smallest and report.failures:
        with Bench() as bench:
            chosen = list(report.failures.values())[:_SHRUNK]
            for done, failure in enumerate(chosen):
                failure.smallest = shrink(find(failure.first.id), bench)
                if progress is not None:
                    progress("smallest forms", done + 1, len(chosen))
    return report
