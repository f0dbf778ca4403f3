"""Configurations: TOML files that say what is measured, of which engines, and how often."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tflm_wasm.bench._benchmark import Benchmark
from tflm_wasm.bench._engines import OWN, Engine, find
from tflm_wasm.bench._errors import ConfigError, EngineAbsentError
from tflm_wasm.bench._registry import BENCHMARKS

_FOLDER: Final = Path(__file__).with_name("configs")
CLOCKS: Final = ("wall", "cpu")
_COUNTS: Final = {"turns": 1, "warm_up": 0, "frames": 1}  # and their least values
_KEYS: Final[dict[str, type]] = {
    "title": str,
    "baseline": str,
    "engines": list,
    "models": list,
    "seed": int,
    "pin": bool,
    "timeout_s": float,
    "engine": dict,
    "mean": dict,
    "benchmark": list,
    **dict.fromkeys(_COUNTS, int),
}


@dataclass(frozen=True)
class Plan:
    """One benchmark, and how it is run.

    Attributes:
        kind: The benchmark's class.
        turns: Turns that each engine has.
        warm_up: Turns before them that do not count.
        frames: Inputs in a turn.
        options: The benchmark's own options, all of them.
    """

    kind: type[Benchmark]
    turns: int = 20
    warm_up: int = 1
    frames: int = 50
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """What one run measures.

    Attributes:
        name: The configuration's name.
        title: What it is for.
        engines: The engines, in the order of tables.
        baseline: Name of the engine whose figures are 1 in ratios.
        plans: The benchmarks.
        models: Models that it brings; others are given to `run`.
        means: Names of models by the name of their group, for geometric means.
        absent: Names of engines that were left out, as they are not installed.
        seed: Seed of the inputs.
        pin: Whether engines are pinned to processors.
        clock: "wall", or "cpu": the time that the processor worked for the engine, which a busy
            machine disturbs less; whole processes and threads are always measured by the wall's.
        timeout_s: Longest time in seconds that one request to an engine may take.
    """

    name: str
    title: str
    engines: tuple[Engine, ...]
    baseline: str
    plans: tuple[Plan, ...]
    models: tuple[Path, ...] = ()
    means: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    seed: int = 0
    pin: bool = True
    clock: str = "wall"
    timeout_s: float = 120.0

    def with_counts(self, **counts: int | None) -> Config:
        """Return it with other `turns`, `warm_up` or `frames` for all benchmarks; None keeps."""
        given = {name: value for name, value in counts.items() if value is not None}
        return replace(self, plans=tuple(_counted(plan, given) for plan in self.plans))

    def with_engines(self, names: Sequence[str]) -> Config:
        """Return it with the baseline and only these engines, of its own or known by name.

        Raises:
            EngineAbsentError: There is no such engine.
        """
        own = {one.name: one for one in self.engines}
        wanted = dict.fromkeys((self.baseline, *names))
        return replace(self, engines=tuple(own.get(name) or find(name) for name in wanted))

    def installed(self) -> Config:
        """Return it without the engines that are not installed here, except the baseline."""
        there = [one for one in self.engines if one.is_installed or one.name == self.baseline]
        absent = [one.name for one in self.engines if one not in there]
        return replace(self, engines=tuple(there), absent=(*self.absent, *absent))

    def only(self, names: Sequence[str]) -> Config:
        """Return it with only these of its benchmarks.

        Raises:
            ConfigError: It does not have one of them.
        """
        for name in names:
            self._check_has(name)
        return replace(self, plans=tuple(one for one in self.plans if one.kind.name in names))

    def _check_has(self, benchmark: str) -> None:
        names = {plan.kind.name for plan in self.plans}
        if benchmark not in names:
            known = ", ".join(sorted(names))
            reason = f"{self.name} has no benchmark {benchmark!r}, but {known}"
            raise ConfigError(reason, path=self.name)

    def with_option(self, assignment: str) -> Config:
        """Return it with an option of a benchmark set, such as "endurance.invokes=1000000".

        Raises:
            ConfigError: There is no such benchmark or option in it, or the value makes no sense.
        """
        target, _, text = assignment.partition("=")
        benchmark, _, key = target.partition(".")
        self._check_has(benchmark)
        try:
            value = _toml().loads(f"value = {text}")["value"]
            return replace(
                self,
                plans=tuple(
                    _plan({**_table(plan), key: value}, {}) if plan.kind.name == benchmark else plan
                    for plan in self.plans
                ),
            )
        except ValueError as error:
            raise ConfigError(f"{assignment}: {error}", path=self.name) from error


def names() -> list[str]:
    """Return the names of the configurations that come with this package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def read(source: str | os.PathLike[str]) -> Config:
    """Return a configuration: one that comes with this package by its name, else from a file.

    Raises:
        ConfigError: It can't be read, or makes no sense.
    """
    file = os.fspath(source)
    path = _FOLDER / f"{file}.toml" if file in names() else Path(source)
    try:
        content: dict[str, Any] = _toml().loads(path.read_text("utf-8"))
        return _config(path, content)
    except OSError as error:
        hint = f"There are: {', '.join(names())}, or name a file that exists."
        raise ConfigError(
            f"Could not read {file}: {error.strerror}", path=file, hint=hint
        ) from error
    except (EngineAbsentError, ValueError) as error:
        raise ConfigError(f"{file}: {error}", path=file) from error


def _toml() -> Any:
    # Imported by name, because Python 3.10 has the same reader only as a package, tomli.
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


def _config(path: Path, content: dict[str, Any]) -> Config:
    _only(content, set(_KEYS), "a configuration")
    for key, value in content.items():
        if type(value) is not _KEYS[key] and not (key == "timeout_s" and type(value) is int):
            raise ValueError(f"{key} = {value!r} is not of type {_KEYS[key].__name__}")
    programs = content.get("engine", {})
    others = {name: _command(name, table, path.parent) for name, table in programs.items()}
    defaults = {name: content[name] for name in _COUNTS if name in content}
    tables = content.get("benchmark", [])
    if not tables:
        raise ValueError("there is no [[benchmark]]")
    engines = tuple(find(name, others) for name in content.get("engines", [OWN]))
    if not engines:
        raise ValueError("there is no engine in engines")
    baseline = content.get("baseline", engines[0].name)
    if baseline not in [one.name for one in engines]:
        raise ValueError(f"baseline = {baseline!r} is none of its engines")
    clock = content.get("clock", "wall")
    if clock not in CLOCKS:
        raise ValueError(f"clock = {clock!r} is none of {', '.join(CLOCKS)}")
    return Config(
        name=path.stem,
        title=content.get("title", path.stem),
        engines=engines,
        baseline=baseline,
        plans=tuple(_plan(table, defaults) for table in tables),
        models=tuple(path.parent / one for one in content.get("models", [])),
        means={name: tuple(models) for name, models in content.get("mean", {}).items()},
        seed=content.get("seed", 0),
        pin=content.get("pin", True),
        clock=clock,
        timeout_s=float(content.get("timeout_s", 120.0)),
    )


def _command(name: str, table: Any, folder: Path) -> list[str]:
    """Return the command line of a program that is an engine; "./x" is beside the configuration."""
    command = table.get("command") if isinstance(table, dict) else None
    if not isinstance(command, list) or not command:
        raise ValueError(f'engine {name!r} needs a command = ["program", "argument", ...]')
    words = [str(one) for one in command]
    return [str(folder / one) if one.startswith("./") else one for one in words]


def _plan(table: Mapping[str, Any], defaults: Mapping[str, Any]) -> Plan:
    name = table.get("name")
    if name not in BENCHMARKS:
        raise ValueError(f"there is no benchmark {name!r}; known are {', '.join(BENCHMARKS)}")
    kind = BENCHMARKS[name]
    _only(table, {"name", *_COUNTS, *kind.options}, f"benchmark {name!r}")
    for key, default in kind.options.items():
        if key in table and type(table[key]) is not type(default):
            raise ValueError(
                f"{name}.{key} = {table[key]!r} is not of type {type(default).__name__}"
            )
    options = {key: table.get(key, default) for key, default in kind.options.items()}
    counts = {**defaults, **{key: table[key] for key in _COUNTS if key in table}}
    return _counted(Plan(kind, options=options), counts)


def _table(plan: Plan) -> dict[str, Any]:
    """Return the table that a plan can be made from."""
    return {"name": plan.kind.name, **{key: getattr(plan, key) for key in _COUNTS}, **plan.options}


def _counted(plan: Plan, counts: Mapping[str, Any]) -> Plan:
    for name, value in counts.items():
        if type(value) is not int or value < _COUNTS[name]:
            raise ValueError(f"{name} = {value!r} is no whole number from {_COUNTS[name]} on")
    return replace(plan, **counts)


def _only(table: Mapping[str, Any], known: set[str], what: str) -> None:
    if unknown := set(table) - known:
        found = ", ".join(sorted(unknown))
        raise ValueError(f"{what} has no key {found}; known are {', '.join(sorted(known))}")
