"""The engine with only what one model needs."""

from __future__ import annotations

from tflm_wasm._block import Block
from tflm_wasm._errors import ContractError

_SAME = ("arena_used", "arena_needed", "input_count", "output_count", "op_count")


def minimal_engine(model: bytes) -> bytes:
    """Compile the engine with only the operators, types and parts that a model needs.

    It is made small rather than fast, has no SIMD and no texts of errors, and refuses a model that
    needs more. The same model and compiler give the same bytes, which are kept in the user's cache.

    Args:
        model: Content of a .tflite file, which the whole engine runs.

    Raises:
        MalformedModelError: It can't be read.
        ToolMissingError, ToolFailedError: The compiler is not installed, or it failed.
    """
    # Not on top: the parts of `aot` are made for what is built here.
    from tflm_wasm.aot import _engine
    from tflm_wasm.aot._cache import Cache

    return _engine.build(_engine.selection_of(model), _engine.MODULE, Cache())


def check_same(whole: Block, minimal: Block) -> None:
    """Check that a minimal engine has loaded its model as the whole one.

    Raises:
        ContractError: It has planned another arena.
    """
    for field in _SAME:
        if whole[field] != minimal[field]:
            raise ContractError(
                f"The minimal engine has {field} {minimal[field]}, the whole one {whole[field]}",
                rule="init.arena_needed",
            )
