"""Inputs from files, and outputs to them: .npy, .npz or raw bytes, told apart by content."""

from __future__ import annotations

import io
import os
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, BinaryIO, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tflm_wasm._errors import FileError, InputError
from tflm_wasm._files import read_up_to
from tflm_wasm._tensor import Tensor

Array: TypeAlias = NDArray[Any]
Frame: TypeAlias = list[Array]  # one array for each input of the model
FORMATS: Final = ("npy", "npz", "raw")
_MAX_BYTES: Final = 1 << 30
_UNREADABLE: Final = (
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


class Source(NamedTuple):
    """What one file holds: arrays by name (one nameless from a .npy), or raw bytes."""

    name: str
    arrays: dict[str, Array] | None
    raw: bytes


class Sequences(NamedTuple):
    """Frames to run, in sequences; a stateful model is reset before each sequence.

    Attributes:
        frames: Sequence by sequence, frame by frame, one array for each input.
        leading: The shape in front of each input's own: (), (frames,) or (sequences, frames).
    """

    frames: list[list[Frame]]
    leading: tuple[int, ...]


def read_source(path: str | os.PathLike[str], stdin: BinaryIO | None = None) -> Source:
    """Read a file, or standard input for `-`.

    Raises:
        FileError: It can't be read, or has more than 1 GiB.
        InputError: It is a .npy or .npz, but not one that can be read.
    """
    name = os.fspath(path)
    if name == "-":
        name = "standard input"
        content = (stdin or sys.stdin.buffer).read(_MAX_BYTES + 1)
    else:
        content = read_up_to(path, _MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise FileError(f"'{name}' has more than {_MAX_BYTES:,} bytes", path=name)
    if not content.startswith((b"\x93NUMPY", b"PK")):
        return Source(name, None, content)
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        arrays = dict(loaded) if isinstance(loaded, Mapping) else {"": loaded}
    except _UNREADABLE as error:
        kind = ".npz" if content.startswith(b"PK") else ".npy"
        raise InputError(
            f"'{name}' is not a {kind} file that can be read: {error}",
            hint="Write it again with `numpy.savez(path, input_0=array)`, without objects, then "
            "`tflm-wasm run MODEL path`.",
        ) from error
    return Source(name, arrays, b"")


def frames_of(
    sources: Sequence[Source], tensors: Sequence[Tensor], *, quantize: bool = False
) -> Sequences:
    """Match files with a model's inputs.

    One file for each input, in order; or one .npz with an array for each input, named like the
    tensor, `input_0` (`input_1`, ...) or `arr_0`; or one raw file with all inputs packed in order.
    An array may have one more dimension in front for frames, and another for sequences of frames.

    Args:
        sources: The files.
        tensors: The model's inputs.
        quantize: Turn float arrays for quantized inputs into their integers.

    Raises:
        InputError: A number, a shape or a dtype does not fit.
    """
    packed = _packed(sources, tensors)
    arrays = packed if packed is not None else _chosen(sources, tensors)
    if quantize:
        pairs = zip(arrays, tensors, strict=True)
        arrays = [quantized(array, tensor) for array, tensor in pairs]
    found = {_leading(array, tensor) for array, tensor in zip(arrays, tensors, strict=True)}
    if len(found) > 1:
        raise InputError(
            "The inputs have different numbers of frames: "
            + ", ".join(f"{one or 'one frame'}" for one in sorted(found))
        )
    leading = found.pop() if found else ()
    sequences, length = (1,) * (2 - len(leading)) + leading
    shaped = [
        np.ascontiguousarray(array).reshape((sequences, length, *tensor.shape))
        for array, tensor in zip(arrays, tensors, strict=True)
    ]
    frames = [[[one[s, i] for one in shaped] for i in range(length)] for s in range(sequences)]
    return Sequences(frames, leading)


def quantized(array: Array, tensor: Tensor) -> Array:
    """Return a float array as the integers of a quantized tensor; any other array as it is.

    q = round(real / scale) + zero_point, halves away from zero, clamped to the type, as
    TensorFlow Lite's QUANTIZE does it (https://ai.google.dev/edge/litert/models/quantization_spec).

    Raises:
        InputError: A value is NaN.
    """
    if not tensor.scale or array.dtype.kind != "f" or tensor.dtype.kind == "f":
        return array
    if np.isnan(array).any():
        raise InputError(f"Input '{tensor.name}' has NaN, which has no quantized value")
    scaled = array.astype(np.float32) / np.float32(tensor.scale)
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.float64)
    info = np.iinfo(tensor.dtype)
    shifted = np.clip(rounded + tensor.zero_point, info.min, info.max)
    integers: Array = shifted.astype(tensor.dtype)
    return integers


def dequantized(array: Array, tensor: Tensor) -> Array:
    """Return a quantized tensor's values as float32: scale * (value - zero_point)."""
    if not tensor.scale or array.dtype.kind == "f":
        return array
    shifted = array.astype(np.int64) - tensor.zero_point
    return (shifted * np.float64(np.float32(tensor.scale))).astype(np.float32)


def _packed(sources: Sequence[Source], tensors: Sequence[Tensor]) -> list[Array] | None:
    """Return one raw file cut into all inputs, or None when it is not that case."""
    if len(sources) != 1 or sources[0].arrays is not None or len(tensors) < 2:
        return None
    sizes = [_nbytes(tensor) for tensor in tensors]
    content = np.frombuffer(sources[0].raw, np.uint8)
    rows = _rows(sources[0].name, len(content), sum(sizes))
    cut = np.split(content.reshape(rows, -1), np.cumsum(sizes)[:-1], axis=1)
    return [
        _shaped(np.ascontiguousarray(part), tensor, rows)
        for part, tensor in zip(cut, tensors, strict=True)
    ]


def _chosen(sources: Sequence[Source], tensors: Sequence[Tensor]) -> list[Array]:
    if len(sources) == 1 and sources[0].arrays is not None and "" not in sources[0].arrays:
        named = sources[0].arrays
        if len(named) == len(tensors) == 1:
            return list(named.values())
        return [_named(named, sources[0].name, number, one) for number, one in enumerate(tensors)]
    if len(sources) != len(tensors):
        raise InputError(
            f"The model has {len(tensors)} inputs; {len(sources)} files were given",
            hint="Give one file for each input, or one .npz for all; see their shapes with "
            "`tflm-wasm inspect MODEL`.",
        )
    return [_only(source, tensor) for source, tensor in zip(sources, tensors, strict=True)]


def _named(arrays: dict[str, Array], file: str, number: int, tensor: Tensor) -> Array:
    names = (tensor.name, f"input_{number}", f"arr_{number}")
    for name in names:
        if name in arrays:
            return arrays[name]
    raise InputError(
        f"'{file}' has no array for input {number}, '{tensor.name}'; it has "
        f"{', '.join(list(arrays)[:8]) or 'none'}",
        hint=f"Name the array '{names[1]}'; see the inputs with `tflm-wasm inspect MODEL`.",
    )


def _only(source: Source, tensor: Tensor) -> Array:
    """Return the one array of a file, for one input."""
    if source.arrays is None:
        rows = _rows(source.name, len(source.raw), _nbytes(tensor))
        return _shaped(np.frombuffer(source.raw, np.uint8), tensor, rows)
    if len(source.arrays) != 1:
        raise InputError(f"'{source.name}' has {len(source.arrays)} arrays, not one")
    return next(iter(source.arrays.values()))


def _nbytes(tensor: Tensor) -> int:
    return prod(tensor.shape) * tensor.dtype.itemsize


def _rows(name: str, size: int, frame: int) -> int:
    if frame == 0 or size == 0 or size % frame:
        raise InputError(
            f"'{name}' has {size:,} raw bytes, which is no whole number of inputs of {frame:,}"
        )
    return size // frame


def _shaped(content: Array, tensor: Tensor, rows: int) -> Array:
    shape = tensor.shape if rows == 1 else (rows, *tensor.shape)
    return content.reshape(-1).view(tensor.dtype).reshape(shape)


def _leading(array: Array, tensor: Tensor) -> tuple[int, ...]:
    """Return the shape in front of the tensor's own: at most two dimensions."""
    extra = array.ndim - len(tensor.shape)
    hint = None
    if array.dtype.kind == "f" and tensor.scale and tensor.dtype.kind != "f":
        hint = "Convert floats on the way with `tflm-wasm run --quantize MODEL INPUT`."
    if array.dtype != tensor.dtype or not 0 <= extra <= 2 or array.shape[extra:] != tensor.shape:
        raise InputError(
            f"Input '{tensor.name}' is {tensor.dtype} {tensor.shape}, not {array.dtype} "
            f"{array.shape}",
            hint=hint,
        )
    if 0 in array.shape[:extra]:
        raise InputError(f"The array for input '{tensor.name}' has no frames: {array.shape}")
    return array.shape[:extra]


def encode_outputs(outputs: Mapping[str, Array], form: str) -> bytes:
    """Return arrays in one of `FORMATS`; raw is their bytes in order.

    Raises:
        InputError: .npy is for one array, and there are more.
    """
    if form == "raw":
        return b"".join(np.ascontiguousarray(array).tobytes() for array in outputs.values())
    buffer = io.BytesIO()
    if form == "npz":
        np.savez(buffer, **dict(outputs))
    elif len(outputs) == 1:
        np.save(buffer, next(iter(outputs.values())), allow_pickle=False)
    else:
        raise InputError(
            f"The model has {len(outputs)} outputs, and a .npy holds one",
            hint="Write a .npz: `tflm-wasm run MODEL INPUT --output out.npz`.",
        )
    return buffer.getvalue()
