"""This side of an engine's process: pinned to processors, asked for times, ended with its owner."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tflm_wasm.bench._engines import Engine
from tflm_wasm.bench._errors import (
    EngineAbsentError,
    EngineDiedError,
    EngineRefusedError,
    NotOfferedError,
)
from tflm_wasm.bench._model import BenchModel
from tflm_wasm.oracles._process import WorkerDied, WorkerProcess

_REASON_CHARACTERS: Final = 400


def processors(count: int) -> tuple[int, ...]:
    """Return processors to pin `count` threads to, from the last on; empty where that can't be."""
    if sys.platform != "linux":
        return ()
    return tuple(sorted(os.sched_getaffinity(0))[-count:])


@contextmanager
def pinned(cpus: Sequence[int]) -> Iterator[None]:
    """Pin this thread, so that a process it starts is pinned from its first instruction on."""
    if not cpus or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class EngineProcess:
    """One engine's process.

    Args:
        engine: The engine.
        cpus: Processors to pin it to; none leaves it free.
        timeout_s: Longest time in seconds that a request may take.

    Raises:
        EngineAbsentError: The engine is not installed.
    """

    def __init__(self, engine: Engine, *, cpus: Sequence[int], timeout_s: float) -> None:
        self.engine = engine
        if not engine.is_installed:
            raise EngineAbsentError(f"{engine.name} is not installed here", engine=engine.name)
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        with pinned(cpus):
            self._worker = WorkerProcess(engine.worker(), environment, timeout_s)

    def close(self) -> None:
        """End it; may be called twice."""
        self._worker.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._worker.process.pid

    def open(self, model: BenchModel) -> dict[str, int]:
        """Open a model and hand over its frames; return what memory the engine tells of.

        Raises:
            EngineError: It can't.
        """
        path = model.module if self.engine.is_own else model.tflite
        memory: dict[str, int] = self.ask("open", path=str(path)).get("memory", {})
        self.ask("frames", frames=model.frames)
        return memory

    def times(self, command: str, count: int, **more: Any) -> list[float]:
        """Return the times that a request took, in ns; `clock` "cpu" is processor time.

        Raises:
            EngineError: It can't.
        """
        return [float(one) for one in self.ask(command, count=count, **more)["nanoseconds"]]

    def ask(self, command: str, *, frames: Sequence[Any] = (), **more: Any) -> dict[str, Any]:
        """Send a request and return its reply.

        Raises:
            EngineDiedError, EngineRefusedError, NotOfferedError: There are no figures.
        """
        name = self.engine.name
        header = {"command": command, "inputs": len(frames[0]) if frames else 0, **more}
        try:
            reply, _ = self._worker.ask(header, [array for frame in frames for array in frame])
        except WorkerDied as error:
            printed = self._worker.printed().strip()[-_REASON_CHARACTERS:]
            why = f"{name} {error} at {command!r}: {printed}".rstrip(": ")
            raise EngineDiedError(why, engine=name) from None
        if reply.get("ok"):
            return reply
        kind = EngineRefusedError if reply.get("offered", True) else NotOfferedError
        raise kind(f"{name}: {str(reply.get('error'))[:_REASON_CHARACTERS]}", engine=name)

    def rss_bytes(self) -> float:
        """Return how much of it is in memory, in bytes.

        Raises:
            NotOfferedError: This operating system does not tell.
        """
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        except OSError:
            reason = "resident memory is read from /proc, which is not here"
            raise NotOfferedError(reason, engine=self.engine.name) from None
        return float(pages * os.sysconf("SC_PAGE_SIZE"))
