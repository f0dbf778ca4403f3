"""From a guest's status code to the exception of that name."""

from __future__ import annotations

from typing import Any, Final

from tflm_wasm import _abi
from tflm_wasm._abi import Status
from tflm_wasm._block import Block
from tflm_wasm._errors import (
    ArenaTooSmallError,
    GuestStatusError,
    InputTooLargeError,
    MalformedModelError,
    ModelError,
    ModelLimitError,
    ModelTooLargeError,
    ModelVersionError,
    ParameterError,
    ShapeError,
    TflmWasmError,
    UnsupportedOpError,
    UnsupportedTypeError,
)

# What init says about the model. The other codes are about a call, not about the model.
_MODEL_ERRORS: Final[dict[Status, type[ModelError]]] = {
    Status.MODEL: MalformedModelError,
    Status.VERSION: ModelVersionError,
    Status.OP: UnsupportedOpError,
    Status.TYPE: UnsupportedTypeError,
    Status.SHAPE: ShapeError,
    Status.PARAM: ParameterError,
    Status.LIMIT: ModelLimitError,
}


def init_error(status: Status, block: Block, available: int) -> TflmWasmError:
    """Return the error for a failed init.

    Args:
        status: Its status, not ok.
        block: The block it left.
        available: Bytes of arena that it was given.
    """
    message = _message(status, block)
    if status is Status.ARENA:
        needed = block["arena_needed"]
        return ArenaTooSmallError(
            f"The model needs an arena of {needed:,} bytes; it has {available:,}",
            needed=needed,
            available=available,
        )
    if status is Status.MODEL_SIZE:
        return too_large(block["model_size"], block["max_model_size"])
    if status is Status.INPUT_SIZE:
        return InputTooLargeError(message, status=status, limit=block["max_input_size"])
    if status in _MODEL_ERRORS:
        return _MODEL_ERRORS[status](message, status=status, **_where(block))
    return call_error(status, block)


def call_error(status: Status, block: Block) -> GuestStatusError:
    """Return the error for a failed invoke or reset."""
    return GuestStatusError(_message(status, block), status=status, **_where(block))


def too_large(size: int, limit: int) -> ModelTooLargeError:
    """Return the error for a model of `size` bytes where `limit` are allowed."""
    extended = _abi.PROFILES["extended"]["model_bytes"]
    over = size > extended
    return ModelTooLargeError(
        f"The model has {size:,} bytes; its profile allows {limit:,}",
        hint="Prune or quantize the model, then see `tflm-wasm inspect MODEL`." if over else None,
        status=Status.MODEL_SIZE,
        size=size,
        limit=limit,
    )


def _message(status: Status, block: Block) -> str:
    return block.error_text or _abi.STATUS_DOC[status]


def _where(block: Block) -> dict[str, Any]:
    """Return the operator that the block names, as fields of an error."""
    op, subgraph = block["error_op"], block["error_subgraph"]
    return {
        "op_index": op if op >= 0 else None,
        "subgraph_index": subgraph if subgraph >= 0 else None,
    }
