"""Ops of two tensors and more that broadcast: arithmetic, comparisons, logic, selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import QUANTIZED, Space, scale_of
from tflm_wasm.conformance._writer import Model, Tensor, op_model

_TABLES = {
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "DIV": "DivOptions",
    "FLOOR_DIV": "FloorDivOptions",
    "FLOOR_MOD": "FloorModOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "SQUARED_DIFFERENCE": "SquaredDifferenceOptions",
    "EQUAL": "EqualOptions",
    "NOT_EQUAL": "NotEqualOptions",
    "GREATER": "GreaterOptions",
    "GREATER_EQUAL": "GreaterEqualOptions",
    "LESS": "LessOptions",
    "LESS_EQUAL": "LessEqualOptions",
    "LOGICAL_AND": "LogicalAndOptions",
    "LOGICAL_OR": "LogicalOrOptions",
}


def _shape(d: Space) -> list[int]:
    """Return the shape of a result: of rank 0 to 4, or 5 or 6 once in ten times."""
    return d.shape("y", 5, 6) if d.one_in("deep", 10) else d.shape("y", 0, 4)


def _part(d: Space, name: str, shape: Sequence[int]) -> list[int]:
    """Return a shape that broadcasts to another, which is most often the same one."""
    how = d.below(f"{name}.broadcast", 6)
    if how < 3:
        return list(shape)
    if how == 3:
        return []
    mine = [1 if d.below(f"{name}.one.{i}", 2) else n for i, n in enumerate(shape)]
    return mine[d.below(f"{name}.drop", len(mine) + 1) if how == 5 else 0 :]


def _pair(d: Space, dtype: str, shape: Sequence[int], **changes: Any) -> list[Tensor]:
    """Return two operands, of which at the most one is a constant."""
    first = d.tensor("a", _part(d, "a", shape), dtype, **changes)
    second = d.tensor("b", _part(d, "b", shape), dtype, **changes)
    if d.below("first", 3) == 2:
        return [d.operand("a", first, 3), second]
    return [first, d.operand("b", second, 3)]


def _joint(inputs: Sequence[Tensor], shape: Sequence[int]) -> list[int]:
    """Return the shape that inputs broadcast to, where none of them has all of `shape`."""
    rank = max(len(one.shape) for one in inputs)
    padded = [[1] * (rank - len(one.shape)) + list(one.shape) for one in inputs]
    return [max(dims) for dims in zip(*padded, strict=True)] if rank else list(shape)[:0]


def _natural(op: str, a: Tensor, b: Tensor) -> float:
    """Return a scale in which the results of an op fit."""
    first, second = scale_of(a), scale_of(b)
    return {
        "MUL": first * second * 64,
        "DIV": first / second / 16,
        "SQUARED_DIFFERENCE": max(first, second) ** 2 * 64,
    }.get(op, max(first, second))


@generates("ADD SUB MUL SQUARED_DIFFERENCE", "float32 int8 int16 int32")
@generates("DIV", "float32 int8 int32")
def arithmetic(d: Space, op: str, kind: str) -> Model:
    """Fused activations; each operand with its own scale."""
    shape = _shape(d)
    inputs = _pair(d, kind, shape)
    shape = _joint(inputs, shape)
    output = Tensor(shape, kind)
    if kind in QUANTIZED:
        output = d.tensor("y", shape, kind, scale=d.near("y.near", _natural(op, *inputs)))
    options: dict[str, Any] = {}
    if op != "SQUARED_DIFFERENCE":
        options["fused_activation_function"] = d.activation()
    if op in ("ADD", "SUB") and d.one_in("pot", 4):
        options["pot_scale_int16"] = False
    return op_model(op, inputs, [output], (_TABLES[op], options))


@generates("MAXIMUM MINIMUM", "float32 int8 int16 int32 int64")
def extreme(d: Space, op: str, kind: str) -> Model:
    """Elements are taken as they are, so all tensors share one quantization, or have none."""
    shape = _shape(d)
    q = d.quantization("q", kind) if d.below("quantized", 4) else {"scale": None}
    inputs = _pair(d, kind, shape, **q)
    return op_model(op, inputs, [Tensor(_joint(inputs, shape), kind, **q)], (_TABLES[op], {}))


@generates("FLOOR_DIV FLOOR_MOD", "float32")
def floored(d: Space, op: str, kind: str) -> Model:
    """Divisors of zero included."""
    shape = _shape(d)
    inputs = _pair(d, kind, shape)
    return op_model(op, inputs, [Tensor(_joint(inputs, shape), kind)], (_TABLES[op], {}))


@generates("EQUAL NOT_EQUAL", "bool float32 int8 int32 int64")
@generates("GREATER", "float32 int8 int16 int32 int64")
@generates("GREATER_EQUAL LESS LESS_EQUAL", "float32 int8 int32 int64")
def comparison(d: Space, op: str, kind: str) -> Model:
    """Quantized operands are rescaled before they are compared."""
    shape = _shape(d)
    same = d.quantization("q", kind) if d.below("same", 3) == 0 else {}
    inputs = _pair(d, kind, shape, **same)
    return op_model(op, inputs, [Tensor(_joint(inputs, shape), "bool")], (_TABLES[op], {}))


@generates("LOGICAL_AND LOGICAL_OR", "bool")
def logic(d: Space, op: str, kind: str) -> Model:
    """Truth values that broadcast."""
    shape = _shape(d)
    inputs = _pair(d, kind, shape)
    return op_model(op, inputs, [Tensor(_joint(inputs, shape), kind)], (_TABLES[op], {}))


@generates("SELECT_V2", "float32 int8 int16")
def select(d: Space, op: str, kind: str) -> Model:
    """Three shapes that broadcast to one."""
    shape = d.shape("y", 5, 6) if d.one_in("deep", 10) else d.shape("y", 0, 4)
    q = d.quantization("q", kind)
    condition = d.operand("c", Tensor(_part(d, "c", shape), "bool"))
    inputs = [condition, *_pair(d, kind, shape, **q)]
    output = Tensor(_joint(inputs, shape), kind, **q)
    return op_model(op, inputs, [output], ("SelectV2Options", {}))


@generates("ADD_N", "float32 int8")
def add_n(d: Space, op: str, kind: str) -> Model:
    """Two to six tensors of one shape and quantization."""
    shape = d.shape("x", 0, 5)
    q = d.quantization("q", kind)
    inputs = [
        d.operand(f"x{i}", Tensor(shape, kind, **q), 5) for i in range(d.whole("count", 2, 6))
    ]
    output = Tensor(shape, kind)
    if q:
        output = d.tensor("y", shape, kind, scale=d.near("y.near", q["scale"]))
    return op_model(op, inputs, [output], ("AddNOptions", {}))
