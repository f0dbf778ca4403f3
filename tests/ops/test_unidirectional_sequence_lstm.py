"""UNIDIRECTIONAL_SEQUENCE_LSTM equals TFLM, integers bit for bit; malformed layers are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import assert_refused, frames
from tests.support.models import Graph, Model, Op, Tensor

# batches, steps, inputs, units
SIZES: dict[str, tuple[int, int, int, int]] = {
    "of one": (1, 1, 1, 1),
    "plain": (1, 5, 6, 4),
    "batches": (3, 4, 5, 7),
    "long": (1, 40, 3, 2),
    "wide": (2, 2, 30, 20),
}
TABLE = "UnidirectionalSequenceLSTMOptions"
TOLERANCE = 2e-6  # of float32: exp and tanh differ in the last place, and steps add up


@dataclass
class Lstm:
    """Inputs by number, absent ones left out, the output, the options."""

    inputs: dict[int, Tensor]
    output: Tensor
    options: dict[str, float]
    table: str = TABLE
    count: int = 24

    def to_bytes(self) -> bytes:
        tensors = [*self.inputs.values(), self.output]
        numbers = list(self.inputs)
        wired = [numbers.index(i) if i in numbers else -1 for i in range(self.count)]
        last = len(tensors) - 1
        op = Op("UNIDIRECTIONAL_SEQUENCE_LSTM", wired, [last], (self.table, self.options))
        return Model([Graph(tensors, [op], [0], [last])]).to_bytes()

    def with_input(self, number: int, **changes: object) -> Lstm:
        changed = replace(self.inputs[number], **changes)  # type: ignore[arg-type]
        return replace(self, inputs={**self.inputs, number: changed})

    def without(self, number: int) -> Lstm:
        return replace(self, inputs={k: t for k, t in self.inputs.items() if k != number})

    def with_output(self, **changes: object) -> Lstm:
        return replace(self, output=replace(self.output, **changes))  # type: ignore[arg-type]

    def with_options(self, **changes: float) -> Lstm:
        return replace(self, options={**self.options, **changes})


def lstm(
    seed: int,
    dtype: str = "int8",
    size: str = "plain",
    *,
    time_major: bool = False,
    clip: float = 0.0,
    cell_log2: int = -11,
    hidden: tuple[float, int] | None = None,
    loudness: float = 1.0,
) -> Lstm:
    """Return a layer; the cell's scale is 2^cell_log2, `hidden` is scale and zero point."""
    rng = np.random.default_rng(seed)
    batches, steps, depth, units = SIZES[size]
    first = (steps, batches) if time_major else (batches, steps)
    real = dtype == "float32"
    limit = {"int8": 128, "int16": 32768, "float32": 1}[dtype]
    x_scale = float(np.exp(rng.uniform(0, 1.5))) / limit
    h_scale, h_zero = hidden or (1 / limit, int(rng.integers(-20, 20)) if dtype == "int8" else 0)
    bias_type = {"int8": "int32", "int16": "int64", "float32": "float32"}[dtype]

    def matrix(columns: int) -> Tensor:
        values = rng.normal(0, loudness / np.sqrt(columns), (units, columns))
        if real:
            return Tensor(values.shape, data=values)
        scale = np.abs(values).max() / 127
        return Tensor(values.shape, "int8", np.round(values / scale), scale=float(scale))

    def bias(weight: Tensor) -> Tensor:
        values = rng.normal(0, loudness / 2, units)
        scale = None if real else x_scale * float(weight.scale)  # type: ignore[arg-type]
        data = values if scale is None else np.round(values / scale)
        return Tensor([units], bias_type, data, scale=scale)

    quantized = {} if real else {"scale": x_scale, "zero_point": 5 if dtype == "int8" else 0}
    state = {} if real else {"scale": h_scale, "zero_point": h_zero}
    cell = {} if real else {"scale": 2.0**cell_log2}
    inputs = {0: Tensor((*first, depth), dtype, **quantized)}  # type: ignore[arg-type]
    inputs |= {1 + k: matrix(depth) for k in range(4)}
    inputs |= {5 + k: matrix(units) for k in range(4)}
    inputs |= {12 + k: bias(inputs[1 + k]) for k in range(4)}
    inputs[18] = Tensor((batches, units), dtype, variable=True, **state)  # type: ignore[arg-type]
    inputs[19] = Tensor(
        (batches, units),
        "float32" if real else "int16",
        variable=True,
        **cell,  # type: ignore[arg-type]
    )
    out = Tensor((*first, units), dtype, **state)  # type: ignore[arg-type]
    options = {"fused_activation_function": 4, "cell_clip": clip, "time_major": time_major}
    return Lstm(inputs, out, options)


def check(layer: Lstm, seed: int) -> None:
    """Outputs must be TFLM's over 12 invokes, with a reset between."""
    rng = np.random.default_rng(seed)
    several = frames(rng, layer.inputs[0]) + frames(rng, layer.inputs[0])[::-1]
    if layer.output.dtype == "float32":
        several = [[np.clip(np.nan_to_num(x), -50, 50) / 25] for [x] in several]
    assert_equal_to_tflm(layer.to_bytes(), several, resets=[4], atol=TOLERANCE)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("time_major", [False, True], ids=["batch_major", "time_major"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_every_size_equals_tflm(dtype: str, size: str, time_major: bool, seed: int) -> None:  # noqa: FBT001
    check(lstm(seed, dtype, size, time_major=time_major), seed)


@pytest.mark.parametrize("clip", [0.01, 0.5, 1.0, 7.9, 1e6, -1.0])
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_the_cell_is_clipped_as_in_tflm(dtype: str, clip: float) -> None:
    check(lstm(3, dtype, "long", clip=clip, loudness=3.0), 3)


@pytest.mark.parametrize("log2", [-20, -15, -13, -12, -11, -10, -8, -4, 0, 2])
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_cell_scales_equal_tflm(dtype: str, log2: int) -> None:
    check(lstm(4, dtype, cell_log2=log2, loudness=2.0), 4)


@pytest.mark.parametrize("seed", range(10, 30))
def test_random_scales_equal_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dtype = ["int8", "int16"][seed % 2]
    scale = float(np.exp(rng.uniform(-1, 1))) / (128 if dtype == "int8" else 32768)
    zero = int(rng.integers(-128, 128)) if dtype == "int8" else 0
    loudness = float(np.exp(rng.uniform(-1, 2)))
    layer = lstm(seed, dtype, hidden=(scale, zero), cell_log2=-13, loudness=loudness)
    check(layer.with_input(19, scale=float(2.0**-13 * rng.uniform(0.7, 1.4))), seed)


@pytest.mark.parametrize("zero_point", [-128, 127])
def test_zero_points_at_the_ends_equal_tflm(zero_point: int) -> None:
    layer = lstm(5, hidden=(1 / 128, zero_point))
    check(layer.with_input(0, zero_point=-zero_point - 1), 5)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_saturated_gates_equal_tflm(dtype: str) -> None:
    check(lstm(6, dtype, "wide", loudness=100.0), 6)


def test_extreme_floats_saturate_as_in_tflm() -> None:
    layer = lstm(7, "float32")
    rng = np.random.default_rng(7)
    several = frames(rng, layer.inputs[0])[:4] + [[np.full((1, 5, 6), x)] for x in (1e38, -3e38)]
    several = [[x.astype(np.float32)] for [x] in several]
    assert_equal_to_tflm(layer.to_bytes(), several, atol=TOLERANCE)


@pytest.mark.parametrize("shape", [[4], [4, 1], [1, 1, 4]])
def test_a_cell_may_have_any_shape_of_its_size(shape: list[int]) -> None:
    check(lstm(8).with_input(19, shape=shape), 8)


def test_a_hidden_state_may_have_dimensions_of_1_behind() -> None:
    check(lstm(9).with_input(18, shape=[1, 4, 1]), 9)


REFUSED: dict[str, tuple[str, Callable[[Lstm], Lstm]]] = {
    "uint8 input": ("type", lambda c: c.with_input(0, dtype="uint8")),
    "float input (hybrid)": ("type", lambda c: c.with_input(0, dtype="float32")),
    "int16 input with a bias of int32": ("type", lambda c: c.with_input(0, dtype="int16")),
    "int16 weights": ("type", lambda c: c.with_input(3, dtype="int16")),
    "float recurrent weights": ("type", lambda c: c.with_input(7, dtype="float32")),
    "int64 bias": ("type", lambda c: c.with_input(13, dtype="int64")),
    "hidden state of int16": ("type", lambda c: c.with_input(18, dtype="int16")),
    "cell of int8": ("type", lambda c: c.with_input(19, dtype="int8")),
    "output of int16": ("type", lambda c: c.with_output(dtype="int16")),
    "no input weights": ("model", lambda c: c.without(1)),
    "no forget bias": ("model", lambda c: c.without(13)),
    "no hidden state": ("model", lambda c: c.without(18)),
    "23 inputs": ("model", lambda c: replace(c, count=23)),
    "25 inputs": ("model", lambda c: replace(c, count=25)),
    "a peephole": ("param", lambda c: replace(c, inputs={**c.inputs, 10: Tensor([4])})),
    "a projection": ("param", lambda c: replace(c, inputs={**c.inputs, 16: Tensor([4, 4])})),
    "a layer norm": ("param", lambda c: replace(c, inputs={**c.inputs, 23: Tensor([4])})),
    "no activation": ("param", lambda c: c.with_options(fused_activation_function=0)),
    "options of another op": ("model", lambda c: replace(c, table="GatherOptions", options={})),
    "hidden state that is no variable": ("param", lambda c: c.with_input(18, variable=False)),
    "cell that is no variable": ("param", lambda c: c.with_input(19, variable=False)),
    "input of rank 2": ("shape", lambda c: c.with_input(0, shape=[5, 6])),
    "output of rank 2": ("shape", lambda c: c.with_output(shape=[5, 4])),
    "output of other steps": ("shape", lambda c: c.with_output(shape=[1, 6, 4])),
    "output of other batches": ("shape", lambda c: c.with_output(shape=[2, 5, 4])),
    "output of other units": ("shape", lambda c: c.with_output(shape=[1, 5, 5])),
    "weights of other depth": ("shape", lambda c: c.with_input(0, shape=[1, 5, 7])),
    "weights of other units": ("shape", lambda c: c.with_input(2, shape=[3, 6], data=None)),
    "recurrent weights not square": ("shape", lambda c: c.with_input(6, shape=[4, 3], data=None)),
    "bias too short": ("shape", lambda c: c.with_input(14, shape=[3], data=None)),
    "bias of rank 2": ("shape", lambda c: c.with_input(14, shape=[1, 4])),
    "hidden state too small": ("shape", lambda c: c.with_input(18, shape=[1, 3])),
    "cell too large": ("shape", lambda c: c.with_input(19, shape=[2, 4])),
    "hidden state of rank 1": ("shape", lambda c: c.with_input(18, shape=[4])),
    "hidden state turned": ("shape", lambda c: c.with_input(18, shape=[4, 1])),
    "time-major and batch-major mixed": ("shape", lambda c: c.with_options(time_major=True)),
    "input not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "weights not quantized": ("param", lambda c: c.with_input(8, scale=None)),
    "weights quantized per channel": ("param", lambda c: c.with_input(1, scale=[0.1] * 4)),
    "weight scale too large": ("param", lambda c: c.with_input(4, scale=1e9)),
    "hidden scale 0": ("param", lambda c: c.with_input(18, scale=0.0)),
    "hidden zero point 128": ("param", lambda c: c.with_input(18, zero_point=128)),
    "cell scale 8": ("param", lambda c: c.with_input(19, scale=8.0)),
    "cell scale 2^-50": ("param", lambda c: c.with_input(19, scale=2.0**-50)),
    "cell scale NaN": ("param", lambda c: c.with_input(19, scale=np.nan)),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_layers_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(lstm(20)), status)
