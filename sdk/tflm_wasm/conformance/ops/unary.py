"""Ops from one tensor to another of its shape: functions and activations."""

from __future__ import annotations

from dataclasses import replace

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import QUANTIZED, Space, scale_of
from tflm_wasm.conformance._writer import Model, Options, Tensor, op_model

# What TFLM demands of an output: op and type to scale and zero point.
_DEMANDED = {
    ("LOGISTIC", "int8"): (1 / 256, -128),
    ("LOGISTIC", "int16"): (1 / 32768, 0),
    ("TANH", "int8"): (1 / 128, 0),
    ("TANH", "int16"): (1 / 32768, 0),
    ("L2_NORMALIZATION", "int8"): (1 / 128, 0),
    ("LOG_SOFTMAX", "int8"): (16 / 256, 127),
    ("SOFTMAX", "int8"): (1 / 256, -128),
    ("SOFTMAX", "int8-int16"): (1 / 65536, -32768),
    ("SOFTMAX", "int16"): (1 / 32768, 0),
}


def _input(d: Space, dtype: str, low: int = 0, high: int = 6) -> Tensor:
    return d.operand("x", d.tensor("x", d.shape("x", low, high), dtype), 12)


def _output(d: Space, op: str, kind: str, x: Tensor) -> Tensor:
    """Return an output quantized as demanded, nearly always, or near the input's scale."""
    dtype = kind.rpartition("-")[2]
    if dtype not in QUANTIZED:
        return Tensor(x.shape, dtype)
    y = d.tensor("y", x.shape, dtype, scale=d.near("y.near", scale_of(x)))
    demanded = _DEMANDED.get((op, kind))
    if demanded is None or d.one_in("y.free", 16):
        return y
    return replace(y, scale=demanded[0], zero_point=demanded[1])


@generates(
    "CEIL FLOOR ROUND EXP NEG SIN COS LOG SQRT SQUARE",
    "float32",
)
@generates("ABS RELU RELU6 LOGISTIC TANH", "float32 int8 int16")
@generates("ELU HARD_SWISH RSQRT", "float32 int8")
def function(d: Space, op: str, kind: str) -> Model:
    """A function of each element."""
    x = _input(d, kind)
    y = _output(d, op, kind, x)
    if (op, kind) == ("ABS", "int16") and d.one_in("plain", 4):
        x, y = (replace(one, scale=None) for one in (x, y))
    return op_model(op, [x], [y], _TABLES.get(op))


_TABLES: dict[str, Options] = {
    "EXP": ("ExpOptions", {}),
    "NEG": ("NegOptions", {}),
    "ABS": ("AbsOptions", {}),
    "SQUARE": ("SquareOptions", {}),
    "HARD_SWISH": ("HardSwishOptions", {}),
}


@generates("LOGICAL_NOT", "bool")
def negation(d: Space, op: str, kind: str) -> Model:
    """The other truth value."""
    x = _input(d, kind)
    return op_model(op, [x], [Tensor(x.shape, kind)], ("LogicalNotOptions", {}))


@generates("LEAKY_RELU", "float32 int8 int16")
def leaky_relu(d: Space, op: str, kind: str) -> Model:
    """Slopes from 0 to over 1, negative ones too."""
    x = _input(d, kind)
    alpha = d.pick("alpha", (0.1, 0.0, 0.5, 1.0, 0.01, 0.3, 1.5, -0.25, 1e-6, 100.0))
    return op_model(op, [x], [_output(d, op, kind, x)], ("LeakyReluOptions", {"alpha": alpha}))


@generates("PRELU", "float32 int8 int16-int8")
def prelu(d: Space, op: str, kind: str) -> Model:
    """Slopes that broadcast, constant or computed."""
    dtype, _, alpha_type = kind.partition("-")
    x = _input(d, dtype, 1, 4)
    shape = [1 if d.below(f"alpha.one.{i}", 2) else n for i, n in enumerate(x.shape)]
    shape = shape[d.below("alpha.drop", len(shape)) if d.one_in("alpha.short", 3) else 0 :]
    alpha = d.operand("alpha", d.tensor("alpha", shape, alpha_type or dtype), 2)
    return op_model(op, [x, alpha], [_output(d, op, dtype, x)])


@generates("SOFTMAX", "float32 int8 int8-int16 int16")
@generates("LOG_SOFTMAX", "float32 int8")
def softmax(d: Space, op: str, kind: str) -> Model:
    """Rows of 1 to 40 elements; betas of all sizes."""
    x = _input(d, kind.partition("-")[0], 1, 5)
    options: Options = ("LogSoftmaxOptions", {})
    if op == "SOFTMAX":
        beta = d.pick("beta", (1.0, 1.0, 1.0, 0.5, 2.0, 0.1, 10.0, 0.0, -1.0))
        options = ("SoftmaxOptions", {"beta": beta})
    return op_model(op, [x], [_output(d, op, kind, x)], options)


@generates("L2_NORMALIZATION", "float32 int8")
def l2_normalization(d: Space, op: str, kind: str) -> Model:
    """Rows of zeros included."""
    x = _input(d, kind, 1, 5)
    activation = d.pick("activation", (0, 0, 0, 0, 0, 1)) if d.one_in("fused", 8) else 0
    options = ("L2NormOptions", {"fused_activation_function": activation})
    return op_model(op, [x], [_output(d, op, kind, x)], options)
