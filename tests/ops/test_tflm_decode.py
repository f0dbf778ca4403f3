"""TFLM_DECODE decodes constants of its three formats as TFLM does, and never leaves a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.custom import CustomLayer, CustomRefusals
from tests.support.decoding import (
    HUFFMAN,
    LOOK_UP,
    PRUNING,
    header,
    huffman,
    looked_up,
    pruned,
)
from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.layers import assert_refused
from tests.support.models import Graph, Model, Op, Tensor

ALL_TYPES = ["bool", "float32", "int8", "int16", "int32", "int64"]


def constant(data: bytes) -> Tensor:
    return Tensor([len(data)], "uint8", np.frombuffer(data, np.uint8))


def decode(*parts: tuple[tuple[bytes, bytes], Tensor]) -> CustomLayer:
    """Return a layer of pairs of what encodes an output, and the output."""
    inputs = [constant(data) for pair, _ in parts for data in pair]
    return CustomLayer("TFLM_DECODE", inputs, [output for _, output in parts], None)


def assert_decodes_as_tflm(layer: CustomLayer, *expected: np.ndarray) -> None:
    """Outputs must be what was encoded, here and in TFLM, in each of two invokes."""
    model = layer.to_bytes()
    assert_equal_to_tflm(model, [[], []])
    for got, want in zip(Engine(model).run([]), expected, strict=True):
        np.testing.assert_array_equal(got.ravel(), want.ravel())


def values_of(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype == "float32":
        return rng.standard_normal(shape).astype(np.float32)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


# ---- tables ----


def by_table(
    dtype: str,
    width: int,
    shape: tuple[int, ...],
    *,
    axis: int | None = None,
    stride: int | None = None,
    seed: int = 0,
) -> tuple[CustomLayer, np.ndarray]:
    """Return a layer with a table for all, or one for each channel of `axis`, and its output."""
    rng = np.random.default_rng(seed)
    channels = 1 if axis is None else shape[axis]
    entries = 1 << width if stride is None else stride
    indices = rng.integers(0, min(1 << width, entries), shape)
    tables = values_of(rng, dtype, (channels, entries))
    where = np.zeros(shape, int)
    if axis is not None:
        where = np.indices(shape)[axis]
    scale = None if dtype in ("bool", "float32", "int64") and axis is None else [0.5] * channels
    output = Tensor(shape, dtype, scale=scale, axis=axis or 0)
    return decode((looked_up(indices, tables, width), output)), tables[where, indices]


@pytest.mark.parametrize("width", range(1, 8))
@pytest.mark.parametrize("dtype", ALL_TYPES)
def test_every_type_and_width_of_index_is_looked_up_as_in_tflm(dtype: str, width: int) -> None:
    for shape in [(1,), (3, 5), (2, 83), (4, 5, 33)]:
        layer, expected = by_table(dtype, width, shape, seed=width)
        assert_decodes_as_tflm(layer, expected)


@pytest.mark.parametrize("width", range(1, 8))
@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("dtype", ALL_TYPES)
def test_channels_have_tables_of_their_own_as_in_tflm(dtype: str, axis: int, width: int) -> None:
    layer, expected = by_table(dtype, width, (6, 5, 7), axis=axis, seed=width)
    assert_decodes_as_tflm(layer, expected)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_tables_may_be_shorter_than_the_indices_allow(axis: int | None) -> None:
    layer, expected = by_table("int8", 4, (5, 40), axis=axis, stride=11)
    assert_decodes_as_tflm(layer, expected)


def test_a_vector_of_channels_has_one_element_each() -> None:
    layer, expected = by_table("int8", 3, (9,), axis=0)
    assert_decodes_as_tflm(layer, expected)


# ---- pruning ----


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", ALL_TYPES)
def test_pruned_elements_of_every_type_are_zeros_as_in_tflm(dtype: str, share: float) -> None:
    rng = np.random.default_rng(7)
    for shape in [(1,), (3, 7), (2, 4, 33)]:
        values, kept = values_of(rng, dtype, shape), rng.uniform(size=shape) < share
        scale = None if dtype in ("bool", "float32") else 0.5
        layer = decode((pruned(values, kept), Tensor(shape, dtype, scale=scale)))
        assert_decodes_as_tflm(layer, np.where(kept, values, np.zeros_like(values)))


@pytest.mark.parametrize("zero_point", [-128, -1, 5, 127])
def test_pruned_int8_elements_are_the_zero_point_as_in_tflm(zero_point: int) -> None:
    rng = np.random.default_rng(1)
    values, kept = values_of(rng, "int8", (3, 9)), rng.uniform(size=(3, 9)) < 0.5
    output = Tensor((3, 9), "int8", scale=0.5, zero_point=zero_point)
    expected = np.where(kept, values, np.int8(zero_point))
    assert_decodes_as_tflm(decode((pruned(values, kept), output)), expected)


@pytest.mark.parametrize("axis", [0, 2])
def test_channels_have_zero_points_of_their_own_as_in_tflm(axis: int) -> None:
    rng = np.random.default_rng(axis)
    shape = (4, 3, 5)
    values, kept = values_of(rng, "int8", shape), rng.uniform(size=shape) < 0.5
    zeros = rng.integers(-128, 128, shape[axis]).astype(np.int8)
    output = Tensor(shape, "int8", scale=[0.5] * len(zeros), zero_point=zeros.tolist(), axis=axis)
    expected = np.where(kept, values, zeros[np.indices(shape)[axis]])
    assert_decodes_as_tflm(decode((pruned(values, kept), output)), expected)


# ---- Huffman ----


def skewed(rng: np.random.Generator, dtype: str, count: int) -> np.ndarray:
    """Return values of which some are far more frequent than others."""
    spread = 2.0 ** rng.integers(0, 7 if dtype == "int8" else 11, count)
    return np.clip(rng.normal(0, spread), *((-128, 127) if dtype == "int8" else (-9999, 9999)))


@pytest.mark.parametrize("initial", [1, 3, 6])
@pytest.mark.parametrize(("dtype", "wide"), [("int8", False), ("int8", True), ("int16", True)])
def test_huffman_codes_are_decoded_as_in_tflm(dtype: str, wide: bool, initial: int) -> None:  # noqa: FBT001
    rng = np.random.default_rng(initial)
    for count in (1, 2, 40, 1000):
        values = skewed(rng, dtype, count).astype(dtype)
        encoded, how = huffman(values.tolist(), initial=initial, wide=wide)
        padded = encoded.ljust(-(-len(encoded) // 4) * 4 + 4, b"\0")  # TFLM reads words ahead
        layer = decode(((padded, how), Tensor([count], dtype, scale=0.5)))
        assert_decodes_as_tflm(layer, values)


def test_huffman_codes_may_end_with_the_last_bit() -> None:
    """TFLM reads beyond them for bits that it puts back."""
    codes = {5: "0", 6: "10", 7: "1100", 8: "1101", 9: "1110", 10: "1111"}
    values = [7, 8, 9, 10, 6, 6, 5, 5, 5, 5]
    encoded, how = huffman(values, codes=codes)
    assert len(encoded) == 3
    layer = decode(((encoded, how), Tensor([10], "int8", scale=0.5)))
    np.testing.assert_array_equal(Engine(layer.to_bytes()).run([])[0], values)


def test_a_code_without_bits_goes_on_for_ever_as_in_tflm() -> None:
    how = header(HUFFMAN, 0x01) + np.array([0x80000011, 0x80000011], np.uint32).tobytes()
    layer = decode(((b"\xff" * 4, how), Tensor([100], "int8", scale=0.5)))
    assert_decodes_as_tflm(layer, np.full(100, 17))


# ---- several outputs, and in a graph ----


def test_several_outputs_of_all_kinds_are_decoded_by_one_op() -> None:
    rng = np.random.default_rng(0)
    values, kept = values_of(rng, "int16", (5, 4)), rng.uniform(size=(5, 4)) < 0.5
    table, looked = by_table("int8", 4, (3, 20), axis=0)
    symbols = skewed(rng, "int8", 100).astype(np.int8)
    pair = (bytes(table.inputs[0].data), bytes(table.inputs[1].data))
    layer = decode(
        (pruned(values, kept), Tensor((5, 4), "int16", scale=0.5)),
        (pair, table.outputs[0]),
        (huffman(symbols.tolist()), Tensor([100], "int8", scale=0.5)),
    )
    encoded = bytes(layer.inputs[4].data)
    layer = layer.with_input(4, shape=[len(encoded) + 8], data=[*encoded, *[0] * 8])
    assert_decodes_as_tflm(layer, np.where(kept, values, 0), looked, symbols)


def test_decoded_weights_serve_a_fully_connected_layer() -> None:
    layer, _ = by_table("int8", 4, (6, 10), axis=0)
    x = Tensor([1, 10], "int8", scale=0.1, zero_point=3)
    y = Tensor([1, 6], "int8", scale=9.0)
    bias = Tensor([6], "int32", data=np.arange(6), scale=[0.05] * 6)
    tensors = [x, *layer.inputs, layer.outputs[0], bias, y]
    ops = [
        Op("CUSTOM", [1, 2], [3], None, 1, "TFLM_DECODE"),
        Op("FULLY_CONNECTED", [0, 3, 4], [5], ("FullyConnectedOptions", {})),
    ]
    model = Model([Graph(tensors, ops, [0], [5])]).to_bytes()
    rng = np.random.default_rng(1)
    frames = [[rng.integers(-128, 128, (1, 10)).astype(np.int8)] for _ in range(5)]
    assert_equal_to_tflm(model, frames)


# ---- refusals ----


def with_header(layer: CustomLayer, at: int, value: int) -> CustomLayer:
    data = np.array(layer.inputs[1].data)
    data[at] = value
    return layer.with_input(1, data=data)


def cut(layer: CustomLayer, index: int, count: int) -> CustomLayer:
    """Return the layer without the last bytes of an input."""
    data = np.asarray(layer.inputs[index].data)[:-count]
    return layer.with_input(index, shape=[len(data)], data=data)


ANY_KIND: CustomRefusals = {
    "encoded not constant": ("param", lambda c: c.with_input(0, data=None)),
    "header not constant": ("param", lambda c: c.with_input(1, data=None)),
    "header cut": ("shape", lambda c: c.with_input(1, shape=[15], data=[0] * 15)),
    "another version": ("param", lambda c: with_header(c, 1, 2)),
    "another version of the kind": ("param", lambda c: with_header(c, 4, 0)),
    "an unknown kind": ("param", lambda c: with_header(c, 0, 3)),
    "a custom kind": ("param", lambda c: with_header(c, 0, 127)),
    "uint8 output": ("type", lambda c: c.with_output(0, dtype="uint8")),
    "no inputs": ("model", lambda c: replace(c, inputs=[])),
    "one input": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "two outputs": ("model", lambda c: replace(c, outputs=c.outputs * 2)),
}
BY_BITS: CustomRefusals = {
    "too few bits": ("shape", lambda c: cut(c, 0, 1)),
    "table cut": ("model", lambda c: cut(c, 1, 1)),
    "channels along the middle": ("param", lambda c: c.with_output(0, axis=1, scale=[1.0] * 3)),
    "channels along axis -1": ("param", lambda c: c.with_output(0, axis=-1)),
}
LOOK_UP_REFUSED: CustomRefusals = {
    "indices of 0 bits": ("param", lambda c: with_header(c, 5, 8)),
    "channels that don't divide": ("shape", lambda c: c.with_output(0, scale=[1.0] * 7)),
    "channels beyond the table": ("model", lambda c: c.with_output(0, scale=[1.0] * 2)),
}
PRUNING_REFUSED: CustomRefusals = {
    "zero points in int16": (
        "param",
        lambda c: c.with_output(0, dtype="int16", zero_point=1),
    ),
    "channels that don't divide": (
        "shape",
        lambda c: c.with_output(0, scale=[1.0] * 7, zero_point=3),
    ),
}
HUFFMAN_REFUSED: CustomRefusals = {
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
    "too few bits": ("model", lambda c: cut(c, 0, 3)),
    "table cut": ("model", lambda c: cut(c, 1, 8)),
    "a larger first table": ("model", lambda c: with_header(c, 5, 0xF1)),
    "entries that lead nowhere": (
        "model",
        lambda c: c.with_input(
            1, data=[*c.inputs[1].data[:16], *[0] * (c.inputs[1].shape[0] - 16)]
        ),
    ),
    "an entry that leads far away": ("model", lambda c: with_header(c, 19, 0x07)),
}


def sound(kind: int) -> CustomLayer:
    shape = (2, 3, 4)
    if kind == LOOK_UP:
        indices = np.arange(24).reshape(shape) % 16
        table = np.arange(16, dtype=np.int8).reshape(1, 16)
        return decode((looked_up(indices, table, 4), Tensor(shape, "int8", scale=1.0)))
    if kind == PRUNING:
        values = np.arange(24, dtype=np.int8).reshape(shape)
        output = Tensor(shape, "int8", scale=1.0, zero_point=5)
        return decode((pruned(values, values % 3 != 1), output))
    values = np.repeat(np.arange(16), np.arange(16))
    codes = huffman(values.tolist(), initial=2)
    return decode((codes, Tensor(values.shape, "int8", scale=1.0)))


CASES = [
    (kind, case, *refusal)
    for kind, refusals in (
        (LOOK_UP, {**ANY_KIND, **BY_BITS, **LOOK_UP_REFUSED}),
        (PRUNING, {**ANY_KIND, **BY_BITS, **PRUNING_REFUSED}),
        (HUFFMAN, {**ANY_KIND, **HUFFMAN_REFUSED}),
    )
    for case, refusal in refusals.items()
]


@pytest.mark.parametrize(
    ("kind", "status", "change"),
    [(kind, status, change) for kind, _, status, change in CASES],
    ids=[f"{('look-up', 'huffman', 'pruning')[kind]}-{case}" for kind, case, *_ in CASES],
)
def test_what_does_not_fit_is_refused(kind: int, status: str, change: Any) -> None:
    Engine(sound(kind).to_bytes())
    assert_refused(change(sound(kind)), status)


def test_a_narrow_huffman_table_is_for_int8_only() -> None:
    pair = huffman([1, 2, 3, 3], wide=False)
    assert_refused(decode((pair, Tensor([4], "int16", scale=1.0))), "type")


@pytest.mark.parametrize("kind", [LOOK_UP, HUFFMAN, PRUNING])
def test_damaged_constants_are_refused_or_decoded(kind: int) -> None:
    rng = np.random.default_rng(kind)
    statuses = set()
    for _ in range(300):
        layer = sound(kind)
        data = np.array(layer.inputs[1].data)
        places = rng.integers(0, len(data), 2)
        data[places] = rng.choice([0, 1, 7, 15, 127, 128, 255], 2)
        bits = np.array(layer.inputs[0].data)
        bits[rng.integers(len(bits))] ^= 1 << int(rng.integers(8))
        layer = layer.with_input(1, data=data).with_input(0, data=bits)
        try:
            Engine(layer.to_bytes()).run([])
            statuses.add("OK")
        except EngineError as error:
            statuses.add(error.status.name if error.text else "no sentence")
    assert {"OK", "PARAM", "MODEL"} <= statuses <= {"OK", "PARAM", "MODEL", "SHAPE", "TYPE"}
