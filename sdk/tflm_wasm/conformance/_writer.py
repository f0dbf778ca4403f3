"""Writing .tflite models with the flatbuffers builder and the public schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import flatbuffers
import numpy as np
import tflite
from flatbuffers import flexbuffers
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Options: TypeAlias = tuple[str, dict[str, Any]]  # of an op: table and fields
_Code: TypeAlias = tuple[str, int, str | None]

TYPES: Final[dict[str, int]] = {
    name: getattr(tflite.TensorType, name.upper())
    for name in (
        *("float16", "float32", "float64", "complex64", "complex128", "bool", "resource", "string"),
        *("int4", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    )
}


@dataclass
class Tensor:
    """One tensor; `data` makes it a constant. Several scales quantize it along `axis`.

    Data of bytes are written as they are; of anything else, they become an array of `dtype`, and
    int4 is packed, the first of two in the lower bits.
    """

    shape: Sequence[int]
    dtype: str = "float32"
    data: Any = None
    scale: float | Sequence[float] | None = None
    zero_point: int | Sequence[int] = 0
    axis: int = 0
    variable: bool = False
    name: str = ""


@dataclass
class Op:
    """One operator: its builtin name, tensor indices (-1 = absent), options table and fields.

    `options` is the name of the schema's table ("AddOptions") and its fields by schema name.
    A list as a field's value becomes a vector of int32, a str a string. A custom op has the code
    "CUSTOM", its name in `custom`, and its options as bytes (see `flexbuffer`).
    """

    code: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Options | None = None
    version: int = 1
    custom: str | None = None
    custom_options: bytes = b""


@dataclass
class Graph:
    """One subgraph."""

    tensors: list[Tensor]
    ops: list[Op]
    inputs: Sequence[int]
    outputs: Sequence[int]


@dataclass
class Model:
    """A model of one or more subgraphs; `metadata` maps names to bytes."""

    graphs: list[Graph]
    metadata: dict[str, bytes] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the .tflite file."""
        return Writer().write(self)


def op_model(
    code: str,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    options: Options | None = None,
    *,
    version: int = 1,
    custom: str | None = None,
    custom_options: bytes = b"",
) -> Model:
    """Return a model of one op; its inputs that are not constant are the model's, in order.

    An input of None is absent.
    """
    present = [tensor for tensor in inputs if tensor is not None]
    numbers = iter(range(len(present)))
    results = range(len(present), len(present) + len(outputs))
    op = Op(
        code,
        [-1 if tensor is None else next(numbers) for tensor in inputs],
        list(results),
        options,
        version,
        custom,
        custom_options,
    )
    given = [i for i, t in enumerate(present) if t.data is None and not t.variable]
    return Model([Graph([*present, *outputs], [op], given, list(results))])


def single_op(
    code: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    options: Options | None = None,
    *,
    version: int = 1,
) -> bytes:
    """Return the bytes of `op_model`."""
    return op_model(code, inputs, outputs, options, version=version).to_bytes()


def flexbuffer(fields: Mapping[str, Any]) -> bytes:
    """Return a custom op's options as the flexbuffer map that TFLM reads."""
    return bytes(flexbuffers.Dumps(dict(sorted(fields.items()))))


def content(tensor: Tensor) -> bytes:
    """Return the bytes of a constant tensor's buffer."""
    if isinstance(tensor.data, bytes):
        return tensor.data
    if tensor.dtype != "int4":
        return np.ascontiguousarray(np.asarray(tensor.data, tensor.dtype)).tobytes()
    nibbles = np.asarray(tensor.data, np.int8).reshape(-1).view(np.uint8) & 15
    pairs = np.append(nibbles, np.zeros(nibbles.size % 2, np.uint8)).reshape(-1, 2)
    return bytes((pairs[:, 0] | pairs[:, 1] << 4).astype(np.uint8))


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


class Writer:
    """Holds a builder and the buffers of one model."""

    def __init__(self) -> None:
        self.b = flatbuffers.Builder(4096)
        self.buffers: list[bytes] = [b""]

    def write(self, model: Model) -> bytes:
        b = self.b
        used = [(op.code, op.version, op.custom) for graph in model.graphs for op in graph.ops]
        codes: list[_Code] = list(dict.fromkeys(used))
        graphs = self._offsets([self._graph(graph, codes) for graph in model.graphs])
        opcodes = self._offsets([self._opcode(*code) for code in codes])
        metadata = self._offsets([self._metadata(*item) for item in model.metadata.items()])
        buffers = self._offsets([self._buffer(data) for data in self.buffers])
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, opcodes)
        tflite.ModelAddSubgraphs(b, graphs)
        tflite.ModelAddBuffers(b, buffers)
        if model.metadata:
            tflite.ModelAddMetadata(b, metadata)
        b.Finish(tflite.ModelEnd(b), b"TFL3")
        return bytes(b.Output())

    def _offsets(self, items: list[int]) -> int:
        self.b.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.b.PrependUOffsetTRelative(item)
        return int(self.b.EndVector())

    def _ints(self, values: Sequence[int], dtype: str = "int32") -> int:
        return int(self.b.CreateNumpyVector(np.asarray(values, dtype)))

    def _buffer(self, data: bytes) -> int:
        b = self.b
        vector = None
        if data:
            b.StartVector(1, len(data), 16)
            b.head = b.head - len(data)
            b.Bytes[b.head : b.head + len(data)] = data
            vector = b.EndVector()
        tflite.BufferStart(b)
        if vector is not None:
            tflite.BufferAddData(b, vector)
        return int(tflite.BufferEnd(b))

    def _opcode(self, name: str, version: int, custom: str | None) -> int:
        b = self.b
        code = getattr(tflite.BuiltinOperator, name)
        text = b.CreateString(custom) if custom else None
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
        tflite.OperatorCodeAddBuiltinCode(b, code)
        tflite.OperatorCodeAddVersion(b, version)
        if text is not None:
            tflite.OperatorCodeAddCustomCode(b, text)
        return int(tflite.OperatorCodeEnd(b))

    def _metadata(self, name: str, data: bytes) -> int:
        b = self.b
        self.buffers.append(data)
        text = b.CreateString(name)
        tflite.MetadataStart(b)
        tflite.MetadataAddName(b, text)
        tflite.MetadataAddBuffer(b, len(self.buffers) - 1)
        return int(tflite.MetadataEnd(b))

    def _quantization(self, tensor: Tensor) -> int | None:
        if tensor.scale is None:
            return None
        b = self.b
        scales = np.atleast_1d(np.asarray(tensor.scale, np.float32))
        zero_points = np.asarray(tensor.zero_point, np.int64)
        if zero_points.ndim == 0:  # several of another number than scales are written as they are
            zero_points = np.broadcast_to(zero_points, scales.shape)
        scale = b.CreateNumpyVector(scales)
        zero_point = b.CreateNumpyVector(np.ascontiguousarray(zero_points))
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, zero_point)
        tflite.QuantizationParametersAddQuantizedDimension(b, tensor.axis)
        return int(tflite.QuantizationParametersEnd(b))

    def _tensor(self, tensor: Tensor, index: int) -> int:
        b = self.b
        buffer = 0
        if tensor.data is not None:
            self.buffers.append(content(tensor))
            buffer = len(self.buffers) - 1
        name = b.CreateString(tensor.name or f"t{index}")
        shape = self._ints(tensor.shape)
        quantization = self._quantization(tensor)
        tflite.TensorStart(b)
        tflite.TensorAddShape(b, shape)
        tflite.TensorAddType(b, TYPES[tensor.dtype])
        tflite.TensorAddBuffer(b, buffer)
        tflite.TensorAddName(b, name)
        if quantization is not None:
            tflite.TensorAddQuantization(b, quantization)
        tflite.TensorAddIsVariable(b, tensor.variable)
        return int(tflite.TensorEnd(b))

    def _options(self, table: str, fields: dict[str, Any]) -> int:
        b = self.b
        values: dict[str, Any] = {}
        for name, value in fields.items():
            if isinstance(value, str):
                value = b.CreateString(value)
            elif isinstance(value, list | tuple):
                value = self._ints(value)
            values[name] = value
        getattr(tflite, f"{table}Start")(b)
        for name, value in values.items():
            getattr(tflite, f"{table}Add{_camel(name)}")(b, value)
        return int(getattr(tflite, f"{table}End")(b))

    def _op(self, op: Op, codes: list[_Code]) -> int:
        b = self.b
        inputs, outputs = self._ints(list(op.inputs)), self._ints(list(op.outputs))
        options = self._options(*op.options) if op.options else None
        custom = b.CreateByteVector(op.custom_options) if op.custom_options else None
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, codes.index((op.code, op.version, op.custom)))
        tflite.OperatorAddInputs(b, inputs)
        tflite.OperatorAddOutputs(b, outputs)
        if op.options and options is not None:
            kind = getattr(tflite.BuiltinOptions, op.options[0])
            tflite.OperatorAddBuiltinOptionsType(b, kind)
            tflite.OperatorAddBuiltinOptions(b, options)
        if custom is not None:
            tflite.OperatorAddCustomOptions(b, custom)
        return int(tflite.OperatorEnd(b))

    def _graph(self, graph: Graph, codes: list[_Code]) -> int:
        b = self.b
        tensors = self._offsets([self._tensor(t, i) for i, t in enumerate(graph.tensors)])
        ops = self._offsets([self._op(op, codes) for op in graph.ops])
        inputs, outputs = self._ints(list(graph.inputs)), self._ints(list(graph.outputs))
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, tensors)
        tflite.SubGraphAddInputs(b, inputs)
        tflite.SubGraphAddOutputs(b, outputs)
        tflite.SubGraphAddOperators(b, ops)
        return int(tflite.SubGraphEnd(b))
