"""An engine's process: ``python -m tflm_wasm.bench._worker RUNTIME VARIANT``.

Requests come on standard input, replies go to the descriptor that standard output was at the start,
in the messages of `oracles._frames`. docs/how-to/benchmark.md says what each request means, so that
other programs can be engines, too.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np

from tflm_wasm.bench._runtimes import Own, Runtime, load, open_model
from tflm_wasm.oracles._frames import Array, array_bytes, decode_arrays, encode

_Header: TypeAlias = dict[str, Any]
_CLOCKS: Final = {"wall": time.perf_counter_ns, "cpu": time.thread_time_ns}


_PEAK: Final = Path(__file__).with_name("peak.wat")
_PEAK_ROUNDS: Final = 100_000
_PEAK_MACS: Final = 64  # a round


class NotOffered(Exception):
    """The runtime has no such thing."""


class Server:
    """Answers requests about one model."""

    def __init__(self, name: str, variant: str) -> None:
        self._name, self._variant = name, variant
        self._path = ""
        self._runtime: Runtime | None = None
        self._frames: list[list[Array]] = []
        self._commands: dict[str, Callable[[_Header], _Header]] = {
            "load": self._load,
            "open": self._open,
            "invoke": self._invoke,
            "run": self._run,
            "loop": self._loop,
            "many": self._many,
            "reopen": self._reopen,
            "acquire": self._acquire,
            "threads": self._threads,
            "peak": self._peak,
        }

    def answer(self, header: _Header, arrays: list[Array]) -> _Header:
        """Return the reply."""
        try:
            if header["command"] == "frames":
                return self._keep(header, arrays)
            command = self._commands.get(header["command"])
            if command is None:
                raise NotOffered(header["command"])
            return {"ok": True, **command(header)}
        except NotOffered as error:
            return {"ok": False, "offered": False, "error": f"{error} is not offered"}
        # A runtime may raise anything at all; whatever it is, it is its answer.
        except Exception as error:  # noqa: BLE001
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    @property
    def _model(self) -> Runtime:
        if self._runtime is None:
            raise RuntimeError("no model is open")
        return self._runtime

    def _keep(self, header: _Header, arrays: list[Array]) -> _Header:
        size = header["inputs"]
        self._frames = [arrays[i : i + size] for i in range(0, len(arrays), size)]
        return {"ok": True}

    def _chosen(self, header: _Header) -> list[list[Array]]:
        """Return as many frames as are asked for, over and over."""
        return list(islice(cycle(self._frames), header["count"]))

    def _load(self, _: _Header) -> _Header:
        load(self._name)
        return {}

    def _open(self, header: _Header) -> _Header:
        self._path = header["path"]
        self._runtime = open_model(self._name, self._variant, self._path)
        return {"memory": self._runtime.memory()}

    def _invoke(self, header: _Header) -> _Header:
        clock, times = _clock(header), []
        write, invoke = self._model.write, self._model.invoke
        for frame in self._chosen(header):
            write(frame)
            start = clock()
            invoke()
            times.append(clock() - start)
        return {"nanoseconds": times}

    def _run(self, header: _Header) -> _Header:
        clock, run, times = _clock(header), self._model.run, []
        for frame in self._chosen(header):
            start = clock()
            run(frame)
            times.append(clock() - start)
        return {"nanoseconds": times}

    def _loop(self, header: _Header) -> _Header:
        """Time all frames as one, each from arrays to arrays."""
        clock, run, frames = _clock(header), self._model.run, self._chosen(header)
        start = clock()
        for frame in frames:
            run(frame)
        return {"nanoseconds": [clock() - start]}

    def _own(self, what: str) -> Own:
        if isinstance(self._model, Own):
            return self._model
        raise NotOffered(what)

    def _many(self, header: _Header) -> _Header:
        """Time all frames in one call."""
        session = self._own("invoke_many").session
        stacked = [np.stack(arrays) for arrays in zip(*self._chosen(header), strict=True)]
        clock = _clock(header)
        start = clock()
        session.invoke_many(*stacked)
        return {"nanoseconds": [clock() - start]}

    def _reopen(self, header: _Header) -> _Header:
        """Time opening a copy of the file, each time another one, to the first output."""
        clock, times = _clock(header), []
        kept: list[Runtime] = []
        with TemporaryDirectory() as folder:
            for index, frame in enumerate(self._chosen(header)):
                path = shutil.copyfile(self._path, Path(folder, f"{index}{self._path[-5:]}"))
                start = clock()
                runtime = open_model(self._name, self._variant, str(path))
                runtime.run(frame)
                times.append(clock() - start)
                if header.get("keep"):
                    kept.append(runtime)
                else:
                    runtime.close()
        for runtime in kept:
            runtime.close()
        return {"nanoseconds": times}

    def _acquire(self, header: _Header) -> _Header:
        """Time taking a session from a pool."""
        from tflm_wasm import Pool

        clock, times = _clock(header), []
        with Pool(self._own("a pool").session.module, size=1) as pool:
            for _ in range(header["count"]):
                lease = pool.session()
                start = clock()
                session = lease.__enter__()
                times.append(clock() - start)
                session.invoke()
                lease.__exit__(None, None, None)
        return {"nanoseconds": times}

    def _threads(self, header: _Header) -> _Header:
        """Time threads that each invoke a model of their own, from the first start to the end."""
        frame = self._frames[0]
        runtimes = [
            open_model(self._name, self._variant, self._path) for _ in range(header["threads"])
        ]
        barrier = threading.Barrier(len(runtimes) + 1)
        failures: list[Exception] = []

        def work(runtime: Runtime) -> None:
            try:
                runtime.write(frame)
                runtime.invoke()
                barrier.wait()
                for _ in range(header["count"]):
                    runtime.invoke()
            except threading.BrokenBarrierError:
                pass  # another thread says why
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)
                barrier.abort()

        threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in runtimes]
        for thread in threads:
            thread.start()
        with suppress(threading.BrokenBarrierError):
            barrier.wait()
        clock = _CLOCKS["wall"]
        start = clock()
        for thread in threads:
            thread.join()
        took = clock() - start
        if failures:
            raise failures[0]
        return {"nanoseconds": [took]}

    def _peak(self, header: _Header) -> _Header:
        """Time the products that kernels are made of, in the runtime of ours; tell how many."""
        import wasmtime

        self._own("a peak")
        store = wasmtime.Store()
        module = wasmtime.Module(store.engine, _PEAK.read_text("utf-8"))
        run = wasmtime.Instance(store, module, []).exports(store)["run"]
        assert isinstance(run, wasmtime.Func)  # noqa: S101 - for the type checker
        clock, times = _clock(header), []
        for _ in range(header["count"]):
            start = clock()
            run(store, _PEAK_ROUNDS)
            times.append(clock() - start)
        return {"nanoseconds": times, "macs": _PEAK_ROUNDS * _PEAK_MACS}


def _clock(header: _Header) -> Callable[[], int]:
    """Return the clock that a request asks for, in ns."""
    return _CLOCKS[header.get("clock", "wall")]


def main() -> None:
    """Serve requests until standard input ends."""
    replies: BinaryIO = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    server, requests = Server(*sys.argv[1:3]), sys.stdin.buffer
    while prefix := requests.read(4):
        header = json.loads(requests.read(struct.unpack("<I", prefix)[0]))
        reply = server.answer(header, decode_arrays(header, requests.read(array_bytes(header))))
        sys.stderr.flush()
        replies.write(encode(reply))
        replies.flush()


if __name__ == "__main__":
    main()
