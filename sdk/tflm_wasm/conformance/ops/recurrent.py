"""Layers with a state in variable tensors: SVDF and LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import Space, scale_of
from tflm_wasm.conformance._writer import Model, Tensor, op_model

_FLOATS = ("normal", "normal", "halves", "wide", "zero")
_INTEGERS = ("noise", "noise", "noise", "few", "ends", "high", "zero")


def _weights(d: Space, name: str, shape: Sequence[int], dtype: str, scale: float) -> Tensor:
    if dtype == "float32":
        return Tensor(shape, data=d.array(name, shape, dtype, _FLOATS))
    return Tensor(shape, dtype, d.array(name, shape, dtype, _INTEGERS), scale=scale)


@generates("SVDF", "float32 int8-int8 int8-int16", frames=8, stateful=True)
def svdf(d: Space, op: str, kind: str) -> Model:
    """State of either type; every fused activation; a bias or none."""
    dtype, _, state_type = kind.partition("-")
    batch, depth, units = d.size("batch", 3), d.size("depth", 12), d.size("units", 8)
    rank, memory = d.whole("rank", 1, 3), d.size("memory", 12)
    filters = units * rank
    x = d.tensor("x", [batch, depth], dtype)
    activation = d.pick("activation", (0, 0, 1, 2, 3, 4, 5))
    options = ("SVDFOptions", {"rank": rank, "fused_activation_function": activation})
    y = d.tensor("y", [batch, units], dtype)
    if dtype == "float32":
        feature = _weights(d, "feature", [filters, depth], dtype, 0)
        time = _weights(d, "time", [filters, memory], dtype, 0)
        bias: Tensor | None = Tensor([units], data=d.array("bias", [units], dtype, _FLOATS))
        state = Tensor([batch, filters * memory], dtype, variable=True)
    else:
        limit = 127.0 if state_type == "int8" else 32767.0
        feature = _weights(d, "feature", [filters, depth], "int8", d.scale("feature.scale"))
        natural = scale_of(x) * scale_of(feature) * 5000 * sqrt(depth) / limit
        kept = d.near("state.scale", natural)
        shape = [filters, memory]
        time = _weights(d, "time", shape, state_type, min(d.scale("time.scale"), 1e-5 / kept))
        product = float(np.float32(kept) * np.float32(scale_of(time)))
        data = d.numbers("bias", [units], -(1 << 20), 1 << 20, "int32")
        bias = Tensor([units], "int32", data, scale=product)
        zero = d.zero_point("state.zero", "int8") if d.one_in("state.offset", 4) else 0
        fields: dict[str, Any] = {"scale": kept, "zero_point": zero, "variable": True}
        state = Tensor([batch, filters * memory], state_type, **fields)
        y.scale = d.near("y.near", product * limit * 40 * sqrt(memory * rank))
    if d.one_in("no_bias", 6):
        bias = None
    return op_model(op, [x, feature, time, bias, state], [y], options)


@generates("UNIDIRECTIONAL_SEQUENCE_LSTM", "float32 int8-int8 int16-int8", frames=5, stateful=True)
def lstm(d: Space, op: str, kind: str) -> Model:
    """Batches, both orders of time, clipping, hidden states with a zero point."""
    dtype = kind.partition("-")[0]
    real = dtype == "float32"
    batch, steps = d.size("batch", 3), d.size("steps", 6)
    depth, units = d.size("depth", 8), d.size("units", 6)
    time_major = bool(d.below("time_major", 2))
    outer = [steps, batch] if time_major else [batch, steps]
    limit = {"int8": 128.0, "int16": 32768.0, "float32": 1.0}[dtype]
    x_scale = float(np.float32(d.real("x.range", 0.5, 8.0) / limit))
    x = Tensor([*outer, depth], dtype)
    hidden: dict[str, Any] = {}
    cell: dict[str, Any] = {}
    if not real:
        x.scale, x.zero_point = x_scale, d.zero_point("x.zero", dtype)
        zero = d.zero_point("hidden.zero", dtype) if d.below("hidden.offset", 2) else 0
        hidden = {"scale": float(np.float32(1 / limit)), "zero_point": zero}
        cell = {"scale": 2.0 ** d.pick("cell.log2", (-11, -12, -10, -9, -13))}
    matrices, biases = [], []
    bias_type = {"int8": "int32", "int16": "int64", "float32": "float32"}[dtype]
    for number in range(8):
        columns = depth if number < 4 else units
        scale = float(np.float32(2.0 ** d.real(f"gate.{number}.log2", -9, -5)))
        weight_type = "float32" if real else "int8"
        gate = _weights(d, f"gate.{number}", [units, columns], weight_type, scale)
        matrices.append(gate)
        if number < 4:
            name = f"bias.{number}"
            if real:
                biases.append(Tensor([units], data=d.array(name, [units], dtype, _FLOATS)))
            else:
                size = 1 << d.pick(f"{name}.log2", (10, 12, 14, 18))
                data = d.numbers(name, [units], -size, size, bias_type)
                biases.append(Tensor([units], bias_type, data, scale=x_scale * scale))
    states = [
        Tensor([batch, units], dtype, variable=True, **hidden),
        Tensor([batch, units], "float32" if real else "int16", variable=True, **cell),
    ]
    inputs = [x, *matrices, *[None] * 3, *biases, *[None] * 2, *states, *[None] * 4]
    options = {
        "fused_activation_function": 4,
        "cell_clip": d.pick("clip", (0.0, 0.0, 0.5, 4.0)),
        "proj_clip": 0.0,
        "time_major": time_major,
    }
    y = Tensor([*outer, units], dtype, **hidden)
    return op_model(op, inputs, [y], ("UnidirectionalSequenceLSTMOptions", options))
