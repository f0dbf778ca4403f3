"""`tflm-wasm run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from tflm_wasm._inputs import Array
    from tflm_wasm._tensor import Tensor

_SHOWN = 12  # values of each output


@click.command()
@click.argument("file", metavar="MODEL|MODULE", type=_options.PATH)
@click.argument("inputs", metavar="INPUT...", nargs=-1, type=_options.PATH)
@click.option("-o", "--output", type=_options.PATH, help="Write the outputs to a file.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["npy", "npz", "raw"]),
    help="Format of the file.  [default: by its name, or raw]",
)
@click.option(
    "--quantize",
    is_flag=True,
    help="Take floats for quantized inputs, and give floats for quantized outputs.",
)
@_options.profile
@_options.as_json
def command(
    file: Path,
    inputs: tuple[Path, ...],
    output: Path | None,
    form: str | None,
    profile: str,
    *,
    quantize: bool,
    as_json: bool,
) -> None:
    """Run a model on inputs from files.

    An INPUT is a .npy, a .npz or raw bytes, told apart by content, or `-` for standard input.
    There is one for each input of the model, in order; or a single .npz with arrays named like
    the tensors, or input_0, input_1, ...; or a single raw file with all inputs one behind the
    other.

    An array may have one more dimension in front, for frames that run one after the other, and
    another for sequences of frames; a stateful model is reset before each sequence. A raw file
    may hold several frames. Outputs have the same dimensions in front; a .npz names them
    output_0, output_1, ...
    """
    import tflm_wasm
    from tflm_wasm._files import write_file
    from tflm_wasm._inputs import dequantized, encode_outputs, frames_of, read_source
    from tflm_wasm._run import run_sequences
    from tflm_wasm.cli._terminal import progress, write_json

    if inputs.count(Path("-")) > 1:
        raise click.UsageError("Only one INPUT can be standard input.")
    with tflm_wasm.load(file, profile=profile) as session:
        sources = [read_source(path) for path in inputs]
        sequences = frames_of(sources, session.inputs, quantize=quantize)
        with progress() as advance:
            arrays = run_sequences(session, sequences, advance)
        tensors = session.outputs
    if quantize:
        arrays = [dequantized(*pair) for pair in zip(arrays, tensors, strict=True)]
    if output is not None:
        named = {f"output_{i}": array for i, array in enumerate(arrays)}
        write_file(output, encode_outputs(named, form or _format_of(output)))
    if as_json:
        write_json({"outputs": [_described(*pair) for pair in zip(tensors, arrays, strict=True)]})
    elif output is None:
        _show(tensors, arrays)


def _format_of(path: Path) -> str:
    suffix = path.suffix.lower()
    return suffix[1:] if suffix in (".npy", ".npz") else "raw"


def _described(tensor: Tensor, array: Array) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "values": array.tolist(),
    }


def _show(tensors: tuple[Tensor, ...], arrays: list[Array]) -> None:
    from tflm_wasm._tensor import shape_text
    from tflm_wasm.cli._terminal import table

    rows = []
    for number, (tensor, array) in enumerate(zip(tensors, arrays, strict=True)):
        values = [f"{value:.7g}" for value in array.reshape(-1)[:_SHOWN].tolist()]
        values += ["..."] if array.size > _SHOWN else []
        shape = shape_text(array.shape)
        rows.append((number, str(array.dtype), shape, " ".join(values), tensor.name))
    table((">output", "type", "shape", "values", "name"), rows)
