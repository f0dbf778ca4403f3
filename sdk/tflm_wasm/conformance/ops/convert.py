"""Ops from one type to another."""

from __future__ import annotations

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import Space, scale_of
from tflm_wasm.conformance._writer import Model, Op, Tensor, op_model

_CASTS = ("int8", "int16", "int32", "uint32", "float32", "bool")


def _quantized(d: Space, name: str, shape: list[int], dtype: str) -> Tensor:
    """Return a tensor with a scale, also for int32, which has a zero point as large as int16's."""
    if dtype != "int32":
        return d.tensor(name, shape, dtype)
    zero_point = d.zero_point(f"{name}.zero32", "int8") if d.one_in(f"{name}.odd", 3) else 0
    return Tensor(shape, dtype, scale=d.scale(f"{name}.scale"), zero_point=zero_point)


@generates(
    "QUANTIZE",
    "float32-int8 float32-int16 int8-int8 int8-uint8 int8-int16 int8-int32 int16-int8 int16-int16 "
    "int16-int32 int32-int8 int32-int16 uint8-int8",
)
def quantize(d: Space, op: str, kind: str) -> Model:
    """From any scale to any other, near it or far from it."""
    source, _, target = kind.partition("-")
    shape = d.shape("x", 0, 6)
    x = _quantized(d, "x", shape, source)
    y = _quantized(d, "y", shape, target)
    if source != "float32" and d.below("far", 3):
        y.scale = d.near("y.near", scale_of(x))
    return op_model(op, [x], [y], ("QuantizeOptions", {}))


@generates("DEQUANTIZE", "int8 int16 uint8")
def dequantize(d: Space, op: str, kind: str) -> Model:
    """Constants, too: converters leave weights like that."""
    x = d.operand("x", d.tensor("x", d.shape("x", 0, 6), kind), 6)
    return op_model(op, [x], [Tensor(x.shape)], ("DequantizeOptions", {}))


@generates("CAST", " ".join(f"{a}-{b}" for a in _CASTS for b in _CASTS if b != "bool"))
def cast(d: Space, op: str, kind: str) -> Model:
    """Values out of the target's range included; uint32 comes from a CAST, for want of arrays."""
    source, _, target = kind.partition("-")
    shape = d.shape("x", 0, 6)
    if source != "uint32":
        x = d.operand("x", Tensor(shape, source), 12)
        return op_model(op, [x], [Tensor(shape, target)], ("CastOptions", {}))
    model = op_model(op, [Tensor(shape, "int32")], [Tensor(shape, "uint32")], ("CastOptions", {}))
    graph = model.graphs[0]
    graph.tensors.append(Tensor(shape, target))
    graph.ops.append(Op(op, [1], [2], ("CastOptions", {})))
    graph.outputs = [2]
    return model
