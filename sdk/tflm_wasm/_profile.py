"""How long each operator of one run took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from tflm_wasm._block import Block
from tflm_wasm._errors import ContractError, ModelError, NotProfilableError

_STEPS_SINCE: Final = 1  # minor version of the ABI from which on a module runs single operators
_MOST_OPS: Final = 0xFFFF
_UNTOLD: Final = ("", "CUSTOM")  # names from a module that leave open which operator it is
NS_HZ: Final = 1_000_000_000


@dataclass(frozen=True)
class OpTime:
    """How long one operator took.

    Attributes:
        index: Its index in the main subgraph, as in `tflm-wasm inspect`.
        name: Its name in the schema, such as CONV_2D; "" when the module does not tell.
        ticks: How long it ran, subgraphs that it calls included; see `Profile.tick_hz`.
        shape: Dimensions of its first output; None where the model's file is not known.
        macs: Multiply-accumulates of one run, without those of subgraphs that it calls; None
            where the model's file is not known.
    """

    index: int
    name: str
    ticks: int
    shape: tuple[int, ...] | None = None
    macs: int | None = None


@dataclass(frozen=True)
class Profile:
    """How long each operator of one run took.

    Attributes:
        ops: The operators in the order in which they ran.
        tick_hz: Ticks per second: 10^9 on a host, the board's on a board; 0 when it has no clock.
        overhead: Ticks that timing an operator by itself costs; they are taken off already.
    """

    ops: tuple[OpTime, ...]
    tick_hz: int
    overhead: int

    @property
    def total(self) -> int:
        """Ticks of all operators together."""
        return sum(op.ticks for op in self.ops)

    def slowest(self, count: int | None = None) -> tuple[OpTime, ...]:
        """Return the operators, the slowest first; with `count` that many of them."""
        return tuple(sorted(self.ops, key=lambda op: -op.ticks)[:count])

    @property
    def unit(self) -> str:
        """What times are shown in: µs, or ticks where there is no clock."""
        return "µs" if self.tick_hz else "ticks"

    def in_unit(self, ticks: int) -> float:
        """Return a time in `unit`."""
        return ticks / self.tick_hz * 1e6 if self.tick_hz else float(ticks)

    def with_model(self, model: bytes) -> Profile:
        """Return the profile with what the model's file says: shapes, MACs, names of custom ops.

        `Session.profile` does so, and `Device.profile` after an upload; what is inside a board's
        firmware has no file there.

        Args:
            model: The .tflite that ran.

        Raises:
            ModelError: It can't be read, or has other operators.
        """
        told = _main_ops(model)
        if len(told) != len(self.ops) or any(
            op.name not in (*_UNTOLD, name) for op, (name, *_) in zip(self.ops, told, strict=True)
        ):
            raise ModelError(
                "The model has other operators than those that were timed",
                hint="Pass the model that ran; see its operators with `tflm-wasm inspect MODEL`.",
            )
        ops = (
            replace(op, name=name, shape=shape, macs=macs)
            for op, (name, shape, macs) in zip(self.ops, told, strict=True)
        )
        return replace(self, ops=tuple(ops))

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON-ready values."""
        return {
            "tick_hz": self.tick_hz,
            "overhead": self.overhead,
            "total": self.total,
            "ops": [vars(op) for op in self.ops],
        }

    def to_chrome_trace(self) -> dict[str, Any]:
        """Return a trace that Perfetto and chrome://tracing show, as JSON-ready values.

        Times are µs, or ticks where there is no clock; no gap is between two operators.
        """
        events, start = [], 0
        for op in self.ops:
            what = {"name": op.name or f"op {op.index}", "args": vars(op)}
            when = {"ts": self.in_unit(start), "dur": self.in_unit(op.ticks)}
            events.append({**what, **when, "ph": "X", "cat": "op", "pid": 0, "tid": 0})
            start += op.ticks
        return {"traceEvents": events, "displayTimeUnit": "ns"}

    def to_flame_graph(self, name: str = "model") -> str:
        """Return a flame graph as SVG: the model, its kinds of operators, its operators.

        Each is as wide as its share of the time, the slowest on the left; operators that took no
        time are left out. Name, time and share show when the mouse is over it.

        Args:
            name: What the model is called there.
        """
        from tflm_wasm._flame import draw

        return draw(self, name)

    def to_folded_stacks(self, name: str = "model") -> str:
        """Return the same as text: a line for each operator, its frames and then its ticks.

        speedscope, inferno and flamegraph.pl read it.

        Args:
            name: What the model is called there.
        """
        from tflm_wasm._flame import fold

        return fold(self, name)

    @staticmethod
    def median(profiles: Sequence[Profile]) -> Profile:
        """Return the profile with each operator's median time.

        Args:
            profiles: At least one; all of one model in one place.
        """
        first = profiles[0]
        rows = zip(*(one.ops for one in profiles), strict=True)
        ops = [replace(row[0], ticks=middle(op.ticks for op in row)) for row in rows]
        overhead = middle(one.overhead for one in profiles)
        return Profile(tuple(ops), first.tick_hz, overhead)


def written(profile: Profile, ticks: int) -> str:
    """Return a time as text, in the profile's unit."""
    return f"{profile.in_unit(ticks):,.2f}" if profile.tick_hz else f"{ticks:,}"


def share(profile: Profile, ticks: int) -> str:
    """Return as text how much of all time a time is."""
    return f"{ticks / max(1, profile.total):.1%}"


def middle(values: Iterable[int]) -> int:
    """Return the median, the lower one of two."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]


def check_version(abi: tuple[int, int], who: str) -> None:
    """Check that single operators can be run.

    Args:
        abi: Major and minor version of the ABI.
        who: Who speaks it, for the error.

    Raises:
        NotProfilableError: It is too old.
    """
    if abi[1] < _STEPS_SINCE:
        raise NotProfilableError(
            f"{who} speaks ABI {abi[0]}.{abi[1]}: single operators can be timed from "
            f"{abi[0]}.{_STEPS_SINCE} on",
            abi=abi,
        )


def operators(block: Block) -> int:
    """Return how many operators can be run one at a time.

    Args:
        block: The block of a loaded model.

    Raises:
        NotProfilableError: The module speaks an older minor version of the ABI.
        ContractError: There are more operators than may be.
    """
    check_version((block["abi_major"], block["abi_minor"]), "The module")
    if block["op_count"] > _MOST_OPS:
        raise ContractError(f"op_count is {block['op_count']:,}", rule="invoke.steps")
    return block["op_count"]


def collect(
    timed: Iterable[tuple[int, int]], overhead: int, tick_hz: int, model: bytes | None
) -> Profile:
    """Return the profile of one run.

    Args:
        timed: Ticks and BuiltinOperator code of each operator, in order; -1 is no code.
        overhead: Ticks to take off each; none gets less than 0.
        tick_hz: Ticks per second.
        model: The model's file; None where it is not known.
    """
    from tflm_wasm._inspect_ops import builtin_names

    names = {-1: "", **builtin_names()}
    ops = (
        OpTime(index, names.get(code, f"BUILTIN_{code}"), max(0, ticks - overhead))
        for index, (ticks, code) in enumerate(timed)
    )
    profile = Profile(tuple(ops), tick_hz, overhead)
    with suppress(ModelError):  # a foreign module may hold anything in its model's place
        return profile if model is None else profile.with_model(model)
    return profile


@lru_cache(maxsize=8)
def _main_ops(model: bytes) -> tuple[tuple[str, tuple[int, ...] | None, int], ...]:
    """Return name, shape of the first output and MACs of each operator of the main subgraph."""
    from tflm_wasm._inspect_ops import read_ops

    return tuple(
        (op.name, op.outputs[0].shape if op.outputs else None, op.macs)
        for op in read_ops(model)
        if op.subgraph == 0
    )
