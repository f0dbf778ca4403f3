"""Driving the command line in this process, and models to drive it with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.support.models import Graph, Model, Op, Tensor, single_op
from tflm_wasm.cli import main

Q8 = {"dtype": "int8", "scale": 0.5, "zero_point": -3}


def tflm_wasm(*arguments: object, stdin: bytes = b"", code: int | None = 0) -> Result:
    """Run a command; check its exit code, unless that is None, and that there is no traceback."""
    result = CliRunner().invoke(main, [str(one) for one in arguments], input=stdin)
    assert code is None or result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def answer(*arguments: object, code: int = 0) -> Any:
    """Run a command with --json and return what it says."""
    return json.loads(tflm_wasm(*arguments, "--json", code=code).stdout)


def refused(*arguments: object, stdin: bytes = b"", code: int = 1) -> str:
    """Run a command that fails; return its message, one line with a hint behind it."""
    result = tflm_wasm(*arguments, stdin=stdin, code=code)
    message, hint = result.stderr.strip().splitlines()
    assert message.startswith("Error: ")
    assert hint.startswith("Hint: ")
    assert result.stdout == ""
    return message.removeprefix("Error: ")


def reshape(dtype: str = "int8", **quantization: Any) -> bytes:
    """Return a model that turns [2, 3] into [3, 2] and changes nothing else."""
    return single_op(
        "RESHAPE", [Tensor([2, 3], dtype, **quantization)], [Tensor([3, 2], dtype, **quantization)]
    )


def two_inputs() -> bytes:
    """Return a model with inputs `left` int8 [2] and `right` int16 [3], each an output too."""
    tensors = [
        Tensor([2], "int8", name="left"),
        Tensor([3], "int16", name="right"),
        Tensor([1, 2], "int8"),
        Tensor([1, 3], "int16"),
    ]
    ops = [Op("RESHAPE", [0], [2]), Op("RESHAPE", [1], [3])]
    return Model([Graph(tensors, ops, [0, 1], [2, 3])]).to_bytes()


def saved(folder: Path, model: bytes, name: str = "model.tflite") -> Path:
    """Write a model to a file."""
    path = folder / name
    path.write_bytes(model)
    return path
