"""`tflm-wasm flash`."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm.flash import FlashResult


def _pairs(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for one in values:
        name, equals, value = one.partition("=")
        if not equals:
            raise click.BadParameter(f"'{one}' is not NAME=VALUE.", context, parameter)
        found[name] = value
    return found


@click.command()
@click.argument("image", metavar="[ELF|MODULE|MODEL]", required=False, type=_options.PATH)
@click.option("--board", help="A board as in `devices --known`, or the path of a board.toml.")
@click.option("--runner", help="Who writes.  [default: the first of the board's file]")
@click.option(
    "--option", "-o", "options", multiple=True, callback=_pairs, metavar="NAME=VALUE",
    help="An option of the runner; may be repeated.",
)  # fmt: skip
@click.option("--port", help="Serial port or stable id, for runners that write over it.")
@click.option("--probe", help="Serial number of the debug probe.")
@click.option("--force", is_flag=True, help="Write what is there already, too.")
@click.option("--dry-run", is_flag=True, help="Only show the commands.")
@click.option("--end", is_flag=True, help="End the board's emulator instead.")
@click.option("--list-options", is_flag=True, help="List the runners and their options instead.")
@_options.as_json
def command(
    *,
    image: Path | None,
    board: str | None,
    runner: str | None,
    options: dict[str, str],
    port: str | None,
    probe: str | None,
    force: bool,
    dry_run: bool,
    end: bool,
    list_options: bool,
    as_json: bool,
) -> None:
    """Write firmware to a board, unless it is there already, and check that it arrived.

    A module or a model is compiled into firmware first. An emulated board runs on in the
    background: see its port with `devices`, end it with `--end`.
    """
    from tflm_wasm._ports import find_port
    from tflm_wasm.cli._terminal import progress, write_json
    from tflm_wasm.flash import flash

    if list_options:
        _list_options()
        return
    if board is None:
        raise click.UsageError("Which board? Pass --board; see `tflm-wasm devices --known`.")
    if end:
        _end(board)
        return
    if image is None:
        raise click.UsageError("What shall be written? Pass an ELF file, a module or a model.")
    with tempfile.TemporaryDirectory(prefix="tflm-wasm-") as folder, progress() as advance:
        result = flash(
            board,
            _firmware(image, board, Path(folder)),
            runner=runner,
            options=options,
            port=find_port(port=port).port if port else None,
            probe=probe,
            force=force,
            dry_run=dry_run,
            progress=advance,
        )
    if as_json:
        write_json(asdict(result))
    else:
        _show(result)


def _firmware(image: Path, board: str, folder: Path) -> Path:
    """Return the ELF file, after compiling it if it is a module or a model."""
    if image.suffix not in (".wasm", ".tflite"):
        return image
    from tflm_wasm import aot, build
    from tflm_wasm._files import write_file

    module = build(image, profile="extended") if image.suffix == ".tflite" else image
    elf = folder / f"{image.stem}.elf"
    write_file(elf, aot.compile(module, board).elf)
    return elf


def _show(result: FlashResult) -> None:
    from tflm_wasm.cli._terminal import say

    if result.state == "planned":
        for step in result.steps:
            say(step)
        return
    size = f"{result.size:,} bytes, sha256 {result.digest[:12]}"
    if result.state == "identical":
        say(f"{result.board} holds this firmware already ({size}).", style="green")
    else:
        checked = "verified" if result.verified else "not read back: the runner can't"
        say(f"{result.board} was written by '{result.runner}' ({size}), {checked}.", style="green")
    for line in result.boot_log:
        say(f"boot    {line}", style="dim")
    if result.port:
        say(f"Port: {result.port}")


def _end(board: str) -> None:
    from tflm_wasm import emulator
    from tflm_wasm.cli._terminal import say

    running = emulator.find(board)
    if running is None:
        say(f"No emulator runs for {board}.")
        return
    running.end()
    say(f"The emulator of {board}, pid {running.pid}, was ended.")


def _list_options() -> None:
    from tflm_wasm.cli._terminal import table
    from tflm_wasm.flash import runners

    for runner in runners().values():
        rows = [(one.name, _default(one.default), one.doc) for one in runner.options]
        table(("option", "default", "meaning"), rows, f"{runner.name}: {runner.doc}")


def _default(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
