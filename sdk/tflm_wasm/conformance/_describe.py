"""A case in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflm_wasm.conformance._case import Case


def describe(case: Case) -> str:
    """Return a case in words: its tensors, ops and inputs."""
    lines = [case.id, f"wrong: {case.spoiled}" if case.spoiled else "nothing made wrong"]
    for number, graph in enumerate(case.model.graphs):
        lines.append(f"subgraph {number}: {list(graph.inputs)} to {list(graph.outputs)}")
        for i, tensor in enumerate(graph.tensors):
            words = [f"  {i}: {tensor.dtype} {list(tensor.shape)}"]
            if tensor.scale is not None:
                scale = np.asarray(tensor.scale, np.float32).tolist()
                words.append(f"scale {scale} zero point {tensor.zero_point} axis {tensor.axis}")
            words += ["variable"] if tensor.variable else []
            words += [_short(tensor.data)] if tensor.data is not None else []
            lines.append(", ".join(words))
        for op in graph.ops:
            name = op.custom or op.code
            options = f" {op.options[0]} {op.options[1]}" if op.options else ""
            custom = f" {op.custom_options.hex()}" if op.custom_options else ""
            lines.append(f"  {name} {list(op.inputs)} to {list(op.outputs)}{options}{custom}")
    for number, frame in enumerate(case.frames):
        reset = "reset, then " if number in case.resets else ""
        lines.append(f"{reset}frame {number}: " + "; ".join(_short(array) for array in frame))
    return "\n".join(lines) + "\n"


def _short(data: Any) -> str:
    if isinstance(data, bytes):
        return data[:32].hex()
    values = np.asarray(data).reshape(-1)
    more = ", ..." if values.size > 16 else ""
    return "[" + ", ".join(str(value) for value in values[:16].tolist()) + more + "]"
