"""`tflm-wasm build`."""

from __future__ import annotations

from pathlib import Path

import click

from tflm_wasm.cli import _options


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
    help="Size of the tensor arena.  [default: exactly what the model needs]",
)
@click.option(
    "--snapshot/--no-snapshot",
    default=True,
    help="Whether the module carries its memory as after init: larger, and opened in no time.  "
    "[default: it does]",
)
def command(
    model: Path, output: Path | None, profile: str, arena_bytes: int | None, *, snapshot: bool
) -> None:
    """Turn a .tflite MODEL into a WebAssembly module.

    The module holds the model and the engine. The engine loads the model once, so a model that
    can't run is refused here and not on a board. The same model gives the same bytes.
    """
    import tflm_wasm
    from tflm_wasm._files import write_file
    from tflm_wasm.cli._terminal import say

    target = output or model.with_suffix(".wasm")
    if target == model or (target.is_file() and model.is_file() and target.samefile(model)):
        raise click.UsageError(f"The module would overwrite the model '{model}'; give another -o.")
    module = tflm_wasm.build(model, profile=profile, arena_bytes=arena_bytes, snapshot=snapshot)
    write_file(target, module.wasm)
    say(f"{target}: {len(module.wasm):,} bytes, {profile} profile")
    say(f"arena   {module.arena_bytes:,} bytes")
    if module.is_initialised:
        plain = tflm_wasm.build(model, profile=profile, arena_bytes=arena_bytes, snapshot=False)
        say(f"init    done: {len(module.wasm) - len(plain.wasm):+,} bytes")
    say(f"sha256  {module.digest}")
