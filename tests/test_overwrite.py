"""Outputs lie over inputs that nothing reads later, and operators read before they overwrite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.layers import windowed
from tests.support.models import Graph, Model, Op, Tensor

SEEDS = range(60)


class Chain:
    """A model of random operators, each reading what the one before it wrote.

    A plain one has windows of 3 x 3 that keep the shape, and 16 filters.
    """

    def __init__(
        self, seed: int, dtype: str, shape: tuple[int, ...], *, plain: bool = False
    ) -> None:
        self.plain = plain
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        self.tensors: list[Tensor] = []
        self.ops: list[Op] = []
        self.input = self.last = self.add(shape)
        self.unary("RELU6")  # as inputs of the model are not overwritten

    def add(self, shape: tuple[int, ...]) -> int:
        """Add a tensor; quantized ones have their own scale and zero point."""
        if self.dtype == "float32":
            self.tensors.append(Tensor(shape))
        else:
            scale, zero = self.rng.uniform(0.02, 0.05), int(self.rng.integers(-20, 20))
            self.tensors.append(Tensor(shape, "int8", scale=scale, zero_point=zero))
        return len(self.tensors) - 1

    def constant(self, shape: tuple[int, ...], dtype: str, **quantized: float | list[float]) -> int:
        if self.dtype == "float32":
            data, dtype, quantized = self.rng.standard_normal(shape), "float32", {}
        else:
            limit = 127 if dtype == "int8" else 500
            data = self.rng.integers(-limit, limit, shape)
        self.tensors.append(Tensor(shape, dtype, data=data, **quantized))  # type: ignore[arg-type]
        return len(self.tensors) - 1

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensors[self.last].shape)

    def step(self, code: str, extra: list[int], shape: tuple[int, ...], options: object) -> None:
        output = self.add(shape)
        self.ops.append(Op(code, [self.last, *extra], [output], options))  # type: ignore[arg-type]
        self.last = output

    def unary(self, code: str) -> None:
        self.step(code, [], self.shape, None)

    def same_quantization(self) -> None:
        """Give the last tensor the parameters of the one before it, as pools need them."""
        if self.dtype != "float32":
            before, last = (self.tensors[i] for i in (self.ops[-1].inputs[0], self.last))
            last.scale, last.zero_point = before.scale, before.zero_point

    def window(self) -> tuple[tuple[int, int], tuple[int, int, int], dict[str, int]]:
        """Return taps, the output's batch, height and width, and options of a random window."""
        batch, height, width = self.shape[:3]
        if self.plain:
            return (3, 3), (batch, height, width), {"padding": 0, "stride_h": 1, "stride_w": 1}
        taps = tuple(int(self.rng.integers(1, min(4, size + 1))) for size in (height, width))
        strides = tuple(int(n) for n in self.rng.choice([1, 1, 1, 2], 2))
        padding = int(self.rng.integers(2))
        out = [
            windowed(*axis, 1, ("same", "valid")[padding])
            for axis in zip((height, width), taps, strides, strict=True)
        ]
        fields = {"padding": padding, "stride_h": strides[0], "stride_w": strides[1]}
        return (taps[0], taps[1]), (batch, out[0], out[1]), fields

    def bias(self, channels: int, scale: float | None) -> int:
        return self.constant((channels,), "int32", scale=scale or 1.0)

    def conv(self) -> None:
        taps, out, fields = self.window()
        channels, depth = 16 if self.plain else int(self.rng.integers(1, 20)), self.shape[3]
        scale = self.tensors[self.last].scale
        product = None if scale is None else scale * 0.01  # type: ignore[operator]
        w = self.constant((channels, *taps, depth), "int8", scale=0.01)
        options = ("Conv2DOptions", {**fields, "dilation_h_factor": 1, "dilation_w_factor": 1})
        self.step("CONV_2D", [w, self.bias(channels, product)], (*out, channels), options)

    def depthwise(self) -> None:
        taps, out, fields = self.window()
        depth, multiplier = self.shape[3], int(self.rng.choice([1] if self.plain else [1, 1, 1, 2]))
        channels = depth * multiplier
        scale = self.tensors[self.last].scale
        product = None if scale is None else scale * 0.01  # type: ignore[operator]
        w = self.constant((1, *taps, channels), "int8", scale=0.01)
        fields |= {"depth_multiplier": multiplier, "dilation_h_factor": 1, "dilation_w_factor": 1}
        options = ("DepthwiseConv2DOptions", fields)
        self.step("DEPTHWISE_CONV_2D", [w, self.bias(channels, product)], (*out, channels), options)

    def pool(self) -> None:
        taps, out, fields = self.window()
        code = str(self.rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
        fields |= {"filter_height": taps[0], "filter_width": taps[1]}
        self.step(code, [], (*out, self.shape[3]), ("Pool2DOptions", fields))
        self.same_quantization()

    def binary(self) -> None:
        code, table = (("ADD", "AddOptions"), ("MUL", "MulOptions"))[int(self.rng.integers(2))]
        shape = self.shape
        others = [i for i in self.written() if self.tensors[i].shape == shape and i != self.last]
        if others:  # which a later operator then reads again
            self.step(code, [int(self.rng.choice(others))], shape, (table, {}))
        else:
            row = self.constant((1, 1, 1, shape[3]), self.dtype, scale=0.03)
            self.step(code, [row], shape, (table, {}))

    def reshape(self) -> None:
        shape = self.shape
        flat = (int(np.prod(shape)),)
        for new in (flat, shape):
            self.step("RESHAPE", [], new, ("ReshapeOptions", {"new_shape": list(new)}))
            self.same_quantization()

    def relu(self) -> None:
        self.unary("RELU")

    def written(self) -> list[int]:
        return [i for op in self.ops for i in op.outputs]

    def model(self, length: int = 6) -> bytes:
        makers: list[Callable[[], None]] = [
            *(self.conv, self.conv, self.depthwise, self.depthwise),
            *(self.pool, self.binary, self.binary, self.reshape, self.relu),
        ]
        for _ in range(length):
            makers[int(self.rng.integers(len(makers)))]()
        self.unary("RELU6")
        written = self.written()
        results = {self.last, *(int(i) for i in self.rng.choice(written, self.rng.integers(3)))}
        return Model([Graph(self.tensors, self.ops, [self.input], sorted(results))]).to_bytes()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_chains_of_operators_equal_tflm(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers((1, 3, 3, 1), (3, 12, 12, 18)))
    model = Chain(seed, dtype, shape).model()  # type: ignore[arg-type]
    if dtype == "int8":
        frames = [[rng.integers(-128, 128, shape).astype(np.int8)] for _ in range(2)]
    else:
        frames = [[(4 * rng.standard_normal(shape)).astype(np.float32)] for _ in range(2)]
    assert_equal_to_tflm(model, frames)


@pytest.mark.parametrize("kind", ["conv", "depthwise", "pool", "binary", "reshape", "relu"])
def test_an_output_takes_little_more_than_its_input(kind: str) -> None:
    chain = Chain(0, "int8", (1, 32, 32, 1), plain=True)
    chain.conv()
    getattr(chain, kind)()
    model = Model([Graph(chain.tensors, chain.ops, [chain.input], [chain.last])]).to_bytes()
    assert Engine(model).get("arena_used") < 1.2 * 32 * 32 * 16


def test_an_input_that_is_read_again_is_left_alone() -> None:
    chain = Chain(0, "int8", (1, 32, 32, 1), plain=True)
    chain.conv()
    kept = chain.last
    chain.depthwise()
    chain.step("ADD", [kept], chain.shape, ("AddOptions", {}))
    model = Model([Graph(chain.tensors, chain.ops, [chain.input], [chain.last])]).to_bytes()
    assert 2 * 32 * 32 * 16 < Engine(model).get("arena_used") < 2.2 * 32 * 32 * 16


def test_an_input_that_is_an_output_of_the_model_is_left_alone() -> None:
    """Also when the last operator reads it."""
    chain = Chain(0, "float32", (1, 4, 5, 3))
    kept = chain.last
    chain.relu()
    model = Model([Graph(chain.tensors, chain.ops, [chain.input], [kept, chain.last])]).to_bytes()
    x = np.random.default_rng(0).standard_normal((1, 4, 5, 3)).astype(np.float32)
    assert_equal_to_tflm(model, [[8 * x]])
