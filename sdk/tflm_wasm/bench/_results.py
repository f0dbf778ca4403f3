"""Figures and where they come from, kept as JSON lines: one for the run, one for each figure."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tflm_wasm._files import write_file
from tflm_wasm.bench._errors import ResultsError
from tflm_wasm.bench._stats import geometric_mean

FORMAT: Final = 1
_LEAST_SAMPLES: Final = (1, 10, 100, 1000)  # for P50, P90, P99, P99.9
_Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Result:
    """One figure of one engine on one model.

    Attributes:
        benchmark: Name of the benchmark.
        part: Which of its figures.
        model: Name of the model.
        engine: Name of the engine.
        own: Whether the engine is this project's.
        unit: Unit of all values.
        better: Whether "lower" or "higher" values are better.
        baseline: The engine whose figures are 1 in ratios.
        slack: A change that is none, in `unit`.
        samples: How many samples there were.
        least, p50, p90, p99, p999, most: Their smallest, percentiles and largest.
        turns: The median of each turn, in order.
        error: Why there are no figures; they are then None.
        metadata: What the figures depend on.
    """

    benchmark: str
    part: str
    model: str
    engine: str
    own: bool
    unit: str
    better: str
    baseline: str
    slack: float = 0.0
    samples: int = 0
    least: float | None = None
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None
    most: float | None = None
    turns: tuple[float, ...] = ()
    error: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> _Key:
        """What it is a figure of."""
        return self.benchmark, self.part, self.model, self.engine

    @property
    def percentiles(self) -> tuple[float | None, ...]:
        """P50, P90, P99 and P99.9; None where there are too few samples to tell."""
        known = (self.p50, self.p90, self.p99, self.p999)
        pairs = zip(known, _LEAST_SAMPLES, strict=True)
        return tuple(value if self.samples >= least else None for value, least in pairs)

    @property
    def title(self) -> str:
        """The benchmark and its part, for people."""
        return self.part if self.part == self.benchmark else f"{self.benchmark}: {self.part}"


@dataclass(frozen=True)
class Mean:
    """The geometric mean of an engine's ratios to its baseline, over models.

    Attributes:
        name: The name of the group of models.
        benchmark, part, engine: As in `Result`.
        ratio: The mean; above 1 the engine's values are larger than the baseline's.
        models: The models of the group that have figures.
        missing: Its models that have none.
    """

    name: str
    benchmark: str
    part: str
    engine: str
    ratio: float
    models: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Results:
    """All figures of one run.

    Attributes:
        run: The configuration's name, when the run was, and its provenance.
        means: Names of models by the name of their group, to take geometric means over.
        results: The figures.
    """

    run: dict[str, Any]
    means: dict[str, tuple[str, ...]]
    results: tuple[Result, ...]

    def ratio(self, result: Result) -> float | None:
        """Return a median over that of its baseline; None where one of them is missing or 0."""
        benchmark, part, model, _ = result.key
        base = self._by_key.get((benchmark, part, model, result.baseline))
        if base is None or not base.p50 or not result.p50:
            return None
        return result.p50 / base.p50

    @cached_property
    def _by_key(self) -> dict[_Key, Result]:
        return {one.key: one for one in self.results}

    def geometric_means(self) -> list[Mean]:
        """Return the means over each group, for engines with figures for at least two models.

        A figure that no other engine has than its baseline has none.
        """
        found = []
        compared: set[tuple[str, str]] = set()
        for name, models in self.means.items():
            ratios: dict[tuple[str, str, str], dict[str, float]] = {}
            for one in self.results:
                ratio = self.ratio(one) if one.model in models else None
                if one.engine != one.baseline:
                    compared.add((one.benchmark, one.part))
                if ratio is not None and ratio > 0:
                    ratios.setdefault((one.benchmark, one.part, one.engine), {})[one.model] = ratio
            for (benchmark, part, engine), by_model in ratios.items():
                if len(by_model) > 1 and (benchmark, part) in compared:
                    there = tuple(one for one in models if one in by_model)
                    missing = tuple(one for one in models if one not in by_model)
                    mean = geometric_mean([by_model[one] for one in there])
                    found.append(Mean(name, benchmark, part, engine, mean, there, missing))
        return found

    def to_lines(self) -> Iterable[str]:
        """Return the lines of the file."""
        head = {"kind": "run", "format": FORMAT, "run": self.run, "means": self.means}
        yield json.dumps(head)
        for one in self.results:
            yield json.dumps({"kind": "result", **asdict(one)})

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file.

        Raises:
            FileError: It can't be written.
        """
        write_file(path, "".join(f"{line}\n" for line in self.to_lines()).encode())

    @staticmethod
    def read(path: str | os.PathLike[str]) -> Results:
        """Return what a file holds.

        Raises:
            ResultsError: It can't be read, or holds no results of this format.
        """
        file = os.fspath(path)
        try:
            lines = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
            head, *rest = lines
            if head["kind"] != "run" or head["format"] != FORMAT:
                raise ValueError(f"it is not of format {FORMAT}")
            results = tuple(_result(one) for one in rest)
            means = {name: tuple(models) for name, models in head["means"].items()}
            return Results(dict(head["run"]), means, results)
        except OSError as error:
            raise ResultsError(f"Could not read {file}: {error.strerror}", path=file) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ResultsError(f"{file} holds no results: {error}", path=file) from error


def _result(line: dict[str, Any]) -> Result:
    known = {one.name for one in fields(Result)}
    given = {name: value for name, value in line.items() if name in known}
    return Result(**{**given, "turns": tuple(line["turns"])})
