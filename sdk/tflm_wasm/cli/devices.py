"""`tflm-wasm devices`."""

from __future__ import annotations

import click

from tflm_wasm.cli import _options


@click.command()
@click.option("--known", is_flag=True, help="List the boards that this package knows instead.")
@_options.as_json
def command(*, known: bool, as_json: bool) -> None:
    """List what is attached: port, stable id, what board it can be, and who uses it.

    A stable id stays when the port's name changes; everything that takes a port takes it too.
    """
    if known:
        _known(as_json=as_json)
        return
    from dataclasses import asdict

    from tflm_wasm._ports import list_ports
    from tflm_wasm.cli._terminal import say, table, write_json

    attached = list_ports()
    if as_json:
        write_json([asdict(one) for one in attached])
        return
    if not attached:
        say("Nothing is attached. An emulated board: `tflm-wasm flash --board BOARD IMAGE`.")
        return
    rows = [
        (
            one.port,
            ", ".join(one.boards) or "?",
            one.stable_id,
            one.description,
            one.problem or one.holder or "free",
        )
        for one in attached
    ]
    table(("port", "board", "stable id", "description", "in use by"), rows)


def _known(*, as_json: bool) -> None:
    from tflm_wasm.boards import known_boards
    from tflm_wasm.cli._terminal import table, write_json

    boards = known_boards()
    if as_json:
        write_json([one._asdict() for one in boards])
        return
    rows = [
        (
            one.name,
            one.core,
            f"{one.flash_bytes // 1024:,}",
            f"{one.ram_bytes // 1024:,}",
            one.emulated or "no",
            ", ".join(one.runners),
        )
        for one in boards
    ]
    table(("board", "core", ">flash KiB", ">RAM KiB", "QEMU machine", "runners"), rows)
