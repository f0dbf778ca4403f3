"""The model that runs on a board: its tensors, with views of bytes on this side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflm_wasm import _abi, _contract
from tflm_wasm._block import Block, Descriptor
from tflm_wasm._tensor import Tensor, view_dtype

_ADDRESSES = 1 << 32  # outputs may lie in the flash window, far above the RAM


class RemoteModel:
    """What a board's control block says about the model.

    Attributes:
        block: The control block as init left it; zeros behind the last descriptor.

    Args:
        block: The block after init, up to the end of the last descriptor at least.
        digest: SHA-256 of the model, or "" when it is inside the firmware.

    Raises:
        ContractError: It breaks a rule of the ABI.
    """

    def __init__(self, block: bytes, digest: str) -> None:
        self.block = Block.of_bytes(block.ljust(_abi.BLOCK_BYTES, b"\0"))
        inputs, outputs = _contract.descriptors(self.block, _ADDRESSES)
        self.input_bytes = np.zeros(self.block["input_size"], np.uint8)
        self.output_bytes = np.zeros(self.block["output_cap"], np.uint8)
        self.inputs = _tensors(inputs, self.input_bytes, writable=True)
        self.outputs = _tensors(outputs, self.output_bytes, writable=False)
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
    descriptors: list[Descriptor], memory: NDArray[np.uint8], *, writable: bool
) -> tuple[Tensor, ...]:
    """Return tensors whose views are packed in order in `memory`."""
    tensors, start = [], 0
    for one in descriptors:
        dtype = view_dtype(one.type)
        view: NDArray[Any] = memory[start : start + one.bytes].view(dtype).reshape(one.shape)
        view.flags.writeable = writable
        start += one.bytes
        tensors.append(
            Tensor(
                index=one.tensor_index,
                shape=one.shape,
                dtype=view.dtype,
                scale=one.scale,
                zero_point=one.zero_point,
                view=view,
                name_of=lambda index: f"tensor_{index}",
            )
        )
    return tuple(tensors)
