"""What the generators of models draw: shapes, quantization, tensors and their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final

import numpy as np

from tflm_wasm.conformance._draw import FLOATS, INTEGERS, Draw, unit, whole_numbers
from tflm_wasm.conformance._writer import Array, Tensor

QUANTIZED: Final = ("int4", "int8", "int16", "uint8")
ACTIVATIONS: Final = (0, 1, 2, 3)  # none, ReLU, ReLU from -1 to 1, ReLU6
_DIMS: Final = {1: (1, 40), 2: (1, 12), 3: (1, 7), 4: (1, 5), 5: (1, 4), 6: (1, 3)}
_MODES: Final = {"float": (*FLOATS,), "int": (*INTEGERS,), "bool": ("zero", "noise", "high")}
_LAST_ZERO_POINT: Final = {"int4": 0, "int8": 127, "int16": 32767, "uint8": 255}


@dataclass
class Given(Tensor):
    """A tensor that the model is given, with what to give it frame by frame, over and over."""

    feeds: Sequence[Array] = ()


class Space(Draw):
    """The choices of a generator of models."""

    def size(self, name: str, high: int, low: int = 1) -> int:
        """Return a dimension up to `high`: every one of them, and 1 and 2 more often."""
        if self.below(f"{name}.small", 4) == 0:
            return min(low + self.below(f"{name}.few", 2), high)
        return self.whole(name, low, high)

    def shape(
        self, name: str, low: int = 1, high: int = 4, *, rank: int | None = None
    ) -> list[int]:
        """Return a shape of rank `low` to `high`, of some hundred elements at the most."""
        if rank is None:
            rank = self.whole(f"{name}.rank", low, high)
        least, most = _DIMS.get(rank, (1, 2))
        return [
            self.size(f"{name}.{i}", 1 if self.one_in(f"{name}.{i}.one", 6) else most, least)
            for i in range(rank)
        ]

    def scale(self, name: str) -> float:
        """Return a scale: most often of every day, sometimes a power of two, small or large."""
        kind = self.below(name, 16)
        fixed = {0: 0.0625, 10: 1 / 256, 11: 1 / 128, 12: 1 / 32768}
        if kind in fixed:
            return fixed[kind]
        low, high = {13: (-30.0, -15.0), 14: (2.0, 12.0), 15: (-14.0, -8.0)}.get(kind, (-8.0, 0.0))
        return float(np.float32(2.0 ** self.real(f"{name}.log2", low, high)))

    def near(self, name: str, natural: float) -> float:
        """Return a scale for results that `natural` would suit: most often near it."""
        kind = self.below(name, 12)
        low, high = {10: (-20.0, -4.0), 11: (4.0, 20.0)}.get(kind, (-2.0, 3.0))
        offset = 0.0 if kind == 0 else self.real(f"{name}.log2", low, high)
        return float(np.clip(np.float32(natural * 2.0**offset), 1e-30, 1e30))

    def zero_point(self, name: str, dtype: str) -> int:
        """Return a zero point, both ends of the type among them; 0 nearly always for int16."""
        last = _LAST_ZERO_POINT[dtype]
        first = 0 if dtype == "uint8" else -last - 1
        if dtype in ("int4", "int16") and not self.one_in(f"{name}.odd", 24):
            return 0
        kind = self.below(name, 8)
        if kind < 3:
            return (0, first, last)[kind]
        return self.whole(f"{name}.value", first, last)

    def quantization(self, name: str, dtype: str) -> dict[str, Any]:
        """Return scale and zero point of an activation, as fields of a `Tensor`."""
        if dtype not in QUANTIZED:
            return {}
        return {
            "scale": self.scale(f"{name}.scale"),
            "zero_point": self.zero_point(f"{name}.zero", dtype),
        }

    def tensor(self, name: str, shape: Sequence[int], dtype: str, **changes: Any) -> Tensor:
        """Return an activation with a quantization of its own."""
        return Tensor(list(shape), dtype, **{**self.quantization(name, dtype), **changes})

    def array(
        self, name: str, shape: Sequence[int], dtype: str, modes: Sequence[str] = ()
    ) -> Array:
        """Return values; `modes` are keys of `INTEGERS` or `FLOATS`, the simplest first."""
        if dtype in ("string", "resource"):
            return np.zeros(shape, np.int32)
        kind = "bool" if dtype == "bool" else "int"
        if dtype.startswith(("float", "complex")):
            kind = "float"
        mode = self.pick(f"{name}.mode", modes or _MODES[kind])
        words = self.words(name, prod(shape))
        if kind == "float":
            values = FLOATS[mode](words)
        elif kind == "bool":
            values = INTEGERS[mode](words, "uint8") % 2
        else:
            values = INTEGERS[mode](words, dtype)
        with np.errstate(over="ignore"):
            return np.array(values.astype("int8" if dtype == "int4" else dtype)).reshape(shape)

    def numbers(self, name: str, shape: Sequence[int], low: int, high: int, dtype: str) -> Array:
        """Return whole numbers from `low` to `high`, which are not choices."""
        words = self.words(name, prod(shape))
        return whole_numbers(words, low, high).astype(dtype).reshape(shape)

    def reals(self, name: str, shape: Sequence[int], low: float, high: float) -> Array:
        """Return float32 from `low` to `high`, which are not choices."""
        words = self.words(name, prod(shape))
        return (low + (high - low) * unit(words)).astype(np.float32).reshape(shape)

    def operand(self, name: str, tensor: Tensor, one_in: int = 4) -> Tensor:
        """Return the tensor as it is, computed, or once in `one_in` times a constant."""
        if not self.one_in(f"{name}.constant", one_in):
            return tensor
        return replace(tensor, data=self.array(f"{name}.data", tensor.shape, tensor.dtype))

    def given(self, name: str, *arrays: Array, one_in: int = 4, dtype: str = "") -> Tensor:
        """Return a constant of the first array, or once in `one_in` times all of them as inputs.

        The arrays have one shape and type. It is for indices, axes and the like, which have to be
        in a range that depends on the rest of the model.
        """
        first = arrays[0]
        if self.one_in(f"{name}.computed", one_in):
            return Given(list(first.shape), dtype or str(first.dtype), feeds=arrays)
        return Tensor(list(first.shape), dtype or str(first.dtype), first)

    def axis(self, name: str, rank: int) -> int:
        """Return an axis, also as a negative number, and once in 50 times one that is not there."""
        if self.one_in(f"{name}.bad", 50):
            return self.pick(f"{name}.which", (rank, -rank - 1, 127, -(2**31), 2**31 - 1))
        return self.whole(name, 0, rank - 1) - (rank if self.one_in(f"{name}.negative", 3) else 0)

    def activation(self, name: str = "activation") -> int:
        """Return a fused activation, once in 40 times one that few ops have."""
        if self.one_in(f"{name}.bad", 40):
            return self.pick(f"{name}.which", (4, 5))
        return self.pick(name, ACTIVATIONS)


def scale_of(tensor: Tensor) -> float:
    """Return a tensor's scale, the first if there are several, 1 if there is none."""
    if tensor.scale is None:
        return 1.0
    return float(np.asarray(tensor.scale, np.float32).reshape(-1)[0])
