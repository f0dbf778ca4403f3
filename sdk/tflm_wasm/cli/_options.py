"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

# As in tflm_wasm.oracles.NAMES, which a `--help` does not load.
ORACLES = ("tflite_micro", "tflite_runtime", "ai_edge_litert")

# A file that is not there is the library's to report, with its hint.
PATH = click.Path(path_type=Path)

profile = click.option(
    "--profile",
    type=click.Choice(["strict", "extended"]),
    default="strict",
    show_default=True,
    help="What to opt into: strict takes models to 128 KiB and inputs to 64 KiB, extended 4 MiB "
    "and 1 MiB, and operators that TFLM lacks.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON for programs to read.")
oracles = click.option(
    "--oracle",
    "oracles",
    type=click.Choice(ORACLES),
    multiple=True,
    help="A reference runtime to compare with; may be repeated.  [default: all installed]",
)
seed = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the random inputs.",
)
