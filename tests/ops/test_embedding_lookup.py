"""EMBEDDING_LOOKUP equals TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused
from tests.support.models import Tensor, random_input
from tflm_wasm import _abi

PAIRS = [("float32", "float32"), ("int8", "int8"), ("int8", "float32")]
# items, number of indices
SHAPES: dict[str, tuple[Sequence[int], int]] = {
    "vectors": ((7, 4), 5),
    "one index": ((7, 4), 1),
    "one item": ((1, 3), 4),
    "numbers": ((9, 1), 6),
    "matrices": ((5, 2, 3), 4),
    "rank 6": ((3, 2, 1, 2, 1, 3), 7),
}


def lookup(
    pair: tuple[str, str] = ("int8", "int8"), case: str = "vectors", *, scale: float = 0.05
) -> Layer:
    items, count = SHAPES[case]
    inputs = [Tensor([count], "int32"), activations(items, pair[0], scale, 0)]
    return Layer("EMBEDDING_LOOKUP", inputs, activations([count, *items[1:]], pair[1], scale, 0))


@pytest.mark.parametrize("constant", [False, True], ids=["computed items", "constant items"])
@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("pair", PAIRS, ids="_to_".join)
def test_every_shape_equals_tflm(pair: tuple[str, str], case: str, constant: bool) -> None:  # noqa: FBT001
    layer = lookup(pair, case)
    rng = np.random.default_rng(1)
    frames = []
    for _ in range(3):
        items = random_input(rng, layer.inputs[1])
        indices = rng.integers(0, SHAPES[case][0][0], SHAPES[case][1]).astype(np.int32)
        frames.append([indices] if constant else [indices, items])
        if constant:
            layer = layer.with_input(1, data=items)
    assert_equal_to_tflm(layer.to_bytes(), frames)


@pytest.mark.parametrize("scale", [1e-38, 1 / 3, 0.1, 7.7, 1e36])
def test_every_int8_value_as_a_float_equals_tflm(scale: float) -> None:
    items = np.arange(-128, 128).reshape(8, 32)
    inputs = [Tensor([8], "int32"), Tensor([8, 32], "int8", items, scale=scale)]
    layer = Layer("EMBEDDING_LOOKUP", inputs, Tensor([8, 32]))
    assert_equal_to_tflm(layer.to_bytes(), [[np.arange(8, dtype=np.int32)]])


def test_int8_items_keep_their_bytes_whatever_the_quantization_as_in_tflm() -> None:
    layer = lookup().with_input(1, scale=None).with_output(scale=0.3, zero_point=7)
    frame = [np.arange(5, dtype=np.int32), np.arange(28).reshape(7, 4).astype(np.int8)]
    assert_equal_to_tflm(layer.to_bytes(), [frame])


@pytest.mark.parametrize("pair", PAIRS, ids="_to_".join)
@pytest.mark.parametrize("index", [7, -1, 2**31 - 1, -(2**31)])
def test_an_index_out_of_range_is_an_error_at_run_time(pair: tuple[str, str], index: int) -> None:
    engine = Engine(lookup(pair).to_bytes())
    indices, items = np.arange(5, dtype=np.int32), np.zeros((7, 4), pair[0])
    engine.run([indices, items])
    indices[3] = index
    with pytest.raises(EngineError) as caught:
        engine.run([indices, items])
    assert caught.value.status is _abi.Status.RUNTIME


REFUSED: Refusals = {
    "indices of int64": ("type", lambda c: c.with_input(0, dtype="int64")),
    "items of int16": ("type", lambda c: c.with_input(1, dtype="int16")),
    "items of uint8": ("type", lambda c: c.with_input(1, dtype="uint8")),
    "float to int8": ("type", lambda c: c.with_input(1, dtype="float32")),
    "int8 to int16": ("type", lambda c: c.with_output(dtype="int16")),
    "indices of rank 2": ("shape", lambda c: c.with_input(0, shape=[5, 1])),
    "a scalar index": ("shape", lambda c: c.with_input(0, shape=[])),
    "no index": ("shape", lambda c: c.with_input(0, shape=[0])),
    "items of rank 1": ("shape", lambda c: c.with_input(1, shape=[7]).with_output(shape=[5])),
    "output of more items": ("shape", lambda c: c.with_output(shape=[6, 4])),
    "output of larger items": ("shape", lambda c: c.with_output(shape=[5, 5])),
    "output of smaller items": ("shape", lambda c: c.with_output(shape=[5, 3])),
    "output of another rank": ("shape", lambda c: c.with_output(shape=[20])),
    "one input": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "three inputs": ("model", lambda c: replace(c, inputs=[*c.inputs, Tensor([1])])),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_lookups_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(lookup()), status)


def test_items_that_become_floats_need_a_scale_and_no_zero_point() -> None:
    layer = lookup(("int8", "float32"))
    assert_refused(layer.with_input(1, scale=None), "param")
    assert_refused(layer.with_input(1, scale=np.inf), "param")
    assert_refused(layer.with_input(1, zero_point=1), "param")


def test_a_lookup_among_no_items_finds_none() -> None:
    engine = Engine(lookup().with_input(1, shape=[0, 4]).to_bytes())
    with pytest.raises(EngineError) as caught:
        engine.run([np.zeros(5, np.int32), np.zeros((0, 4), np.int8)])
    assert caught.value.status is _abi.Status.RUNTIME
