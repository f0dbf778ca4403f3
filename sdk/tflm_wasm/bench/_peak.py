"""How near a model comes to what the runtime can do on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from tflm_wasm.bench._benchmark import Part, ProcessBenchmark, Turn
from tflm_wasm.bench._engines import Engine

_RUNS = 10  # of the loop, in a turn


class Peak(ProcessBenchmark):
    """Products of int16 in WebAssembly, without all that surrounds them, and a model's share of it.

    Kernels of int8 widen their operands to int16 for `i32x4.dot_i16x8_s`, which is the fastest
    exact product that there is in WebAssembly.
    """

    name = "peak"
    parts: ClassVar = {
        "peak": Part("GMAC/s", "higher"),
        "reached": Part("of peak", "higher"),
    }

    @classmethod
    def engines(cls, engines: Sequence[Engine], options: Mapping[str, Any]) -> Sequence[Engine]:  # noqa: ARG003
        """Return ours."""
        return [one for one in engines if one.is_own]

    def run(self) -> Turn:
        """Run the loop, then the model."""
        told = self.process.ask("peak", count=_RUNS, clock=self.setting.clock)
        peak = told["macs"] / float(np.median(told["nanoseconds"]))
        if not self.model.macs:
            return {"peak": [peak]}
        speed = self.model.macs / (float(np.median(self.in_us("invoke"))) * 1000)
        return {"peak": [peak], "reached": [speed / peak]}
