"""`tflm-wasm profile`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm import Device, OpTime, Profile, Session

_SHOWN = 12  # operators, without --all
_FLAMES = (".svg", ".folded")


def _flame_path(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in _FLAMES:
        raise click.BadParameter(f"{path.name!r} ends neither in {' nor in '.join(_FLAMES)}.")
    return path


@click.command()
@click.argument("model", metavar="[MODEL|MODULE]", required=False, type=_options.PATH)
@click.option("--port", help="Time what runs on the board on this port, stable id or URL.")
@click.option("--board", help="Time what runs on the only board of this kind.")
@click.option(
    "--model",
    "file",
    type=_options.PATH,
    help="The .tflite that runs on the board, for its shapes and MACs.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Runs to take each operator's median of.",
)
@click.option("--all", "show_all", is_flag=True, help=f"Show all operators, not only {_SHOWN}.")
@click.option("--trace", type=_options.PATH, help="Write a trace for Perfetto or chrome://tracing.")
@click.option(
    "--flame",
    type=_options.PATH,
    callback=_flame_path,
    help="Write a flame graph: an .svg, or .folded stacks for speedscope or inferno.",
)
@_options.seed
@_options.profile
@_options.as_json
def command(
    model: Path | None,
    port: str | None,
    board: str | None,
    file: Path | None,
    runs: int,
    trace: Path | None,
    flame: Path | None,
    seed: int,
    profile: str,
    *,
    show_all: bool,
    as_json: bool,
) -> None:
    """Time every operator of a model, here or on a board.

    Operators run one at a time, on random inputs, and are listed from the slowest on, with the
    shape of their output and the multiply-accumulates (MACs) they do. On a board, the model that
    runs there is timed; a stateful one is reset before and after.
    """
    import json

    from tflm_wasm._files import read_up_to, write_file
    from tflm_wasm._limits import Limits
    from tflm_wasm._profile_runs import profile_runs
    from tflm_wasm.cli._terminal import progress, write_json

    if (model is None) == (port is None and board is None):
        raise click.UsageError("Name a MODEL to time it here, or a --port or --board.")
    if model is not None and file is not None:
        raise click.UsageError("--model goes with a --port or --board.")
    data = None if file is None else read_up_to(file, Limits().module_bytes)
    with _opened(model, port, board, profile) as target, progress() as advance:
        found = profile_runs(target, runs=runs, seed=seed, progress=advance)
    if data is not None:
        found = found.with_model(data)
    if trace is not None:
        write_file(trace, json.dumps(found.to_chrome_trace()).encode())
    if flame is not None:
        named = model or file
        name = named.stem if named is not None else board or port or ""
        is_text = flame.suffix == ".folded"
        text = found.to_folded_stacks(name) if is_text else found.to_flame_graph(name)
        write_file(flame, text.encode())
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
    from tflm_wasm._profile import share, written
    from tflm_wasm.cli._terminal import say, table

    columns: tuple[str, ...]
    slowest = profile.slowest()
    shown = slowest[:count]
    unit = profile.unit
    is_told = any(op.macs is not None for op in slowest)
    if is_told:
        columns = (">op", "name", "output", ">MACs", f">{unit}", ">share", f">MAC/{unit}")
    else:
        columns = (">op", "name", f">{unit}", ">share")
    table(columns, [_row(profile, op, is_told=is_told) for op in shown])
    rest = sum(op.ticks for op in slowest[len(shown) :])
    if len(shown) < len(slowest):
        hidden = f"{len(slowest) - len(shown)} more (--all)"
        say(f"{hidden}: {written(profile, rest)} {unit}, {share(profile, rest)}", style="dim")
    macs = f", {sum(op.macs or 0 for op in slowest):,} MACs" if is_told else ""
    say(f"{len(slowest)} operators: {written(profile, profile.total)} {unit}{macs}", style="bold")


def _row(profile: Profile, op: OpTime, *, is_told: bool) -> tuple[object, ...]:
    from tflm_wasm._profile import share, written
    from tflm_wasm._tensor import shape_text

    time = (written(profile, op.ticks), share(profile, op.ticks))
    if not is_told:
        return (op.index, op.name, *time)
    shape = "" if op.shape is None else shape_text(op.shape)
    macs = f"{op.macs:,}" if op.macs else ""
    return (op.index, op.name, shape, macs, *time, _rate(profile, op))


def _rate(profile: Profile, op: OpTime) -> str:
    """Return multiply-accumulates in a unit of time, to three digits at least."""
    if not op.macs or not op.ticks:
        return ""
    rate = op.macs / profile.in_unit(op.ticks)
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
