"""How much memory a process takes with a model open in it."""

from __future__ import annotations

from typing import ClassVar

from tflm_wasm.bench._benchmark import Benchmark, Part, Turn
from tflm_wasm.bench._process import EngineProcess

_MIB = 1 << 20
_KIB = 1 << 10


class Memory(Benchmark):
    """A fresh process: all of it, and what opening and running the model added.

    Every process has Python, NumPy and the same few modules of ours besides the engine.
    """

    name = "memory"
    parts: ClassVar = {
        "process": Part("MiB RSS"),
        "model": Part("KiB RSS"),
        "linear memory": Part("KiB"),
        "arena": Part("KiB"),
    }
    _process: EngineProcess | None = None

    def run(self) -> Turn:
        """Start a process, open the model, run every frame, end the process."""
        setting = self.setting
        self._process = EngineProcess(self.engine, cpus=setting.cpus(), timeout_s=setting.timeout_s)
        self._process.ask("load")
        before = self._process.rss_bytes()
        told = self._process.open(self.model)
        self._process.times("run", setting.frames)
        after = self._process.rss_bytes()
        self.teardown()
        return {
            "process": [after / _MIB],
            "model": [(after - before) / _KIB],
            **{part: [size / _KIB] for part, size in told.items()},
        }

    def teardown(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.close()
        self._process = None
