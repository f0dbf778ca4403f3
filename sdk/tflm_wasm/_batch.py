"""Many frames in one call into a guest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tflm_wasm import _abi
from tflm_wasm._block import Block, align
from tflm_wasm._contract import Fixture
from tflm_wasm._errors import ContractError, GuestStatusError, InputError, ModuleTooLargeError
from tflm_wasm._guest import Guest
from tflm_wasm._invoke import make_invoke
from tflm_wasm._tensor import Tensor

EXPORT: Final = "tflm_wasm_invoke_many"
SINCE: Final = 2  # minor version of the ABI
# Frames in memory at once: as many as a processor's nearer caches hold.
_BUFFER_BYTES: Final = 128 * 1024
# A call may take this part of the time limit, as far as the calls before it tell.
_TIME_PART: Final = 8

Arrays: TypeAlias = tuple[NDArray[Any], ...]
Out: TypeAlias = NDArray[Any] | Sequence[NDArray[Any]] | None


class Frames(NamedTuple):
    """Frames to run and where their outputs go: an array for each tensor, shape (number, *its)."""

    number: int
    inputs: Arrays
    outputs: Arrays


def prepare(
    inputs: Sequence[Tensor], outputs: Sequence[Tensor], given: Sequence[ArrayLike], out: Out
) -> Frames:
    """Check the arrays for inputs, and for outputs or make those.

    Raises:
        InputError: There is another number of them than tensors, or one has not the dtype and the
            shape of its tensor behind the number of frames. Or `out` can't be written or has gaps.
    """
    if len(given) != len(inputs) or not inputs:
        raise InputError(f"The model has {len(inputs)} inputs; {len(given)} were given")
    arrays = tuple(np.ascontiguousarray(array) for array in given)
    count = len(arrays[0])
    for tensor, array in zip(inputs, arrays, strict=True):
        wanted = (count, *tensor.shape)
        if array.dtype != tensor.dtype or array.shape != wanted:
            raise InputError(
                f"Frames for input '{tensor.name}' are {tensor.dtype} {wanted}, "
                f"not {array.dtype} {array.shape}"
            )
    if out is None:
        made = tuple(np.empty((count, *tensor.shape), tensor.dtype) for tensor in outputs)
        return Frames(count, arrays, made)
    return Frames(count, arrays, _check_out(outputs, count, out))


def _check_out(
    outputs: Sequence[Tensor], count: int, out: NDArray[Any] | Sequence[NDArray[Any]]
) -> Arrays:
    given: tuple[Any, ...] = (out,) if isinstance(out, np.ndarray) else tuple(out)
    if len(given) != len(outputs):
        raise InputError(f"The model has {len(outputs)} outputs; {len(given)} arrays were given")
    for tensor, array in zip(outputs, given, strict=True):
        wanted = (count, *tensor.shape)
        if not (
            isinstance(array, np.ndarray)
            and array.dtype == tensor.dtype
            and array.shape == wanted
            and array.flags.c_contiguous
            and array.flags.writeable
        ):
            raise InputError(
                f"`out` for output '{tensor.name}' has to be a writable array without gaps, "
                f"{tensor.dtype} {wanted}"
            )
    return given


class Loop:
    """Runs frames one call at a time.

    Args:
        run: Takes an array for each input, returns one for each output.
    """

    def __init__(self, run: Callable[..., Arrays]) -> None:
        self._run = run

    def run(self, frames: Frames) -> Arrays:
        """Run all frames; return the outputs.

        Raises:
            GuestStatusError: A frame failed; `frame` says which. The outputs of those before it
                are where they belong.
            TflmWasmError: As `run`.
        """
        for index in range(frames.number):
            try:
                found = self._run(*[array[index] for array in frames.inputs])
            except GuestStatusError as error:
                error.frame = index
                raise
            for array, output in zip(frames.outputs, found, strict=True):
                array[index] = output
        return frames.outputs


class Batch:
    """Runs frames inside a guest, from a buffer in its heap.

    Args:
        guest: A guest with its model loaded that exports `tflm_wasm_invoke_many`.
        block: Its block.
        fixture: What its block has to look like after a call.
        time_s: The limit on the time of a call.

    Raises:
        ModuleTooLargeError: There is no room for a single frame.
    """

    def __init__(self, guest: Guest, block: Block, fixture: Fixture, time_s: float | None) -> None:
        self._block = block
        self._function = guest.function(EXPORT)
        self._call = make_invoke(guest, block, fixture, EXPORT)
        self._lock = threading.Lock()
        sizes = block["input_size"], block["output_cap"]
        start = _heap_end(block)
        self._most = _make_room(guest, start, sum(sizes)) // max(sum(sizes), 1)
        self._addresses = start, align(start + self._most * sizes[0])
        self._packed_inputs, self._packed_outputs = (
            np.asarray(guest.memory[at : at + self._most * size]).reshape(self._most, size)
            for at, size in zip(self._addresses, sizes, strict=True)
        )
        # Nobody knows yet how long a frame takes: begin with one.
        self._part_s = None if time_s is None else time_s / _TIME_PART
        self._next = self._most if time_s is None else 1

    def run(self, frames: Frames) -> Arrays:
        """Run all frames; return the outputs.

        Raises:
            GuestStatusError: As `Loop.run`.
            GuestError: The guest misbehaved.
        """
        inputs = [_rows(array) for array in frames.inputs]
        outputs = [_rows(array) for array in frames.outputs]
        with self._lock:
            start = 0
            while start < frames.number:
                count = min(self._next, frames.number - start)
                for packed, rows in zip(_columns(self._packed_inputs, inputs), inputs, strict=True):
                    packed[:count] = rows[start : start + count]
                start += self._run(start, count, outputs)
        return frames.outputs

    def _run(self, start: int, count: int, outputs: list[NDArray[np.uint8]]) -> int:
        """Run the frames in the buffer and fetch their outputs; return how many there were."""
        began = time.monotonic()
        self._function.put(*self._addresses, count)
        failure: GuestStatusError | None = None
        try:
            self._call()
        except GuestStatusError as error:
            failure = error
        done = self._block["frames_done"]
        if not (done == count if failure is None else done < count):
            raise ContractError(f"frames_done is {done} of {count}", rule="many.frames")
        for packed, rows in zip(_columns(self._packed_outputs, outputs), outputs, strict=True):
            rows[start : start + done] = packed[:done]
        if failure is not None:
            failure.frame = start + done
            raise failure
        self._adapt(count, time.monotonic() - began)
        return done

    def _adapt(self, count: int, took_s: float) -> None:
        """Choose how many frames the next call gets: far from the limit twice as many."""
        if self._part_s is None:
            return
        if took_s > self._part_s:
            self._next = max(1, count // 2)
        elif count == self._next and 2 * took_s < self._part_s:
            self._next = min(self._most, 2 * count)


def _rows(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an array as bytes: shape (frames, bytes of one)."""
    if array.size == 0:
        return np.zeros((len(array), 0), np.uint8)
    return array.reshape(len(array), -1).view(np.uint8)


def _columns(
    packed: NDArray[np.uint8], tensors: list[NDArray[np.uint8]]
) -> list[NDArray[np.uint8]]:
    """Return the part of packed frames that belongs to each tensor."""
    ends = np.cumsum([0, *(rows.shape[1] for rows in tensors)])
    return [packed[:, a:b] for a, b in pairwise(ends)]


def _heap_end(block: Block) -> int:
    """Return the first address behind model and arena."""
    model_end = block["model_ptr"] + block["model_size"]
    return align(max(model_end, block["arena_ptr"] + block["scratch_size"]))


def _make_room(guest: Guest, start: int, frame_bytes: int) -> int:
    """Return how many bytes of frames there is room for from `start` on, growing memory."""
    gap = _abi.ALIGNMENT_BYTES  # between inputs and outputs
    end = start + max(_BUFFER_BYTES, frame_bytes) + gap
    try:
        guest.grow(end)
    except ModuleTooLargeError:
        end = len(guest.memory)
        if end - start - gap < frame_bytes:
            raise
    return end - start - gap
