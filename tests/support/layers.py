"""Layers with weights, their inputs, and malformed variants, for the tests of single ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm, oracle
from tests.support.models import Tensor, single_op
from tflm_wasm import _abi

ACTIVATIONS = {"none": 0, "relu": 1, "relu_n1_to_1": 2, "relu6": 3}


class SupportsBytes(Protocol):
    """What becomes a model."""

    def to_bytes(self) -> bytes: ...


@dataclass
class Layer:
    """One op with its tensors; `options` are the fields of its options table, if it has one."""

    code: str
    inputs: list[Tensor]
    output: Tensor
    table: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        options = None if self.table is None else (self.table, self.options)
        return single_op(self.code, self.inputs, [self.output], options)

    def with_input(self, index: int, **changes: Any) -> Layer:
        """Return a copy with another input `index`."""
        inputs = list(self.inputs)
        inputs[index] = replace(inputs[index], **changes)
        return replace(self, inputs=inputs)

    def with_output(self, **changes: Any) -> Layer:
        return replace(self, output=replace(self.output, **changes))

    def with_options(self, **changes: Any) -> Layer:
        return replace(self, options={**self.options, **changes})


def compare(layer: Layer, seed: int) -> None:
    """A layer's outputs must be the same bytes as TFLM's."""
    computed = [t for t in layer.inputs if t.data is None and not t.variable]
    assert_equal_to_tflm(layer.to_bytes(), frames(np.random.default_rng(seed), *computed))


def assert_refused(layer: SupportsBytes, status: str) -> None:
    """The engine must refuse a layer with this status and name the operator."""
    with pytest.raises(EngineError) as caught:
        Engine(layer.to_bytes())
    assert caught.value.status is _abi.Status[status.upper()], caught.value
    assert "op 0" in caught.value.text


def windowed(size: int, taps: int, stride: int, dilation: int, padding: str) -> int:
    """Return the output size of a window sliding over `size` pixels."""
    span = (taps - 1) * dilation + 1
    return -(-size // stride) if padding == "same" else (size - span) // stride + 1


def frames(rng: np.random.Generator, *tensors: Tensor) -> list[list[np.ndarray]]:
    """Return frames of inputs: extremes, zeros, uniform noise, a slow signal; odd floats."""
    makers: Sequence[Callable[[np.random.Generator, Tensor], np.ndarray]] = (
        _lowest,
        _highest,
        lambda _, tensor: np.zeros(tensor.shape, tensor.dtype),
        _noise,
        _signal,
        _odd,
    )
    return [[make(rng, tensor) for tensor in tensors] for make in makers]


def _limits(tensor: Tensor) -> tuple[float, float]:
    if tensor.dtype == "float32":
        return -100.0, 100.0
    info = np.iinfo(tensor.dtype)
    return info.min, info.max


def _lowest(_: np.random.Generator, tensor: Tensor) -> np.ndarray:
    return np.full(tensor.shape, _limits(tensor)[0], tensor.dtype)


def _highest(_: np.random.Generator, tensor: Tensor) -> np.ndarray:
    return np.full(tensor.shape, _limits(tensor)[1], tensor.dtype)


def _noise(rng: np.random.Generator, tensor: Tensor) -> np.ndarray:
    low, high = _limits(tensor)
    return rng.uniform(low, high, tensor.shape).round(3).astype(tensor.dtype)


def _signal(rng: np.random.Generator, tensor: Tensor) -> np.ndarray:
    low, high = _limits(tensor)
    walk = np.cumsum(rng.normal(0, (high - low) / 60, int(np.prod(tensor.shape))))
    return np.clip(walk, low, high).astype(tensor.dtype).reshape(tensor.shape)


def _odd(rng: np.random.Generator, tensor: Tensor) -> np.ndarray:
    """Both extremes; for floats also infinities, NaN, -0, denormal and huge numbers."""
    low, high = _limits(tensor)
    values: list[float] = [low, high]
    if tensor.dtype == "float32":
        values = [np.inf, -np.inf, np.nan, -0.0, 1e-40, -3e-45, 3e38, -3e38, 1.0, 2.5]
        values += [0.1] * 20
    return rng.choice(np.asarray(values), tensor.shape).astype(tensor.dtype)


def weights(
    rng: np.random.Generator, shape: Sequence[int], dtype: str, axis: int, *, per_channel: bool
) -> Tensor:
    """Return constant weights; int8 ones have a scale per channel of `axis` or one for all."""
    if dtype == "float32":
        return Tensor(shape, data=rng.standard_normal(shape))
    data = np.clip(np.round(rng.normal(0, 50, shape)), -128, 127)
    count = shape[axis] if per_channel else 1
    scales = np.exp(rng.uniform(-7, -4, count)).astype(np.float32)
    return Tensor(shape, "int8", data, scale=scales, axis=axis)


def with_int4_weights(layer: Layer, seed: int) -> Layer:
    """Return the layer with weights of int4, and an output that they fill as the others did."""
    data = np.random.default_rng(seed).integers(-8, 8, layer.inputs[1].shape)
    scale = np.asarray(layer.output.scale, np.float32) / 11  # 50 and 4.6: the deviations of both
    return layer.with_input(1, dtype="int4", data=data).with_output(scale=scale)


def assert_arena_at_most_tflms(layer: SupportsBytes) -> None:
    """The engine must not need more bytes of arena than TFLM uses."""
    model = layer.to_bytes()
    oracle().open(model)
    used = oracle().arena_used()
    assert used is not None
    assert Engine(model).get("arena_needed") <= used


def activations(
    shape: Sequence[int], dtype: str, scale: float = 0.05, zero_point: int = 0
) -> Tensor:
    """Return a tensor that is computed; `scale` and `zero_point` count unless it is float."""
    if dtype == "float32":
        return Tensor(shape)
    return Tensor(shape, dtype, scale=scale, zero_point=zero_point)


def bias(
    rng: np.random.Generator, channels: int, dtype: str, layer_input: Tensor, weight: Tensor
) -> Tensor:
    """Return a constant bias of the size that accumulators have, quantized as converters do it."""
    if dtype == "float32":
        return Tensor([channels], data=rng.standard_normal(channels))
    scales = np.float32(layer_input.scale) * np.atleast_1d(np.asarray(weight.scale, np.float32))
    size = 2e4 if dtype == "int32" else 2e6
    return Tensor([channels], dtype, np.round(rng.normal(0, size, channels)), scale=scales)


def output_scale(layer_input: Tensor, weight: Tensor, products: int, gain: float) -> float:
    """Return a scale by which sums of so many products fill the output's range `gain` times."""
    if layer_input.dtype == "float32":
        return 1.0
    real = float(np.float32(layer_input.scale)) * float(np.median(np.asarray(weight.scale)))
    return float(np.float32(real * 50 * np.sqrt(products) / gain))


Refusals = dict[str, tuple[str, Callable[[Layer], Layer]]]

# What every layer with int8 input 0, weights 1, int32 bias 2 must be refused for.
WEIGHTED_REFUSALS: Refusals = {
    "types of input and output differ": ("type", lambda c: c.with_output(dtype="int16")),
    "uint8 input": ("type", lambda c: c.with_input(0, dtype="uint8").with_output(dtype="uint8")),
    "float input, int8 weights (hybrid)": (
        "type",
        lambda c: c.with_input(0, dtype="float32").with_output(dtype="float32"),
    ),
    "int16 weights": ("type", lambda c: c.with_input(1, dtype="int16")),
    "float bias": ("type", lambda c: c.with_input(2, dtype="float32")),
    "int64 bias for int8": ("type", lambda c: c.with_input(2, dtype="int64")),
    "bias too short": ("shape", lambda c: c.with_input(2, shape=[1], data=[0])),
    "fused tanh": ("param", lambda c: c.with_options(fused_activation_function=4)),
    "fused activation 99": ("param", lambda c: c.with_options(fused_activation_function=99)),
    "input not quantized": ("param", lambda c: c.with_input(0, scale=None)),
    "output not quantized": ("param", lambda c: c.with_output(scale=None)),
    "weights not quantized": ("param", lambda c: c.with_input(1, scale=None)),
    "too few weight scales": ("param", lambda c: c.with_input(1, scale=[0.1] * 2)),
    "scales along axis -1": ("param", lambda c: c.with_input(1, axis=-1)),
    "scales along axis 4": ("param", lambda c: c.with_input(1, axis=4)),
    "output scale 0": ("param", lambda c: c.with_output(scale=0.0)),
    "output scale infinite": ("param", lambda c: c.with_output(scale=np.inf)),
    "input scale NaN": ("param", lambda c: c.with_input(0, scale=np.nan)),
    "negative input scale": ("param", lambda c: c.with_input(0, scale=-1.0)),
    "negative weight scale": ("param", lambda c: c.with_input(1, scale=-1.0)),
    "NaN weight scale": ("param", lambda c: c.with_input(1, scale=np.nan)),
    "multiplier over 2^30": ("param", lambda c: c.with_output(scale=1e-15)),
    "input zero point 128": ("param", lambda c: c.with_input(0, zero_point=128)),
    "output zero point -129": ("param", lambda c: c.with_output(zero_point=-129)),
    "one input": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
    "four inputs": ("model", lambda c: replace(c, inputs=[*c.inputs, Tensor([1])])),
    "options of another op": ("model", lambda c: replace(c, table="AddOptions", options={})),
}

# What every layer with windows of the options stride_* and padding must be refused for.
WINDOW_REFUSALS: Refusals = {
    "stride 0": ("param", lambda c: c.with_options(stride_h=0)),
    "negative stride": ("param", lambda c: c.with_options(stride_w=-1)),
    "stride over 65535": ("param", lambda c: c.with_options(stride_w=65536)),
    "padding 2": ("param", lambda c: c.with_options(padding=2)),
    "input of rank 3": ("shape", lambda c: c.with_input(0, shape=[4, 4, 4])),
    "output of rank 3": ("shape", lambda c: c.with_output(shape=[4, 4, 4])),
    "batches differ": ("shape", lambda c: c.with_output(shape=[7, *c.output.shape[1:]])),
    "output of another height": (
        "shape",
        lambda c: c.with_output(shape=[c.output.shape[0], 50, *c.output.shape[2:]]),
    ),
    "output of another width": (
        "shape",
        lambda c: c.with_output(shape=[*c.output.shape[:2], 50, c.output.shape[3]]),
    ),
    "output of other channels": (
        "shape",
        lambda c: c.with_output(shape=[*c.output.shape[:3], 50]),
    ),
    "empty input": (
        "shape",
        lambda c: c.with_input(0, shape=[c.output.shape[0], 0, *c.output.shape[2:]]),
    ),
}
