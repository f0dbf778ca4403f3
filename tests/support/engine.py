"""Comparing models on the bare engine with the oracle.

Nothing is built from the models, so a failure here is the engine's. TFLM_WASM_ENGINE names another
engine.wasm than the package's, for work on a kernel.
"""

from __future__ import annotations

import atexit
import functools
from collections.abc import Collection, Sequence

import numpy as np
import pytest

from tflm_wasm import _abi
from tflm_wasm.conformance import Engine as Engine
from tflm_wasm.conformance import EngineError as EngineError
from tflm_wasm.oracles import Oracle, installed


@functools.cache
def oracle() -> Oracle:
    """Return TFLM in its worker process, shared by the tests of one process."""
    if not installed("tflite_micro"):
        pytest.skip(
            "tflite_micro is not installed: pip install 'tflm-wasm[oracles]' (Linux x86-64)"
        )
    worker = Oracle("tflite_micro")
    atexit.register(worker.close)
    return worker


def assert_equal_to_tflm(
    model: bytes,
    frames: Sequence[Sequence[np.ndarray]],
    *,
    ulps: int | None = None,
    atol: float = 0.0,
    resets: Collection[int] = (),
) -> None:
    """Run frames in order on the engine and on TFLM; outputs must be the same bytes.

    Both are reset in front of the frames whose numbers are in `resets`. With `ulps`, float32
    outputs may differ by that many units in the last place, with `atol` by that much.
    """
    tflm = oracle()
    tflm.open(model)
    expected = []
    starts = sorted({0, *resets})
    for start, end in zip(starts, [*starts[1:], len(frames)], strict=True):
        if start in resets:
            tflm.reset()
        expected += tflm.run_many(frames[start:end])
    engine = Engine(model)
    for number, (frame, wanted) in enumerate(zip(frames, expected, strict=True)):
        if number in resets:
            engine.reset()
        for got, want in zip(engine.run(frame), wanted, strict=True):
            assert got.dtype == want.dtype
            compare(got, want.reshape(got.shape), ulps, atol, number)


def assert_refused(model: bytes, status: str, text: str = "", *, extended: bool = False) -> None:
    """Init must fail with this status, its sentence containing `text`."""
    with pytest.raises(EngineError) as caught:
        Engine(model, extended=extended)
    assert caught.value.status is _abi.Status[status.upper()], caught.value
    assert text in caught.value.text


def compare(got: np.ndarray, want: np.ndarray, ulps: int | None, atol: float, frame: int) -> None:
    """Fail unless both are the same bytes, or floats no further apart than allowed."""
    if got.tobytes() == want.tobytes():
        return
    if got.dtype == np.float32:
        both_nan = np.isnan(got) & np.isnan(want)
        close = both_nan | np.isclose(got, want, rtol=0.0, atol=atol)
        distance = np.where(close, 0, np.abs(_ordered(got) - _ordered(want)))
        if distance.max() <= (ulps or 0):
            return
        where = np.unravel_index(int(distance.argmax()), got.shape)
        pytest.fail(
            f"frame {frame}: {distance.max()} ulp apart at {where}: {got[where]!r}, not "
            f"{want[where]!r}; {np.count_nonzero(distance)} of {got.size} differ"
        )
    different = np.argwhere(got != want)
    where = tuple(int(i) for i in different[0])
    pytest.fail(
        f"frame {frame}: {len(different)} of {got.size} differ, first at {where}: "
        f"{got[where]!r}, not {want[where]!r}"
    )


def _ordered(x: np.ndarray) -> np.ndarray:
    """Map float32 to int64 so that neighbouring floats are neighbouring integers (-0 equals 0)."""
    bits = x.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
