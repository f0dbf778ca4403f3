"""The child process of `_compile`: a valid module comes in on stdin, compiled code goes out."""

from __future__ import annotations

import sys

from tflm_wasm import _runtime
from tflm_wasm._errors import ModuleError

_HEAP_BYTES = 2 << 30


def _limit_memory() -> None:
    """Bound what this process can allocate, where there is such a bound."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > _HEAP_BYTES:
        resource.setrlimit(resource.RLIMIT_DATA, (_HEAP_BYTES, hard))


def main() -> None:
    """Compile the module on stdin, with checks."""
    _limit_memory()
    try:
        code = _runtime.compile_checked(sys.stdin.buffer.read())
    except ModuleError as error:
        sys.exit(str(error.__cause__))
    sys.stdout.buffer.write(code.serialize())
