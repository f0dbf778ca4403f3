"""Random models of nested loops and branches, in which vectors are copied, joined and cut."""

from __future__ import annotations

import numpy as np

from tests.support.control import CONDITION, COUNTER, binary, counting, if_, join, until, while_
from tests.support.models import Graph, Model, Op, Tensor
from tests.support.stateful import copy

MAX_DEPTH = 4  # subgraphs called from subgraphs
LIMIT = 4  # of the counters: loops run 0 to 4 rounds


class Nest:
    """A model, and inputs for it.

    Every subgraph takes a counter and vectors of int8, and gives as many of the same sizes. A
    subgraph may be a body and a branch, and may be called from several places.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        sizes = self._rng.integers(1, 60, self._rng.integers(1, 4))
        self._vectors = [Tensor([int(size)], "int8") for size in sizes]
        self._joined = Tensor([int(sum(sizes))], "int8")
        self._variables = [COUNTER, *self._vectors]
        self._graphs = [Graph([], [], [], [])]
        self._leaves: list[int] = []  # subgraphs that call none
        self._graphs[0] = self._graph(depth=0)
        self.model = Model(self._graphs)

    def frames(self) -> list[list[np.ndarray]]:
        """Return inputs with counters from 0 to `LIMIT`."""
        return [
            [
                np.array([start], np.int32),
                *(self._rng.integers(-128, 128, t.shape).astype(np.int8) for t in self._vectors),
            ]
            for start in (0, 1, LIMIT, 2)
        ]

    def _chance(self, one_in: int) -> bool:
        return int(self._rng.integers(one_in)) == 0

    def _add(self, graph: Graph) -> int:
        self._graphs.append(graph)
        return len(self._graphs) - 1

    def _subgraph(self, depth: int) -> int:
        """Return the index of a subgraph, a new one or a leaf that there is."""
        if self._leaves and (len(self._graphs) > 30 or self._chance(3)):
            return int(self._rng.choice(self._leaves))
        graph = self._graph(depth)
        index = self._add(graph)
        if not any(op.code in ("IF", "WHILE") for op in graph.ops):
            self._leaves.append(index)
        return index

    def _condition(self) -> int:
        """Return the index of a condition: the counter is in range. It also joins all vectors."""
        graph = until(LIMIT, self._variables)
        below = graph.outputs[0]
        tensors = [*graph.tensors, Tensor([1], "int32", data=[0]), *[CONDITION] * 2]
        zero, positive, both = range(below + 1, below + 4)
        ops = [*graph.ops, binary("GREATER_EQUAL", 0, zero, positive)]
        ops.append(binary("LOGICAL_AND", below, positive, both))
        tensors += [self._joined] * 2
        ops = [join(range(1, len(self._variables)), both + 1), copy(both + 1, both + 2), *ops]
        return self._add(Graph(tensors, ops, graph.inputs, [both, both + 2]))

    def _graph(self, depth: int) -> Graph:
        """Return a subgraph of loops and branches with moves in between."""
        calls = 0 if depth == MAX_DEPTH else int(self._rng.integers(depth == 0, 3))
        tensors, ops = list(self._variables), list[Op]()
        current = self._move(tensors, ops, range(1, len(tensors)))
        for _ in range(calls):
            outputs = [len(tensors) + i for i in range(len(self._variables))]
            tensors += self._variables
            constant = len(tensors)
            tensors += [Tensor([1], "int32", data=[self._rng.integers(LIMIT + 1)]), CONDITION]
            if self._chance(2):
                branches = [self._subgraph(depth + 1) for _ in range(2)]
                ops.append(binary("LESS", 0, constant, constant + 1))
                ops.append(if_([constant + 1, constant, *current], outputs, *branches))
            else:
                body = self._add(counting(self._graphs[self._subgraph(depth + 1)]))
                start = 0 if self._chance(2) else constant
                ops.append(while_([start, *current], outputs, self._condition(), body))
            current = self._move(tensors, ops, outputs[1:])
        return Graph(tensors, ops, range(len(self._variables)), [0, *current])

    def _move(self, tensors: list[Tensor], ops: list[Op], vectors: range | list[int]) -> list[int]:
        """Join the vectors in some order, cut new ones out, copy some; return the new ones."""
        sizes = [t.shape[0] for t in self._vectors]
        joined = len(tensors)
        parts = [joined + 3 + i for i in range(len(sizes))]
        constants = [Tensor([len(sizes)], "int32", data=sizes), Tensor([], "int32", data=0)]
        tensors += [self._joined, *constants, *self._vectors]
        ops.append(join([int(i) for i in self._rng.permutation(vectors)], joined))
        inputs, options = [joined, joined + 1, joined + 2], {"num_splits": len(sizes)}
        ops.append(Op("SPLIT_V", inputs, parts, ("SplitVOptions", options)))
        moved = []
        for part, vector in zip(parts, self._vectors, strict=True):
            if self._chance(3):
                tensors.append(vector)
                ops.append(copy(part, len(tensors) - 1))
                part = len(tensors) - 1
            moved.append(part)
        return moved
