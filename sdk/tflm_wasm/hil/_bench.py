"""bench.toml: the boards of one desk or rack, and how the options of a run choose from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tflm_wasm.hil._errors import BenchError
from tflm_wasm.hil._spec import BoardSpec

_KEYS: Final[dict[str, type]] = {
    "name": str,
    "board": str,
    "id": str,
    "port": str,
    "unique_id": str,
    "baudrate": int,
    "timeout_s": float,
    "reset": list,
    "emulated": bool,
}


def read_bench(path: str | os.PathLike[str]) -> tuple[BoardSpec, ...]:
    """Return the boards of a bench file, in its order.

    Raises:
        BenchError: It can't be read, is not TOML, or makes no sense.
    """
    # Imported by name, because Python 3.10 has the same reader only as a package, tomli.
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    file = os.fspath(path)
    try:
        content: dict[str, Any] = toml.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise BenchError(f"Could not read {file}: {error.strerror}", path=file) from error
    except ValueError as error:
        raise BenchError(f"{file} is not TOML: {error}", path=file) from error
    try:
        return _boards(content, Path(path).parent)
    except ValueError as error:
        raise BenchError(f"{file}: {error}", path=file) from error


def _boards(content: dict[str, Any], folder: Path) -> tuple[BoardSpec, ...]:
    tables = content.get("board", [])
    if set(content) != {"board"} or not isinstance(tables, list) or not tables:
        raise ValueError("a bench is a list of [[board]] tables and nothing else")
    specs = tuple(_spec(table, folder) for table in tables)
    for values in ([one.name for one in specs], [one.place for one in specs if one.place]):
        if len(set(values)) < len(values):
            twice = next(one for one in values if values.count(one) > 1)
            raise ValueError(f"there are two boards {twice!r}")
    return specs


def _spec(table: dict[str, Any], folder: Path) -> BoardSpec:
    for key, value in table.items():
        if key not in _KEYS:
            raise ValueError(f"there is no key {key!r}; known are {', '.join(_KEYS)}")
        if type(value) is not _KEYS[key] and not (key == "timeout_s" and type(value) is int):
            raise ValueError(f"{key} = {value!r} is not of type {_KEYS[key].__name__}")
    name = table.get("name", table.get("board"))
    if not name:
        raise ValueError("a board needs a name")
    emulated = table.get("emulated", False)
    if emulated == ("port" in table or "id" in table):
        raise ValueError(f"board {name!r} needs an id, a port, or emulated = true")
    if emulated and "board" not in table:
        raise ValueError(f"board {name!r}: which board is emulated? Add board = ...")
    board = table.get("board")
    if board is not None and board.endswith(".toml"):
        board = str(folder / board)
    return BoardSpec(
        name=name,
        board=board,
        port=table.get("port"),
        stable_id=table.get("id"),
        unique_id=table.get("unique_id"),
        baudrate=table.get("baudrate", 115_200),
        timeout_s=table.get("timeout_s", 60.0),
        reset=tuple(map(str, table.get("reset", []))),
    )


def choose(
    names: Sequence[str], port: str | None, bench: str | os.PathLike[str] | None
) -> tuple[BoardSpec, ...]:
    """Return the boards that the options ask for: all emulated ones when they ask for none.

    Raises:
        BenchError: There is no such board, or the options contradict each other.
    """
    if port is not None:
        if bench is not None or len(names) > 1:
            raise BenchError("--port is for one board: give one --board, and no --bench")
        name = names[0] if names else None
        return (BoardSpec(name=name or "board", board=name, port=port),)
    if bench is not None:
        return _named(names, read_bench(bench))
    return tuple(_emulated(name) for name in names) if names else all_emulated()


def _named(names: Sequence[str], specs: tuple[BoardSpec, ...]) -> tuple[BoardSpec, ...]:
    by_name = {spec.name: spec for spec in specs}
    for name in names:
        if name not in by_name:
            raise BenchError(
                f"The bench has no board {name!r}, but {', '.join(by_name)}",
                board=name,
                hint="Choose one of them with `--board`.",
            )
    return tuple(by_name[name] for name in names) if names else specs


def _emulated(name: str) -> BoardSpec:
    from tflm_wasm.aot import BoardError, load_board

    try:
        found = load_board(name)
    except BoardError as error:
        raise BenchError(str(error), board=name, hint=error.hint) from error
    if found.qemu is None:
        raise BenchError(
            f"There is no emulator for {name}",
            board=name,
            hint=f"Name its port: `pytest --board {name} --port /dev/ttyACM0`.",
        )
    return BoardSpec(name=found.name, board=name)


def all_emulated() -> tuple[BoardSpec, ...]:
    """Return every board that can be emulated; one whose emulator is not installed says so."""
    import shutil

    from tflm_wasm.aot import BoardError, board_names, load_board

    specs: list[BoardSpec] = []
    for name in board_names():
        try:
            qemu = load_board(name).qemu
        except BoardError as error:
            specs.append(BoardSpec(name=name, board=name, asked_for=False, absent=str(error)))
            continue
        if qemu is None:
            continue
        program = qemu["binary"]
        absent = None
        if shutil.which(program) is None:
            package = "qemu-system-arm" if program.endswith("-arm") else "qemu-system-misc"
            absent = f"{program} is not installed: `apt-get install {package}`"
        specs.append(BoardSpec(name=name, board=name, asked_for=False, absent=absent))
    return tuple(specs)
