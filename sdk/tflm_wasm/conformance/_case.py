"""A case: a model of an op and what it is run on, all of it from its id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Final

import numpy as np

from tflm_wasm._errors import TflmWasmError
from tflm_wasm.conformance._registry import Generator, generators
from tflm_wasm.conformance._space import Given, Space
from tflm_wasm.conformance._spoil import spoil
from tflm_wasm.conformance._writer import Array, Model, Tensor

# One in five cases has something wrong with it.
_SPOILED: Final = 5
_ID: Final = re.compile(r"(?P<op>\w+)/(?P<kind>[\w-]+)/(?P<number>\d+)(?P<exact>~[\w.=,]*)?")
_INTEGERS: Final = (
    *("zero", "noise", "noise", "noise", "noise", "ends", "ramp", "few", "low", "high"),
)
_FLOATS: Final = (
    *("zero", "normal", "normal", "normal", "wide", "halves", "any", "odd", "low", "high", "tiny"),
)


class CaseError(TflmWasmError, ValueError):
    """There is no case of this id."""

    default_hint = "An id is OP/TYPE/NUMBER; list them with `tflm-wasm conformance --list`."


@dataclass(frozen=True)
class Case:
    """A model and its inputs.

    Attributes:
        id: OP/TYPE/NUMBER; behind a `~` the choices that are not 0, when they were not drawn.
        generator: What made it.
        kind: Its type.
        model: The model.
        frames: Arrays for all inputs, frame by frame; all of them run in order on one instance.
        resets: Numbers of the frames that a reset comes before.
        spoiled: What is wrong with the model; empty when nothing was made wrong.
        choices: What was chosen: name to value.
    """

    id: str
    generator: Generator
    kind: str
    model: Model
    frames: tuple[tuple[Array, ...], ...]
    resets: tuple[int, ...]
    spoiled: str
    choices: Mapping[str, int]

    @property
    def op(self) -> str:
        """The op's name."""
        return self.generator.op

    @cached_property
    def data(self) -> bytes:
        """The .tflite file."""
        return self.model.to_bytes()

    @property
    def output_count(self) -> int:
        """How many outputs the model has."""
        return len(self.model.graphs[0].outputs)

    @property
    def variable_count(self) -> int:
        """How many resource variables the model names."""
        handles = [
            (op.options[1] if op.options else {})
            for graph in self.model.graphs
            for op in graph.ops
            if op.code == "VAR_HANDLE"
        ]
        return len({(one.get("container"), one.get("shared_name")) for one in handles})


def find(case_id: str) -> Case:
    """Return the case of an id.

    Raises:
        CaseError: There is none.
    """
    match = _ID.fullmatch(case_id)
    if match is None:
        raise CaseError(f"'{case_id}' is no id of a case")
    generator = generators().get(match["op"])
    if generator is None or match["kind"] not in generator.kinds:
        raise CaseError(f"There are no cases of {match['op']} for {match['kind']}")
    exact = _choices(match["exact"][1:]) if match["exact"] else None
    return make(generator, match["kind"], int(match["number"]), exact)


def _choices(text: str) -> dict[str, int]:
    choices = {}
    for item in text.split(",") if text else []:
        name, _, value = item.rpartition("=")
        if not name or not value.isdigit():
            raise CaseError(f"'{item}' is no choice; write name=number")
        choices[name] = int(value)
    return choices


def make(
    generator: Generator, kind: str, number: int, exact: Mapping[str, int] | None = None
) -> Case:
    """Return case `number` of an op and a kind; with `exact`, of these choices and no others."""
    key = f"{generator.op}/{kind}/{number}"
    d = Space(key, exact)
    model = generator.make(d, generator.op, kind)
    spoiled = spoil(d, model) if is_spoiled(number) else ""
    count = d.whole("frames", 1, generator.frames)
    numbers = range(1, count) if generator.stateful else ()
    graph = model.graphs[0]
    given = [graph.tensors[i] for i in graph.inputs]
    frames = tuple(_frame(d, number, given) for number in range(count))
    resets = tuple(number for number in numbers if d.one_in(f"reset.{number}", 5))
    chosen = ",".join(f"{name}={value}" for name, value in d.made.items() if value)
    return Case(
        id=key if exact is None else f"{key}~{chosen}",
        generator=generator,
        kind=kind,
        model=model,
        frames=frames,
        resets=resets,
        spoiled=spoiled,
        choices=d.made,
    )


def number_of(case_id: str) -> int:
    """Return the number in an id."""
    return int(case_id.split("~")[0].split("/")[2])


def is_spoiled(number: int) -> bool:
    """Say whether a case of this number has something wrong with it."""
    return number % _SPOILED == _SPOILED - 1


def _frame(d: Space, number: int, given: Sequence[Tensor]) -> tuple[Array, ...]:
    return tuple(_input(d, f"frame.{number}.{i}", number, one) for i, one in enumerate(given))


def _input(d: Space, name: str, number: int, tensor: Tensor) -> Array:
    shape = [max(0, n) for n in tensor.shape]
    if prod(shape) > 1 << 20 or tensor.dtype in ("resource", "string"):
        return np.zeros([0], np.int8)  # neither side can be given it
    if isinstance(tensor, Given) and tensor.feeds:
        feed = tensor.feeds[number % len(tensor.feeds)]
        if list(feed.shape) == shape and str(feed.dtype) == tensor.dtype:
            return feed
    modes = _FLOATS if tensor.dtype.startswith(("float", "complex")) else _INTEGERS
    return d.array(name, shape, tensor.dtype, () if tensor.dtype == "bool" else modes)


def numbers(start: int, count: int, *, legal: bool = False) -> Iterator[int]:
    """Return `count` numbers of cases from `start` on; of legal ones only, if asked."""
    number = start
    while count:
        if not (legal and is_spoiled(number)):
            yield number
            count -= 1
        number += 1
