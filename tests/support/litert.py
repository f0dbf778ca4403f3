"""Comparing with LiteRT's reference kernels, where TFLM has no answer."""

from __future__ import annotations

import atexit
import functools
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.engine import Engine, compare
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
    model: bytes, frames: Sequence[Sequence[np.ndarray]], *, ulps: int | None = None
) -> None:
    """Run frames in order on the engine and on LiteRT; outputs must be the same bytes.

    With `ulps`, float32 outputs may differ by that many units in the last place.
    """
    reference = litert()
    reference.open(model)
    engine = Engine(model)
    for number, (frame, wanted) in enumerate(zip(frames, reference.run_many(frames), strict=True)):
        for got, want in zip(engine.run(frame), wanted, strict=True):
            assert got.dtype == want.dtype
            compare(got, want.reshape(got.shape), ulps, 0.0, number)
