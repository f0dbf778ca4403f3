"""`tflm-wasm inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tflm_wasm.cli import _options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tflm_wasm._inspect import Inspection
    from tflm_wasm._model import TensorInfo


@click.command()
@click.argument("file", metavar="MODEL|MODULE", type=_options.PATH)
@click.option("--tensors", is_flag=True, help="List every tensor, not only inputs and outputs.")
@_options.as_json
def command(file: Path, *, tensors: bool, as_json: bool) -> None:
    """Show what a model is made of and what it costs.

    Operators with their shapes and multiply-accumulates (MACs), the tensor arena, flash and RAM
    against known boards, and everything that the engine does not support, all at once.
    """
    from tflm_wasm._inspect import inspect
    from tflm_wasm.cli._terminal import write_json

    found = inspect(file)
    if as_json:
        write_json({"file": str(file), **found.to_dict()})
        return
    _summary(file, found)
    _tensors("Inputs", found.inputs)
    _tensors("Outputs", found.outputs)
    if tensors:
        _tensors("Tensors", found.tensors)
    _ops(found)
    _problems(found)
    _boards(found)


def _summary(file: Path, found: Inspection) -> None:
    from tflm_wasm.cli._terminal import say, table

    say(f"{file}: a {found.kind} of {found.file_bytes:,} bytes", style="bold")
    rows = [
        ("sha256", found.sha256),
        ("profile", found.profile or "over the limits of the extended profile"),
        ("MACs", f"{found.macs:,}"),
    ]
    if found.arena_bytes is not None and found.ram_bytes is not None:
        rows += [
            ("arena", f"{found.arena_bytes:,} bytes"),
            ("RAM", f"{found.ram_bytes:,} bytes: arena, stack, control block and data"),
            ("flash", f"{found.model_bytes:,} bytes for the model, and the firmware's code"),
            ("stateful", "yes" if found.stateful else "no"),
        ]
    table(("", ""), rows)


def _tensors(title: str, tensors: Sequence[TensorInfo]) -> None:
    from tflm_wasm._tensor import shape_text
    from tflm_wasm.cli._terminal import table

    rows = [
        (one.index, one.type_name, shape_text(one.shape), _quantization(one), one.name)
        for one in tensors
    ]
    table((">tensor", "type", "shape", "quantization", "name"), rows, title)


def _quantization(tensor: TensorInfo) -> str:
    if len(tensor.scales) == 0:
        return ""
    if len(tensor.scales) > 1:
        return f"{len(tensor.scales)} channels"
    return f"{tensor.scales[0]:.8g} * (q - {tensor.zero_points[0]})".replace("- -", "+ ")


def _ops(found: Inspection) -> None:
    from tflm_wasm.cli._terminal import table

    several = any(op.subgraph for op in found.ops)
    rows = [
        (
            f"{op.subgraph}:{op.index}" if several else op.index,
            op.name,
            ", ".join("none" if one is None else _typed(one) for one in op.inputs),
            ", ".join(_typed(one) for one in op.outputs),
            f"{op.macs:,}" if op.macs else "",
        )
        for op in found.ops
    ]
    table((">op", "name", "inputs", "outputs", ">MACs"), rows, "Operators")


def _typed(tensor: TensorInfo) -> str:
    from tflm_wasm._tensor import shape_text

    return f"{tensor.type_name.lower()} {shape_text(tensor.shape)}"


def _problems(found: Inspection) -> None:
    from tflm_wasm.cli._terminal import say

    say("")
    if not found.problems:
        say("Everything in it is supported.", style="green")
    else:
        say(f"{len(found.problems)} not supported", style="bold red")
    if found.needs_extended:
        say("It needs the extended profile:", style="yellow")
    for problem in (*found.problems, *found.needs_extended):
        where = f"subgraph {problem.subgraph}, " if problem.subgraph else ""
        say(f"  {where}{problem.reason}")


def _boards(found: Inspection) -> None:
    from tflm_wasm.cli._terminal import table

    rows = [
        (
            fit.board.name,
            fit.board.core,
            f"{found.model_bytes:,} of {fit.board.flash_bytes:,}",
            f"{fit.flash_left:,}",
            f"{found.ram_bytes:,} of {fit.board.ram_bytes:,}",
            f"{fit.ram_left:,}",
            "yes" if fit.fits else "no",
        )
        for fit in found.fits
    ]
    if rows:
        columns = ("board", "core", ">flash", ">left for code", ">RAM", ">left", "fits")
        table(columns, rows, "Boards, in bytes")
