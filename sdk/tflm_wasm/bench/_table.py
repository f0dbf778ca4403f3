"""Results as rows of text, for terminals and pages alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tflm_wasm.bench._results import Mean, Result, Results

_COLUMNS: Final = ("model", "engine", ">P50", ">P90", ">P99", ">P99.9", ">ratio", ">samples")
_BUSY: Final = 0.75  # of a processor wanted by others when a run starts


def rows(group: Sequence[Result], results: Results) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the names of columns and the rows of a group, without columns that stay empty."""
    all_cells = [_cells(one, results.ratio(one)) for one in group]
    used = [i for i in range(len(_COLUMNS)) if any(row[i] for row in all_cells)]
    return [_COLUMNS[i] for i in used], [tuple(row[i] for i in used) for row in all_cells]


def groups(results: Results) -> list[tuple[str, list[Result]]]:
    """Return the figures there are by title and unit, such as "invoke, µs"."""
    grouped: dict[str, list[Result]] = {}
    for one in results.results:
        if not one.error:
            grouped.setdefault(f"{one.title}, {one.unit}", []).append(one)
    return list(grouped.items())


def _cells(one: Result, ratio: float | None) -> tuple[str, ...]:
    texts = ("" if value is None else number(value) for value in one.percentiles)
    return (
        one.model,
        one.engine,
        *texts,
        "" if ratio is None else f"{ratio:,.3f}",
        f"{one.samples:,}",
    )


def number(value: float) -> str:
    """Return a value with four digits, or all that stand before the point."""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}"


def mean_cells(one: Mean) -> tuple[str, ...]:
    """Return group, figure, engine and ratio."""
    count = len(one.models)
    whole = count + len(one.missing)
    models = f"{one.name} ({count} of {whole})" if one.missing else f"{one.name} ({count})"
    return (
        models,
        ": ".join(dict.fromkeys((one.benchmark, one.part))),
        one.engine,
        f"{one.ratio:,.3f}",
    )


def facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return where and of what the figures are."""
    where = run["provenance"]
    oracles = (f"{name} {version}" for name, version in where["oracles"].items() if version)
    others = [f"wasmtime {where['wasmtime']}", f"numpy {where['numpy']}", *oracles]
    lines = [
        ("when", f"{run['started']}, by the {run['clock']} clock"),
        ("processor", f"{where['cpu']}, {where['cpu_count']} of them"),
        ("platform", f"{where['platform']}, {where['python']}"),
        ("tflm-wasm", f"{where['tflm_wasm']}, git {where['git_revision'] or 'unknown'}"),
        ("engine", where["engine_sha256"]),
        ("others", ", ".join(others)),
    ]
    return [*lines, ("not installed", ", ".join(run["absent"]))] if run["absent"] else lines


def caution(run: Mapping[str, Any]) -> str:
    """Return a warning when others kept the machine busy; "" when it was quiet, or is not known."""
    before = run["load_average"][0]
    if before is None or before < _BUSY:
        return ""
    return (
        f"The machine was busy (load {before:.1f} when the run began): ratios hold better than "
        "times, and neither is to be quoted."
    )
