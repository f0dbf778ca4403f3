"""What a benchmark is: a class that measures one thing of one engine on one model, turn by turn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from tflm_wasm.bench._engines import Engine
from tflm_wasm.bench._model import BenchModel
from tflm_wasm.bench._process import EngineProcess, processors

Better = Literal["lower", "higher"]
Turn = dict[str, list[float]]  # samples by part
NS_IN_US: Final = 1000.0
NS_IN_MS: Final = 1_000_000.0


@dataclass(frozen=True)
class Part:
    """One of the figures that a benchmark gives.

    Attributes:
        unit: Its unit.
        better: Which direction is better.
        slack: A change that is none, in its unit, for values that may be 0.
    """

    unit: str
    better: Better = "lower"
    slack: float = 0.0


@dataclass(frozen=True)
class Setting:
    """How a benchmark is run.

    Attributes:
        frames: Inputs in a turn.
        turns: Turns that count.
        pin: Whether processes are pinned to processors.
        clock: "wall", or "cpu" for the time of the processor.
        timeout_s: Longest time in seconds that one request to an engine may take.
        options: The benchmark's own options.
    """

    frames: int
    turns: int
    pin: bool
    clock: str
    timeout_s: float
    options: Mapping[str, Any]

    def cpus(self, threads: int = 1) -> tuple[int, ...]:
        """Return the processors to pin `threads` threads to; none when they are free."""
        return processors(threads) if self.pin else ()


class Benchmark(ABC):
    """Measures one engine on one model; `run` is one turn, `teardown` frees all that it holds.

    Attributes:
        name: Its name in configurations and results.
        parts: What it measures; a benchmark with a single part has its own name for it.
        options: Its options and their defaults.
    """

    name: ClassVar[str]
    parts: ClassVar[dict[str, Part]]
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, engine: Engine, model: BenchModel, setting: Setting) -> None:
        self.engine = engine
        self.model = model
        self.setting = setting

    @classmethod
    def engines(cls, engines: Sequence[Engine], options: Mapping[str, Any]) -> Sequence[Engine]:  # noqa: ARG003
        """Return those that it measures, of the engines that a configuration names."""
        return engines

    @classmethod
    def baseline(cls, baseline: str, engine: Engine) -> str:  # noqa: ARG003
        """Return the engine whose figures are 1 in ratios."""
        return baseline

    @abstractmethod
    def run(self) -> Turn:
        """Take one turn.

        Raises:
            TflmWasmError: The engine gave no figures.
        """

    def finish(self, samples: Turn) -> Turn:  # noqa: ARG002
        """Return what only all turns together tell."""
        return {}

    @abstractmethod
    def teardown(self) -> None:
        """Free everything; may be called twice, and after any failure."""

    def metadata(self) -> dict[str, Any]:
        """Return what a figure depends on, JSON-ready."""
        setting = self.setting
        return {"version": self.engine.version, "clock": setting.clock, **setting.options}


class ProcessBenchmark(Benchmark):
    """A benchmark whose engine has one process, with the model open in it, for all turns.

    Attributes:
        threads: Processors that the process may use.
    """

    threads: ClassVar[int] = 1

    def __init__(self, engine: Engine, model: BenchModel, setting: Setting) -> None:
        super().__init__(engine, model, setting)
        cpus = setting.cpus(self.threads)
        self.process = EngineProcess(engine, cpus=cpus, timeout_s=setting.timeout_s)
        try:
            self.memory = self.process.open(model)
        except BaseException:
            self.process.close()
            raise

    def teardown(self) -> None:
        """End the process."""
        self.process.close()

    def metadata(self) -> dict[str, Any]:
        """Return, besides the rest, the processors that the process is pinned to."""
        return {**super().metadata(), "cpus": list(self.setting.cpus(self.threads))}

    def in_us(self, command: str, count: int | None = None, **more: Any) -> list[float]:
        """Return the times that a request took, in µs.

        Args:
            command: The request.
            count: How often; None takes each frame once.
            more: What else the request says.
        """
        times = self.process.times(
            command,
            self.setting.frames if count is None else count,
            clock=self.setting.clock,
            **more,
        )
        return [one / NS_IN_US for one in times]
