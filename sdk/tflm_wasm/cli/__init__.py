"""The command `tflm-wasm`: a thin client of the Python API, one file for each command."""

from __future__ import annotations

import click

from tflm_wasm._version import __version__
from tflm_wasm.cli._group import LazyGroup


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tflm-wasm")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def main(context: click.Context, *, debug: bool) -> None:
    """TensorFlow Lite Micro models as sandboxed WebAssembly modules.

    Exit codes: 0 it worked, 1 it failed, 2 wrong usage, 3 no device, 4 the device is busy.
    """
    context.obj = {"debug": debug}
