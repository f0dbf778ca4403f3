"""All benchmarks by name."""

from __future__ import annotations

from typing import Final

from tflm_wasm.bench._acquire import Acquire
from tflm_wasm.bench._benchmark import Benchmark
from tflm_wasm.bench._board import Board
from tflm_wasm.bench._cold import Process, Reopen
from tflm_wasm.bench._endurance import Endurance
from tflm_wasm.bench._latency import Invoke, SetInvokeGet, Stream
from tflm_wasm.bench._memory import Memory
from tflm_wasm.bench._peak import Peak
from tflm_wasm.bench._threads import Threads

BENCHMARKS: Final[dict[str, type[Benchmark]]] = {
    kind.name: kind
    for kind in (
        *(Invoke, SetInvokeGet, Stream, Reopen, Process, Acquire, Memory, Threads, Endurance),
        *(Peak, Board),
    )
}
