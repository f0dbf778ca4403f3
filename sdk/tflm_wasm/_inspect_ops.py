"""The operators of a model: what they are, what they cost, and which the engine refuses."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod
from typing import Any

import flatbuffers
import tflite

from tflm_wasm._build import build
from tflm_wasm._engine import packaged_engine
from tflm_wasm._errors import (
    MalformedModelError,
    ModelError,
    ParameterError,
    ShapeError,
    TflmWasmError,
    UnsupportedOpError,
    UnsupportedTypeError,
)
from tflm_wasm._model import Model, TensorInfo, reading

# Errors that are about one operator; it can be taken out, and the rest of the model looked at.
_ABOUT_ONE_OP = (UnsupportedOpError, UnsupportedTypeError, ShapeError, ParameterError)
_MAX_PROBLEMS = 256
_OPERATORS_FIELD = 10  # of a SubGraph, in its vtable
_CUSTOM = 32
# TFLM's custom ops, but for ethos-u, which is none without its NPU.
_CUSTOM_NAMES = (
    *("CIRCULAR_BUFFER", "TFLM_DECODE", "TFLite_Detection_PostProcess"),
    *("SignalDelay", "SignalEnergy", "SignalFftAutoScale", "SignalFilterBank"),
    *("SignalFilterBankLog", "SignalFilterBankSpectralSubtraction", "SignalFilterBankSquareRoot"),
    *("SignalFramer", "SignalIrfft", "SignalOverlapAdd", "SignalPCAN", "SignalRfft"),
    *("SignalStacker", "SignalWindow"),
)


@dataclass(frozen=True, slots=True)
class Op:
    """One operator of a model.

    Attributes:
        subgraph: Index of its subgraph.
        index: Its index there.
        name: Its name in the schema; a custom op's own name.
        inputs: Its input tensors, None where an optional one is absent.
        outputs: Its output tensors.
        macs: Multiply-accumulates of one run, 0 for an op that does none.
    """

    subgraph: int
    index: int
    name: str
    inputs: tuple[TensorInfo | None, ...]
    outputs: tuple[TensorInfo, ...]
    macs: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the engine refuses; `subgraph` and `op_index` are None for the whole model."""

    subgraph: int | None
    op_index: int | None
    op: str | None
    kind: str
    reason: str


@cache
def builtin_names() -> dict[int, str]:
    """Return the schema's operator names by code."""
    names = vars(tflite.BuiltinOperator)
    return {code: name for name, code in names.items() if isinstance(code, int)}


def read_ops(data: bytes) -> list[Op]:
    """Return all operators of all subgraphs, in the order of the file.

    Raises:
        MalformedModelError: They can't be read.
    """
    model = Model(data)
    ops: list[Op] = []
    # In an honest file each operator takes four bytes, and so does each index of a tensor.
    entries_left = len(data) // 4
    with reading("operators"):
        root = tflite.Model.GetRootAs(data, 0)
        for graph in range(min(root.SubgraphsLength(), entries_left)):
            for index in range(min(root.Subgraphs(graph).OperatorsLength(), entries_left)):
                ops.append(_read_op(root, model, graph, index))
                entries_left -= 1 + len(ops[-1].inputs) + len(ops[-1].outputs)
                if entries_left < 0:
                    raise MalformedModelError("The operators share more bytes than the file has")
    return ops


def _read_op(root: Any, model: Model, graph: int, index: int) -> Op:
    operator = root.Subgraphs(graph).Operators(index)
    opcode = root.OperatorCodes(operator.OpcodeIndex())
    code = max(opcode.DeprecatedBuiltinCode(), opcode.BuiltinCode())
    name = builtin_names().get(code, f"BUILTIN_{code}")
    if code == _CUSTOM:
        name = (opcode.CustomCode() or b"CUSTOM")[:64].decode(errors="replace")
    inputs = tuple(
        None if i == -1 else model.tensor(i, graph) for i in _indices(operator.InputsAsNumpy())
    )
    outputs = tuple(model.tensor(i, graph) for i in _indices(operator.OutputsAsNumpy()))
    return Op(graph, index, name, inputs, outputs, _macs(name, inputs, outputs))


def _indices(vector: Any) -> list[int]:
    """Return a vector of the schema, which is the number 0 when it is absent."""
    found: list[int] = [] if isinstance(vector, int) else vector.tolist()
    return found


def _macs(name: str, inputs: tuple[TensorInfo | None, ...], outputs: tuple[TensorInfo, ...]) -> int:
    """Return the multiply-accumulates of an op, from its shapes; 0 where the shapes are no such."""
    shapes = [() if tensor is None else tensor.shape for tensor in inputs]
    try:
        return _macs_of_shapes(name, shapes, outputs[0].shape if outputs else ())
    except (IndexError, ValueError, ZeroDivisionError):
        return 0


def _macs_of_shapes(name: str, inputs: list[tuple[int, ...]], output: tuple[int, ...]) -> int:
    if name == "CONV_2D":  # filter: out channels, height, width, in channels
        return prod(output) * prod(inputs[1][1:])
    if name == "DEPTHWISE_CONV_2D":  # filter: 1, height, width, out channels
        return prod(output) * prod(inputs[1][1:3])
    if name == "FULLY_CONNECTED":
        return prod(output) * inputs[1][-1]
    if name == "TRANSPOSE_CONV":  # output shape, filter, input: each input goes through all
        return prod(inputs[2]) * prod(inputs[1][:3])
    if name == "BATCH_MATMUL":  # rows * depth is the same whether or not it is transposed
        return prod(output) * (inputs[0][-1] * inputs[0][-2] // output[-2])
    if name == "SVDF":  # features * (input width + memory) for each batch
        return inputs[0][0] * (prod(inputs[1]) + prod(inputs[2]))
    if name == "UNIDIRECTIONAL_SEQUENCE_LSTM":  # all its matrices, once for each step
        return prod(inputs[0][:-1]) * sum(prod(shape) for shape in inputs[1:9])
    return 0


def unsupported(data: bytes, *, profile: str = "extended") -> list[Problem]:
    """Return everything the engine refuses about a model, not only the first.

    The engine itself is the judge: it loads the model, and each operator that it refuses is taken
    out before it is asked again.

    Args:
        data: The model.
        profile: The profile under which it is loaded. "strict" names what is beyond TFLM in a
            model that has no problem under "extended".

    Raises:
        EngineMissingError: There is no engine to ask.
    """
    patched = bytearray(data)
    removed: dict[int, list[int]] = {}
    problems: list[Problem] = []
    while len(problems) < _MAX_PROBLEMS:
        try:
            build(bytes(patched), profile=profile)
            break
        except _ABOUT_ONE_OP as error:
            if error.op_index is None or error.subgraph_index is None:
                problems.append(Problem(None, None, None, type(error).__name__, str(error)))
                break
            gone = removed.setdefault(error.subgraph_index, [])
            index = _original_index(error.op_index, gone)
            beyond = profile == "strict"
            problems.append(_problem(data, error, error.subgraph_index, index, beyond=beyond))
            gone.append(index)
            if not _remove_op(patched, error.subgraph_index, error.op_index):
                break
        except ModelError as error:
            # After a removal this only says that nothing writes what the op would have written.
            if not problems:
                where = (error.subgraph_index, error.op_index)
                problems.append(Problem(*where, None, type(error).__name__, str(error)))
            break
    return sorted(problems, key=lambda problem: (problem.subgraph or 0, problem.op_index or 0))


def _original_index(index: int, gone: list[int]) -> int:
    """Return which op of the file is at `index` once the ops in `gone` are out."""
    for one in sorted(gone):
        if one <= index:
            index += 1
    return index


def _problem(data: bytes, error: ModelError, subgraph: int, index: int, *, beyond: bool) -> Problem:
    try:
        root, model = tflite.Model.GetRootAs(data, 0), Model(data)
        with reading(f"operator {index}"):
            op = _read_op(root, model, subgraph, index)
    except MalformedModelError:
        return Problem(subgraph, index, None, type(error).__name__, str(error))
    reason = str(error)
    given = f"op {error.op_index}"  # its index once others were taken out
    if isinstance(error, UnsupportedOpError) and not beyond:
        more = reason.partition(" is not supported")[2]
        reason = f"op {index}: {op.name} is not supported, with {_types(op)}{more}"
    elif reason.startswith((f"{given} ", f"{given}:")):
        reason = f"op {index}{reason.removeprefix(given)}"
    return Problem(subgraph, index, op.name, type(error).__name__, reason)


def _types(op: Op) -> str:
    """Return the types an op reads and writes, each once, in order."""
    given = dict.fromkeys(one.type_name for one in op.inputs if one is not None)
    made = dict.fromkeys(one.type_name for one in op.outputs)
    return f"{', '.join(given) or 'nothing'} -> {', '.join(made) or 'nothing'}"


def _remove_op(data: bytearray, subgraph: int, index: int) -> bool:
    """Take an operator out of a subgraph's vector, in place; say whether that was possible.

    The vector holds offsets relative to each entry, so the entries behind it move down by one
    and their offsets grow by the four bytes they moved.
    """
    try:
        with reading("operators"):
            table = tflite.Model.GetRootAs(data, 0).Subgraphs(subgraph)._tab
            start = table.Vector(table.Offset(_OPERATORS_FIELD))
            count = table.VectorLen(table.Offset(_OPERATORS_FIELD))
            for entry in range(index, count - 1):
                offset = struct.unpack_from("<I", data, start + 4 * (entry + 1))[0]
                struct.pack_into("<I", data, start + 4 * entry, offset + 4)
            struct.pack_into("<I", data, start - 4, count - 1)
    except MalformedModelError:
        return False
    return bool(0 <= index < count)


def supported_ops(profile: str = "strict") -> tuple[str, ...]:
    """Return the names of the operators that the engine has under a profile, sorted.

    It is asked for each of the schema's and of TFLM's custom ones, with a model of that operator:
    it knows an operator when it refuses the model for any other reason than that.

    Raises:
        EngineMissingError: There is no engine to ask.
    """
    return _supported_by(packaged_engine(), profile)


@lru_cache(maxsize=2)
def _supported_by(engine: bytes, profile: str) -> tuple[str, ...]:
    builtin = [name for code, name in builtin_names().items() if _knows(engine, profile, code)]
    custom = [name for name in _CUSTOM_NAMES if _knows(engine, profile, _CUSTOM, name)]
    return tuple(sorted([*builtin, *custom]))


def _knows(engine: bytes, profile: str, code: int, custom: str = "") -> bool:
    try:
        build(_one_op_model(code, custom), profile=profile, engine=engine)
    except UnsupportedOpError:
        return False
    except TflmWasmError:
        return True
    return True


def _one_op_model(code: int, custom: str) -> bytes:
    """Return a model whose one operator has no tensors; `custom` is a custom op's own name."""
    b = flatbuffers.Builder(256)
    name = b.CreateString(custom)
    tflite.OperatorStart(b)
    op = tflite.OperatorEnd(b)
    b.StartVector(4, 1, 4)
    b.PrependUOffsetTRelative(op)
    ops = b.EndVector()
    tflite.SubGraphStart(b)
    tflite.SubGraphAddOperators(b, ops)
    graph = tflite.SubGraphEnd(b)
    b.StartVector(4, 1, 4)
    b.PrependUOffsetTRelative(graph)
    graphs = b.EndVector()
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
    tflite.OperatorCodeAddBuiltinCode(b, code)
    tflite.OperatorCodeAddCustomCode(b, name)
    opcode = tflite.OperatorCodeEnd(b)
    b.StartVector(4, 1, 4)
    b.PrependUOffsetTRelative(opcode)
    opcodes = b.EndVector()
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, opcodes)
    tflite.ModelAddSubgraphs(b, graphs)
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    return bytes(b.Output())
