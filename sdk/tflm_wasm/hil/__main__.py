"""Make the report again from results: `python -m tflm_wasm.hil results.json report.html`."""

from __future__ import annotations

import sys

import click

from tflm_wasm._errors import TflmWasmError
from tflm_wasm._files import write_file
from tflm_wasm.hil._report import render
from tflm_wasm.hil._results import read_results


@click.command("python -m tflm_wasm.hil")
@click.argument("results")
@click.argument("report")
def main(results: str, report: str) -> None:
    """Write the HTML page REPORT about the JSON file RESULTS of `pytest --hil-results`."""
    try:
        write_file(report, render(read_results(results)).encode())
    except TflmWasmError as error:
        click.echo(f"Error: {error}\n{error.hint}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
