"""What a model needs of the engine: its operators, its tensors' types, and rarer parts.

The names are those of the C sources: a file in ``ops/`` for each operator, and in
``tw_selection.h`` a macro ``TW_HAS_<part>`` for each part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import tflite

from tflm_wasm._inspect_ops import builtin_names, read_ops
from tflm_wasm._model import Model, reading

_CALLERS: Final = {"IF", "WHILE", "CALL_ONCE"}
_STOPPERS: Final = {"CIRCULAR_BUFFER"}
_OFFLINE_PLAN: Final = b"OfflineMemoryAllocation"
PARTS: Final = ("CALLS", "CUSTOM", "OFFLINE_PLAN", "RESHAPE", "STOPS", "VARIABLES")


@dataclass(frozen=True)
class Selection:
    """A part of the engine.

    Attributes:
        ops: Names of operators, sorted.
        types: Set of tensor types: bit n is number n of the schema.
        parts: The others, of PARTS, sorted.
    """

    ops: tuple[str, ...]
    types: int
    parts: tuple[str, ...]

    @property
    def options(self) -> tuple[str, ...]:
        """Compiler options for types and parts; the operators are told to the build script."""
        absent = [part for part in PARTS if part not in self.parts]
        # Comparisons with a type that is absent are meant to be false.
        return (
            f"-DTW_TYPES={self.types:#x}",
            *(f"-DTW_HAS_{part}=0" for part in absent),
            *("-Wno-tautological-constant-out-of-range-compare", "-Wno-switch"),
        )


def select(data: bytes, available: Iterable[str]) -> Selection:
    """Return what a model needs of an engine that has the `available` operators.

    Raises:
        MalformedModelError: It can't be read.
    """
    model = Model(data)
    names = {op.name for op in read_ops(data)}
    types = {
        model.tensor(index, graph).element_type
        for graph in range(model.subgraph_count)
        for index in range(model.tensor_count(graph))
    }
    has = {
        "CALLS": bool(names & _CALLERS),
        "CUSTOM": not names <= set(builtin_names().values()),
        "OFFLINE_PLAN": _OFFLINE_PLAN in _metadata(data),
        "RESHAPE": "RESHAPE" in names,
        "STOPS": bool(names & _STOPPERS),
        "VARIABLES": any(
            model.tensor(index, graph).is_variable
            for graph in range(model.subgraph_count)
            for index in range(model.tensor_count(graph))
        ),
    }
    return Selection(
        ops=tuple(sorted(set(available) & {file_stem(name) for name in names})),
        types=sum(1 << number for number in types),
        parts=tuple(part for part in PARTS if has[part]),
    )


def file_stem(name: str) -> str:
    """Return an op's name as its file in ops/ has it: CONV_2D, SignalFftAutoScale in snake case."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _metadata(data: bytes) -> set[bytes]:
    with reading("metadata"):
        root = tflite.Model.GetRootAs(data, 0)
        count = min(root.MetadataLength(), len(data) // 4)
        return {bytes(root.Metadata(i).Name() or b"") for i in range(count)}
