"""Tests of ops that move elements unchanged: any bits will do as inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm, assert_refused, oracle
from tests.support.models import Tensor, single_op
from tflm_wasm import OracleError

Options = tuple[str, dict[str, Any]] | None


def tensor(dtype: str, shape: Sequence[int], **more: Any) -> Tensor:
    """Return a tensor, quantized when its type is int8 or int16."""
    if dtype == "int8":
        more = {"scale": 0.5, "zero_point": -7, **more}
    elif dtype == "int16":
        more = {"scale": 0.25, **more}
    return Tensor(shape, dtype, **more)


def constant(values: Any, dtype: str = "int32") -> Tensor:
    """Return a constant tensor of these values."""
    array = np.asarray(values, dtype)
    return Tensor(array.shape, dtype, data=array)


def random_bits(rng: np.random.Generator, like: Tensor) -> np.ndarray:
    """Return random bytes as a tensor's type: floats of every kind, booleans 0 and 1."""
    if like.dtype == "bool":
        return rng.integers(0, 2, like.shape).astype(bool)
    dtype = np.dtype(like.dtype)
    count = int(np.prod(like.shape, dtype=np.int64))
    return np.frombuffer(rng.bytes(count * dtype.itemsize), dtype).reshape(like.shape)


def assert_moves_as_tflm(
    code: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    options: Options = None,
    *,
    seed: int = 0,
) -> None:
    """One op on a few frames of random bits gives what TFLM gives."""
    rng = np.random.default_rng(seed)
    variable = [t for t in inputs if t.data is None]
    frames = [[random_bits(rng, t) for t in variable] for _ in range(3)]
    assert_equal_to_tflm(single_op(code, inputs, outputs, options), frames)


def assert_op_refused(
    code: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    options: Options = None,
    *,
    status: str,
    text: str = "",
) -> None:
    """The engine refuses the op, and names it."""
    model = single_op(code, inputs, outputs, options)
    assert_refused(model, status, f"op 0 {code}")
    assert_refused(model, status, text)


def assert_both_refuse(
    code: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    options: Options = None,
    *,
    status: str,
) -> None:
    """Neither the engine nor TFLM takes the op; TFLM may notice only when it runs."""
    assert_op_refused(code, inputs, outputs, options, status=status)
    frame = [np.zeros(t.shape, t.dtype) for t in inputs if t.data is None]
    with pytest.raises(OracleError):
        _run_on_tflm(single_op(code, inputs, outputs, options), frame)


def _run_on_tflm(model: bytes, frame: list[np.ndarray]) -> None:
    tflm = oracle()
    tflm.open(model)
    tflm.run(frame)
