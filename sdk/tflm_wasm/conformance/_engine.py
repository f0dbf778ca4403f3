"""A model on the bare engine: no module is built and nothing is cached, so it costs 0.3 ms."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tflm_wasm import _abi
from tflm_wasm._block import Block, Descriptor
from tflm_wasm._build import compiled_engine
from tflm_wasm._engine import packaged_engine
from tflm_wasm._errors import TflmWasmError
from tflm_wasm._guest import Guest
from tflm_wasm._limits import Limits
from tflm_wasm._tensor import view_dtype
from tflm_wasm.conformance._writer import Array

ARENA_BYTES: Final = 4 << 20
_ALIGNMENT: Final = 16


class EngineError(TflmWasmError):
    """A call returned a status other than ok.

    Attributes:
        status: The status.
        text: The sentence beside it.
    """

    default_hint = "See what a model has with `tflm-wasm inspect MODEL`."
    status: _abi.Status
    text: str


@functools.cache
def engine_bytes() -> bytes:
    """Return the engine: TFLM_WASM_ENGINE names another one than the package's."""
    other = os.environ.get("TFLM_WASM_ENGINE")
    return Path(other).read_bytes() if other else packaged_engine()


class Engine:
    """One model on a fresh instance of the engine.

    Args:
        model: The .tflite file; limits of profiles do not apply.
        arena_bytes: Size of the tensor arena, in bytes.
        time_limit_s: Longest running time of a call, in seconds.
        fill: What every byte of the arena is before init; no output may depend on it.
        extended: Whether it allows what TFLM lacks, as the extended profile does.
        engine: Another engine than `engine_bytes()`.

    Raises:
        EngineError: The engine refuses the model.
        GuestError: It trapped, or ran too long.
    """

    def __init__(
        self,
        model: bytes,
        *,
        arena_bytes: int = ARENA_BYTES,
        time_limit_s: float = 60.0,
        fill: int = 0,
        extended: bool = False,
        engine: bytes | None = None,
    ) -> None:
        limits = Limits(time_s=time_limit_s, memory_bytes=1 << 31)
        self._guest = Guest(compiled_engine(engine or engine_bytes()), limits)
        heap_base = Block(self._guest.memory)["heap_base"]
        address = -(-heap_base // _ALIGNMENT) * _ALIGNMENT
        self._guest.grow(address + len(model) + _ALIGNMENT + arena_bytes)
        self.memory = self._guest.memory
        self._block = Block(self.memory)
        if extended:
            self._block["features"] |= _abi.Feature.EXTENDED
        self._block["max_model_size"] = 1 << 26
        self._block["max_input_size"] = 1 << 24
        self.memory[address : address + len(model)] = model
        if fill:
            rest = self.memory[address + len(model) :]
            rest[:] = bytes((fill,)) * len(rest)
        self.call("tflm_wasm_init", address, len(model), arena_bytes)
        count = self.get("input_count")
        found = [self._block.descriptor(i) for i in range(count + self.get("output_count"))]
        self.inputs, self.outputs = found[:count], found[count:]

    def call(self, name: str, *arguments: int) -> None:
        """Call an export that returns a status.

        Raises:
            EngineError: The status is not ok.
        """
        status = _abi.Status(self._guest.call(name, *arguments) or 0)
        if status is not _abi.Status.OK:
            text = self._block.error_text
            raise EngineError(f"{status.name}: {text}", status=status, text=text)

    def get(self, name: str) -> int:
        """Return a field of the control block."""
        return self._block[name]

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Invoke once; inputs and outputs are in the model's order, of its shapes and types.

        Raises:
            EngineError: The engine refuses what an input says.
        """
        self._write(inputs)
        self.call("wasm_invoke")
        return [self._array(one, self._bytes_of(one)) for one in self.outputs]

    def run_in_steps(self, inputs: Sequence[Array]) -> tuple[list[Array], list[int]]:
        """Invoke each operator of the main subgraph by itself.

        Returns:
            The outputs, and for each step the BuiltinOperator that it ran, -1 for none.

        Raises:
            EngineError: As `run`.
        """
        self._write(inputs)
        codes = []
        for first in range(self.get("op_count")):
            self._block["op_first"], self._block["op_end"] = first, first + 1
            self.call("wasm_invoke")
            codes.append(self.get("op_code"))
        self._block["op_first"] = self._block["op_end"] = 0
        return [self._array(one, self._bytes_of(one)) for one in self.outputs], codes

    def _write(self, inputs: Sequence[Array]) -> None:
        for i, (tensor, array) in enumerate(zip(self.inputs, inputs, strict=True)):
            if array.nbytes != tensor.bytes or array.dtype != view_dtype(tensor.type):
                raise ValueError(f"input {i} is {array.dtype} {array.shape}, not {tensor}")
            self.memory[tensor.address : tensor.address + tensor.bytes] = array.tobytes()

    def random_inputs(self, rng: np.random.Generator) -> list[Array]:
        """Return random bytes for each input."""
        return [self._array(one, rng.bytes(one.bytes)) for one in self.inputs]

    def _bytes_of(self, tensor: Descriptor) -> bytes:
        return self.memory[tensor.address : tensor.address + tensor.bytes].tobytes()

    @staticmethod
    def _array(tensor: Descriptor, data: bytes) -> Array:
        return np.frombuffer(data, view_dtype(tensor.type)).reshape(tensor.shape)

    def run_random(self, rng: np.random.Generator) -> list[Array]:
        """Invoke once on random bytes."""
        return self.run(self.random_inputs(rng))

    def reset(self) -> None:
        """Reset variable tensors and resource variables."""
        self.call("tflm_wasm_reset")
