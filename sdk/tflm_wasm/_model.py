"""What a .tflite file says about its tensors and signatures, read with the generated schema.

The generated code trusts its input, so everything that reads the file goes through `reading`:
whatever a hostile file makes it raise becomes `MalformedModelError`. Counts are checked against
the size of the file before any loop over them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
import tflite
from numpy.typing import NDArray

from tflm_wasm._errors import MalformedModelError, ModelVersionError, TensorIndexError
from tflm_wasm._tensor import ELEMENT_TYPES, view_bytes, view_dtype

IDENTIFIER: Final = b"TFL3"
_MAX_NAME_BYTES: Final = 4096
_READ_ERRORS: Final = (
    AttributeError,
    IndexError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class TensorInfo:
    """One tensor as the file describes it.

    Attributes:
        index: Its index in its subgraph.
        name: Its name, may be empty.
        element_type: TensorType of the schema.
        shape: Its dimensions.
        shape_signature: The same, with -1 where the converter left a dimension open.
        scales: float32, one for each slice along `quantized_dimension`, or one, or none.
        zero_points: int32, as many as `scales`.
        quantized_dimension: The dimension that `scales` belong to.
        is_variable: Whether it keeps its value between invokes.
        buffer: Index of its buffer; 0 means no data.
    """

    index: int
    name: str
    element_type: int
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int32]
    quantized_dimension: int
    is_variable: bool
    buffer: int

    @property
    def type_name(self) -> str:
        """The type's name in the schema, such as INT8."""
        return ELEMENT_TYPES[self.element_type][0]

    @property
    def scalar_type(self) -> type[np.generic]:
        """NumPy's type of one element; object for resources."""
        return np.dtype(ELEMENT_TYPES[self.element_type][1]).type


class Signature(NamedTuple):
    """A named entry point: from argument names to tensor indices of a subgraph."""

    inputs: dict[str, int]
    outputs: dict[str, int]
    subgraph: int


@contextmanager
def reading(what: str) -> Iterator[None]:
    try:
        yield
    except MalformedModelError:
        raise
    except _READ_ERRORS as error:
        raise MalformedModelError(f"The model's {what} can't be read: {error}") from error


class Model:
    """A parsed .tflite file.

    Args:
        data: The whole file.

    Raises:
        ModelVersionError: It has another file identifier than TFL3.
        MalformedModelError: It is truncated, corrupt or has no subgraph.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) >= 8 and data[4:8] != IDENTIFIER:
            raise ModelVersionError(f"The file identifier is {data[4:8]!r}, not {IDENTIFIER!r}")
        self._data = data
        self._tensors: dict[tuple[int, int], TensorInfo] = {}
        # Tensors of a hostile file can share one huge name: what is read in all is bounded.
        self._bytes_left = 8 * len(data)
        with reading("root"):
            self._root = tflite.Model.GetRootAs(data, 0)
            self._subgraphs = [
                self._root.Subgraphs(i) for i in range(self._count(self._root.SubgraphsLength()))
            ]
            if not self._subgraphs:
                raise MalformedModelError("The model has no subgraph")
            main = self._subgraphs[0]
            self.inputs: tuple[int, ...] = _integers(main.InputsAsNumpy())
            self.outputs: tuple[int, ...] = _integers(main.OutputsAsNumpy())
            for graph in self._subgraphs:
                self._count(graph.TensorsLength())
            count = main.TensorsLength()
            if not all(0 <= index < count for index in (*self.inputs, *self.outputs)):
                raise MalformedModelError(f"An input or output is none of the {count} tensors")

    def _count(self, value: int) -> int:
        """Return a count of table entries, each of which takes at least four bytes."""
        if value > len(self._data) // 4:
            raise MalformedModelError(f"{value} entries in a file of {len(self._data)} bytes")
        return value

    @property
    def subgraph_count(self) -> int:
        """The number of subgraphs, at least one."""
        return len(self._subgraphs)

    def tensor_count(self, subgraph: int = 0) -> int:
        """Return the number of tensors of a subgraph."""
        with reading("tensors"):
            count: int = self._subgraphs[subgraph].TensorsLength()
            return count

    def tensor(self, index: int, subgraph: int = 0) -> TensorInfo:
        """Return tensor `index` of a subgraph.

        Raises:
            TensorIndexError: There is no such tensor.
            MalformedModelError: Its description can't be read.
        """
        count = self.tensor_count(subgraph)
        if not 0 <= index < count:
            raise TensorIndexError(
                f"Invalid tensor index {index} exceeds max tensor index {count}", index=index
            )
        key = subgraph, index
        if key not in self._tensors:
            with reading(f"tensor {index}"):
                graph = self._subgraphs[subgraph]
                self._tensors[key] = self._read_tensor(graph.Tensors(index), index)
        return self._tensors[key]

    def _read_tensor(self, tensor: Any, index: int) -> TensorInfo:
        if tensor.Type() not in ELEMENT_TYPES:
            raise MalformedModelError(f"Tensor {index} has the unknown type {tensor.Type()}")
        name = tensor.Name() or b""
        shape = _integers(tensor.ShapeAsNumpy())
        signature = _integers(tensor.ShapeSignatureAsNumpy())
        quantization = tensor.Quantization()
        scales = np.zeros(0, np.float32)
        zero_points = np.zeros(0, np.int32)
        if quantization is not None and quantization.ScaleLength():
            scales = quantization.ScaleAsNumpy().copy()
            zero_points = np.zeros(len(scales), np.int32)
            if quantization.ZeroPointLength() == len(scales):
                zero_points = quantization.ZeroPointAsNumpy().astype(np.int32)
        self._bytes_left -= len(name) + scales.nbytes + 4 * len(shape)
        if self._bytes_left < 0:
            raise MalformedModelError("The model's tensors share more bytes than the file has")
        return TensorInfo(
            index=index,
            name=_text(name),
            element_type=tensor.Type(),
            shape=shape,
            shape_signature=signature or shape,
            scales=scales,
            zero_points=zero_points,
            quantized_dimension=quantization.QuantizedDimension() if len(scales) else 0,
            is_variable=tensor.IsVariable(),
            buffer=tensor.Buffer(),
        )

    def constant(self, index: int, subgraph: int = 0) -> NDArray[Any] | None:
        """Return a read-only view of a constant tensor in the file, or None when it is not one.

        Raises:
            TensorIndexError: There is no such tensor.
            MalformedModelError: Its buffer is too small or can't be read.
        """
        info = self.tensor(index, subgraph)
        dtype = view_dtype(info.element_type)
        if info.buffer == 0 or dtype is None:
            return None
        with reading(f"buffer of tensor {index}"):
            if info.buffer >= self._root.BuffersLength():
                raise MalformedModelError(f"Tensor {index} has no buffer {info.buffer}")
            buffer = self._root.Buffers(info.buffer)
            start, size = buffer.Offset(), buffer.Size()
            if start > 1:  # the data is behind the flatbuffer; 0 and 1 are placeholders
                raw = np.frombuffer(self._data, np.uint8, count=size, offset=start)
            elif buffer.DataLength():
                raw = buffer.DataAsNumpy()
            else:
                return None
            wanted = prod(info.shape) * dtype.itemsize
            return raw[:wanted].view(dtype).reshape(info.shape)

    @property
    def input_bytes(self) -> int:
        """Bytes of all inputs together."""
        total = 0
        for index in self.inputs:
            info = self.tensor(index)
            total += prod(info.shape) * (view_bytes(info.element_type) or 1)
        return total

    @cached_property
    def signatures(self) -> dict[str, Signature]:
        """The model's signatures by key, in the order of the file.

        Raises:
            MalformedModelError: They can't be read.
        """
        with reading("signatures"):
            count = self._count(self._root.SignatureDefsLength())
            found = [self._root.SignatureDefs(i) for i in range(count)]
            return {_text(one.SignatureKey()): self._read_signature(one) for one in found}

    def _read_signature(self, one: Any) -> Signature:
        inputs = [one.Inputs(i) for i in range(self._count(one.InputsLength()))]
        outputs = [one.Outputs(i) for i in range(self._count(one.OutputsLength()))]
        # The interface hands names out sorted, as a std::map does.
        return Signature(
            inputs=dict(sorted((_text(m.Name()), m.TensorIndex()) for m in inputs)),
            outputs=dict(sorted((_text(m.Name()), m.TensorIndex()) for m in outputs)),
            subgraph=one.SubgraphIndex(),
        )


def _integers(vector: Any) -> tuple[int, ...]:
    """Return a vector of the schema, which is the number 0 when it is absent."""
    return () if isinstance(vector, int) else tuple(vector.tolist())


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw[:_MAX_NAME_BYTES].decode(errors="replace")
