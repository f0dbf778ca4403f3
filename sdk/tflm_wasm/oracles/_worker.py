"""The oracle's side: ``python -m tflm_wasm.oracles._worker NAME [--fork]`` serves one runtime.

It runs in its own process because some models crash these runtimes. Requests come on standard
input, replies go to the descriptor that standard output was at the start; whatever the runtime
prints goes to standard error. With ``--fork`` the process loads the runtime and then only forks:
a child serves the requests, and when one kills it the next child is there at once.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import struct
import sys
import time
from typing import Any, BinaryIO, Protocol

import numpy as np

from tflm_wasm.oracles._frames import Array, array_bytes, decode_arrays, encode

_RENEW = 77  # exit code of a child that was asked to make room for a fresh one


class Runtime(Protocol):
    """What the worker needs of a reference runtime."""

    def set_inputs(self, arrays: list[Array]) -> None: ...
    def invoke(self) -> None: ...
    def outputs(self) -> list[Array]: ...
    def reset(self) -> None: ...


class TfliteMicro:
    """TFLM itself, through its Python wheel.

    After an invoke that an operator ended early, outputs that would have come later mean nothing,
    as their memory may have served other tensors. The last ones that were computed count, and
    zeros before the first.
    """

    _ABORTED = 15  # kTfLiteAbort

    def __init__(self, model: bytes, options: dict[str, Any]) -> None:
        from tflite_micro.python.tflite_micro import runtime

        count_variables = runtime.count_resource_variables
        if "variables" in options:  # to count them takes 50 times as long as all the rest
            runtime.count_resource_variables = lambda _: options["variables"]
        try:
            self._interpreter = runtime.Interpreter.from_bytes(
                model, arena_size=options.get("arena_bytes", 16 << 20)
            )
        finally:
            runtime.count_resource_variables = count_variables
        self._current_outputs: list[bool] = options["current_outputs"]
        self._aborted = False
        self._computed: list[Array] | None = None

    def set_inputs(self, arrays: list[Array]) -> None:
        for i, array in enumerate(arrays):
            self._interpreter.set_input(array, i)

    def invoke(self) -> None:
        self._aborted = self._interpreter.invoke() == self._ABORTED

    def outputs(self) -> list[Array]:
        there = [self._interpreter.get_output(i) for i in range(len(self._current_outputs))]
        if not self._aborted:
            self._computed = there
            return there
        computed = self._computed or [np.zeros_like(array) for array in there]
        triples = zip(self._current_outputs, there, computed, strict=True)
        return [now if current else last for current, now, last in triples]

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


def open_runtime(name: str, model: bytes, options: dict[str, Any]) -> Runtime:
    """Return a runtime with a model loaded; it raises whatever the runtime raises."""
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


class Server:
    """Answers requests about one model at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._model: Runtime | None = None
        self._commands = {
            "open": self._open,
            "run": self._run,
            "reset": self._reset,
            "print_allocations": self._print_allocations,
            "case": self._case,
        }

    def answer(
        self, header: dict[str, Any], arrays: list[Array]
    ) -> tuple[dict[str, Any], list[Array]]:
        """Return the reply and the arrays that follow it."""
        try:
            return self._commands[header["command"]](header, arrays)
        # A runtime may raise anything at all; whatever it is, it is its answer.
        except Exception as error:  # noqa: BLE001
            return {"ok": False, "error": _text(error)}, []

    @property
    def _runtime(self) -> Runtime:
        if self._model is None:
            raise RuntimeError("no model is open")
        return self._model

    def _open(
        self, header: dict[str, Any], arrays: list[Array]
    ) -> tuple[dict[str, Any], list[Array]]:
        self._model = None
        self._model = open_runtime(self._name, arrays[0].tobytes(), header["options"])
        return {"ok": True}, []

    def _run(
        self, header: dict[str, Any], arrays: list[Array]
    ) -> tuple[dict[str, Any], list[Array]]:
        results, times = _run(self._runtime, _frames(header, arrays))
        return {"ok": True, "nanoseconds": times}, results

    def _reset(self, _: dict[str, Any], __: list[Array]) -> tuple[dict[str, Any], list[Array]]:
        self._runtime.reset()
        return {"ok": True}, []

    def _print_allocations(
        self, _: dict[str, Any], __: list[Array]
    ) -> tuple[dict[str, Any], list[Array]]:
        if isinstance(self._runtime, TfliteMicro):
            self._runtime.print_allocations()
        return {"ok": True}, []

    def _case(
        self, header: dict[str, Any], arrays: list[Array]
    ) -> tuple[dict[str, Any], list[Array]]:
        """Open a model and run frames up to the first that fails; say in which step, and why."""
        results: list[Array] = []
        reply: dict[str, Any] = {"ok": True, "step": "open", "frames": 0, "error": ""}
        signal.alarm(header["timeout_s"])
        try:
            runtime = open_runtime(self._name, arrays[0].tobytes(), header["options"])
            for number, frame in enumerate(_frames(header, arrays[1:])):
                reply["step"] = "invoke"
                if number in header["resets"]:
                    runtime.reset()
                reply["step"] = "input"
                runtime.set_inputs(frame)
                reply["step"] = "invoke"
                runtime.invoke()
                reply["step"] = "output"
                results += runtime.outputs()
                reply["frames"] = number + 1
            reply["step"] = ""
        except Exception as error:  # noqa: BLE001 (an answer, too)
            reply["error"] = _text(error)
        signal.alarm(0)
        return reply, results


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _frames(header: dict[str, Any], arrays: list[Array]) -> list[list[Array]]:
    count = header["inputs_per_frame"]
    return [arrays[i * count : (i + 1) * count] for i in range(header["frames"])]


def _serve(name: str, requests: BinaryIO, replies: BinaryIO) -> None:
    server = Server(name)
    while prefix := requests.read(4):
        header = json.loads(requests.read(struct.unpack("<I", prefix)[0]))
        arrays = decode_arrays(header, requests.read(array_bytes(header)))
        if header["command"] == "renew":
            _reply(replies, {"ok": True}, [])
            os._exit(_RENEW)
        _reply(replies, *server.answer(header, arrays))


def _reply(replies: BinaryIO, header: dict[str, Any], results: list[Array]) -> None:
    sys.stderr.flush()
    replies.write(encode(header, results))
    replies.flush()


def _serve_in_children(name: str, requests: BinaryIO, replies: BinaryIO) -> None:
    """Serve in one child after another; report a child that died, and how."""
    load_runtime(name)
    while True:
        child = os.fork()
        if child == 0:
            _serve(name, requests, replies)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:  # the end of standard input
            return
        if code != _RENEW:
            _reply(replies, {"ok": False, "died": code}, [])


def load_runtime(name: str) -> None:
    """Import a runtime."""
    module = "tflite_micro.python.tflite_micro.runtime" if name == "tflite_micro" else name
    importlib.import_module(module)


def main() -> None:
    """Serve requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve = _serve_in_children if "--fork" in sys.argv[2:] else _serve
    serve(sys.argv[1], sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
