"""Tensor details in the form of the TensorFlow Lite interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflm_wasm._errors import TensorIndexError
from tflm_wasm._session import Session
from tflm_wasm._tensor import Tensor


class Details:
    """Answers from the embedded model, or from the session's tensors when there is none.

    Args:
        session: An open session.
    """

    def __init__(self, session: Session) -> None:
        self._model = session.module.description
        self._tensors = {t.index: t for t in (*session.inputs, *session.outputs)}
        # Indices of all tensors that there is something to say about.
        self.indices: Sequence[int] = (
            sorted(self._tensors) if self._model is None else range(self._model.tensor_count())
        )

    def check(self, index: int) -> None:
        """Check that there is a tensor `index`.

        Raises:
            TensorIndexError: There is none.
        """
        if index not in self.indices:
            raise TensorIndexError(
                f"Invalid tensor index {index} exceeds max tensor index {len(self.indices)}",
                index=index,
            )

    def constant(self, index: int) -> NDArray[Any] | None:
        """Return a read-only view of a constant tensor, or None when it is not one."""
        return None if self._model is None else self._model.constant(index)

    def of(self, index: int) -> dict[str, Any]:
        """Return the details of a tensor.

        Raises:
            TensorIndexError: There is no such tensor.
            MalformedModelError: Its description can't be read.
        """
        self.check(index)
        if self._model is None:
            return _from_tensor(self._tensors[index])
        info = self._model.tensor(index)
        per_tensor = len(info.scales) == 1
        return {
            "name": info.name,
            "index": index,
            "shape": np.array(info.shape, np.int32),
            "shape_signature": np.array(info.shape_signature, np.int32),
            "dtype": info.scalar_type,
            "quantization": (float(info.scales[0]), int(info.zero_points[0]))
            if per_tensor
            else (0.0, 0),
            "quantization_parameters": {
                "scales": info.scales,
                "zero_points": info.zero_points,
                "quantized_dimension": info.quantized_dimension,
            },
            "sparsity_parameters": {},
        }


def _from_tensor(tensor: Tensor) -> dict[str, Any]:
    quantized = int(tensor.scale > 0)
    return {
        "name": tensor.name,
        "index": tensor.index,
        "shape": np.array(tensor.shape, np.int32),
        "shape_signature": np.array(tensor.shape, np.int32),
        "dtype": tensor.dtype.type,
        "quantization": (tensor.scale, tensor.zero_point),
        "quantization_parameters": {
            "scales": np.full(quantized, tensor.scale, np.float32),
            "zero_points": np.full(quantized, tensor.zero_point, np.int32),
            "quantized_dimension": 0,
        },
        "sparsity_parameters": {},
    }
