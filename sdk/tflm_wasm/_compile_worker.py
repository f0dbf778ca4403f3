"""The child process of `_compile`: a valid module comes in on stdin, compiled code goes out."""

from __future__ import annotations

import sys

from tflm_wasm import _runtime

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
    """Compile the module on stdin."""
    _limit_memory()
    code = _runtime.engine().compile(sys.stdin.buffer.read())
    sys.stdout.buffer.write(code.serialize())
