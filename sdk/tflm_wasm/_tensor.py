"""One input or output of a session, and the element types of the TensorFlow Lite schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tflm_wasm._block import Descriptor

# TensorType -> (name in error messages, NumPy's name with byte order, bytes of an element). int4 is
# packed two to a byte and strings and resources have no fixed size, so there is no view of those.
# NumPy itself is imported where it is needed first: a program that passes bytes never needs it.
ELEMENT_TYPES: Final[dict[int, tuple[str, str, int | None]]] = {
    0: ("FLOAT32", "<f4", 4),
    1: ("FLOAT16", "<f2", 2),
    2: ("INT32", "<i4", 4),
    3: ("UINT8", "|u1", 1),
    4: ("INT64", "<i8", 8),
    5: ("STRING", "|S", None),
    6: ("BOOL", "|b1", 1),
    7: ("INT16", "<i2", 2),
    8: ("COMPLEX64", "<c8", 8),
    9: ("INT8", "|i1", 1),
    10: ("FLOAT64", "<f8", 8),
    11: ("COMPLEX128", "<c16", 16),
    12: ("UINT64", "<u8", 8),
    13: ("RESOURCE", "|O", None),
    14: ("VARIANT", "|O", None),
    15: ("UINT32", "<u4", 4),
    16: ("UINT16", "<u2", 2),
    17: ("INT4", "|i1", None),
}


def view_bytes(element_type: int) -> int | None:
    """Return how many bytes an element takes, or None where NumPy can't view the TensorType."""
    return ELEMENT_TYPES[element_type][2] if element_type in ELEMENT_TYPES else None


def view_dtype(element_type: int) -> np.dtype[Any] | None:
    """Return the little-endian dtype of a TensorType, or None where NumPy can't view it."""
    if view_bytes(element_type) is None:
        return None
    import numpy as np

    return np.dtype(ELEMENT_TYPES[element_type][1])


def shape_text(shape: Sequence[int]) -> str:
    """Return dimensions as text, such as 1x32x8."""
    return "x".join(map(str, shape)) or "scalar"


@dataclass(frozen=True)
class Tensor:
    """An input or output of a session.

    Attributes:
        index: Index of the tensor in the model's main subgraph.
        shape: Its dimensions.
        typestr: The name of its element type in NumPy's array interface, such as "|i1".
        scale: Quantization scale, 0.0 when not quantized: real = scale * (value - zero_point).
        zero_point: Quantization zero point.
        data: Its bytes in the guest's memory, without gaps: no copy. Inputs can be written,
            outputs only read. An invoke may leave anything in the inputs, so write all of them
            before each one.
    """

    index: int
    shape: tuple[int, ...]
    typestr: str
    scale: float
    zero_point: int
    data: memoryview = field(repr=False, compare=False)
    name_of: Callable[[int], str] = field(repr=False, compare=False)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Its NumPy type, such as int8."""
        import numpy as np

        return np.dtype(self.typestr)

    @cached_property
    def view(self) -> NDArray[Any]:
        """The same bytes as `data`, as an array of `shape` and `dtype`."""
        import numpy as np

        return np.asarray(self.data).view(self.dtype).reshape(self.shape)

    @property
    def name(self) -> str:
        """The tensor's name in the model, or `tensor_<index>`."""
        return self.name_of(self.index)


def tensors_of(
    described: Sequence[Descriptor], parts: Sequence[memoryview], name_of: Callable[[int], str]
) -> tuple[Tensor, ...]:
    """Return the tensors that checked descriptors are about.

    Args:
        described: The descriptors.
        parts: The bytes of each; read only for outputs.
        name_of: Returns the name of the tensor with an index.
    """
    return tuple(
        [
            Tensor(
                index=one.tensor_index,
                shape=one.shape,
                typestr=ELEMENT_TYPES[one.type][1],
                scale=one.scale,
                zero_point=one.zero_point,
                data=data,
                name_of=name_of,
            )
            for one, data in zip(described, parts, strict=True)
        ]
    )
