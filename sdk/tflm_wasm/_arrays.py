"""Arrays that a caller passes for the inputs of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tflm_wasm._errors import InputError
from tflm_wasm._tensor import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray


def raw_bytes(array: NDArray[Any]) -> memoryview:
    """Return a view of the bytes of an array without gaps; copying between two is fast."""
    return array.reshape(-1).view(np.uint8).data


def check_arrays(inputs: Sequence[Tensor], arrays: Sequence[Any]) -> Sequence[NDArray[Any]]:
    """Return `arrays` as NumPy arrays, each of exactly the shape and dtype of its input.

    Raises:
        InputError: One is not, or there are more or fewer than inputs.
    """
    if len(arrays) != len(inputs):
        raise InputError(f"The model has {len(inputs)} inputs; {len(arrays)} were given")
    for tensor, array in zip(inputs, arrays):  # noqa: B905 - as long as each other
        # What fits without a doubt is not converted: this is on the path of every run.
        if (
            type(array) is not np.ndarray
            or array.dtype is not tensor.dtype
            or array.shape != tensor.shape
        ):
            return _converted(inputs, arrays)
    return arrays


def _converted(inputs: Sequence[Tensor], arrays: Sequence[Any]) -> list[NDArray[Any]]:
    given = [np.asarray(array) for array in arrays]
    for tensor, array in zip(inputs, given):  # noqa: B905 - as long as each other
        if array.dtype != tensor.dtype or array.shape != tensor.shape:
            raise InputError(
                f"Input '{tensor.name}' is {tensor.dtype} {tensor.shape}, "
                f"not {array.dtype} {array.shape}"
            )
    return given
