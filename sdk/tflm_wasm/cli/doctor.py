"""`tflm-wasm doctor`."""

from __future__ import annotations

import click

from tflm_wasm.cli import _options


@click.command()
@click.option("--clear-cache", is_flag=True, help="First remove the machine code kept on disk.")
@_options.as_json
def command(*, clear_cache: bool, as_json: bool) -> None:
    """Say what is installed and how to get the rest."""
    from tflm_wasm import code_cache
    from tflm_wasm._doctor import diagnose
    from tflm_wasm.cli._terminal import say, table, write_json

    if clear_cache:
        code_cache.clear()
    diagnosis = diagnose()
    if as_json:
        write_json(diagnosis.to_dict())
        return
    rows = [(one.state, one.name, one.detail, one.purpose, one.fix) for one in diagnosis.findings]
    table(("", "what", "found", "what for", "how to get it"), rows)
    say("")
    if diagnosis.healthy:
        say("Models can be built and run.", style="bold green")
    else:
        say("Something that building and running needs is missing.", style="bold red")
