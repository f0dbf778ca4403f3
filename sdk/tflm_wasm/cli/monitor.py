"""`tflm-wasm monitor`."""

from __future__ import annotations

from contextlib import suppress

import click

from tflm_wasm.cli import _options

_STYLES = {"error": "bold red", "warning": "yellow", "debug": "dim", "boot": "dim"}


@click.command()
@click.option("--port", help="A port, a stable id as in `devices`, or a URL of pyserial.")
@click.option("--board", help="The only board of this kind.")
@click.option(
    "--baud",
    type=click.IntRange(min=1),
    default=115_200,
    show_default=True,
    help="Bits per second of a real port.",
)
@click.option("--reset", is_flag=True, help="Reset the board first; an emulated one only.")
@click.option("--for", "time_s", type=click.FloatRange(min=0), help="End after this many seconds.")
@_options.as_json
def command(
    *,
    port: str | None,
    board: str | None,
    baud: int,
    reset: bool,
    time_s: float | None,
    as_json: bool,
) -> None:
    """Show what a board says: its boot log, then its log frames, until Ctrl-C.

    With --json there is one object for each line.
    """
    from tflm_wasm._link._serial import SerialTransport
    from tflm_wasm._lock import BoardLock
    from tflm_wasm._monitor import monitor
    from tflm_wasm._ports import find_port
    from tflm_wasm.cli._terminal import say, write_json

    attached = find_port(port=port, board=board)
    with BoardLock(attached.stable_id, "monitoring"):
        transport = SerialTransport(attached.port, baudrate=baud)
        try:
            if reset:
                _reset(attached.boards)
            with suppress(KeyboardInterrupt):
                for line in monitor(transport, time_s=time_s):
                    if as_json:
                        write_json(line._asdict(), indent=None)
                    else:
                        say(f"{line.level:7} {line.text}", style=_STYLES.get(line.level))
        finally:
            transport.close()


def _reset(boards: tuple[str, ...]) -> None:
    from tflm_wasm import emulator

    running = emulator.find(boards[0]) if boards else None
    if running is None:
        raise click.UsageError("--reset works for emulated boards only: press the board's button.")
    running.reset()
