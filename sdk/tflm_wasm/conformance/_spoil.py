"""Models that something is wrong with: one change to an op that was right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np

from tflm_wasm.conformance._space import Given, Space
from tflm_wasm.conformance._writer import TYPES, Graph, Model, Op, Tensor

_NUMBERS: Final = (0, 1, 2, 3, -1, -2, 5, 100, 65_536, 2**31 - 1, -(2**31))
_BYTES: Final = (0, 1, 2, 3, -1, -2, 5, 100)
_ONE_BYTE: Final = ("activation", "padding", "mode", "format", "type")  # in names of such fields


def spoil(d: Space, model: Model) -> str:
    """Change one thing about one op, in place; say what, or "" if the choice does not apply."""
    name = d.pick("spoil", ("", *SPOILS))
    if not name:
        return ""
    graph = model.graphs[d.below("spoil.graph", len(model.graphs))]
    if not graph.ops:
        return ""
    done = SPOILS[name](d, graph, graph.ops[d.below("spoil.op", len(graph.ops))])
    return f"{name}: {done}" if done else ""


def _pick_tensor(d: Space, op: Op) -> tuple[int, str]:
    """Return the index of a tensor of the op, and its place in words."""
    places = [(i, f"input {n}") for n, i in enumerate(op.inputs) if i >= 0]
    places += [(i, f"output {n}") for n, i in enumerate(op.outputs)]
    return d.pick("spoil.tensor", places or [(0, "tensor 0")])


def _type(d: Space, graph: Graph, op: Op) -> str:
    index, place = _pick_tensor(d, op)
    tensor = graph.tensors[index]
    dtype = d.pick("spoil.type", tuple(TYPES))
    if dtype == tensor.dtype:
        return ""
    graph.tensors[index] = replace(tensor, dtype=dtype, data=_recast(tensor, dtype))
    return f"{place} is {dtype}"


def _recast(tensor: Tensor, dtype: str) -> Any:
    if tensor.data is None:
        return None
    if dtype in ("string", "resource", "int4") or isinstance(tensor.data, bytes):
        return bytes(prod(tensor.shape) * 4)
    with np.errstate(all="ignore"):
        return np.asarray(tensor.data).astype(dtype)


def _shape(d: Space, graph: Graph, op: Op) -> str:
    index, place = _pick_tensor(d, op)
    tensor = graph.tensors[index]
    old = list(tensor.shape)
    i = d.below("spoil.dim", max(1, len(old)))
    new = {
        "larger": [*old[:i], *(n + 1 for n in old[i : i + 1]), *old[i + 1 :]],
        "smaller": [*old[:i], *(n - 1 for n in old[i : i + 1]), *old[i + 1 :]],
        "dropped": old[:i] + old[i + 1 :],
        "added": [*old[:i], 1, *old[i:]],
        "two added": [*old[:i], 2, *old[i:]],
        "zero": [*old[:i], 0, *old[i + 1 :]],
        "negative": [*old[:i], -1, *old[i + 1 :]],
        "huge": [*old[:i], 1 << 20, *old[i + 1 :]],
        "scalar": [],
        "reversed": old[::-1],
    }
    change = d.pick("spoil.change", tuple(new))
    if new[change] == old:
        return ""
    data = tensor.data
    can_be_filled = change != "huge" and all(n >= 0 for n in new[change])
    if data is not None and not isinstance(data, bytes) and can_be_filled:
        data = np.resize(np.asarray(data), new[change])
    graph.tensors[index] = replace(tensor, shape=new[change], data=data)
    return f"shape of {place}, {change}"


def _buffer(d: Space, graph: Graph, op: Op) -> str:
    constants = [i for i in op.inputs if i >= 0 and graph.tensors[i].data is not None]
    if not constants:
        return ""
    index = d.pick("spoil.constant", constants)
    tensor = graph.tensors[index]
    raw = b"" if isinstance(tensor.data, bytes) else np.asarray(tensor.data).tobytes()
    keep = d.pick("spoil.keep", ("all but one", "half", "none", "one more"))
    cut = {
        "all but one": raw[:-1],
        "half": raw[: len(raw) // 2],
        "none": b"",
        "one more": raw + b"\1",
    }
    graph.tensors[index] = replace(tensor, data=cut[keep])
    return f"{keep} of the bytes of a constant"


def _inputs(d: Space, _: Graph, op: Op) -> str:
    how = d.pick("spoil.how", ("last dropped", "first dropped", "one more", "absent", "none"))
    inputs = list(op.inputs)
    i = d.below("spoil.input", max(1, len(inputs)))
    op.inputs = {
        "last dropped": inputs[:-1],
        "first dropped": inputs[1:],
        "one more": [*inputs, *inputs[:1]],
        "absent": [*inputs[:i], -1, *inputs[i + 1 :]],
        "none": [],
    }[how]
    return f"{how}, input {i}" if how == "absent" else how


def _outputs(d: Space, graph: Graph, op: Op) -> str:
    if not op.outputs:
        return ""
    first = op.outputs[0]
    if d.below("spoil.how", 2) == 0:
        op.outputs = list(op.outputs)[:-1]
        graph.outputs = [i for i in graph.outputs if i in op.outputs] or list(graph.inputs)[:1]
        return "last dropped"
    graph.tensors.append(replace(graph.tensors[first]))
    op.outputs = [*op.outputs, len(graph.tensors) - 1]
    return "one more"


def _quantization(d: Space, graph: Graph, op: Op) -> str:
    index, place = _pick_tensor(d, op)
    tensor = graph.tensors[index]
    changes: dict[str, dict[str, Any]] = {
        "none": {"scale": None},
        "scale 0": {"scale": 0.0},
        "scale -1": {"scale": -1.0},
        "scale NaN": {"scale": float("nan")},
        "scale infinite": {"scale": float("inf")},
        "scale 1e-38": {"scale": 1e-38},
        "scale 1e38": {"scale": 1e38},
        "zero point 128": {"zero_point": 128},
        "zero point -129": {"zero_point": -129},
        "zero point 40000": {"zero_point": 40_000},
        "zero point 2^40": {"zero_point": 1 << 40},
        "two scales": {"scale": [0.5, 0.25]},
        "axis 1": {"axis": 1},
        "axis -1": {"axis": -1},
        "axis 9": {"axis": 9},
    }
    what = d.pick("spoil.quantization", tuple(changes))
    if tensor.scale is None and what == "none":
        return ""
    if tensor.scale is None:
        tensor = replace(tensor, scale=1.0)
    graph.tensors[index] = replace(tensor, **changes[what])
    return f"{place} has {what}"


def _option(d: Space, _: Graph, op: Op) -> str:
    if op.options is None or not op.options[1]:
        return ""
    table, fields = op.options[0], dict(op.options[1])
    name = d.pick("spoil.field", sorted(fields))
    old = fields[name]
    if isinstance(old, bool):
        fields[name] = not old
    elif isinstance(old, str):
        fields[name] = d.pick("spoil.text", ("", "other"))
    elif isinstance(old, list | tuple):
        fields[name] = d.pick("spoil.list", ([], list(old)[:-1], [*old, 1], [-1 for _ in old]))
    elif isinstance(old, float):
        fields[name] = d.pick("spoil.real", (0.0, -1.0, 2.0, 1e30, float("nan"), float("inf")))
    else:
        byte = any(part in name for part in _ONE_BYTE)
        fields[name] = d.pick("spoil.number", _BYTES if byte else _NUMBERS)
    op.options = (table, fields)
    return f"{name} = {fields[name]}"


def _table(d: Space, _: Graph, op: Op) -> str:
    how = d.pick("spoil.how", ("none", "of another op", "empty"))
    if op.custom is not None:
        op.custom_options = {
            "none": b"",
            "of another op": b"\1\2\3",
            "empty": op.custom_options[:-3],
        }[how]
        return f"custom, {how}"
    other = "Conv2DOptions" if op.options and op.options[0] == "AddOptions" else "AddOptions"
    table = op.options[0] if op.options else other
    op.options = {"none": None, "of another op": (other, {}), "empty": (table, {})}[how]
    return how


def _constness(d: Space, graph: Graph, op: Op) -> str:
    present = [(n, i) for n, i in enumerate(op.inputs) if i >= 0]
    if not present:
        return ""
    number, index = d.pick("spoil.input", present)
    tensor = graph.tensors[index]
    if tensor.data is None and not tensor.variable:
        shape = [max(0, n) for n in tensor.shape]
        data: Any = d.array("spoil.data", shape, tensor.dtype)
        data = data.tobytes() if tensor.dtype in ("string", "resource") else data
        graph.tensors[index] = replace(tensor, data=data)
        graph.inputs = [i for i in graph.inputs if i != index]
        return f"input {number} is constant"
    feeds = [] if tensor.data is None else [np.asarray(tensor.data)]
    fields = {**vars(tensor), "data": None, "variable": False, "feeds": feeds}
    graph.tensors[index] = Given(**fields)
    graph.inputs = [*graph.inputs, index] if index not in graph.inputs else graph.inputs
    return f"input {number} is computed"


def _variable(d: Space, graph: Graph, op: Op) -> str:
    index, place = _pick_tensor(d, op)
    tensor = graph.tensors[index]
    graph.tensors[index] = replace(tensor, variable=not tensor.variable)
    return f"{place} is{' not' if tensor.variable else ''} a variable"


SPOILS: Final[dict[str, Callable[[Space, Graph, Op], str]]] = {
    "type": _type,
    "shape": _shape,
    "another shape": _shape,
    "buffer": _buffer,
    "inputs": _inputs,
    "outputs": _outputs,
    "quantization": _quantization,
    "option": _option,
    "another option": _option,
    "options": _table,
    "constness": _constness,
    "variable": _variable,
}
