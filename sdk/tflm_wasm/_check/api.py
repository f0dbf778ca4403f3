"""`check`: run in a child process, which a hostile module may crash or hang."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from tflm_wasm._admission import check_profile
from tflm_wasm._check.report import CheckReport, Ledger
from tflm_wasm._limits import Limits

# The whole check may take this many times the limit of one call, and compiling with it.
_CALLS: Final = 20
_COMPILE_S: Final = 60.0
_WORKER: Final = ("-m", "tflm_wasm._check.worker")


def check(
    module: bytes,
    *,
    profile: str = "strict",
    model: bytes | None = None,
    time_limit_s: float = 5.0,
) -> CheckReport:
    """Hold a WebAssembly module against every rule of the ABI.

    The module runs in a child process under limits on memory and time, so it may be anything.

    Args:
        module: The bytes of the module, or anything else.
        profile: The profile that the host opts into, "strict" or "extended".
        model: A model to run it with, for a module that embeds none.
        time_limit_s: Time that one call may take, in seconds. The whole check ends after at
            most 20 times this and a minute.

    Returns:
        The report: it succeeds for any bytes.

    Raises:
        ProfileError: There is no such profile.
        LimitsError: `time_limit_s` is not a positive number of at most a day.
    """
    check_profile(profile)
    Limits(time_s=time_limit_s)
    head = {"module": len(module), "profile": profile, "time_limit_s": time_limit_s}
    head |= {"model": None if model is None else len(model)}
    request = json.dumps(head).encode() + b"\n" + bytes(module) + (model or b"")
    ledger = Ledger()
    death = _run_worker(request, _CALLS * time_limit_s + _COMPILE_S, ledger)
    if death is not None:
        rule = "call.time" if death.late else "call.trap"
        if "module.compile" not in ledger.outcomes:
            rule = "module.compile"
        ledger.note(rule, ok=False, detail=death.detail)
    return ledger.report(hashlib.sha256(module).hexdigest(), profile)


class _Death(NamedTuple):
    """How a worker ended that did not end by itself."""

    late: bool
    detail: str


def _run_worker(request: bytes, timeout_s: float, ledger: Ledger) -> _Death | None:
    """Fill the ledger with what the worker says; return how it died, None when it did not."""
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    worker = subprocess.Popen(  # noqa: S603 - a fixed command
        [sys.executable, *_WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # One BLAS thread: the stacks of one per core would count against the child's memory.
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
    )
    late = False
    with worker:
        try:
            output, _ = worker.communicate(request, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            worker.kill()
            output, _ = worker.communicate()
            late = True
    lines = output.split(b"\n")
    for line in lines[:-1]:
        outcome = json.loads(line)
        if outcome == "done":
            return None
        ledger.record(*outcome)
    if late:
        return _Death(late, f"no answer from the checking process after {timeout_s:g} s")
    return _Death(late, f"the checking process died, exit code {worker.returncode}")
