"""Models whose operators run subgraphs: IF and WHILE, and what their subgraphs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tests.support.models import Graph, Model, Op, Tensor

CONDITION = Tensor([1], "bool")
COUNTER = Tensor([1], "int32")


def if_(inputs: Sequence[int], outputs: Sequence[int], then: int, otherwise: int) -> Op:
    """Return an IF; the first input is its condition."""
    fields = {"then_subgraph_index": then, "else_subgraph_index": otherwise}
    return Op("IF", inputs, outputs, ("IfOptions", fields))


def while_(inputs: Sequence[int], outputs: Sequence[int], condition: int, body: int) -> Op:
    """Return a WHILE."""
    fields = {"cond_subgraph_index": condition, "body_subgraph_index": body}
    return Op("WHILE", inputs, outputs, ("WhileOptions", fields))


def binary(code: str, first: int, second: int, output: int) -> Op:
    """Return an op of two tensors; its options are defaults."""
    table = "".join(part.capitalize() for part in code.split("_")) + "Options"
    return Op(code, [first, second], [output], (table, {}))


def join(inputs: Sequence[int], output: int, axis: int = 0) -> Op:
    """Return a CONCATENATION."""
    return Op("CONCATENATION", inputs, [output], ("ConcatenationOptions", {"axis": axis}))


def until(limit: int, variables: Sequence[Tensor], counter: int = 0) -> Graph:
    """Return a condition of all variables: that number `counter`, an int32, is below `limit`."""
    count = len(variables)
    constant = Tensor([1], "int32", data=[limit])
    less = binary("LESS", counter, count, count + 1)
    return Graph([*variables, constant, CONDITION], [less], range(count), [count + 1])


def counting(body: Graph, counter: int = 0) -> Graph:
    """Return the body with an op more, which adds 1 to its variable `counter`."""
    one, sum_ = len(body.tensors), len(body.tensors) + 1
    tensors = [*body.tensors, Tensor([1], "int32", data=[1]), COUNTER]
    ops = [*body.ops, binary("ADD", body.inputs[counter], one, sum_)]
    outputs = list(body.outputs)
    outputs[counter] = sum_
    return Graph(tensors, ops, body.inputs, outputs)


def branching(then: Graph, otherwise: Graph, *more: Graph) -> Model:
    """Return a model of one IF; its inputs are the condition and what the branches take."""
    taken = [then.tensors[i] for i in then.inputs]
    given = [replace(then.tensors[i], data=None) for i in then.outputs]
    inputs = range(1 + len(taken))
    outputs = range(len(inputs), len(inputs) + len(given))
    main = Graph([CONDITION, *taken, *given], [if_(inputs, outputs, 1, 2)], inputs, outputs)
    return Model([main, then, otherwise, *more])


def loop(condition: Graph, body: Graph, *more: Graph) -> Model:
    """Return a model of one WHILE; its inputs are the variables at first, its outputs at last."""
    variables = [body.tensors[i] for i in body.inputs]
    inputs = range(len(variables))
    outputs = range(len(variables), 2 * len(variables))
    main = Graph([*variables, *variables], [while_(inputs, outputs, 1, 2)], inputs, outputs)
    return Model([main, condition, body, *more])


def truth(value: int) -> np.ndarray:
    """Return a condition whose byte is `value`."""
    return np.frombuffer(bytes([value]), np.bool_)


def count(value: int) -> np.ndarray:
    return np.array([value], np.int32)
