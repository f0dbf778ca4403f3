"""Running models on the bare engine through the ABI, and comparing with the oracle.

The SDK is not involved, so a failure here is the engine's. TFLM_WASM_ENGINE names another
engine.wasm than the package's, for work on a kernel.
"""

from __future__ import annotations

import atexit
import functools
import os
import struct
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wasmtime

from tflm_wasm import _abi
from tflm_wasm.oracles import Oracle, installed

DTYPES = {0: "float32", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8"}
DTYPES |= {1: "float16", 8: "complex64", 10: "float64", 11: "complex128", 12: "uint64"}
DTYPES[15] = "uint32"
ARENA_BYTES = 4 << 20


@functools.cache
def _compiled() -> tuple[wasmtime.Engine, wasmtime.Module]:
    default = Path(_abi.__file__).parent / "engine.wasm"
    path = Path(os.environ.get("TFLM_WASM_ENGINE", default))
    config = wasmtime.Config()
    config.epoch_interruption = True
    engine = wasmtime.Engine(config)
    threading.Thread(target=_tick, args=(engine,), daemon=True).start()
    return engine, wasmtime.Module(engine, path.read_bytes())


def _tick(engine: wasmtime.Engine) -> None:
    while True:
        time.sleep(1)
        engine.increment_epoch()


class EngineError(Exception):
    """A call returned a status other than ok."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{_abi.Status(status).name}: {text}")
        self.status = _abi.Status(status)
        self.text = text


class Engine:
    """One model on one instance of the engine; a call that runs `time_limit_s` seconds traps.

    `extended` opts into the extended profile; sizes are not limited either way.
    """

    def __init__(
        self,
        model: bytes,
        *,
        arena_bytes: int = ARENA_BYTES,
        time_limit_s: int = 60,
        extended: bool = False,
    ) -> None:
        engine, module = _compiled()
        self._store = wasmtime.Store(engine)
        self._time_limit_s = time_limit_s
        self._store.set_epoch_deadline(time_limit_s)
        exports = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._exports: Any = exports
        self._memory: Any = exports["memory"]
        if extended:
            self._set("features", self.get("features") | _abi.Feature.EXTENDED)
        self._set("max_model_size", 1 << 26)
        self._set("max_input_size", 1 << 24)
        address = -(-self.get("heap_base") // 16) * 16
        needed = address + len(model) + 16 + arena_bytes
        pages = -(-needed // 65536) - self._memory.size(self._store)
        self._memory.grow(self._store, max(0, pages))
        self._memory.write(self._store, model, address)
        self._check(self._call("tflm_wasm_init", address, len(model), arena_bytes))

    def _call(self, name: str, *arguments: int) -> int:
        self._store.set_epoch_deadline(self._time_limit_s)
        return int(self._exports[name](self._store, *arguments))

    def _set(self, name: str, value: int) -> None:
        field = _abi.FIELDS[name]
        self._memory.write(self._store, struct.pack(field.code, value), field.offset)

    def get(self, name: str) -> int:
        """Return a field of the control block."""
        field = _abi.FIELDS[name]
        size = struct.calcsize(field.code)
        data = self._memory.read(self._store, field.offset, field.offset + size)
        return int(struct.unpack(field.code, data)[0])

    def _check(self, status: int) -> None:
        if status != 0:
            start, size = _abi.REGIONS["error_text"]
            text = bytes(self._memory.read(self._store, start, start + size)).split(b"\0")[0]
            raise EngineError(status, text.decode())

    def _descriptor(self, index: int) -> tuple[int, int, np.dtype[Any], list[int]]:
        start = _abi.REGIONS["descriptors"][0] + index * _abi.DESCRIPTOR_BYTES
        raw = bytes(self._memory.read(self._store, start, start + _abi.DESCRIPTOR_BYTES))
        address, size, kind, rank = struct.unpack_from("<IIBB", raw)
        dims = list(struct.unpack_from("<8i", raw, 24)[:rank])
        return address, size, np.dtype(DTYPES[kind]), dims

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Invoke once; inputs and outputs in the model's order."""
        for i, array in enumerate(inputs):
            address, size, dtype, dims = self._descriptor(i)
            assert array.nbytes == size, (array.shape, dims)
            assert array.dtype == dtype
            self._memory.write(self._store, array.tobytes(), address)
        self._check(self._call("wasm_invoke"))
        outputs = []
        for i in range(self.get("output_count")):
            address, size, dtype, dims = self._descriptor(self.get("input_count") + i)
            data = bytes(self._memory.read(self._store, address, address + size))
            outputs.append(np.frombuffer(data, dtype).reshape(dims))
        return outputs

    def random_inputs(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Return random bytes for each input."""
        inputs = []
        for i in range(self.get("input_count")):
            _, size, dtype, dims = self._descriptor(i)
            inputs.append(np.frombuffer(rng.bytes(size), dtype).reshape(dims))
        return inputs

    def run_random(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Invoke once on random bytes."""
        return self.run(self.random_inputs(rng))

    def reset(self) -> None:
        """Reset variable tensors and resource variables."""
        self._check(self._call("tflm_wasm_reset"))


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
