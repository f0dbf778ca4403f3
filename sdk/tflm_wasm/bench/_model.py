"""A model to measure with: its files, and inputs for it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tflm_wasm._errors import NoModelError
from tflm_wasm._inputs import Frame
from tflm_wasm._inspect import inspect
from tflm_wasm._load import as_module
from tflm_wasm._verify_inputs import make

_FIRST_RANDOM: Final = 8  # inputs before that are extremes, which no model sees all day


@dataclass(frozen=True)
class BenchModel:
    """One model.

    Attributes:
        name: The name of its file, without the suffix.
        sha256: Digest of the .tflite, in hex.
        macs: Multiply-accumulates of one run.
        tflite: The model's file.
        module: The module's file, built from it.
        frames: Inputs, uniform and smooth random ones.
    """

    name: str
    sha256: str
    macs: int
    tflite: Path
    module: Path
    frames: list[Frame]


def prepare(
    source: str | os.PathLike[str], folder: Path, *, frames: int, seed: int, taken: Sequence[str]
) -> BenchModel:
    """Write a model's files into a folder and make inputs for it.

    Args:
        source: Path of a .tflite or .wasm.
        folder: Where the files go.
        frames: How many inputs.
        seed: Seed of the inputs.
        taken: Names that other models have; a second one of a name gets a number.

    Raises:
        TflmWasmError: As `load`.
    """
    module = as_module(source, profile="extended")
    if module.model is None:
        raise NoModelError("The module holds no .tflite model to give to another engine")
    stem = Path(source).stem
    name = next(
        one
        for n in range(1, len(taken) + 2)
        if (one := stem if n == 1 else f"{stem}-{n}") not in taken
    )
    tflite, wasm = folder / f"{name}.tflite", folder / f"{name}.wasm"
    tflite.write_bytes(module.model)
    module.save(wasm)
    with module.open() as session:
        inputs = [make(session.inputs, _FIRST_RANDOM + i, seed).frame for i in range(frames)]
    digest = hashlib.sha256(module.model).hexdigest()
    return BenchModel(name, digest, inspect(module.model).macs, tflite, wasm, inputs)
