"""Which cases to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tflm_wasm.conformance._case import CaseError, find, numbers
from tflm_wasm.conformance._registry import generators
from tflm_wasm.conformance._writer import Array


def pairs(names: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return (op, type) for all ops, or for names such as ADD and CONV_2D/int8.

    Raises:
        CaseError: There is no such op, or it has no such type.
    """
    every = [(op, kind) for op, one in generators().items() for kind in one.kinds]
    if not names:
        return every
    chosen = []
    for name in names:
        op, _, kind = name.partition("/")
        found = [pair for pair in every if pair[0] == op and kind in ("", pair[1])]
        if not found:
            raise CaseError(f"There are no cases of {name}")
        chosen += found
    return list(dict.fromkeys(chosen))


def case_ids(
    count: int, names: Sequence[str] = (), *, start: int = 0, legal: bool = False
) -> Iterator[str]:
    """Return the ids of `count` cases, as many of each op and type.

    Args:
        count: How many.
        names: Which ops: ADD, or CONV_2D/int8; all when there is none.
        start: The first number.
        legal: Leave out models that something was made wrong with.
    """
    every = pairs(names)
    for i, (op, kind) in enumerate(every):
        share = (i + 1) * count // len(every) - i * count // len(every)
        for number in numbers(start, share, legal=legal):
            yield f"{op}/{kind}/{number}"


def sample(
    count: int, names: Sequence[str] = ()
) -> Iterator[tuple[str, bytes, Sequence[Sequence[Array]]]]:
    """Yield id, model and frames of inputs of `count` cases that nothing was made wrong with.

    The same ones every time, spread over all ops and types, for whatever else runs models.
    """
    for one in case_ids(count, names, legal=True):
        case = find(one)
        yield case.id, case.data, case.frames
