"""Engines and benchmarks that do what a test wants."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tflm_wasm.bench import Benchmark, Config, Engine, EngineRefusedError, Part
from tflm_wasm.bench._config import Plan

# Answers every request; `{bad}` is what it does on a request to invoke.
_PROGRAM = """
import json, struct, sys
from tflm_wasm.oracles._frames import array_bytes, encode
while prefix := sys.stdin.buffer.read(4):
    header = json.loads(sys.stdin.buffer.read(struct.unpack("<I", prefix)[0]))
    sys.stdin.buffer.read(array_bytes(header))
    reply = {"ok": True, "nanoseconds": [1000] * header.get("count", 0)}
    if header["command"] == "invoke":
        BAD
    sys.stdout.buffer.write(encode(reply))
    sys.stdout.buffer.flush()
"""
DIES = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
COMPLAINS = "sys.stderr.write('out of ideas'); sys.stderr.flush(); sys.exit(3)"
HANGS = "import time; time.sleep(600)"
REFUSES = "reply = {'ok': False, 'error': 'no such tensor'}"
OFFERS_NOT = "reply = {'ok': False, 'offered': False, 'error': 'never heard of it'}"


def program(name: str, bad: str = "pass") -> Engine:
    """Return an engine that is a program of its own and says that all takes 1 µs."""
    return Engine(name, "", command=(sys.executable, "-c", _PROGRAM.replace("BAD", bad)))


class Scripted(Benchmark):
    """Notes what is done with it; engine `late` fails in its second turn, `never` at the start."""

    name = "scripted"
    parts: ClassVar = {"value": Part("apples", "higher")}
    log: ClassVar[list[tuple[str, str]]] = []

    def __init__(self, engine: Engine, model: Any, setting: Any) -> None:
        super().__init__(engine, model, setting)
        self.turns = 0
        self._note("start")
        if engine.name == "never":
            raise EngineRefusedError("never starts", engine=engine.name)

    def _note(self, what: str) -> None:
        self.log.append((what, self.engine.name))

    def run(self) -> dict[str, list[float]]:
        self._note("run")
        self.turns += 1
        if self.engine.name == "late" and self.turns == 2:
            raise EngineRefusedError("late fails", engine="late")
        if self.engine.name == "bug" and self.turns == 2:
            raise ZeroDivisionError
        return {"value": [float(self.turns)]}

    def teardown(self) -> None:
        self._note("teardown")


def config(
    engines: Sequence[Engine],
    kind: type[Benchmark],
    *,
    turns: int = 2,
    warm_up: int = 1,
    frames: int = 3,
    means: Mapping[str, tuple[str, ...]] | None = None,
    timeout_s: float = 60.0,
    **options: Any,
) -> Config:
    """Return a configuration with one benchmark."""
    plan = Plan(kind, turns, warm_up, frames, {**kind.options, **options})
    return Config(
        "test",
        "a test",
        tuple(engines),
        engines[0].name,
        (plan,),
        means=means or {},
        timeout_s=timeout_s,
    )


def named(*names: str) -> list[Engine]:
    """Return engines that only have names; the first is ours."""
    own, *others = names
    return [Engine(own, "tflm-wasm"), *(Engine(name, "", command=(name,)) for name in others)]
