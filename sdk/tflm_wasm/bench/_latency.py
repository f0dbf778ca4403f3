"""How long a run takes: the call alone, from arrays to arrays, and frame by frame of a stream."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tflm_wasm.bench._benchmark import NS_IN_US, Part, ProcessBenchmark, Turn
from tflm_wasm.bench._errors import NotOfferedError


class Invoke(ProcessBenchmark):
    """The call that runs the model; inputs are written before, and outputs are not read."""

    name = "invoke"
    parts: ClassVar = {"invoke": Part("µs"), "speed": Part("GMAC/s", "higher")}

    def run(self) -> Turn:
        """Invoke each frame once; the speed is that of the median, where the model has MACs."""
        times = self.in_us("invoke")
        macs, median_ns = self.model.macs, float(np.median(times)) * NS_IN_US
        return {"invoke": times, **({"speed": [macs / median_ns]} if macs else {})}

    def metadata(self) -> dict[str, Any]:
        """Return, besides the rest, the model's multiply-accumulates."""
        return {**super().metadata(), "macs": self.model.macs}


class SetInvokeGet(ProcessBenchmark):
    """The whole call from Python: inputs from NumPy arrays, the run, outputs as NumPy arrays."""

    name = "set-invoke-get"
    parts: ClassVar = {"set-invoke-get": Part("µs")}

    def run(self) -> Turn:
        """Run each frame once."""
        return {"set-invoke-get": self.in_us("run")}


class Stream(ProcessBenchmark):
    """Many frames: in one call, where the engine has such a call, against a loop over them."""

    name = "stream"
    parts: ClassVar = {
        "loop": Part("µs/frame"),
        "many": Part("µs/frame"),
        "gain": Part("loop/many", "higher"),
    }

    options: ClassVar = {"batch": 200}  # frames in a call, the turn's over and over

    def run(self) -> Turn:
        """Run all frames, once each way."""
        batch = int(self.setting.options["batch"])
        loop = self.in_us("loop", batch)[0] / batch
        try:
            many = self.in_us("many", batch)[0] / batch
        except NotOfferedError:
            return {"loop": [loop]}
        return {"loop": [loop], "many": [many], "gain": [loop / many]}
