"""From a board's error reply to the exception of that meaning."""

from __future__ import annotations

from typing import Any

from tflm_wasm import _abi
from tflm_wasm._block import Block
from tflm_wasm._errors import (
    DeviceRefusedError,
    LinkProtocolError,
    ModelTooLargeError,
    NoActiveModelError,
    SandboxFault,
    TflmWasmError,
)
from tflm_wasm._link import _defs
from tflm_wasm._link._defs import ErrorCode, Type
from tflm_wasm._link._messages import fault_name
from tflm_wasm._status import call_error, init_error


def refusal(request: Type, fields: dict[str, Any], text: str) -> TflmWasmError:
    """Return the exception for an error reply.

    Args:
        request: What was asked.
        fields: The reply's fields.
        text: Its sentence, may be empty.
    """
    code = fields["code"]
    if code == ErrorCode.GUEST:
        return _guest_error(request, fields, text)
    if code == ErrorCode.FAULT:
        kind, address = fault_name(fields["kind"]), fields["detail"] & 0xFFFF_FFFF
        return SandboxFault(
            f"The sandbox stopped the guest: {kind} at 0x{address:08x}", kind=kind, address=address
        )
    if code == ErrorCode.SIZE:
        size, limit = fields["needed"], fields["available"]
        return ModelTooLargeError(
            f"The model has {size:,} bytes; a slot of the board holds {limit:,}",
            hint="Prune or quantize the model, then see `tflm-wasm inspect MODEL`.",
            size=size,
            limit=limit,
        )
    if code == ErrorCode.MODEL:
        return NoActiveModelError("No model runs on the board")
    known = code in ErrorCode.__members__.values()
    return DeviceRefusedError(
        text or (_defs.ERROR_DOC[ErrorCode(code)] if known else f"Unknown error code {code}"),
        request=request.name.lower(),
        code=ErrorCode(code).name.lower() if known else str(code),
        detail=fields["detail"],
    )


def _guest_error(request: Type, fields: dict[str, Any], text: str) -> TflmWasmError:
    """Return what `Session` raises for the same status: the reply carries its part of the block."""
    try:
        status = _abi.Status(fields["detail"])
    except ValueError:
        return LinkProtocolError(f"The board reports an unknown status {fields['detail']}")
    memory = bytearray(_abi.BLOCK_BYTES)
    start, room = _abi.REGIONS["error_text"]
    sentence = text.encode()[: room - 1]
    memory[start : start + len(sentence)] = sentence
    block = Block(memoryview(memory))
    block["error_op"], block["error_subgraph"] = fields["op"], fields["subgraph"]
    block["arena_needed"] = block["model_size"] = fields["needed"]
    block["max_model_size"] = block["max_input_size"] = fields["available"]
    if request is Type.ACTIVATE:
        return init_error(status, block, fields["available"])
    return call_error(status, block)
