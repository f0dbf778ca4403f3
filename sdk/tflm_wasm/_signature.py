"""Running a model by the names of its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tflm_wasm._errors import SignatureError
from tflm_wasm._model import Signature

if TYPE_CHECKING:
    from tflm_wasm._interpreter import Interpreter


class SignatureRunner:
    """A callable made by `Interpreter.get_signature_runner`.

    Args:
        interpreter: The interpreter that runs.
        signature: A signature of its main subgraph.
    """

    def __init__(self, interpreter: Interpreter, signature: Signature) -> None:
        self._interpreter = interpreter
        self._signature = signature

    def __call__(self, **arrays: Any) -> dict[str, NDArray[Any]]:
        """Run once.

        Args:
            arrays: One array for each input, by name.

        Returns:
            A copy of each output, by name.

        Raises:
            SignatureError: Inputs are missing or unknown.
            TflmWasmError: As `Interpreter.set_tensor` and `Interpreter.invoke`.
        """
        wanted = self._signature.inputs
        if len(arrays) != len(wanted):
            raise SignatureError(
                "Invalid number of inputs provided for running a SignatureDef, "
                f"expected {len(wanted)} vs provided {len(arrays)}"
            )
        for name, value in arrays.items():
            if name not in wanted:
                raise SignatureError(f"Invalid Input name ({name}) for SignatureDef")
            self._interpreter.resize_tensor_input(wanted[name], np.asarray(value).shape)
        self._interpreter.allocate_tensors()
        for name, value in arrays.items():
            self._interpreter.set_tensor(wanted[name], value)
        self._interpreter.invoke()
        return {
            name: self._interpreter.get_tensor(index)
            for name, index in self._signature.outputs.items()
        }

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        """Return the details of each input, by name."""
        return self._details(self._signature.inputs)

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        """Return the details of each output, by name."""
        return self._details(self._signature.outputs)

    def _details(self, indices: dict[str, int]) -> dict[str, dict[str, Any]]:
        by_index = {d["index"]: d for d in self._interpreter.get_tensor_details()}
        return {name: by_index[index] for name, index in indices.items() if index in by_index}
