"""Read the zoo: zoo.toml, the models, their held-out data and their golden outputs.

Needs numpy only, so tests, tools and the training scripts can all use it.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ZOO = Path(__file__).resolve().parent
UNSCORED = -1  # the label of a step that has no right answer


@dataclass(frozen=True)
class Tensor:
    """What zoo.toml says of a model's input or output; scale 0 means not quantised."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Runs:
    """Inputs and the oracle's outputs, (sequences, steps, *tensor shape); reset before each."""

    inputs: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True)
class Entry:
    """One model of the zoo, with the figures that zoo.toml records for it."""

    name: str
    size_bytes: int
    sha256: str
    stateful: bool
    ops: tuple[str, ...]
    tflm_arena_bytes: int
    input: Tensor
    output: Tensor
    metric: str
    keras_score: float
    tflm_score: float
    limit: float
    zoo: Path = ZOO

    @property
    def folder(self) -> Path:
        """Return the folder with everything of this model."""
        return self.zoo / self.name

    @property
    def model(self) -> bytes:
        """Return the .tflite file."""
        return (self.folder / f"{self.name}.tflite").read_bytes()

    @property
    def digest(self) -> str:
        """Return the SHA-256 that the .tflite file has, in hex."""
        return hashlib.sha256(self.model).hexdigest()

    def heldout(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the held-out inputs (sequences, steps, *shape) and labels (sequences, steps)."""
        with np.load(self.folder / "heldout.npz") as data:
            return data["input_0"], data["label"]

    def golden(self) -> dict[str, Runs]:
        """Return the recorded runs: `generated` (extremes, noise) and `heldout`."""
        with np.load(self.folder / "golden.npz") as data:
            return {
                "generated": Runs(data["input_0"], data["output_0"]),
                "heldout": Runs(self.heldout()[0], data["heldout_output_0"]),
            }

    def score(self, outputs: np.ndarray) -> float:
        """Return the metric of the outputs for the held-out inputs, rounded as zoo.toml has it.

        `accuracy` is the share of scored steps that are right, judged by the largest of several
        outputs or by one probability above one half; otherwise the mean absolute error.
        """
        labels = self.heldout()[1]
        values = outputs.reshape(*labels.shape, -1).astype(np.float64)
        if self.output.scale:
            values = (values - self.output.zero_point) * self.output.scale
        if self.metric == "mean absolute error":
            return round(float(np.abs(values[..., 0] - labels).mean()), 4)
        verdicts = values.argmax(-1) if values.shape[-1] > 1 else values[..., 0] > 0.5
        return round(float((verdicts == labels)[labels != UNSCORED].mean()), 4)

    def good_enough(self, score: float) -> bool:
        """Return whether a score is within the limit that zoo.toml sets."""
        return score >= self.limit if self.metric == "accuracy" else score <= self.limit


def _tensor(table: dict[str, Any]) -> Tensor:
    return Tensor(
        tuple(table["shape"]),
        np.dtype(table["dtype"]),
        table.get("scale", 0.0),
        table.get("zero_point", 0),
    )


def entries() -> list[Entry]:
    """Return every model that zoo.toml lists, in its order."""
    tables = tomllib.loads((ZOO / "zoo.toml").read_text(encoding="utf-8"))["model"]
    return [
        Entry(
            **{
                **table,
                "ops": tuple(table["ops"]),
                "input": _tensor(table["input"]),
                "output": _tensor(table["output"]),
            }
        )
        for table in tables
    ]
