"""`tflm-wasm aot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm.aot import Firmware

# What each part is, in the order of `Report`.
_FLASH = {
    "engine": "the model's ops and types, compiled from WebAssembly",
    "runtime": "arithmetic that the core lacks",
    "model": "read where it lies",
    "sandbox": "start-up, drivers, sandbox",
    "agent": "the link to the host",
    "data": "initial values of RAM",
    "gaps": "for alignment",
}
_RAM = {
    "block": "control block",
    "c_stack": "stack of the WebAssembly module",
    "engine_data": "tables of the engine",
    "arena": "tensors",
    "model": "copies of weights",
    "native_stack": "the sandbox's stack",
    "firmware": "agent and link buffers",
    "firmware_stack": "stack of the firmware",
    "gaps": "for alignment",
}


@click.command()
@click.argument("source", metavar="MODULE|MODEL", type=_options.PATH)
@click.option(
    "--board",
    required=True,
    help="A board as in `devices --known`, or the path of a board.toml.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=_options.PATH,
    help="Where to write the firmware: .elf, .bin (flash from its start on) or .hex (Intel); may "
    "be repeated.  [default: MODULE with .elf]",
)
@click.option(
    "--sandbox",
    type=click.Choice(["mpu", "checked"]),
    help="What holds the model in: an MPU, or checks in its code.  [default: the board's]",
)
@click.option(
    "--compiler",
    type=click.Choice(["zig", "arm-none-eabi-gcc"]),
    default="zig",
    show_default=True,
    help="Who compiles: clang from the package ziglang, or an installed GCC.",
)
@_options.as_json
def command(
    *,
    source: Path,
    board: str,
    outputs: tuple[Path, ...],
    sandbox: str | None,
    compiler: str,
    as_json: bool,
) -> None:
    """Compile a module or a model into firmware for a board, and show what it takes.

    The firmware holds the engine with only the model's ops and types, the model, and the agent that
    talks to the host. The same input and compiler give the same bytes.
    """
    from tflm_wasm import aot, build
    from tflm_wasm._files import write_file
    from tflm_wasm.cli._terminal import write_json

    targets = outputs or (source.with_suffix(".elf"),)
    for target in targets:
        if target.suffix not in (".elf", ".bin", ".hex"):
            raise click.UsageError(f"'{target}' ends neither in .elf nor in .bin nor in .hex.")
    module = build(source, profile="extended") if source.suffix == ".tflite" else source
    firmware = aot.compile(module, board, aot.Options(sandbox=sandbox, compiler=compiler))
    for target in targets:
        write_file(target, _content(firmware, target.suffix))
    if as_json:
        write_json(_to_dict(firmware, targets))
    else:
        _show(firmware, targets)


def _content(firmware: Firmware, suffix: str) -> bytes:
    forms = {
        ".elf": lambda: firmware.elf,
        ".bin": lambda: firmware.image,
        ".hex": lambda: firmware.intel_hex,
    }
    return forms[suffix]()


def _to_dict(firmware: Firmware, targets: tuple[Path, ...]) -> dict[str, object]:
    board, report = firmware.board, firmware.report
    return {
        "board": board.name,
        "sandbox": firmware.sandbox,
        "files": [str(target) for target in targets],
        "flash": {"bytes": report.flash_bytes, "of": board.flash.bytes, "parts": report.flash},
        "ram": {"bytes": report.ram_bytes, "of": board.ram.bytes, "parts": report.ram},
    }


def _show(firmware: Firmware, targets: tuple[Path, ...]) -> None:
    from tflm_wasm.cli._terminal import say, table

    board, report = firmware.board, firmware.report
    say(f"{', '.join(map(str, targets))}: {board.title}, sandbox '{firmware.sandbox}'")
    for title, total, available, parts, meanings in (
        ("flash", report.flash_bytes, board.flash.bytes, report.flash, _FLASH),
        ("RAM", report.ram_bytes, board.ram.bytes, report.ram, _RAM),
    ):
        rows = [(name, f"{size:,}", meanings[name]) for name, size in parts.items()]
        rows.append(("all", f"{total:,}", f"of {available:,}"))
        table((title, ">bytes", ""), rows)
