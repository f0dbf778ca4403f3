"""Arrays and bytes that a caller passes for the inputs of a model, and their way into memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tflm_wasm._errors import InputError
from tflm_wasm._tensor import Tensor

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from numpy.typing import ArrayLike, NDArray


def write_bytes(inputs: Sequence[Tensor], given: Sequence[ReadableBuffer]) -> None:
    """Copy bytes-like objects into the inputs, all of them or none.

    Raises:
        InputError: One is not exactly as long as its input or no bytes-like object, or there are
            more or fewer than inputs.
    """
    _check_count(inputs, given)
    contents = []
    for tensor, one in zip(inputs, given, strict=True):
        size = tensor.data.nbytes
        try:
            content = memoryview(one).tobytes()
        except TypeError:
            kind = type(one).__name__
            raise InputError(f"Input '{tensor.name}' is {size:,} bytes, not a {kind}") from None
        if len(content) != size:
            raise InputError(f"Input '{tensor.name}' is {size:,} bytes, not {len(content):,}")
        contents.append(content)
    for tensor, content in zip(inputs, contents, strict=True):
        tensor.data[:] = content


def write_arrays(inputs: Sequence[Tensor], arrays: Sequence[ArrayLike]) -> None:
    """Copy arrays into the inputs, all of them or none.

    Raises:
        InputError: One is not of exactly the shape and dtype of its input, or there are more or
            fewer than inputs.
    """
    for tensor, array in zip(inputs, _checked(inputs, arrays)):  # noqa: B905 - as long as each other
        tensor.view[...] = array


def _checked(inputs: Sequence[Tensor], arrays: Sequence[Any]) -> Sequence[NDArray[Any]]:
    """Return `arrays` as NumPy arrays, each of exactly the shape and dtype of its input."""
    _check_count(inputs, arrays)
    for tensor, array in zip(inputs, arrays):  # noqa: B905 - as long as each other
        # What fits without a doubt is not converted: this is on the path of every run.
        if (
            type(array) is not type(tensor.view)
            or array.dtype is not tensor.dtype
            or array.shape != tensor.shape
        ):
            return _converted(inputs, arrays)
    return arrays


def _check_count(inputs: Sequence[Tensor], given: Sequence[Any]) -> None:
    if len(given) != len(inputs):
        raise InputError(f"The model has {len(inputs)} inputs; {len(given)} were given")


def _converted(inputs: Sequence[Tensor], arrays: Sequence[Any]) -> list[NDArray[Any]]:
    import numpy as np

    given = [np.asarray(array) for array in arrays]
    for tensor, array in zip(inputs, given):  # noqa: B905 - as long as each other
        if array.dtype != tensor.dtype or array.shape != tensor.shape:
            raise InputError(
                f"Input '{tensor.name}' is {tensor.dtype} {tensor.shape}, "
                f"not {array.dtype} {array.shape}"
            )
    return given
