"""Names out of a model's file, as far as it can be read."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from tflm_wasm._errors import ModelError, TensorIndexError

if TYPE_CHECKING:
    from tflm_wasm._model import Model


def plain(text: object) -> str:
    """Return text without control characters: names come from files that anybody can write."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


@lru_cache(maxsize=8)
def described(model: bytes) -> Model | None:
    """Return what a .tflite file says about its tensors, or None where it can't be read."""
    from tflm_wasm._model import Model

    try:
        return Model(model)
    except ModelError:
        return None


def tensor_name(model: bytes | None, index: int) -> str:
    """Return the name of tensor `index` of a .tflite file, or `tensor_<index>`."""
    description = described(model) if model is not None else None
    try:
        if description is not None:
            return description.tensor(index).name
    except (ModelError, TensorIndexError):
        pass
    return f"tensor_{index}"
