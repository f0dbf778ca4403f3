"""Models with resource variables and calls of subgraphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.support.models import Graph, Model, Op, Tensor

RESOURCE = Tensor([1], "resource")


def handle(output: int, name: str | None, container: str | None = None) -> Op:
    """Return a VAR_HANDLE; a name or container of None is left out."""
    fields = {"shared_name": name, "container": container}
    given = {key: value for key, value in fields.items() if value is not None}
    return Op("VAR_HANDLE", [], [output], ("VarHandleOptions", given))


def read(variable: int, output: int) -> Op:
    return Op("READ_VARIABLE", [variable], [output], ("ReadVariableOptions", {}))


def assign(variable: int, value: int) -> Op:
    return Op("ASSIGN_VARIABLE", [variable, value], [], ("AssignVariableOptions", {}))


def call_once(subgraph: int) -> Op:
    return Op("CALL_ONCE", [], [], ("CallOnceOptions", {"init_subgraph_index": subgraph}))


def copy(source: int, to: int) -> Op:
    """Return an op that copies bytes: a RESHAPE."""
    return Op("RESHAPE", [source], [to])


def setter(name: str, value: Tensor, container: str | None = None) -> Graph:
    """Return a subgraph that assigns a constant to a variable."""
    ops = [handle(0, name, container), assign(0, 1)]
    return Graph([RESOURCE, value], ops, [], [])


def delay(dtype: str = "int8", *, init: Any = None, steps: int = 3, **quantization: Any) -> Model:
    """Return a model that outputs its last `steps` + 1 inputs, oldest first, via a variable.

    The input is [1, 2], the variable [`steps`, 2]. With `init` a CALL_ONCE fills it first.
    """
    frame = Tensor([1, 2], dtype, **quantization)
    kept = Tensor([steps, 2], dtype, **quantization)
    joined = Tensor([steps + 1, 2], dtype, **quantization)
    index = [
        Tensor([2], "int32", data=np.array(values)) for values in ([1, 0], [steps + 1, 2], [1, 1])
    ]
    ops = [
        handle(1, "line"),
        read(1, 2),
        Op("CONCATENATION", [2, 0], [3], ("ConcatenationOptions", {"axis": 0})),
        Op("STRIDED_SLICE", [3, 5, 6, 7], [4], ("StridedSliceOptions", {})),
        assign(1, 4),
    ]
    main = Graph([frame, RESOURCE, kept, joined, kept, *index], ops, [0], [3])
    if init is None:
        return Model([main])
    main.ops.insert(0, call_once(1))
    value = Tensor([steps, 2], dtype, data=init, **quantization)
    return Model([main, setter("line", value)])


def frames(count: int, shape: Sequence[int], dtype: str, seed: int = 0) -> list[list[np.ndarray]]:
    """Return random frames of one input each."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return [[np.frombuffer(rng.bytes(size), dtype).reshape(shape)] for _ in range(count)]
