"""One input or output of a session, and the element types of the TensorFlow Lite schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# TensorType -> (name in error messages, NumPy's scalar type). int4 is packed two to a byte and
# strings and resources have no fixed size, so no view of those is possible.
ELEMENT_TYPES: Final[dict[int, tuple[str, type[np.generic]]]] = {
    0: ("FLOAT32", np.float32),
    1: ("FLOAT16", np.float16),
    2: ("INT32", np.int32),
    3: ("UINT8", np.uint8),
    4: ("INT64", np.int64),
    5: ("STRING", np.bytes_),
    6: ("BOOL", np.bool_),
    7: ("INT16", np.int16),
    8: ("COMPLEX64", np.complex64),
    9: ("INT8", np.int8),
    10: ("FLOAT64", np.float64),
    11: ("COMPLEX128", np.complex128),
    12: ("UINT64", np.uint64),
    13: ("RESOURCE", np.object_),
    14: ("VARIANT", np.object_),
    15: ("UINT32", np.uint32),
    16: ("UINT16", np.uint16),
    17: ("INT4", np.int8),
}
_WITHOUT_VIEW: Final = frozenset((5, 13, 14, 17))


def _little(native: np.dtype[Any]) -> np.dtype[Any]:
    little = native.newbyteorder("<")
    # NumPy's own object where it is the same type: then two dtypes can be compared by identity.
    return native if little == native else little


_VIEW_DTYPES: Final[dict[int, np.dtype[Any]]] = {
    element_type: _little(np.dtype(scalar))
    for element_type, (_, scalar) in ELEMENT_TYPES.items()
    if element_type not in _WITHOUT_VIEW
}


def view_dtype(element_type: int) -> np.dtype[Any] | None:
    """Return the little-endian dtype of a TensorType, or None where NumPy can't view it."""
    return _VIEW_DTYPES.get(element_type)


def shape_text(shape: Sequence[int]) -> str:
    """Return dimensions as text, such as 1x32x8."""
    return "x".join(map(str, shape)) or "scalar"


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a session.

    Attributes:
        index: Index of the tensor in the model's main subgraph.
        shape: Its dimensions.
        dtype: Its NumPy type, such as int8.
        scale: Quantization scale, 0.0 when not quantized: real = scale * (value - zero_point).
        zero_point: Quantization zero point.
        view: Its bytes in the guest's memory, `shape` and `dtype`: no copy. Inputs can be
            written, outputs only read. An invoke may leave anything in the inputs, so write all of
            them before each one.
    """

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int
    view: NDArray[Any] = field(repr=False)
    name_of: Callable[[int], str] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The tensor's name in the model, or `tensor_<index>`."""
        return self.name_of(self.index)
