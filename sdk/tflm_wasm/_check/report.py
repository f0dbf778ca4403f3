"""What a check found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from tflm_wasm._abi import RULES

Outcome = Literal["passed", "failed", "not reached"]
NOT_REACHED: Final = "an earlier rule was broken"


@dataclass(frozen=True)
class RuleResult:
    """One rule and how the module did.

    Attributes:
        id: Stable name, such as `import.none`.
        title: What the rule says, one sentence.
        outcome: "passed", "failed" or "not reached".
        detail: What was found; for a rule that was not reached, why not.
    """

    id: str
    title: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True)
class CheckReport:
    """The result of `tflm_wasm.check`: every rule, in the order of SPEC.md.

    Attributes:
        digest: SHA-256 of the module, as 64 hex digits.
        profile: The profile it was checked with: "strict" or "extended".
        results: One `RuleResult` per rule.
    """

    digest: str
    profile: str
    results: tuple[RuleResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no rule was broken. Rules may still be unreached: see `complete`."""
        return not self.broken

    @property
    def complete(self) -> bool:
        """Whether every rule was reached."""
        return all(result.outcome != "not reached" for result in self.results)

    @property
    def broken(self) -> tuple[str, ...]:
        """Ids of the broken rules."""
        return tuple(result.id for result in self.results if result.outcome == "failed")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "digest": self.digest,
            "profile": self.profile,
            "passed": self.passed,
            "complete": self.complete,
            "broken": list(self.broken),
            "rules": [
                {"id": r.id, "title": r.title, "outcome": r.outcome, "detail": r.detail}
                for r in self.results
            ],
        }

    def __str__(self) -> str:
        lines = [f"{r.outcome:<12}{r.id:<20} {r.detail}".rstrip() for r in self.results]
        total = len(self.results)
        passed = sum(r.outcome == "passed" for r in self.results)
        lines.append(f"{passed} of {total} rules passed, {len(self.broken)} broken")
        return "\n".join(lines)


class RuleBrokenError(Exception):
    """Ends a scenario; never leaves this package."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Ledger:
    """Collects outcomes. A rule that was broken once stays broken, with its first detail.

    `on_change(rule, outcome, detail)` hears of each outcome that is new for its rule.
    """

    def __init__(self, on_change: Callable[[str, Outcome, str], None] | None = None) -> None:
        self.outcomes: dict[str, tuple[Outcome, str]] = {}
        self._on_change = on_change

    def note(self, rule: str, *, ok: bool, detail: str = "") -> bool:
        """Record whether `rule` holds, and return it. `detail` says what is wrong."""
        if ok:
            self.record(rule, "passed", "")
        else:
            self.record(rule, "failed", detail)
        return ok

    def hold(self, rule: str, *, ok: bool, detail: str = "") -> None:
        """Record whether `rule` holds.

        Raises:
            RuleBrokenError: It does not.
        """
        if not self.note(rule, ok=ok, detail=detail):
            raise RuleBrokenError(rule)

    def skip(self, *rules: str, why: str) -> None:
        """Record that `rules` can't be looked at in this module."""
        for rule in rules:
            self.record(rule, "not reached", why)

    def record(self, rule: str, outcome: Outcome, detail: str) -> None:
        """Take over an outcome, unless the rule has a stronger one: failed, passed, not reached."""
        if rule not in RULES:
            raise KeyError(rule)
        strength: tuple[Outcome, ...] = ("not reached", "passed", "failed")
        known = self.outcomes.get(rule)
        if known is not None and strength.index(known[0]) >= strength.index(outcome):
            return
        self.outcomes[rule] = (outcome, detail)
        if self._on_change is not None:
            self._on_change(rule, outcome, detail)

    @property
    def broken(self) -> bool:
        """Whether any rule was broken so far."""
        return any(outcome == "failed" for outcome, _ in self.outcomes.values())

    def report(self, digest: str, profile: str) -> CheckReport:
        """Return the report: rules without an outcome were not reached."""
        results = []
        for rule, title in RULES.items():
            outcome, detail = self.outcomes.get(rule, ("not reached", NOT_REACHED))
            results.append(RuleResult(rule, title, outcome, detail))
        return CheckReport(digest, profile, tuple(results))
