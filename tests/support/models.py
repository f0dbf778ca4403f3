"""Building .tflite models for tests with the flatbuffers builder and the public schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

TYPES = {
    "float32": tflite.TensorType.FLOAT32,
    "int32": tflite.TensorType.INT32,
    "uint8": tflite.TensorType.UINT8,
    "int64": tflite.TensorType.INT64,
    "bool": tflite.TensorType.BOOL,
    "int16": tflite.TensorType.INT16,
    "int8": tflite.TensorType.INT8,
    "uint32": tflite.TensorType.UINT32,
    "int4": tflite.TensorType.INT4,
    "resource": tflite.TensorType.RESOURCE,
}


@dataclass
class Tensor:
    """One tensor; `data` makes it a constant. Several scales quantize it along `axis`."""

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
    A list as a field's value becomes a vector of int32, a str a string.
    """

    code: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: tuple[str, dict[str, Any]] | None = None
    version: int = 1
    custom: str | None = None


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
        return _Writer().write(self)


def single_op(
    code: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    options: tuple[str, dict[str, Any]] | None = None,
    *,
    version: int = 1,
) -> bytes:
    """Return a model of one op; its non-constant inputs are the model's inputs, in order."""
    tensors = [*inputs, *outputs]
    first_output = len(inputs)
    graph = Graph(
        tensors,
        [Op(code, range(first_output), range(first_output, len(tensors)), options, version)],
        [i for i, t in enumerate(inputs) if t.data is None and not t.variable],
        range(first_output, len(tensors)),
    )
    return Model([graph]).to_bytes()


def random_input(rng: np.random.Generator, tensor: Tensor) -> np.ndarray:
    """Return random values over the whole range of the type; floats are normal, times 4."""
    if tensor.dtype == "float32":
        return (4 * rng.standard_normal(tensor.shape)).astype(np.float32)
    if tensor.dtype == "bool":
        return rng.integers(0, 2, tensor.shape).astype(bool)
    info = np.iinfo(tensor.dtype)
    return rng.integers(info.min, info.max, tensor.shape, dtype=tensor.dtype, endpoint=True)


def _data_bytes(tensor: Tensor) -> bytes:
    """Return a constant's bytes; those of int4 have two elements each, the first one low."""
    if tensor.dtype != "int4":
        return np.ascontiguousarray(np.asarray(tensor.data, tensor.dtype)).tobytes()
    nibbles = np.asarray(tensor.data, np.int8).reshape(-1).view(np.uint8) & 15
    nibbles = np.append(nibbles, np.zeros(nibbles.size % 2, np.uint8))
    return (nibbles[::2] | nibbles[1::2] << 4).tobytes()


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


class _Writer:
    def __init__(self) -> None:
        self.b = flatbuffers.Builder(4096)
        self.buffers: list[bytes] = [b""]

    def write(self, model: Model) -> bytes:
        b = self.b
        codes: list[tuple[str, int, str | None]] = []
        for graph in model.graphs:
            for op in graph.ops:
                key = (op.code, op.version, op.custom)
                if key not in codes:
                    codes.append(key)
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
        zero_points = np.broadcast_to(np.asarray(tensor.zero_point, np.int64), scales.shape)
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
            self.buffers.append(_data_bytes(tensor))
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

    def _op(self, op: Op, codes: list[tuple[str, int, str | None]]) -> int:
        b = self.b
        inputs, outputs = self._ints(list(op.inputs)), self._ints(list(op.outputs))
        options = self._options(*op.options) if op.options else None
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, codes.index((op.code, op.version, op.custom)))
        tflite.OperatorAddInputs(b, inputs)
        tflite.OperatorAddOutputs(b, outputs)
        if op.options and options is not None:
            kind = getattr(tflite.BuiltinOptions, op.options[0])
            tflite.OperatorAddBuiltinOptionsType(b, kind)
            tflite.OperatorAddBuiltinOptions(b, options)
        return int(tflite.OperatorEnd(b))

    def _graph(self, graph: Graph, codes: list[tuple[str, int, str | None]]) -> int:
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
