"""Models of several ops, whose tensors live side by side and one after another in the arena."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import QUANTIZED, Space, scale_of
from tflm_wasm.conformance._writer import Graph, Model, Op, Options, Tensor


@dataclass
class _Chain:
    """A graph that grows; `live` are the tensors that ops may read."""

    d: Space
    kind: str
    tensors: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    live: list[int] = field(default_factory=list)

    def constant(self, name: str, values: list[int] | list[list[int]]) -> int:
        array = np.array(values, np.int32)
        return self.add(Tensor(array.shape, "int32", array, name=name), live=False)

    def add(self, tensor: Tensor, *, live: bool = True) -> int:
        self.tensors.append(tensor)
        if live:
            self.live.append(len(self.tensors) - 1)
        return len(self.tensors) - 1

    def result(self, shape: list[int], like: int, *, gain: float = 1.0) -> Tensor:
        """Return a tensor quantized as another, or with a larger scale."""
        source = self.tensors[like]
        scale = scale_of(source) * gain if self.kind in QUANTIZED else None
        return Tensor(shape, self.kind, scale=scale, zero_point=source.zero_point)

    def op(self, code: str, inputs: list[int], output: Tensor, options: Options | None) -> None:
        self.ops.append(Op(code, inputs, [self.add(output)], options))


def _shape(chain: _Chain, index: int) -> list[int]:
    return list(chain.tensors[index].shape)


def _sum(chain: _Chain, name: str, x: int) -> None:
    other = chain.d.pick(f"{name}.other", chain.live)
    if _shape(chain, other) != _shape(chain, x):
        other = x
    code = chain.d.pick(f"{name}.code", ("ADD", "SUB", "MUL"))
    options = (
        f"{code.title()}Options",
        {"fused_activation_function": chain.d.activation(f"{name}.fused")},
    )
    chain.op(code, [x, other], chain.result(_shape(chain, x), x, gain=2.0), options)


def _function(chain: _Chain, name: str, x: int) -> None:
    code = chain.d.pick(f"{name}.code", ("RELU", "RELU6", "ABS"))
    chain.op(code, [x], chain.result(_shape(chain, x), x), None)


def _reshape(chain: _Chain, name: str, x: int) -> None:
    elements = prod(_shape(chain, x))
    factor = chain.d.pick(f"{name}.factor", (1, 2, 3))
    shape = [factor, elements // factor] if elements % factor == 0 else [elements]
    chain.op("RESHAPE", [x], chain.result(shape, x), ("ReshapeOptions", {"new_shape": shape}))


def _transpose(chain: _Chain, name: str, x: int) -> None:
    shape = _shape(chain, x)
    perm = chain.d.some(f"{name}.perm", range(len(shape)), len(shape))
    result = chain.result([shape[i] for i in perm], x)
    chain.op("TRANSPOSE", [x, chain.constant(name, perm)], result, ("TransposeOptions", {}))


def _pad(chain: _Chain, name: str, x: int) -> None:
    shape = _shape(chain, x)
    pads = [[chain.d.below(f"{name}.{i}.{side}", 2) for side in "ab"] for i in range(len(shape))]
    result = chain.result([n + sum(pads[i]) for i, n in enumerate(shape)], x)
    chain.op("PAD", [x, chain.constant(name, pads)], result, ("PadOptions", {}))


def _join(chain: _Chain, name: str, x: int) -> None:
    shape = _shape(chain, x)
    axis = chain.d.below(f"{name}.axis", len(shape))
    result = chain.result([n * (2 if i == axis else 1) for i, n in enumerate(shape)], x)
    chain.op("CONCATENATION", [x, x], result, ("ConcatenationOptions", {"axis": axis}))


def _split(chain: _Chain, name: str, x: int) -> None:
    shape = _shape(chain, x)
    even = [i for i, n in enumerate(shape) if n % 2 == 0]
    if not even:
        _function(chain, name, x)
        return
    axis = even[0]
    part = [n // 2 if i == axis else n for i, n in enumerate(shape)]
    index = chain.constant(name, [axis])
    outputs = [chain.add(chain.result(part, x)) for _ in range(2)]
    chain.ops.append(Op("SPLIT", [index, x], outputs, ("SplitOptions", {"num_splits": 2})))


def _layer(chain: _Chain, name: str, x: int) -> None:
    depth, channels = _shape(chain, x)[-1], chain.d.size(f"{name}.channels", 6)
    rows = prod(_shape(chain, x)) // depth
    real = chain.kind == "float32"
    weights = Tensor([channels, depth], "float32" if real else "int8", scale=None if real else 0.01)
    weights.data = chain.d.array(f"{name}.weights", weights.shape, weights.dtype)
    result = chain.result([rows, channels], x, gain=0.5 * depth**0.5)
    options: Options = ("FullyConnectedOptions", {})
    chain.op("FULLY_CONNECTED", [x, chain.add(weights, live=False)], result, options)


_STEPS: tuple[Callable[[_Chain, str, int], None], ...] = (
    *(_function, _sum, _sum, _reshape, _transpose, _pad, _join, _split, _layer),
)


@generates("CHAIN", "float32 int8 int16")
def chain_of_ops(d: Space, op: str, kind: str) -> Model:
    """Two to eight ops in any order, each on any tensor before it; several outputs."""
    del op
    chain = _Chain(d, kind)
    for i in range(d.whole("inputs", 1, 2)):
        chain.add(d.tensor(f"x.{i}", d.shape(f"x.{i}", 1, 4), kind))
    given = list(chain.live)
    for i in range(d.whole("ops", 1, 8)):
        reading = [x for x in chain.live if prod(_shape(chain, x)) <= 2000] or given[:1]
        x = d.pick(f"{i}.x", reading)
        d.pick(f"{i}.step", _STEPS)(chain, f"{i}", x)
    last = [i for i in chain.live if i not in given]
    kept = [i for i in last if i == last[-1] or d.one_in(f"kept.{i}", 3)]
    return Model([Graph(chain.tensors, chain.ops, given, kept)])
