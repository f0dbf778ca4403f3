"""How long each operator of one run took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tflm_wasm._block import Block
from tflm_wasm._errors import ContractError, NotProfilableError

_STEPS_SINCE: Final = 1  # minor version of the ABI from which on a module runs single operators
_MOST_OPS: Final = 0xFFFF
NS_HZ: Final = 1_000_000_000


@dataclass(frozen=True)
class OpTime:
    """How long one operator took.

    Attributes:
        index: Its index in the main subgraph, as in `tflm-wasm inspect`.
        name: Its name in the schema, such as CONV_2D; "" when the module does not tell.
        ticks: How long it ran, subgraphs that it calls included; see `Profile.tick_hz`.
    """

    index: int
    name: str
    ticks: int


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
        scale = 1e6 / self.tick_hz if self.tick_hz else 1.0
        events, start = [], 0
        for op in self.ops:
            what = {"name": op.name or f"op {op.index}", "args": vars(op)}
            when = {"ts": start * scale, "dur": op.ticks * scale}
            events.append({**what, **when, "ph": "X", "cat": "op", "pid": 0, "tid": 0})
            start += op.ticks
        return {"traceEvents": events, "displayTimeUnit": "ns"}

    @staticmethod
    def median(profiles: Sequence[Profile]) -> Profile:
        """Return the profile with each operator's median time.

        Args:
            profiles: At least one; all of one model in one place.
        """
        first = profiles[0]
        rows = zip(*(one.ops for one in profiles), strict=True)
        ops = [OpTime(r[0].index, r[0].name, middle(op.ticks for op in r)) for r in rows]
        overhead = middle(one.overhead for one in profiles)
        return Profile(tuple(ops), first.tick_hz, overhead)


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


def collect(timed: Iterable[tuple[int, int]], overhead: int, tick_hz: int) -> Profile:
    """Return the profile of one run.

    Args:
        timed: Ticks and BuiltinOperator code of each operator, in order; -1 is no code.
        overhead: Ticks to take off each; none gets less than 0.
        tick_hz: Ticks per second.
    """
    from tflm_wasm._inspect_ops import builtin_names

    names = {-1: "", **builtin_names()}
    ops = (
        OpTime(index, names.get(code, f"BUILTIN_{code}"), max(0, ticks - overhead))
        for index, (ticks, code) in enumerate(timed)
    )
    return Profile(tuple(ops), tick_hz, overhead)
