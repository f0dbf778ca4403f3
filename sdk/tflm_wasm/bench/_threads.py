"""Throughput of threads that each have a model of their own."""

from __future__ import annotations

import os
from math import ceil
from typing import ClassVar, Final

from tflm_wasm.bench._benchmark import Part, ProcessBenchmark, Setting, Turn
from tflm_wasm.bench._engines import Engine
from tflm_wasm.bench._errors import NotOfferedError
from tflm_wasm.bench._model import BenchModel

_NS: Final = 1e9
# Starting two threads, and their first turns at the interpreter, take some hundred microseconds.
_LEAST_NS: Final = 5e7


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
        """Invoke as often in each thread as the option `invokes` says, and for 50 ms at least."""
        count = int(self.setting.options["invokes"])
        took = self._took(1, count)
        if took < _LEAST_NS:
            count = ceil(count * _LEAST_NS / took)
            took = self._took(1, count)
        one = count / took * _NS
        two = self.threads * count / self._took(self.threads, count) * _NS
        return {"1 thread": [one], "2 threads": [two], "scaling": [two / one]}

    def _took(self, threads: int, count: int) -> float:
        (took,) = self.process.times("threads", count, threads=threads)
        return took
