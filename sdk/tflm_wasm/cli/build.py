"""`tflm-wasm build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm import Module


@click.command()
@click.argument("model", type=_options.PATH)
@click.option(
    "-o",
    "--output",
    type=_options.PATH,
    help="Where to write the module.  [default: MODEL with .wasm]",
)
@_options.profile
@click.option(
    "--arena-bytes",
    type=click.IntRange(min=1),
    help="Size of the tensor arena.  [default: what the model needs, and room for packed weights]",
)
@click.option(
    "--snapshot/--no-snapshot",
    default=True,
    help="Whether the module carries its memory as after init: larger, and opened in no time.  "
    "[default: it does]",
)
@click.option(
    "--minimal",
    is_flag=True,
    help="Compile an engine with only what the model needs: much smaller, slower, without SIMD. "
    "It takes the compiler of the package ziglang.",
)
@_options.as_json
def command(
    model: Path,
    output: Path | None,
    profile: str,
    arena_bytes: int | None,
    *,
    snapshot: bool,
    minimal: bool,
    as_json: bool,
) -> None:
    """Turn a .tflite MODEL into a WebAssembly module.

    The module holds the model and the engine. The engine loads the model once, so a model that
    can't run is refused here and not on a board. The same model gives the same bytes.
    """
    import tflm_wasm
    from tflm_wasm._engine import packaged_engine
    from tflm_wasm._files import write_file
    from tflm_wasm.cli._terminal import write_json

    target = output or model.with_suffix(".wasm")
    if target == model or (target.is_file() and model.is_file() and target.samefile(model)):
        raise click.UsageError(f"The module would overwrite the model '{model}'; give another -o.")
    module = tflm_wasm.build(
        model, profile=profile, arena_bytes=arena_bytes, snapshot=snapshot, minimal=minimal
    )
    write_file(target, module.wasm)
    sizes = {"module": len(module.wasm), "engine": len(packaged_engine())}
    if minimal:
        from tflm_wasm._minimal import minimal_engine

        sizes["whole_engine"] = sizes["engine"]
        sizes["engine"] = len(minimal_engine(module.model or b""))
    if module.is_initialised:
        plain = tflm_wasm.build(
            model, profile=profile, arena_bytes=arena_bytes, snapshot=False, minimal=minimal
        )
        sizes["snapshot"] = len(module.wasm) - len(plain.wasm)
    report = {
        "file": str(target),
        "profile": profile,
        "bytes": sizes,
        "arena_bytes": module.arena_bytes,
        "arena_needed": _needed(module),
        "sha256": module.digest,
    }
    if as_json:
        write_json(report)
    else:
        _show(report, sizes)


def _needed(module: Module) -> int:
    with module.open() as session:
        return session.arena_needed


def _show(report: dict[str, object], sizes: dict[str, int]) -> None:
    from tflm_wasm.cli._terminal import say

    say(f"{report['file']}: {sizes['module']:,} bytes, {report['profile']} profile")
    if "whole_engine" in sizes:
        say(f"engine  {sizes['engine']:,} bytes; with everything {sizes['whole_engine']:,}")
    needed = f"of which the model needs {report['arena_needed']:,}"
    say(f"arena   {report['arena_bytes']:,} bytes, {needed}")
    if "snapshot" in sizes:
        say(f"init    done: {sizes['snapshot']:+,} bytes")
    say(f"sha256  {report['sha256']}")
