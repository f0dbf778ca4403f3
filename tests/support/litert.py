"""Comparing with LiteRT's reference kernels, where TFLM has no answer."""

from __future__ import annotations

import atexit
import functools
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.engine import Engine, assert_refused, compare
from tests.support.models import Tensor, single_op
from tests.support.moves import Options
from tflm_wasm.oracles import Oracle, installed


@functools.cache
def litert() -> Oracle:
    """Return LiteRT with its reference kernels in a worker process, shared by the tests."""
    if not installed("ai_edge_litert"):
        pytest.skip("ai_edge_litert is not installed: pip install 'tflm-wasm[oracles]'")
    worker = Oracle("ai_edge_litert", kernels="reference")
    atexit.register(worker.close)
    return worker


def assert_equal_to_litert(
    model: bytes,
    frames: Sequence[Sequence[np.ndarray]],
    *,
    ulps: int | None = None,
    atol: float = 0.0,
) -> None:
    """Run frames in order on the engine, extended, and on LiteRT; outputs must be the same bytes.

    With `ulps`, float32 outputs may differ by that many units in the last place, with `atol` by
    that much.
    """
    reference = litert()
    reference.open(model)
    engine = Engine(model, extended=True)
    for number, (frame, wanted) in enumerate(zip(frames, reference.run_many(frames), strict=True)):
        for got, want in zip(engine.run(frame), wanted, strict=True):
            assert got.dtype == want.dtype
            compare(got, want.reshape(got.shape), ulps, atol, number)


def assert_beyond_refused(
    code: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    options: Options = None,
    *,
    status: str,
    text: str = "",
) -> None:
    """The extended engine refuses an op that TFLM lacks, and names it."""
    model = single_op(code, inputs, outputs, options)
    assert_refused(model, status, f"op 0 {code}", extended=True)
    assert_refused(model, status, text, extended=True)


def assert_only_extended(model: bytes, status: str, text: str) -> None:
    """The strict profile refuses a model because TFLM does; the extended one takes it."""
    assert_refused(model, status, text)
    assert_refused(model, status, "extended profile")
    Engine(model, extended=True)
