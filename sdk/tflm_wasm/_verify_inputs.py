"""Inputs to compare runtimes on: the ends of every type's range, and three kinds of random ones.

Input number `index` depends on the seed and on itself only, so any one can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tflm_wasm._inputs import Array, Frame, Sequences
from tflm_wasm._tensor import Tensor

SEQUENCE_FRAMES: Final = 25  # between two resets of a stateful model
_SMOOTH_STEPS: Final = 24  # a smooth input changes by up to 1/24 of the type's range at a time


@dataclass(frozen=True, slots=True)
class Case:
    """One input of a model: `kind` says how it was made."""

    index: int
    kind: str
    frame: Frame


def generated(tensors: Sequence[Tensor], count: int, seed: int) -> list[list[Case]]:
    """Return `count` cases in sequences: first the extremes, then the random kinds in turn."""
    return _in_sequences([make(tensors, index, seed) for index in range(count)])


def given(sequences: Sequences, first: int) -> list[list[Case]]:
    """Return a user's own frames as cases that are numbered from `first` on."""
    cases: list[list[Case]] = []
    for frames in sequences.frames:
        cases.append([Case(first + i, "user", frame) for i, frame in enumerate(frames)])
        first += len(frames)
    return cases


def make(tensors: Sequence[Tensor], index: int, seed: int) -> Case:
    """Return generated case `index`."""
    rng = np.random.default_rng((seed, index))
    kinds = list(_EXTREMES)
    if index < len(kinds):
        kind = kinds[index]
        return Case(index, kind, [_EXTREMES[kind](tensor) for tensor in tensors])
    kind = tuple(_RANDOM)[(index - len(kinds)) % len(_RANDOM)]
    return Case(index, kind, [_RANDOM[kind](tensor, rng) for tensor in tensors])


def until(sequences: list[list[Case]], index: int, *, stateful: bool) -> list[list[Case]]:
    """Return what it takes to run case `index` again: the sequence up to it, or just itself."""
    for cases in sequences:
        for number, case in enumerate(cases):
            if case.index == index:
                return [cases[: number + 1] if stateful else [case]]
    return []


def _in_sequences(cases: list[Case]) -> list[list[Case]]:
    return [cases[i : i + SEQUENCE_FRAMES] for i in range(0, len(cases), SEQUENCE_FRAMES)]


def _range(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    if dtype.kind == "b":
        return False, True
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return info.min, info.max


def _full(tensor: Tensor, value: Any) -> Array:
    return np.full(tensor.shape, value, tensor.dtype)


def _alternating(tensor: Tensor) -> Array:
    low, high = (-1.0, 1.0) if tensor.dtype.kind == "f" else _range(tensor.dtype)
    return _where(tensor, np.arange(_full(tensor, 0).size) % 2 == 0, low, high)


def _one_hot(place: Callable[[int], int]) -> Callable[[Tensor], Array]:
    def one_hot(tensor: Tensor) -> Array:
        size = _full(tensor, 0).size
        low, high = (0.0, 1.0) if tensor.dtype.kind == "f" else _range(tensor.dtype)
        return _where(tensor, np.arange(size) == place(size), high, low)

    return one_hot


def _where(tensor: Tensor, mask: NDArray[np.bool_], chosen: Any, other: Any) -> Array:
    values = np.full(mask.shape, other, tensor.dtype)
    values[mask] = chosen
    return values.reshape(tensor.shape)


_EXTREMES: Final[dict[str, Callable[[Tensor], Array]]] = {
    "all-min": lambda tensor: _full(tensor, _range(tensor.dtype)[0]),
    "all-max": lambda tensor: _full(tensor, _range(tensor.dtype)[1]),
    "zero": lambda tensor: _full(tensor, 0),
    "zero-point": lambda tensor: _full(tensor, tensor.zero_point),
    "alternating": _alternating,
    "one-hot first": _one_hot(lambda _: 0),
    "one-hot middle": _one_hot(lambda size: size // 2),
    "one-hot last": _one_hot(lambda size: size - 1),
}


def _uniform(tensor: Tensor, rng: np.random.Generator) -> Array:
    """Return values over the whole range of the type; floats normal, times 4."""
    if tensor.dtype.kind == "f":
        return (4 * rng.standard_normal(tensor.shape)).astype(tensor.dtype)
    if tensor.dtype.kind == "b":
        return rng.integers(0, 2, tensor.shape).astype(tensor.dtype)
    low, high = _range(tensor.dtype)
    native = tensor.dtype.newbyteorder("=")
    drawn = rng.integers(low, high, tensor.shape, dtype=native, endpoint=True)
    return np.asarray(drawn, tensor.dtype)


def _smooth(tensor: Tensor, rng: np.random.Generator) -> Array:
    """Return a random walk that bounces off the ends: neighbours are alike, as in real inputs."""
    if tensor.dtype.kind == "b":
        return _uniform(tensor, rng)
    low, high = (-4.0, 4.0) if tensor.dtype.kind == "f" else _range(tensor.dtype)
    span = float(high) - float(low)
    size = _full(tensor, 0).size
    steps = rng.uniform(-1, 1, size) * span / _SMOOTH_STEPS
    phase = np.mod(rng.uniform(0, 2 * span) + np.cumsum(steps), 2 * span)
    walk = float(low) + np.where(phase <= span, phase, 2 * span - phase)
    return _rounded(walk, tensor.dtype).reshape(tensor.shape)


def _narrow(tensor: Tensor, rng: np.random.Generator) -> Array:
    """Return values in a narrow band somewhere in the type's range."""
    if tensor.dtype.kind == "b":
        return _uniform(tensor, rng)
    low, high = (-4.0, 4.0) if tensor.dtype.kind == "f" else map(float, _range(tensor.dtype))
    centre, width = rng.uniform(low, high), (high - low) * rng.uniform(0, 0.5) ** 2
    values = np.clip(rng.uniform(centre - width, centre + width, tensor.shape), low, high)
    return _rounded(values, tensor.dtype)


def _rounded(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return float64 values in a type, none over its ends."""
    if dtype.kind == "f":
        return values.astype(dtype)
    low, high = _range(dtype)
    # The upper end of a 64-bit type is no exact float, and the next one would not fit.
    top = np.nextafter(float(high), 0) if float(high) > high else float(high)
    return np.clip(np.rint(values), float(low), top).astype(dtype)


_RANDOM: Final[dict[str, Callable[[Tensor, np.random.Generator], Array]]] = {
    "uniform": _uniform,
    "smooth": _smooth,
    "narrow": _narrow,
}
