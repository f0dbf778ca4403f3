"""Hardware in the loop: tests with pytest on boards, emulated ones and real ones.

`plugin` is the pytest plugin; installing this package registers it. Everything else is loaded only
when a test asks for a board.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tflm_wasm.hil._bench import read_bench
    from tflm_wasm.hil._board import Board
    from tflm_wasm.hil._errors import BenchError, HilError
    from tflm_wasm.hil._handles import BoardHandle
    from tflm_wasm.hil._report import render
    from tflm_wasm.hil._spec import BoardSpec, Capabilities

_HOMES: Final = {
    "BenchError": "_errors",
    "Board": "_board",
    "BoardHandle": "_handles",
    "BoardSpec": "_spec",
    "Capabilities": "_spec",
    "HilError": "_errors",
    "read_bench": "_bench",
    "render": "_report",
}

__all__ = [
    "BenchError",
    "Board",
    "BoardHandle",
    "BoardSpec",
    "Capabilities",
    "HilError",
    "read_bench",
    "render",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
