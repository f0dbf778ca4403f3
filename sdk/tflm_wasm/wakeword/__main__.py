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
def main(speech: Path | None, svg: Path | None) -> None:
    """Wake-word models listen to speech inside the sandbox and are compared with TFLM.

    Exits with 1 when a phrase is missed, another one is detected, or a frame differs from TFLM.
    """
    from tflm_wasm.wakeword import _demo

    console = Console(record=svg is not None, width=80 if svg else None)
    try:
        problems = _demo.run(console, speech or _demo.SPEECH)
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
