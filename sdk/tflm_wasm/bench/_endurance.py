"""A long run: does memory grow, does latency drift?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflm_wasm.bench._benchmark import Part, ProcessBenchmark, Turn

_KIB = 1 << 10
_PAGES_KIB = 256.0  # what an allocator takes or gives back at any time


class Endurance(ProcessBenchmark):
    """`invokes` runs of one session, in as many pieces as there are turns."""

    name = "endurance"
    parts: ClassVar = {
        "latency": Part("µs"),
        "rss": Part("KiB"),
        "drift": Part("last/first quarter"),
        "growth": Part("KiB", slack=_PAGES_KIB),
    }
    options: ClassVar = {"invokes": 1000}

    def run(self) -> Turn:
        """Run one piece."""
        piece = max(1, int(self.setting.options["invokes"]) // self.setting.turns)
        latency = self.in_us("invoke", piece)
        return {"latency": latency, "rss": [self.process.rss_bytes() / _KIB]}

    def finish(self, samples: Turn) -> Turn:
        """Return how much slower and larger the end is than the start."""
        latency, rss = samples["latency"], samples["rss"]
        quarter = max(1, len(latency) // 4)
        drift = float(np.median(latency[-quarter:]) / np.median(latency[:quarter]))
        return {"drift": [drift], "growth": [rss[-1] - rss[0]]}
