"""Custom ops with their options, and what they must be refused for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers

from tests.support.engine import Engine, EngineError, oracle
from tests.support.layers import assert_refused
from tests.support.models import Graph, Model, Op, Tensor
from tflm_wasm._abi import Status


@dataclass
class CustomLayer:
    """One custom op with its tensors; inputs without data are the model's inputs, in order."""

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    options: Any = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        options = self.options
        if not isinstance(options, bytes):
            options = b"" if options is None else bytes(flexbuffers.Dumps(options))
        tensors = [*self.inputs, *self.outputs]
        first, end = len(self.inputs), len(tensors)
        op = Op("CUSTOM", range(first), range(first, end), None, 1, self.name, options)
        inputs = [i for i, t in enumerate(self.inputs) if t.data is None and not t.variable]
        return Model([Graph(tensors, [op], inputs, range(first, end))]).to_bytes()

    def with_input(self, index: int, **changes: Any) -> CustomLayer:
        """Return a copy with another input `index`."""
        inputs = list(self.inputs)
        inputs[index] = replace(inputs[index], **changes)
        return replace(self, inputs=inputs)

    def with_output(self, index: int, **changes: Any) -> CustomLayer:
        outputs = list(self.outputs)
        outputs[index] = replace(outputs[index], **changes)
        return replace(self, outputs=outputs)

    def with_options(self, **changes: Any) -> CustomLayer:
        return replace(self, options={**self.options, **changes})


def vector(size: int, dtype: str = "int16", data: Any = None) -> Tensor:
    return Tensor([size], dtype, data)


def spread(rng: np.random.Generator, count: int, bits: int, dtype: str) -> np.ndarray:
    """Return numbers of all magnitudes below 2^bits, both extremes among them."""
    sizes = rng.integers(0, bits + 1, count)
    values = [int(rng.integers(0, 1 << 63)) * 2 + 1 & ((1 << int(size)) - 1) for size in sizes]
    values[:4] = [0, (1 << bits) - 1, 1, 1 << (bits - 1)]
    return np.array(values, np.uint64).astype(dtype)


CustomRefusals = dict[str, tuple[str, Callable[[CustomLayer], CustomLayer]]]

# What any op that reads options must be refused for.
OPTIONS: CustomRefusals = {
    "no options": ("param", lambda c: replace(c, options=None)),
    "empty options": ("param", lambda c: replace(c, options=b"")),
    "options of one byte": ("model", lambda c: replace(c, options=b"\x01")),
    "options that are a number": ("model", lambda c: replace(c, options=b"\x05\x04\x01")),
    "options without entries": ("param", lambda c: replace(c, options={})),
    "options of text": ("param", lambda c: replace(c, options=dict.fromkeys(c.options, "x"))),
    "no inputs": ("model", lambda c: replace(c, inputs=[])),
    "an input too many": ("model", lambda c: replace(c, inputs=[*c.inputs, Tensor([1])])),
    "an output too many": ("model", lambda c: replace(c, outputs=[*c.outputs, Tensor([1])])),
}


def both(
    layer: CustomLayer, frames: list[list[np.ndarray]], resets: tuple[int, ...] = ()
) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Return the outputs of the engine and of TFLM, frame by frame, for what defines only some.

    Both are reset in front of the frames whose numbers are in `resets`.
    """
    model = layer.to_bytes()
    tflm, engine = oracle(), Engine(model)
    tflm.open(model)
    results = []
    for number, frame in enumerate(frames):
        if number in resets:
            tflm.reset()
            engine.reset()
        results.append((engine.run(frame), tflm.run(frame)))
    return results


def check_refused(layer: CustomLayer, cases: CustomRefusals, case: str) -> None:
    status, change = cases[case]
    assert_refused(change(layer), status)


def assert_fails(layer: CustomLayer, inputs: list[np.ndarray], text: str) -> None:
    """The model must load, and the invoke fail with status runtime."""
    with pytest.raises(EngineError, match=text) as caught:
        Engine(layer.to_bytes()).run(inputs)
    assert caught.value.status is Status.RUNTIME
