"""`tflm-wasm profile`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm import Device, Profile, Session

_SHOWN = 12  # operators, without --all


@click.command()
@click.argument("model", metavar="[MODEL|MODULE]", required=False, type=_options.PATH)
@click.option("--port", help="Time what runs on the board on this port, stable id or URL.")
@click.option("--board", help="Time what runs on the only board of this kind.")
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Runs to take each operator's median of.",
)
@click.option("--all", "show_all", is_flag=True, help=f"Show all operators, not only {_SHOWN}.")
@click.option("--trace", type=_options.PATH, help="Write a trace for Perfetto or chrome://tracing.")
@_options.seed
@_options.profile
@_options.as_json
def command(
    model: Path | None,
    port: str | None,
    board: str | None,
    runs: int,
    trace: Path | None,
    seed: int,
    profile: str,
    *,
    show_all: bool,
    as_json: bool,
) -> None:
    """Time every operator of a model, here or on a board.

    Operators run one at a time, on random inputs, and are listed from the slowest on. On a board,
    the model that runs there is timed; a stateful one is reset before and after.
    """
    import json

    from tflm_wasm._files import write_file
    from tflm_wasm._profile_runs import profile_runs
    from tflm_wasm.cli._terminal import progress, write_json

    if (model is None) == (port is None and board is None):
        raise click.UsageError("Name a MODEL to time it here, or a --port or --board.")
    with _opened(model, port, board, profile) as target, progress() as advance:
        found = profile_runs(target, runs=runs, seed=seed, progress=advance)
    if trace is not None:
        write_file(trace, json.dumps(found.to_chrome_trace()).encode())
    if as_json:
        write_json(found.to_dict())
    else:
        _show(found, None if show_all else _SHOWN)


@contextmanager
def _opened(
    model: Path | None, port: str | None, board: str | None, profile: str
) -> Iterator[Session | Device]:
    import tflm_wasm

    if model is not None:
        with tflm_wasm.load(model, profile=profile) as session:
            yield session
        return
    from tflm_wasm._link._serial import SerialTransport
    from tflm_wasm._lock import BoardLock
    from tflm_wasm._ports import find_port

    attached = find_port(port=port, board=board)
    with (
        BoardLock(attached.stable_id, "profiling"),
        closing(SerialTransport(attached.port)) as line,
        tflm_wasm.Device(line, board=board) as device,
    ):
        yield device


def _show(profile: Profile, count: int | None) -> None:
    from tflm_wasm.cli._terminal import say, table

    slowest = profile.slowest()
    shown = slowest[:count]
    unit = "µs" if profile.tick_hz else "ticks"
    table(
        (">op", "name", f">{unit}", ">share"),
        [(op.index, op.name, _time(profile, op.ticks), _share(profile, op.ticks)) for op in shown],
    )
    rest = sum(op.ticks for op in slowest[len(shown) :])
    if len(shown) < len(slowest):
        hidden = f"{len(slowest) - len(shown)} more (--all)"
        say(f"{hidden}: {_time(profile, rest)} {unit}, {_share(profile, rest)}", style="dim")
    say(f"{len(slowest)} operators: {_time(profile, profile.total)} {unit}", style="bold")


def _time(profile: Profile, ticks: int) -> str:
    return f"{ticks / profile.tick_hz * 1e6:,.2f}" if profile.tick_hz else f"{ticks:,}"


def _share(profile: Profile, ticks: int) -> str:
    return f"{ticks / max(1, profile.total):.1%}"
