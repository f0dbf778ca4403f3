"""Scenarios about invoke_many, which a module may export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tflm_wasm._abi import BLOCK_BYTES, Status
from tflm_wasm._block import align
from tflm_wasm._check.bench import status_name
from tflm_wasm._check.layout import ADDRESSES

if TYPE_CHECKING:
    from tflm_wasm._check.bench import Answer, Bench
    from tflm_wasm._check.run_rules import Runs
    from tflm_wasm._check.sandbox import Sandbox

_GUARD_BYTES: Final = 64
_RULES: Final = ("many.pointer", "many.same", "many.frames")


def _for(size: int, outside: tuple[int, ...]) -> tuple[int, ...]:
    """Return the addresses where a buffer of `size` bytes may not be: a small one fits between."""
    return outside if size > 16 else outside[:3] if size else ()


class Many:
    """Scenarios that compare many frames in one call with what `runs` found call by call."""

    def __init__(self, bench: Bench, runs: Runs) -> None:
        self.bench = bench
        self.runs = runs

    def bad_buffers(self) -> None:
        """invoke_many takes buffers in memory only."""
        sandbox = self.bench.loaded()
        places = self._buffers(sandbox)
        if places is None:
            return
        inputs, outputs = places
        outside = sandbox.size, ADDRESSES - 16, 0, BLOCK_BYTES - 16
        bad = [(inputs, start, 1) for start in _for(self.runs.bytes_out, outside)]
        bad += [(start, outputs, 1) for start in _for(self.runs.bytes_in, outside)]
        if self.runs.bytes_out:
            most = ADDRESSES - 1
            wraps = min(ADDRESSES // self.runs.bytes_out + 1, most)  # few bytes, modulo 2^32
            bad += [(inputs, outputs, wraps), (inputs, outputs, most)]
        for start, end, count in bad:
            status = sandbox.call_many(start, end, count)
            what = f"{count} frames at {start}, outputs at {end}"
            self.bench.expect("many.pointer", status, Status.POINTER, what)
        self.runs.same("many.pointer", sandbox, "after buffers that were refused")

    def frames_in_order(self) -> None:
        """invoke_many is as many invokes, up to the first that fails."""
        sandbox = self.bench.loaded()
        places = self._buffers(sandbox)
        if places is None:
            return
        inputs, outputs = places
        sandbox.write(inputs, b"".join(self.runs.inputs))
        done, last = self._wanted()
        hold = self.bench.ledger.hold
        status = sandbox.call_many(inputs, outputs, len(self.runs.inputs))
        hold("many.same", ok=status == last, detail=f"{status_name(status)}, not {last}")
        found = sandbox.block()["frames_done"]
        hold("many.frames", ok=found == len(done), detail=f"frames_done is {found} of {len(done)}")
        data = sandbox.read(outputs, len(done) * self.runs.bytes_out)
        same = data == b"".join(data for _, data in done)
        hold("many.same", ok=same, detail="other outputs than those of as many invokes")

    def _wanted(self) -> tuple[list[Answer], int]:
        """Return the answers before the first failure, and the status of the whole call."""
        done: list[Answer] = []
        for answer in self.runs.expected:
            if answer[0] != Status.OK:
                return done, answer[0]
            done.append(answer)
        return done, Status.OK

    def _buffers(self, sandbox: Sandbox) -> tuple[int, int] | None:
        """Return where inputs and outputs of all frames go, or None: nothing to look at here."""
        if not self.bench.has_many:
            for rule in _RULES:
                self.bench.ledger.note(rule, ok=True)
            return None
        count = len(self.runs.inputs)
        inputs = self.bench.heap_end + _GUARD_BYTES
        outputs = align(inputs + count * self.runs.bytes_in) + _GUARD_BYTES
        if sandbox.make_room(outputs + count * self.runs.bytes_out + _GUARD_BYTES):
            return inputs, outputs
        self.bench.ledger.skip(*_RULES, why="the memory can't grow to hold frames of the host")
        return None
