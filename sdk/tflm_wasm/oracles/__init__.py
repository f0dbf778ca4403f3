"""Reference runtimes to compare with, each in a process of its own.

    with Oracle("tflite_micro") as oracle:
        oracle.open(model)
        outputs = oracle.run([x])

``tflite_micro`` is the oracle: equal means equal to it. ``tflite_runtime`` and ``ai_edge_litert``
are what people run today. Install them with ``pip install 'tflm-wasm[oracles]'``.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from tflm_wasm._errors import OracleCrashed, OracleMissing, OracleRefused
from tflm_wasm.oracles._frames import Array
from tflm_wasm.oracles._process import WorkerDied, WorkerProcess, ending

__all__ = ["NAMES", "Oracle", "installed", "version"]

# name -> the distribution that provides it
NAMES = {
    "tflite_micro": "tflite-micro",
    "tflite_runtime": "tflite-runtime",
    "ai_edge_litert": "ai-edge-litert",
}


def installed(name: str) -> bool:
    """Say whether an oracle's package is installed, without importing it."""
    return importlib.util.find_spec(name) is not None


def version(name: str) -> str | None:
    """Return the version of an oracle's distribution, or None when it is not installed."""
    try:
        return importlib.metadata.version(NAMES[name])
    except importlib.metadata.PackageNotFoundError:
        return None


class Oracle:
    """A reference runtime in a worker process, which may crash without harm.

    Args:
        name: One of `NAMES`.
        kernels: For the TensorFlow Lite runtimes: ``default`` (XNNPACK), ``no_delegate`` or
            ``reference``. TFLM has just its reference kernels.
        timeout_s: Longest time in seconds that one request may take.

    Raises:
        OracleMissing: The runtime is not installed.
    """

    def __init__(self, name: str, *, kernels: str = "default", timeout_s: float = 60.0) -> None:
        if not installed(name):
            raise OracleMissing(f"{name} is not installed for this Python", oracle=name)
        self.name = name
        self._kernels = kernels
        self._model: bytes | None = None
        self.nanoseconds: list[int] = []
        self._worker = WorkerProcess(
            [sys.executable, "-m", "tflm_wasm.oracles._worker", *self._arguments()],
            {**self._environment(), "TF_CPP_MIN_LOG_LEVEL": "2"},
            timeout_s,
        )

    def _arguments(self) -> list[str]:
        return [self.name]

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)

    def __enter__(self) -> Oracle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker process; may be called twice."""
        self._worker.close()

    def open(self, model: bytes, *, arena_bytes: int = 16 << 20) -> None:
        """Load a model; a model that was open is dropped, and a crashed worker started again.

        Raises:
            OracleRefused: The runtime does not accept the model.
            OracleCrashed: The runtime died of it.
        """
        self._worker.revive()
        options = {
            "arena_bytes": arena_bytes,
            "kernels": self._kernels,
            "current_outputs": current_outputs(model),
        }
        self._model = model
        self._ask({"command": "open", "options": options}, [np.frombuffer(model, np.uint8)])

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Set all inputs, invoke once, return all outputs.

        Raises:
            OracleRefused: The runtime refused an input or failed to run.
            OracleCrashed: The runtime died.
        """
        return self.run_many([inputs])[0]

    def run_many(self, frames: Sequence[Sequence[Array]]) -> list[list[Array]]:
        """Run frames in order, without a reset between them; `nanoseconds` then has the times.

        A time is that of set-invoke-get inside the worker, one a frame.
        """
        if not frames:
            return []
        header = {"command": "run", "frames": len(frames), "inputs_per_frame": len(frames[0])}
        reply, results = self._ask(header, [array for frame in frames for array in frame])
        self.nanoseconds = reply["nanoseconds"]
        count = len(results) // len(frames)
        return [results[i * count : (i + 1) * count] for i in range(len(frames))]

    def reset(self) -> None:
        """Reset the model's state, as the runtime itself defines that."""
        self._ask({"command": "reset"}, [])

    def arena_used(self) -> int | None:
        """Return the bytes of arena that TFLM uses, or None for another runtime."""
        if self.name != "tflite_micro":
            return None
        self._ask({"command": "print_allocations"}, [])
        match = re.search(r"Arena allocation total (\d+) bytes", self._worker.printed())
        return int(match.group(1)) if match else None

    def _ask(
        self, header: dict[str, Any], arrays: list[Array]
    ) -> tuple[dict[str, Any], list[Array]]:
        try:
            reply, results = self._worker.ask(header, arrays)
        except WorkerDied as error:
            raise OracleCrashed(self._epitaph(str(error)), oracle=self.name) from None
        if "died" in reply:
            raise OracleCrashed(
                self._epitaph(f"died with {ending(reply['died'])}"), oracle=self.name
            )
        if not reply["ok"]:
            printed = self._worker.printed().strip()
            reason = f"{reply['error']}; {printed}" if printed else reply["error"]
            raise OracleRefused(f"{self.name}: {reason[:600]}", oracle=self.name)
        return reply, results

    def _epitaph(self, why: str) -> str:
        return f"{self.name} {why}: {self._worker.printed().strip()[-300:]}"


def current_outputs(model: bytes) -> list[bool]:
    """Return for each output of a model whether it is current after an invoke that ended early.

    Variables are, and what operators up to the first CIRCULAR_BUFFER write, which may be in a
    subgraph that is called. A model that can't be read has no outputs: the runtime is to refuse it.
    """
    import tflite

    kinds = tflite.BuiltinOperator
    calls = (kinds.CALL_ONCE, kinds.IF, kinds.WHILE)
    try:
        root = tflite.Model.GetRootAs(model, 0)
        graph = root.Subgraphs(0)
        written: set[int] = set()
        for i in range(graph.OperatorsLength()):
            op = graph.Operators(i)
            code = root.OperatorCodes(op.OpcodeIndex())
            if code.BuiltinCode() in calls:
                break
            written |= {op.Outputs(k) for k in range(op.OutputsLength())}
            if code.CustomCode() == b"CIRCULAR_BUFFER":
                break
        indices = [graph.Outputs(i) for i in range(graph.OutputsLength())]
        return [i in written or bool(graph.Tensors(i).IsVariable()) for i in indices]
    except Exception:  # noqa: BLE001 (the reader raises anything on a malformed model)
        return []
