"""From a file to the first output: in a process that is warm, and in one that starts for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import ClassVar, Final

from tflm_wasm.bench._benchmark import (
    NS_IN_MS,
    NS_IN_US,
    Benchmark,
    Part,
    ProcessBenchmark,
    Setting,
    Turn,
)
from tflm_wasm.bench._engines import BYTES, OWN, Engine
from tflm_wasm.bench._errors import (
    EngineAbsentError,
    EngineDiedError,
    EngineRefusedError,
    NotOfferedError,
)
from tflm_wasm.bench._model import BenchModel
from tflm_wasm.bench._process import pinned

# What a user's shortest program does: import, open, run. `path` is the file, `frame` the inputs.
_LITERT: Final = (
    "from {module}.interpreter import Interpreter{more}",
    "interpreter = Interpreter(model_path=path, num_threads=1{option})\n"
    "interpreter.allocate_tensors()",
    "for detail, array in zip(interpreter.get_input_details(), frame):\n"
    "    interpreter.set_tensor(detail['index'], array)\n"
    "interpreter.invoke()\n"
    "[interpreter.get_tensor(one['index']) for one in interpreter.get_output_details()]",
)
_STEPS: Final = {
    OWN: (
        "import tflm_wasm",
        "session = tflm_wasm.load(path, profile='extended')",
        "session.run(*frame)",
    ),
    "tflite_micro": (
        "from tflite_micro.python.tflite_micro import runtime",
        "interpreter = runtime.Interpreter.from_file(path, arena_size=16 << 20)",
        "for index, array in enumerate(frame):\n"
        "    interpreter.set_input(array, index)\n"
        "interpreter.invoke()\n"
        "interpreter.get_output(0)",
    ),
    "tflite_runtime": _LITERT,
    "ai_edge_litert": _LITERT,
}
_OPTIONS: Final = {
    (module, variant): f", experimental_op_resolver_type=OpResolverType.{resolver}"
    for module in ("tflite_runtime", "ai_edge_litert")
    for variant, resolver in (
        ("no_delegate", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
        ("reference", "BUILTIN_REF"),
    )
}
# The clock is the system's, so that a process can say how long ago it was started. NumPy counts as
# a part of what an engine imports, where it is needed.
_PROGRAM: Final = """\
import sys, time
clock = time.monotonic_ns
marks = [clock()]
path = sys.argv[1]
{load}
marks.append(clock())
frame = {frame}
marks.append(clock())
{open}
marks.append(clock())
{run}
marks.append(clock())
sys.stdout.write(repr(marks))
"""


def program(engine: Engine, model: BenchModel) -> str:
    """Return a program for `python -c` that opens a model, runs it once, and writes its times.

    Raises:
        NotOfferedError: The engine is no Python package.
    """
    if engine.command:
        reason = f"{engine.name} is no Python package, so there is no program to start"
        raise NotOfferedError(reason, engine=engine.name)
    load, opened, run = _STEPS[engine.runtime]
    arrays = model.frames[0]
    if engine.is_own and engine.variant == BYTES:
        run = run.replace("run(", "run_bytes(")
        frame = ", ".join(f"bytes({array.nbytes})" for array in arrays)
    else:
        load += "\nimport numpy"
        frame = ", ".join(f"numpy.zeros({array.shape}, {array.dtype.str!r})" for array in arrays)
    option = _OPTIONS.get((engine.runtime, engine.variant), "")
    more = ", OpResolverType" if "OpResolverType" in option else ""
    return _PROGRAM.format(
        load=load.format(module=engine.runtime, more=more),
        frame=f"[{frame}]",
        open=opened.format(option=option),
        run=run,
    )


class Process(Benchmark):
    """A fresh process, `python -c`: from its start to its first output, and to its end."""

    name = "process"
    parts: ClassVar = {
        "total": Part("ms"),
        "python": Part("ms"),
        "import": Part("ms"),
        "open": Part("ms"),
        "first output": Part("ms"),
    }

    def __init__(self, engine: Engine, model: BenchModel, setting: Setting) -> None:
        super().__init__(engine, model, setting)
        if not engine.is_installed:
            raise EngineAbsentError(f"{engine.name} is not installed here", engine=engine.name)
        path = model.module if engine.is_own else model.tflite
        self._command = [sys.executable, "-c", program(engine, model), str(path)]
        # Packages have their bytecode compiled, as an installed one has; the first run may do it.
        self._environment = {**os.environ}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(self) -> Turn:
        """Start a process and wait for its end."""
        name = self.engine.name
        with pinned(self.setting.cpus()):
            started = time.monotonic_ns()
            try:
                done = subprocess.run(  # noqa: S603
                    self._command,
                    env=self._environment,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=self.setting.timeout_s,
                )
            except subprocess.TimeoutExpired:
                raise EngineDiedError(f"{name} timed out", engine=name) from None
            ended = time.monotonic_ns()
        if done.returncode != 0:
            kind = EngineDiedError if done.returncode < 0 else EngineRefusedError
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise kind(f"{name}: {last}", engine=name)
        first, loaded, ready, opened, output = json.loads(done.stdout.splitlines()[-1])
        spans = {
            "total": ended - started,
            "python": first - started,
            "import": loaded - first,
            "open": opened - ready,
            "first output": output - opened,
        }
        return {part: [ns / NS_IN_MS] for part, ns in spans.items()}

    def teardown(self) -> None:
        """Do nothing: each process has ended."""


class Reopen(ProcessBenchmark):
    """A file to its first output in a warm process, which has not opened that very file before.

    The process and the machine have opened a copy of it, so machine code is there. The part `open`
    closes each before the next, whose memory may serve again; `beside` keeps them all open.
    """

    name = "open"
    parts: ClassVar = {"open": Part("ms"), "beside": Part("ms")}

    def run(self) -> Turn:
        """Open a file for each frame, both ways."""
        return {
            part: [one * NS_IN_US / NS_IN_MS for one in self.in_us("reopen", keep=part == "beside")]
            for part in self.parts
        }
