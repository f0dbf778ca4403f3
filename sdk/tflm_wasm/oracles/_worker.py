"""The oracle's side: ``python -m tflm_wasm.oracles._worker NAME`` serves one runtime.

It runs in its own process because some models crash these runtimes. Requests come on standard
input, replies go to the descriptor that standard output was at the start; whatever the runtime
prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import sys
import time
from typing import Any, BinaryIO, Protocol

import numpy as np

from tflm_wasm.oracles._frames import Array, array_bytes, decode_arrays, encode


class Runtime(Protocol):
    """What the worker needs of a reference runtime."""

    def set_inputs(self, arrays: list[Array]) -> None: ...
    def invoke(self) -> None: ...
    def outputs(self) -> list[Array]: ...
    def reset(self) -> None: ...


class TfliteMicro:
    """TFLM itself, through its Python wheel.

    After an invoke that an operator ended early TFLM's outputs mean nothing, as their memory may
    have served other tensors, unless they are variables. The last ones that were computed count,
    and zeros before the first.
    """

    _ABORTED = 15  # kTfLiteAbort

    def __init__(self, model: bytes, options: dict[str, Any]) -> None:
        from tflite_micro.python.tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(
            model, arena_size=options.get("arena_bytes", 16 << 20)
        )
        self._variable_outputs: list[bool] = options["variable_outputs"]
        self._aborted = False
        self._computed: list[Array] | None = None

    def set_inputs(self, arrays: list[Array]) -> None:
        for i, array in enumerate(arrays):
            self._interpreter.set_input(array, i)

    def invoke(self) -> None:
        self._aborted = self._interpreter.invoke() == self._ABORTED

    def outputs(self) -> list[Array]:
        there = [self._interpreter.get_output(i) for i in range(len(self._variable_outputs))]
        if not self._aborted:
            self._computed = there
            return there
        computed = self._computed or [np.zeros_like(array) for array in there]
        triples = zip(self._variable_outputs, there, computed, strict=True)
        return [now if variable else last for variable, now, last in triples]

    def reset(self) -> None:
        self._interpreter.reset()
        self._computed = None

    def print_allocations(self) -> None:
        self._interpreter.print_allocations()


class TfliteInterpreter:
    """The TensorFlow Lite interface: ``tflite_runtime`` and ``ai_edge_litert``."""

    def __init__(self, module: str, model: bytes, options: dict[str, Any]) -> None:
        library = importlib.import_module(f"{module}.interpreter")
        kernels = library.OpResolverType
        self._interpreter = library.Interpreter(
            model_content=model,
            num_threads=1,
            experimental_op_resolver_type={
                "default": kernels.AUTO,
                "no_delegate": kernels.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                "reference": kernels.BUILTIN_REF,
            }[options.get("kernels", "default")],
        )
        self._interpreter.allocate_tensors()
        self._inputs = [d["index"] for d in self._interpreter.get_input_details()]
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]

    def set_inputs(self, arrays: list[Array]) -> None:
        for index, array in zip(self._inputs, arrays, strict=True):
            self._interpreter.set_tensor(index, array)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def outputs(self) -> list[Array]:
        return [self._interpreter.get_tensor(index) for index in self._outputs]

    def reset(self) -> None:
        self._interpreter.reset_all_variables()


def _open(name: str, model: bytes, options: dict[str, Any]) -> Runtime:
    if name == "tflite_micro":
        return TfliteMicro(model, options)
    return TfliteInterpreter(name, model, options)


def _run(runtime: Runtime, frames: list[list[Array]]) -> tuple[list[Array], list[int]]:
    """Run frames in order; return all outputs and nanoseconds per set-invoke-get."""
    results: list[Array] = []
    times: list[int] = []
    for frame in frames:
        start = time.perf_counter_ns()
        runtime.set_inputs(frame)
        runtime.invoke()
        outputs = runtime.outputs()
        times.append(time.perf_counter_ns() - start)
        results += outputs
    return results, times


def _serve(name: str, requests: BinaryIO, replies: BinaryIO) -> None:
    runtime: Runtime | None = None
    while prefix := requests.read(4):
        header = json.loads(requests.read(struct.unpack("<I", prefix)[0]))
        arrays = decode_arrays(header, requests.read(array_bytes(header)))
        reply: dict[str, Any] = {"ok": True}
        results: list[Array] = []
        try:
            if header["command"] == "open":
                runtime = None
                runtime = _open(name, arrays[0].tobytes(), header["options"])
            elif runtime is None:
                raise RuntimeError("no model is open")
            elif header["command"] == "run":
                count = header["inputs_per_frame"]
                frames = [arrays[i * count : (i + 1) * count] for i in range(header["frames"])]
                results, reply["nanoseconds"] = _run(runtime, frames)
            elif header["command"] == "print_allocations" and isinstance(runtime, TfliteMicro):
                runtime.print_allocations()
            elif header["command"] == "reset":
                runtime.reset()
        # A runtime may raise anything at all; whatever it is, it is its answer.
        except Exception as error:  # noqa: BLE001
            reply = {"ok": False, "error": f"{type(error).__name__}: {error}"}
            results = []
        sys.stderr.flush()
        replies.write(encode(reply, results))
        replies.flush()


def main() -> None:
    """Serve requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(sys.argv[1], sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
