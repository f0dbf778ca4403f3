"""How long it takes to get a ready session from a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tflm_wasm.bench._benchmark import Part, ProcessBenchmark, Turn
from tflm_wasm.bench._engines import Engine


class Acquire(ProcessBenchmark):
    """Taking a session that is ready from `Pool`; no other engine has such a thing."""

    name = "acquire"
    parts: ClassVar = {"acquire": Part("µs")}

    @classmethod
    def engines(cls, engines: Sequence[Engine], options: Mapping[str, Any]) -> Sequence[Engine]:  # noqa: ARG003
        """Return ours."""
        return [one for one in engines if one.is_own]

    def run(self) -> Turn:
        """Take a session, run once and give it back, as often as there are frames."""
        return {"acquire": self.in_us("acquire")}
