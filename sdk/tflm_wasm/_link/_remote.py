"""The model that runs on a board: its tensors, with views of bytes on this side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import accumulate
from typing import Protocol

from tflm_wasm import _abi, _contract
from tflm_wasm._block import Block, Descriptor
from tflm_wasm._errors import LinkProtocolError
from tflm_wasm._link._defs import Type
from tflm_wasm._link._messages import SlotInfo, pack
from tflm_wasm._names import tensor_name
from tflm_wasm._tensor import Tensor, tensors_of

NameOf = Callable[[int], str]
_ADDRESSES = 1 << 32  # outputs may lie in the flash window, far above the RAM


class RemoteModel:
    """What a board's control block says about the model.

    Attributes:
        block: The control block as init left it; zeros behind the last descriptor.
        file: The model, or None where it is not known here.

    Args:
        block: The block after init, up to the end of the last descriptor at least.
        digest: SHA-256 of the model, or "" when it is inside the firmware.
        file: The model, for the names of its tensors, or None.

    Raises:
        ContractError: It breaks a rule of the ABI.
    """

    def __init__(self, block: bytes, digest: str, file: bytes | None) -> None:
        self.file = file
        name_of = partial(tensor_name, file)
        self.block = Block(block.ljust(_abi.BLOCK_BYTES, b"\0"))
        inputs, outputs = _contract.descriptors(self.block, _ADDRESSES)
        self.input_bytes = bytearray(self.block["input_size"])
        self.output_bytes = bytearray(self.block["output_cap"])
        self.inputs = _tensors(inputs, memoryview(self.input_bytes), name_of)
        self.outputs = _tensors(outputs, memoryview(self.output_bytes).toreadonly(), name_of)
        first, last = (_abi.FIELDS[name].offset for name in ("features", "error_op"))
        # What only init decides.
        self.fingerprint = (digest, block[first:last], block[_abi.REGIONS["descriptors"][0] :])

    @property
    def arena_used(self) -> int:
        """Bytes of the tensor arena in use."""
        return self.block["arena_used"]

    @property
    def arena_needed(self) -> int:
        """Smallest arena that holds the model, in bytes."""
        return self.block["arena_needed"]

    @property
    def stateful(self) -> bool:
        """Whether an invoke depends on earlier ones."""
        return _abi.Feature.STATEFUL in self.block.features


def _tensors(
    descriptors: list[Descriptor], memory: memoryview, name_of: NameOf
) -> tuple[Tensor, ...]:
    """Return tensors whose bytes are packed in order in `memory`."""
    ends = accumulate(one.bytes for one in descriptors)
    parts = [memory[end - one.bytes : end] for one, end in zip(descriptors, ends, strict=True)]
    return tensors_of(descriptors, parts, name_of)


class _Ask(Protocol):
    def __call__(self, request: Type, payload: bytes = b"") -> bytes:
        """Send a request and return the payload of its reply."""


def read_model(ask: _Ask, max_payload: int, uploaded: Mapping[str, bytes]) -> RemoteModel | None:
    """Return the model that runs on a board, or None when none does.

    Args:
        ask: Sends a request that may be handled twice without harm.
        max_payload: Largest payload of a reply, in bytes.
        uploaded: Models by digest.

    Raises:
        ContractError: It breaks a rule of the ABI.
        LinkProtocolError: The board sent something else than it was asked for.
        TflmWasmError: As `ask`.
    """
    descriptors, _ = _abi.REGIONS["descriptors"]
    block = _read_block(ask, 0, descriptors, max_payload)
    head = Block(block)
    tensors = min(head["input_count"] + head["output_count"], _abi.MAX_IO_TENSORS)
    block += _read_block(ask, descriptors, tensors * _abi.DESCRIPTOR_BYTES, max_payload)
    if head["output_count"] == 0:
        return None
    slots = SlotInfo.all_of(ask(Type.SLOTS))
    digest = next((slot.digest for slot in slots if slot.active), "")
    return RemoteModel(block, digest, uploaded.get(digest))


def _read_block(ask: _Ask, start: int, size: int, most: int) -> bytes:
    content = b""
    while (left := min(size - len(content), most)) > 0:
        piece = ask(Type.BLOCK, pack("block_request", start + len(content), left))
        if len(piece) != left:
            raise LinkProtocolError(f"{len(piece)} bytes of the block came, not {left}")
        content += piece
    return content
