"""Which ops have a generator of models, and in which types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final, TypeAlias

from tflm_wasm.conformance._space import Space
from tflm_wasm.conformance._writer import Model

Make: TypeAlias = Callable[[Space, str, str], Model]

FAMILIES: Final = (
    *("chains", "control", "conv", "convert", "decode", "elementwise", "moves", "pool"),
    *("recurrent", "reduce", "shapes", "signal", "slices", "unary"),
)


@dataclass(frozen=True)
class Generator:
    """Makes models of one op.

    Attributes:
        op: Its name in the schema, or its custom code.
        kinds: Types it has in TFLM: "int8", or "int8-int4" for activations and weights, or
            "float32-int8" for input and output.
        make: Returns a model for choices, an op and a kind.
        frames: At most so many runs of each model.
        stateful: Whether runs follow from each other, so that resets between them matter.
    """

    op: str
    kinds: tuple[str, ...]
    make: Make
    frames: int
    stateful: bool


_GENERATORS: dict[str, Generator] = {}


def generates(
    ops: str, kinds: str, *, frames: int = 3, stateful: bool = False
) -> Callable[[Make], Make]:
    """Register a function as the generator of some ops in some kinds, both given as words."""

    def register(make: Make) -> Make:
        for op in ops.split():
            _GENERATORS[op] = Generator(op, tuple(kinds.split()), make, frames, stateful)
        return make

    return register


@cache
def generators() -> dict[str, Generator]:
    """Return all generators by the names of their ops, in alphabetical order."""
    for family in FAMILIES:
        import_module(f"tflm_wasm.conformance.ops.{family}")
    return dict(sorted(_GENERATORS.items()))
