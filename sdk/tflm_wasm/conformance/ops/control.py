"""Ops that call subgraphs or keep resource variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import Space
from tflm_wasm.conformance._writer import Graph, Model, Op, Tensor

_ANY = "float32 int8 int16 int32 int64 bool"
_RESOURCE = Tensor([1], "resource")


def _values(d: Space, kind: str, count: int) -> list[Tensor]:
    """Return tensors to pass to a subgraph, each of its own shape."""
    return [d.tensor(f"value.{i}", d.shape(f"value.{i}", 0, 4), kind) for i in range(count)]


def _branch(d: Space, name: str, values: Sequence[Tensor]) -> Graph:
    """Return a subgraph that copies its inputs, some of them by way of a sum with itself."""
    tensors, ops, results = list(values), [], []
    for i, value in enumerate(values):
        if d.one_in(f"{name}.direct.{i}", 8):
            results.append(i)
            continue
        tensors.append(value)
        last = len(tensors) - 1
        doubled = value.dtype in ("float32", "int8", "int16", "int32") and d.below(f"{name}.{i}", 2)
        ops.append(
            Op("ADD", [i, i], [last], ("AddOptions", {})) if doubled else Op("RESHAPE", [i], [last])
        )
        results.append(last)
    return Graph(tensors, ops, list(range(len(values))), results)


@generates("IF", _ANY, frames=4)
def branch(d: Space, op: str, kind: str) -> Model:
    """A computed or constant condition, branches of several values, nested once."""
    values = _values(d, kind, d.whole("count", 1, 3))
    condition = d.operand("condition", Tensor([1] if d.below("vector", 2) else [], "bool"), 8)
    nested = d.one_in("nested", 5)
    options = ("IfOptions", {"then_subgraph_index": 1, "else_subgraph_index": 2})
    count = len(values)
    results = list(range(1 + count, 1 + 2 * count))
    main = Graph(
        [condition, *values, *values],
        [Op(op, list(range(count + 1)), results, options)],
        ([] if condition.data is not None else [0]) + list(range(1, count + 1)),
        results,
    )
    graphs = [main, _branch(d, "then", values), _branch(d, "else", values)]
    if nested:
        flag = Tensor([], "bool", np.array(d.below("nested.flag", 2) == 1))
        inner = ("IfOptions", {"then_subgraph_index": 3, "else_subgraph_index": 4})
        moved = [i - 1 for i in results]
        graphs[2] = Graph(
            [*values, *values, flag],
            [Op(op, [2 * count, *range(count)], list(moved), inner)],
            list(range(count)),
            moved,
        )
        graphs += [_branch(d, "inner.then", values), _branch(d, "inner.else", values)]
    return Model(graphs)


@generates("WHILE", "float32 int32", frames=4)
def loop(d: Space, op: str, kind: str) -> Model:
    """A counter that ends the loop after some rounds, none among them, and a value that goes on."""
    shape = d.shape("x", 0, 3)
    counter, value = Tensor([1], "int32"), Tensor(shape, kind)
    limit = d.whole("rounds", 0, 6)
    compare = Graph(
        [counter, value, Tensor([1], "int32", np.array([limit])), Tensor([1], "bool")],
        [Op("LESS", [0, 2], [3], ("LessOptions", {}))],
        [0, 1],
        [3],
    )
    one = Tensor([1], "int32", np.array([1]))
    step = Tensor([], kind, np.array(d.pick("step", (1, 2, -3))))
    body_op = d.pick("body", ("ADD", "MUL", "SUB"))
    body = Graph(
        [counter, value, one, step, counter, value],
        [
            Op("ADD", [0, 2], [4], ("AddOptions", {})),
            Op(body_op, [1, 3], [5], (f"{body_op.title()}Options", {})),
        ],
        [0, 1],
        [4, 5],
    )
    start = d.given("start", *(np.array([n], np.int32) for n in (0, limit, limit - 1)), one_in=2)
    options = ("WhileOptions", {"cond_subgraph_index": 1, "body_subgraph_index": 2})
    main = Graph(
        [start, value, counter, value],
        [Op(op, [0, 1], [2, 3], options)],
        [1] if start.data is not None else [0, 1],
        [2, 3],
    )
    return Model([main, compare, body])


def _handle(name: str, output: int, *, container: str = "") -> Op:
    fields = {"shared_name": name, **({"container": container} if container else {})}
    return Op("VAR_HANDLE", [], [output], ("VarHandleOptions", fields))


def _line(d: Space, kind: str, *, init: bool) -> Model:
    """Return a model that outputs the value of the run before, by way of variables."""
    count = d.whole("count", 1, 3)
    values = _values(d, kind, count)
    alike, boxed = d.one_in("alike", 4), d.one_in("boxed", 4)
    values = [replace(values[0]) for _ in values] if alike else values
    tensors: list[Tensor] = [*values]
    ops, results = [], []
    if init:
        ops.append(Op("CALL_ONCE", [], [], ("CallOnceOptions", {"init_subgraph_index": 1})))
    for i, value in enumerate(values):
        first = len(tensors)
        tensors += [_RESOURCE, value]
        name = "v0" if alike and d.one_in(f"shared.{i}", 3) else f"v{i}"
        container = "box" if boxed != d.one_in(f"container.{i}", 60) else ""
        steps = [
            _handle(name, first, container=container),
            Op("READ_VARIABLE", [first], [first + 1], ("ReadVariableOptions", {})),
            Op("ASSIGN_VARIABLE", [first, i], [], ("AssignVariableOptions", {})),
        ]
        if d.one_in(f"order.{i}", 5):
            steps[1], steps[2] = steps[2], steps[1]
        ops += steps
        results.append(first + 1)
    main = Graph(tensors, ops, list(range(count)), results)
    container = "box" if boxed else ""
    return Model([main, _setter(d, values, container)] if init else [main])


def _setter(d: Space, values: Sequence[Tensor], container: str) -> Graph:
    """Return a subgraph that gives variables their first values."""
    tensors: list[Tensor] = []
    ops = []
    for i, value in enumerate(values):
        if d.one_in(f"unset.{i}", 6):
            continue
        first = len(tensors)
        data = d.array(f"init.{i}", value.shape, value.dtype)
        tensors += [_RESOURCE, replace(value, data=data)]
        assign = Op("ASSIGN_VARIABLE", [first, first + 1], [], ("AssignVariableOptions", {}))
        ops += [_handle(f"v{i}", first, container=container), assign]
    return Graph(tensors, ops, [], [])


@generates("CALL_ONCE", _ANY, frames=6, stateful=True)
def call_once(d: Space, op: str, kind: str) -> Model:
    """First values from a subgraph that runs once."""
    del op
    return _line(d, kind, init=True)


@generates("VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE", _ANY, frames=6, stateful=True)
def variables(d: Space, op: str, kind: str) -> Model:
    """Values that last from run to run, read before and after they are assigned."""
    del op
    return _line(d, kind, init=False)
