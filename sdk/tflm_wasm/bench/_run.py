"""One run: all engines take turns on one model after the other."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

from tflm_wasm._doctor import provenance
from tflm_wasm._errors_base import TflmWasmError
from tflm_wasm._revision import own_revision
from tflm_wasm.bench._benchmark import Benchmark, Part, Setting, Turn
from tflm_wasm.bench._config import Config, Plan
from tflm_wasm.bench._engines import Engine
from tflm_wasm.bench._model import BenchModel, prepare
from tflm_wasm.bench._results import Result, Results
from tflm_wasm.bench._stats import Summary

Progress: TypeAlias = Callable[[str, int, int], None]  # what, done, total
Source: TypeAlias = "str | os.PathLike[str]"


@dataclass
class _Entry:
    """One engine in the turns of one benchmark, and what it gave."""

    engine: Engine
    benchmark: Benchmark | None = None
    error: str = ""
    turns: list[Turn] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def samples(self) -> Turn:
        """All samples by part."""
        merged: Turn = {}
        for turn in self.turns:
            for part, values in turn.items():
                merged.setdefault(part, []).extend(values)
        return merged


def run(
    config: Config,
    models: Sequence[Source] = (),
    *,
    progress: Progress | None = None,
    keep: Callable[[Results], None] | None = None,
) -> Results:
    """Measure.

    For each model and benchmark every engine gets its process, all warm up, then take turns, each
    time another one first. An engine that fails is a result with an error; the others go on.

    Args:
        config: What to measure.
        models: Paths of .tflite or .wasm files, besides those of the configuration.
        progress: Called with what is running, turns done and turns in all.
        keep: Called with all results so far after each benchmark of each model, so that a long run
            which is interrupted was not for nothing.

    Raises:
        TflmWasmError: A model can't be used; as `load`.
    """
    sources = [*models, *config.models]
    results = Results(_about(config), dict(config.means), ())
    ticker = _Ticker(progress, config, len(sources))
    with tempfile.TemporaryDirectory(prefix="tflm-wasm-bench-") as folder:
        most = max(plan.frames for plan in config.plans)
        prepared: dict[str, BenchModel] = {}
        for source in sources:
            model = prepare(
                source, Path(folder), frames=most, seed=config.seed, taken=list(prepared)
            )
            prepared[model.name] = model
            results.run["models"][model.name] = {"sha256": model.sha256, "macs": model.macs}
        for model in prepared.values():
            for plan in config.plans:
                found = tuple(_measure(config, plan, model, ticker))
                results = replace(results, results=(*results.results, *found))
                results.run["load_average"][1] = _load_average()
                if keep is not None:
                    keep(results)
    return results


def _about(config: Config) -> dict[str, Any]:
    """Return what is known of a run before it begins."""
    load = _load_average()
    return {
        "config": config.name,
        "title": config.title,
        "absent": list(config.absent),
        "clock": config.clock,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "load_average": [load, load],
        "models": {},
        "plans": [_described(plan) for plan in config.plans],
        "provenance": {**provenance(), "git_revision": own_revision()},
    }


class _Ticker:
    """Tells how far a run is."""

    def __init__(self, progress: Progress | None, config: Config, models: int) -> None:
        self._progress = progress
        self._done = 0
        self._total = models * sum(
            (plan.warm_up + plan.turns) * len(plan.kind.engines(config.engines, plan.options))
            for plan in config.plans
        )

    def __call__(self, what: str) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(what, self._done, self._total)


def _measure(config: Config, plan: Plan, model: BenchModel, ticker: _Ticker) -> Iterator[Result]:
    """Run one benchmark on one model."""
    setting = Setting(
        plan.frames, plan.turns, config.pin, config.clock, config.timeout_s, plan.options
    )
    engines = plan.kind.engines(config.engines, plan.options)
    entries = [_Entry(engine) for engine in engines]
    with ExitStack() as stack:
        for entry in entries:
            try:
                benchmark = plan.kind(entry.engine, _cut(model, plan.frames), setting)
            except TflmWasmError as error:
                entry.error = str(error)
                continue
            entry.benchmark = benchmark
            stack.callback(benchmark.teardown)
        _take_turns(entries, plan, ticker)
        for entry in entries:
            if entry.benchmark is not None:
                entry.metadata = entry.benchmark.metadata()
    for entry in entries:
        yield from _results(entry, plan, model, config)


def _cut(model: BenchModel, frames: int) -> BenchModel:
    return BenchModel(**{**vars(model), "frames": model.frames[:frames]})


def _take_turns(entries: Sequence[_Entry], plan: Plan, ticker: _Ticker) -> None:
    """Give each engine its turn in each round, the first one another each time."""
    order = list(entries)
    for number in range(plan.warm_up + plan.turns):
        for entry in order:
            ticker(f"{plan.kind.name} {entry.engine.name}")
            if entry.benchmark is None or entry.error:
                continue
            try:
                turn = entry.benchmark.run()
            except TflmWasmError as error:
                entry.error = str(error)
                entry.benchmark.teardown()
                continue
            if number >= plan.warm_up:
                entry.turns.append(turn)
        order = [*order[1:], *order[:1]]


def _results(entry: _Entry, plan: Plan, model: BenchModel, config: Config) -> Iterator[Result]:
    kind = plan.kind
    samples = entry.samples
    if entry.error or entry.benchmark is None:
        first = next(iter(kind.parts))
        yield _result(kind, first, model, entry, config, error=entry.error)
        return
    samples |= entry.benchmark.finish(samples)
    for part in kind.parts:
        if part not in samples:
            continue
        turns = [Summary.of(turn[part]).p50 for turn in entry.turns if part in turn]
        figures = asdict(Summary.of(samples[part]))
        yield _result(kind, part, model, entry, config, **figures, turns=tuple(turns))


def _result(
    kind: type[Benchmark], part: str, model: BenchModel, entry: _Entry, config: Config, **more: Any
) -> Result:
    what: Part = kind.parts[part]
    return Result(
        benchmark=kind.name,
        part=part,
        model=model.name,
        engine=entry.engine.name,
        own=entry.engine.is_own,
        unit=what.unit,
        better=what.better,
        baseline=kind.baseline(config.baseline, entry.engine),
        metadata=entry.metadata,
        **more,
    )


def _described(plan: Plan) -> dict[str, Any]:
    counts = {"turns": plan.turns, "warm_up": plan.warm_up, "frames": plan.frames}
    return {"name": plan.kind.name, **counts, **plan.options}


def _load_average() -> float | None:
    """Return how many processes wanted to run in the last minute; None where that is not told."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None
