"""Two result files against each other: what got better, what got worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Final, Literal

from tflm_wasm.bench._errors import BenchmarkError
from tflm_wasm.bench._results import Result, Results
from tflm_wasm.bench._stats import geometric_mean

Verdict = Literal["same", "better", "worse", "unclear", "failed", "gone", "new"]
BAD: Final = ("worse", "failed", "gone")


@dataclass(frozen=True)
class Change:
    """One figure in both files.

    Attributes:
        result: The newer figure; the older one where it is gone.
        old: The older value: a median, or its ratio to another engine's; None when it is new.
        new: The newer value; None when it is gone or failed.
        verdict: "same" within the threshold, else "better" or "worse"; "unclear" when the medians
            of turns scatter over the same range; "failed" when there is an error now; "gone" or
            "new" when one file has none.
    """

    result: Result
    old: float | None
    new: float | None
    verdict: Verdict

    @property
    def factor(self) -> float | None:
        """The newer value over the older one."""
        return None if not self.old or self.new is None else self.new / self.old


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    Attributes:
        changes: All figures of this project's engine, in the newer file's order.
        threshold: The change that counts, such as 0.05.
        relative_to: The engine that values are ratios to, or "" for the values themselves.
    """

    changes: tuple[Change, ...]
    threshold: float
    relative_to: str

    @property
    def passed(self) -> bool:
        """Whether nothing got worse, failed or is gone."""
        return not any(one.verdict in BAD for one in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values."""
        changes = [
            {
                **dict(zip(("benchmark", "part", "model", "engine"), one.result.key, strict=True)),
                "old": one.old,
                "new": one.new,
                "factor": one.factor,
                "verdict": one.verdict,
            }
            for one in self.changes
        ]
        return {
            "passed": self.passed,
            "threshold": self.threshold,
            "relative_to": self.relative_to,
            "geometric_means": self.geometric_means(),
            "changes": changes,
        }

    def geometric_means(self) -> dict[str, float]:
        """Return the mean factor of each benchmark and part over its models, by title."""
        factors: dict[str, list[float]] = {}
        for one in self.changes:
            if one.factor is not None and one.factor > 0:
                factors.setdefault(one.result.title, []).append(one.factor)
        return {title: geometric_mean(found) for title, found in factors.items()}


def compare(
    old: Results, new: Results, *, threshold: float = 0.05, relative_to: str = ""
) -> Comparison:
    """Compare the figures of this project's engine in two runs.

    Args:
        old: The earlier run.
        new: The later run.
        threshold: Changes up to this much are none; 0.05 is 5 %.
        relative_to: Compare ratios to this engine in the same run, so that a machine that was
            slower in one of them does not matter; "" compares the values themselves.

    Raises:
        BenchmarkError: No figure of ours is in both, or in one of them `relative_to` has none.
    """
    before = {one.key: one for one in old.results if one.own}
    after = {one.key: one for one in new.results if one.own}
    if not before.keys() & after.keys():
        raise BenchmarkError("The two files have no figure in common")
    for results in (old, new) if relative_to else ():
        if relative_to not in {one.engine for one in results.results}:
            raise BenchmarkError(f"There are no figures of {relative_to} to compare with")
    changes = []
    for key, result in {**after, **{k: one for k, one in before.items() if k not in after}}.items():
        earlier = _values(old, before.get(key), relative_to)
        later = _values(new, after.get(key), relative_to)
        slack = 0.0 if relative_to else result.slack
        verdict = _verdict(result, earlier, later, (threshold, slack), is_there=key in after)
        changes.append(Change(result, _first(earlier), _first(later), verdict))
    return Comparison(tuple(changes), threshold, relative_to)


def _first(values: Sequence[float] | None) -> float | None:
    return values[0] if values else None


def _values(results: Results, result: Result | None, relative_to: str) -> list[float] | None:
    """Return the median, then those of turns, over the other engine's median; None without any."""
    if result is None or result.p50 is None:
        return None
    scale = 1.0
    if relative_to and relative_to != result.engine:
        wanted = (*result.key[:3], relative_to)
        other = next((one for one in results.results if one.key == wanted), None)
        if other is None or not other.p50:
            return None
        scale = other.p50
    return [result.p50 / scale, *(one / scale for one in result.turns)]


def _verdict(
    result: Result,
    old: list[float] | None,
    new: list[float] | None,
    allowed: tuple[float, float],
    *,
    is_there: bool,
) -> Verdict:
    if not is_there:
        return "gone"
    if new is None:
        # Without an error there is no figure of the other engine that it would be relative to.
        return "same" if old is None else "failed" if result.error else "unclear"
    if old is None:
        return "new"
    before, after = old[0], new[0]
    threshold, slack = allowed
    if abs(after - before) <= max(threshold * abs(before), slack):
        return "same"
    if _overlap(old[1:], new[1:]):
        return "unclear"
    return "better" if (after < before) == (result.better == "lower") else "worse"


def _overlap(old: Sequence[float], new: Sequence[float]) -> bool:
    """Return whether the middle halves of the medians of turns have values in common."""
    if min(len(old), len(new)) < 2:
        return False
    (low, _, high), (least, _, most) = (quantiles(one, method="inclusive") for one in (old, new))
    return low <= most and least <= high
