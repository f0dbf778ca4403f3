"""`python -m tflm_wasm.wakeword`: the main job; see `make run`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
from rich.console import Console

from tflm_wasm._errors import TflmWasmError


@click.command()
@click.option("--speech", type=click.Path(path_type=Path), help="Folder with speech.json.")
@click.option("--svg", type=click.Path(path_type=Path), help="Also save the output as a picture.")
@click.option("--board/--no-board", default=True, help="Also run on an emulated board.")
def main(speech: Path | None, svg: Path | None, *, board: bool) -> None:
    """Wake-word models listen to speech inside the sandbox and are compared with TFLM.

    Then the same frames run on an emulated board. Exits with 1 when a phrase is missed, another one
    is detected, or a frame differs from TFLM or between host and board.
    """
    from tflm_wasm.wakeword import _demo
    from tflm_wasm.wakeword._board import run_on_board

    console = Console(record=svg is not None, width=80 if svg else None)
    try:
        on_board = run_on_board if board else None
        problems = _demo.run(console, speech or _demo.SPEECH, run_on_board=on_board)
    except ModuleNotFoundError as error:
        sys.exit(f'{error.name} is missing: pip install "tflm-wasm[demo]"')
    except TflmWasmError as error:
        sys.exit(f"{error}\n{error.hint}")
    if svg is not None:
        svg.write_text(_without_web_fonts(console.export_svg(title="make run")), encoding="utf-8")
    sys.exit(1 if problems else 0)


def _without_web_fonts(picture: str) -> str:
    """Return the SVG of rich without the fonts it would load from elsewhere."""
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


if __name__ == "__main__":
    main()
