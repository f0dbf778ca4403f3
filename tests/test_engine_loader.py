"""What the engine refuses before any operator sees it, each with its status and a sentence."""

from __future__ import annotations

import struct

import flatbuffers
import numpy as np
import pytest
import tflite

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm, assert_refused
from tests.support.models import Graph, Model, Op, Tensor
from tests.support.stateful import copy, delay, frames
from tflm_wasm._abi import Status
from tflm_wasm.conformance import _writer

X = Tensor([4], "int8")


def one_copy() -> Model:
    return Model([Graph([X, X], [copy(0, 1)], [0], [1])])


def graph(ops: list[Op], tensors: int = 4) -> bytes:
    """Return a model of int8 vectors from tensor 0 to tensor 1."""
    return Model([Graph([X] * tensors, ops, [0], [1])]).to_bytes()


# ---- operators ----


def test_an_unknown_operator_is_named_with_its_index() -> None:
    model = graph([copy(0, 2), Op("UNIQUE", [2], [1])])
    assert_refused(model, "op", "op 1: UNIQUE is not supported")


def test_an_operator_of_a_later_subgraph_is_found_too() -> None:
    called = Graph([X, X], [copy(0, 1), Op("BUCKETIZE", [0], [1])], [0], [1])
    model = Model([one_copy().graphs[0], called])
    assert_refused(model.to_bytes(), "op", "op 1: BUCKETIZE")


def test_a_custom_operator_is_named() -> None:
    model = graph([copy(0, 2), Op("CUSTOM", [2], [1], custom="MyOp")])
    assert_refused(model, "op", "op 1: CUSTOM MyOp is not supported")


def test_a_custom_operators_name_is_cut_and_cleaned() -> None:
    model = graph([Op("CUSTOM", [0], [1], custom="a\nb\x7f" + "x" * 100)])
    assert_refused(model, "op", "CUSTOM a?b?xxxxxx")


def test_the_operator_that_vela_makes_is_refused_with_what_it_needs() -> None:
    model = graph([copy(0, 2), Op("CUSTOM", [2], [1], custom="ethos-u")])
    assert_refused(model, "op", "op 1: CUSTOM ethos-u is not supported: it needs the Ethos-U NPU")
    for other in ("ethos-", "ethos-u2"):
        model = graph([Op("CUSTOM", [0], [1], custom=other)])
        with pytest.raises(EngineError) as caught:
            Engine(model)
        assert caught.value.text == f"op 0: CUSTOM {other} is not supported"


def test_a_custom_operator_without_a_name_is_refused() -> None:
    assert_refused(graph([Op("CUSTOM", [0], [1])]), "op", "CUSTOM")


def test_an_operator_number_beyond_the_schema_is_refused() -> None:
    data = bytearray(graph([Op("SQUEEZE", [0], [1])]))
    opcode = tflite.Model.GetRootAs(data, 0).OperatorCodes(0)
    at = opcode._tab.Pos + opcode._tab.Offset(10)
    struct.pack_into("<i", data, at, 10_000)
    assert_refused(bytes(data), "op", "op 0")


def test_an_old_models_operator_number_is_read_from_the_deprecated_field() -> None:
    data = bytearray(graph([copy(0, 1)]))
    opcode = tflite.Model.GetRootAs(data, 0).OperatorCodes(0)
    struct.pack_into("<i", data, opcode._tab.Pos + opcode._tab.Offset(10), 0)
    assert opcode.DeprecatedBuiltinCode() == tflite.BuiltinOperator.RESHAPE
    assert_equal_to_tflm(bytes(data), frames(1, [4], "int8"))


# ---- wiring ----


@pytest.mark.parametrize("index", [2, 7, -2, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("place", ["input", "output"])
def test_a_tensor_index_out_of_range_is_refused(place: str, index: int) -> None:
    op = copy(index, 1) if place == "input" else copy(0, index)
    assert_refused(graph([op], tensors=2), "model", f"tensor index {index} of 2")


@pytest.mark.parametrize("index", [2, -1, 2**31 - 1])
@pytest.mark.parametrize("place", ["inputs", "outputs"])
def test_an_index_of_the_models_interface_out_of_range_is_refused(place: str, index: int) -> None:
    model = one_copy()
    setattr(model.graphs[0], place, [index])
    assert_refused(model.to_bytes(), "model", f"tensor index {index} of 2")


def test_an_absent_output_is_refused() -> None:
    assert_refused(graph([copy(0, 1), copy(0, -1)]), "model", "tensor index -1")


def test_a_constant_output_is_refused() -> None:
    model = one_copy()
    model.graphs[0].tensors.append(Tensor([4], "int8", data=[1, 2, 3, 4]))
    model.graphs[0].ops.append(copy(0, 2))
    assert_refused(model.to_bytes(), "model", "op 1 RESHAPE: output 0 is a constant")


def test_a_constant_input_of_the_model_is_refused() -> None:
    tensors = [Tensor([4], "int8", data=[1, 2, 3, 4]), X]
    model = Model([Graph(tensors, [copy(0, 1)], [0], [1])])
    assert_refused(model.to_bytes(), "model", "model input 0 is a constant")


def test_a_constant_may_be_an_output_of_the_model() -> None:
    tensors = [X, X, Tensor([4], "int8", data=[1, 2, 3, 4])]
    model = Model([Graph(tensors, [copy(0, 1)], [0], [1, 2])])
    assert_equal_to_tflm(model.to_bytes(), frames(2, [4], "int8"))


def test_an_input_may_be_an_output_of_the_model() -> None:
    model = Model([Graph([X, X], [copy(0, 1)], [0], [0, 1])])
    x = np.array([1, -2, 3, 4], np.int8)
    assert [y.tolist() for y in Engine(model.to_bytes()).run([x])] == [x.tolist()] * 2


def test_reading_before_anything_wrote_is_refused() -> None:
    model = graph([copy(2, 1), copy(0, 2)])
    assert_refused(model, "model", "op 0 RESHAPE: input 0 is read before anything wrote it")


def test_reading_what_only_the_operator_itself_writes_is_refused() -> None:
    model = graph([copy(1, 1)])
    assert_refused(model, "model", "op 0 RESHAPE: input 0 is read before anything wrote it")


def test_an_operator_that_reads_its_own_output_is_safe() -> None:
    engine = Engine(graph([copy(0, 1), copy(1, 1)]))
    x = np.array([1, -2, 3, 4], np.int8)
    assert engine.run([x])[0].tolist() == x.tolist()


def test_an_output_of_the_model_that_nothing_writes_is_refused() -> None:
    assert_refused(graph([copy(0, 2)]), "model", "nothing writes output 0")


def test_a_model_without_operators_or_outputs_is_refused() -> None:
    assert_refused(Model([Graph([X], [], [0], [])]).to_bytes(), "model", "no output")
    assert_refused(Model([]).to_bytes(), "model", "no subgraph")


def test_more_inputs_and_outputs_than_descriptors_are_refused() -> None:
    count = 33
    tensors = [X] * (count + 1)
    ops = [copy(0, i) for i in range(1, count + 1)]
    model = Model([Graph(tensors, ops, [0], range(1, count + 1))])
    assert_refused(model.to_bytes(), "limit", "32 inputs and outputs")


# ---- tensors ----


@pytest.mark.parametrize(
    ("shape", "status", "text"),
    [
        ([-1, 4], "shape", "dynamic"),
        ([-1, -1], "shape", "dynamic shape"),
        ([4, -(2**31)], "shape", "dynamic shape"),
        ([1] * 9, "limit", "9 entries"),
        ([2**31 - 1, 2], "limit", "elements"),
        ([65536, 65536], "limit", "elements"),
        ([46341, 46341, 46341, 46341], "limit", "elements"),
        ([2**31 - 1], "arena", "needs"),
    ],
)
def test_impossible_shapes_are_refused(shape: list[int], status: str, text: str) -> None:
    tensors = [X, X, Tensor(shape, "int8"), Tensor(shape, "int8")]
    model = Model([Graph(tensors, [copy(0, 1), copy(2, 3)], [0, 2], [1, 3])])
    assert_refused(model.to_bytes(), status, text)


@pytest.mark.parametrize("variable", [True, False])
def test_a_dynamic_shape_of_a_tensor_that_no_operator_writes_is_refused(*, variable: bool) -> None:
    dynamic = Tensor([-1], "int8", variable=True) if variable else Tensor([-1], "int8", data=[1])
    model = Model([Graph([X, X, dynamic], [copy(0, 1)], [0], [1])])
    assert_refused(model.to_bytes(), "shape", "tensor 2 has a dynamic shape")


def test_bytes_beyond_2_gib_are_refused() -> None:
    tensors = [X, X, Tensor([2**29], "int64")]
    model = Model([Graph(tensors, [copy(0, 1)], [0, 2], [1])])
    assert_refused(model.to_bytes(), "limit", "bytes")


@pytest.mark.parametrize("dims", [[0, 1], [3, 0, 2]])
def test_an_operators_empty_output_is_refused(dims: list[int]) -> None:
    tensors = [X, X, Tensor(dims, "int8")]
    model = Model([Graph(tensors, [copy(0, 1), copy(0, 2)], [0], [1])])
    assert_refused(model.to_bytes(), "shape", "output 0 has a dynamic or empty shape")


def test_a_constant_shorter_than_its_tensor_is_refused() -> None:
    tensors = [X, X, Tensor([5], "int32", data=[1, 2, 3])]
    model = Model([Graph(tensors, [copy(0, 1)], [0], [1])])
    assert_refused(model.to_bytes(), "model", "has 12 bytes, its tensor needs 20")


def test_two_elements_of_int4_need_a_byte_and_an_odd_one_too() -> None:
    for count, given in ((5, 4), (6, 4), (9, 8)):
        tensors = [X, X, Tensor([count], "int4", data=[1] * given)]
        model = Model([Graph(tensors, [copy(0, 1)], [0], [1])])
        needed = (count + 1) // 2
        text = f"has {given // 2} bytes, its tensor needs {needed}"
        assert_refused(model.to_bytes(), "model", text)
    tensors = [X, X, Tensor([5], "int4", data=[1] * 5)]
    Engine(Model([Graph(tensors, [copy(0, 1)], [0], [1])]).to_bytes())


def test_a_constant_longer_than_its_tensor_is_read_in_part() -> None:
    tensors = [Tensor([2], "int32", data=[1, 2, 3]), Tensor([2], "int32")]
    model = Model([Graph(tensors, [copy(0, 1)], [], [1])])
    assert Engine(model.to_bytes()).run([])[0].tolist() == [1, 2]


@pytest.mark.parametrize("kind", [5, 14, 18, 99, 255])
def test_a_tensor_of_a_type_without_a_size_is_refused(kind: int) -> None:
    data = bytearray(one_copy().to_bytes())
    for i in (0, 1):
        tensor = tflite.Model.GetRootAs(data, 0).Subgraphs(0).Tensors(i)
        data[tensor._tab.Pos + tensor._tab.Offset(6)] = kind
    assert_refused(bytes(data), "type", "tensor 0 has type")


# ---- constants that are not aligned in the model ----


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "int64"])
@pytest.mark.parametrize("shift", range(8))
def test_constants_behind_the_flatbuffer_at_any_offset_are_read(
    monkeypatch: pytest.MonkeyPatch, dtype: str, shift: int
) -> None:
    values = np.array([3, -70, 11], dtype)
    tensors = [Tensor([3], dtype, data=values), Tensor([3], dtype)]
    model = Model([Graph(tensors, [copy(0, 1)], [], [1])])
    data = behind(model, shift, monkeypatch)
    assert Engine(data).run([])[0].tolist() == values.tolist()


def behind(model: Model, shift: int, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return the model with its buffers behind the flatbuffer, `shift` bytes off alignment."""
    tails: list[bytes] = []

    def buffer_elsewhere(writer: _writer.Writer, data: bytes) -> int:
        b = writer.b
        tflite.BufferStart(b)
        if data:
            b.PrependUint64Slot(2, len(data), 0)
            b.PrependUint64Slot(1, start, 0)
            tails.append(data)
        return int(tflite.BufferEnd(b))

    monkeypatch.setattr(_writer.Writer, "_buffer", buffer_elsewhere)
    start = 1 << 40
    start = -(-len(model.to_bytes()) // 16) * 16 + shift
    tails.clear()
    head = model.to_bytes()
    assert len(tails) == 1
    return head.ljust(start, b"\0") + tails[0]


@pytest.mark.parametrize(("offset", "size"), [(2**40, 12), (2, 2**40), (100, 2**64 - 50)])
def test_constants_outside_of_the_model_are_refused(
    monkeypatch: pytest.MonkeyPatch, offset: int, size: int
) -> None:
    def buffer_elsewhere(writer: _writer.Writer, data: bytes) -> int:
        tflite.BufferStart(writer.b)
        if data:
            writer.b.PrependUint64Slot(2, size, 0)
            writer.b.PrependUint64Slot(1, offset, 0)
        return int(tflite.BufferEnd(writer.b))

    monkeypatch.setattr(_writer.Writer, "_buffer", buffer_elsewhere)
    tensors = [Tensor([3], "int32", data=[1, 2, 3]), Tensor([3], "int32")]
    model = Model([Graph(tensors, [copy(0, 1)], [], [1])])
    assert_refused(model.to_bytes(), "model", "out of bounds")


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
@pytest.mark.parametrize("padding", range(0, 20, 4))
def test_buffers_aligned_to_4_bytes_only_are_read(
    monkeypatch: pytest.MonkeyPatch, dtype: str, padding: int
) -> None:
    def loose_buffer(writer: _writer.Writer, data: bytes) -> int:
        b: flatbuffers.Builder = writer.b
        vector = None
        if data:
            b.StartVector(1, len(data), 4)
            b.head = b.head - len(data)
            b.Bytes[b.head : b.head + len(data)] = data
            vector = b.EndVector()
        tflite.BufferStart(b)
        if vector is not None:
            tflite.BufferAddData(b, vector)
        return int(tflite.BufferEnd(b))

    monkeypatch.setattr(_writer.Writer, "_buffer", loose_buffer)
    values = np.array([3, -70, 11], dtype)
    tensors = [Tensor([3], dtype, data=values), Tensor([3], dtype)]
    model = Model([Graph(tensors, [copy(0, 1)], [], [1])], metadata={"pad": bytes(padding)})
    assert Engine(model.to_bytes()).run([])[0].tolist() == values.tolist()


# ---- the file ----


@pytest.mark.parametrize("model", [one_copy(), delay(init=[[1, 2]] * 3)], ids=["copy", "delay"])
def test_a_truncated_model_is_refused_at_every_length_or_lacks_nothing(model: Model) -> None:
    data = model.to_bytes()
    whole = Engine(data)
    x = whole.random_inputs(np.random.default_rng(1))
    wanted = [y.tobytes() for y in whole.run(x)]
    refusals: list[EngineError] = []
    for length in range(1, len(data)):
        try:
            engine = Engine(data[:length], arena_bytes=4096)
        except EngineError as error:
            refusals.append(error)
        else:  # only the names of tensors, which the engine never reads, are gone
            assert [y.tobytes() for y in engine.run(x)] == wanted, length
    assert {error.status for error in refusals} == {Status.MODEL}
    assert all(error.text for error in refusals)
    assert len(refusals) > 0.9 * len(data)


@pytest.mark.parametrize("identifier", [b"TFL2", b"\0\0\0\0", b"ONNX"])
def test_another_file_identifier_is_refused(identifier: bytes) -> None:
    data = one_copy().to_bytes()
    assert_refused(data[:4] + identifier + data[8:], "version", "TFL3")


@pytest.mark.parametrize("version", [0, 1, 2, 4, -1])
def test_another_schema_version_is_refused(version: int) -> None:
    data = bytearray(one_copy().to_bytes())
    root = tflite.Model.GetRootAs(data, 0)._tab
    struct.pack_into("<i", data, root.Pos + root.Offset(4), version)
    assert_refused(bytes(data), "version", f"schema version {version}, not 3")


@pytest.mark.parametrize("root", [0, 1, 3, 2**31, 2**32 - 1, 2**32 - 4])
def test_a_root_offset_out_of_bounds_is_refused(root: int) -> None:
    data = struct.pack("<I", root) + one_copy().to_bytes()[4:]
    assert_refused(data, "model", "malformed flatbuffer")


def test_bytes_that_are_no_model_are_refused() -> None:
    rng = np.random.default_rng(2)
    assert_refused(b"TFL3", "model")
    assert_refused(rng.bytes(1000), "version")
    for seed in range(100):
        noise = np.random.default_rng(seed).bytes(500)
        assert_refused(noise[:4] + b"TFL3" + noise[8:], "model")
    assert_refused(bytes(4) + b"TFL3" + bytes(500), "model")


def test_an_engine_that_refused_a_model_runs_nothing() -> None:
    engine = Engine(one_copy().to_bytes())
    address = engine.get("model_ptr")
    engine.memory[address + 4 : address + 8] = b"XXXX"
    size, arena = engine.get("model_size"), engine.get("scratch_size")
    with pytest.raises(EngineError, match="TFL3"):
        engine.call("tflm_wasm_init", address, size, arena)
    with pytest.raises(EngineError, match="no model") as caught:
        engine.call("wasm_invoke")
    assert caught.value.status is Status.STATE
