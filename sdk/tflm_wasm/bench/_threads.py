"""Throughput of threads that each have a model of their own."""

from __future__ import annotations

import os
from typing import ClassVar, Final

from tflm_wasm.bench._benchmark import Part, ProcessBenchmark, Setting, Turn
from tflm_wasm.bench._engines import Engine
from tflm_wasm.bench._errors import NotOfferedError
from tflm_wasm.bench._model import BenchModel

_NS: Final = 1e9


class Threads(ProcessBenchmark):
    """One thread, then two with a session each, in the same process and the same turn."""

    name = "threads"
    parts: ClassVar = {
        "1 thread": Part("invokes/s", "higher"),
        "2 threads": Part("invokes/s", "higher"),
        "scaling": Part("2/1", "higher"),
    }
    options: ClassVar = {"invokes": 200}
    threads = 2

    def __init__(self, engine: Engine, model: BenchModel, setting: Setting) -> None:
        if (os.cpu_count() or 1) < self.threads:
            reason = f"{self.threads} processors are needed, and this machine has one"
            raise NotOfferedError(reason, engine=engine.name)
        super().__init__(engine, model, setting)

    def run(self) -> Turn:
        """Invoke as often in each thread as the option `invokes` says."""
        one, two = self._rate(1), self._rate(2)
        return {"1 thread": [one], "2 threads": [two], "scaling": [two / one]}

    def _rate(self, threads: int) -> float:
        count = int(self.setting.options["invokes"])
        (took,) = self.process.times("threads", count, threads=threads)
        return threads * count / took * _NS
