"""The child process of `check`: a module comes in on stdin, one JSON line per outcome goes out."""

from __future__ import annotations

import json
import sys

from tflm_wasm._check.report import Outcome
from tflm_wasm._check.run import run
from tflm_wasm._limits import Limits

# Address space that wasmtime reserves for a memory does not count, only what can be written.
_WRITABLE_BYTES = 2 << 30


def _limit_memory() -> None:
    """Bound what this process can allocate, and leave no core file, where there are such bounds."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, wanted in ((resource.RLIMIT_DATA, _WRITABLE_BYTES), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or wanted < hard:
            resource.setrlimit(kind, (wanted, hard))


def _say(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Check the module on stdin."""
    _limit_memory()
    head = json.loads(sys.stdin.buffer.readline())
    module = sys.stdin.buffer.read(head["module"])
    model = None if head["model"] is None else sys.stdin.buffer.read(head["model"])

    def tell(rule: str, outcome: Outcome, detail: str) -> None:
        _say((rule, outcome, detail))

    limits = Limits(time_s=head["time_limit_s"])
    run(module, profile=head["profile"], limits=limits, model=model, on_change=tell)
    _say("done")


if __name__ == "__main__":
    main()
