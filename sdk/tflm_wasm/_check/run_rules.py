"""Scenarios about invoke, _start and reset."""

from __future__ import annotations

import random
from typing import Final

from tflm_wasm._abi import BLOCK_BYTES, Feature, Status
from tflm_wasm._block import align
from tflm_wasm._check.bench import (
    Answer,
    Bench,
    answer,
    put_input,
    run,
    run_moved_output,
    status_name,
)
from tflm_wasm._check.layout import ADDRESSES
from tflm_wasm._check.sandbox import INVOKE, RESET, START, Sandbox

_GUARD_BYTES: Final = 64
_RANDOM_INPUTS: Final = 3
_MOST_OPS: Final = 0xFFFF
_MOST_STEPS: Final = 64  # a module of more operators runs several in one
_STEPS_SINCE: Final = 1  # the minor version
_JUNK: Final = b"\xa5"


def input_patterns(bytes_in: int) -> list[bytes]:
    """Return the inputs that every run of these scenarios gets, in order."""
    chance = random.Random(bytes_in)  # noqa: S311 - a test pattern
    noise = [chance.randbytes(bytes_in) for _ in range(_RANDOM_INPUTS)]
    return [noise[0], bytes(bytes_in), *noise[1:]]


class Runs:
    """Scenarios that compare what a run answers with what the same run answered at first."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        block = bench.loaded().block()
        self.bytes_in = block["input_size"]
        self.bytes_out = block["output_cap"]
        bench.room = align(self.bytes_in) + align(self.bytes_out) + 4 * _GUARD_BYTES
        self.inputs = input_patterns(self.bytes_in)
        self.expected: list[Answer] = []

    def accepts_input(self) -> None:
        """Invoke answers ok to zeros, and only ok or runtime to anything else."""
        sandbox = self.bench.loaded()
        zeros = run(sandbox, bytes(self.bytes_in))
        self._accepted(sandbox, zeros[0], (Status.OK,), "zeros")
        sandbox = self.bench.loaded()
        for data in self.inputs:
            found = run(sandbox, data)
            self._accepted(sandbox, found[0], (Status.OK, Status.RUNTIME), "random bytes")
            size = sandbox.block()["output_size"]
            right = found[0] != Status.OK or size == self.bytes_out
            detail = f"output_size is {size}, the outputs have {self.bytes_out} bytes"
            self.bench.ledger.hold("output.size", ok=right, detail=detail)
            self.expected.append(found)

    def _accepted(self, sandbox: Sandbox, status: int, fine: tuple[Status, ...], what: str) -> None:
        detail = f"{what}: {status_name(status)}: {sandbox.block().error_text}"
        self.bench.ledger.hold("invoke.accepts", ok=status in fine, detail=detail)

    def same(self, rule: str, sandbox: Sandbox, what: str) -> None:
        """Hold the run of all inputs against what it answered at first."""
        found = [run(sandbox, data) for data in self.inputs]
        self.bench.ledger.hold(rule, ok=found == self.expected, detail=f"{what}: other outputs")

    def is_repeatable(self) -> None:
        """What memory held before init does not matter."""
        self.same("result.repeatable", self.bench.loaded(), "a second instance")
        sandbox = self.bench.sandbox()
        heap_base = self.bench.static["heap_base"]
        start, size = self.bench.model_ptr, self.bench.model_size
        model = sandbox.read(start, size)
        sandbox.write(heap_base, _JUNK * (sandbox.size - heap_base))
        sandbox.write(start, model)
        self.same("result.repeatable", self.bench.load(sandbox), "heap filled with 0xa5")

    def is_stateless_unless_flagged(self) -> None:
        """Without the stateful bit, history does not matter."""
        sandbox = self.bench.loaded()
        if Feature.STATEFUL in sandbox.block().features:
            self.bench.ledger.note("result.stateful", ok=True)
            return
        for what in ("a first pass", "a second pass over the same inputs"):
            self.same("result.stateful", sandbox, what)

    def reset_restores(self) -> None:
        """Every reset leads to the same state."""
        sandbox = self.bench.loaded()
        run(sandbox, self.inputs[0])  # CALL_ONCE runs once in an instance, and not after a reset
        passes = []
        for _ in range(2):
            status = sandbox.call(RESET)
            self.bench.expect("reset.restores", status, Status.OK, "reset")
            passes.append([run(sandbox, data) for data in self.inputs])
        same = passes[0] == passes[1]
        self.bench.ledger.hold("reset.restores", ok=same, detail="other outputs after a reset")

    def init_starts_over(self) -> None:
        """A second init leads to the state of a new instance."""
        sandbox = self.bench.loaded()
        run(sandbox, self.inputs[-1])
        status = self.bench.init(sandbox)
        self.bench.expect("init.again", status, Status.OK, "a second init")
        self.same("init.again", sandbox, "after a second init")

    def starts_loaded(self) -> None:
        """A module that is loaded from the start needs no init."""
        if Feature.INITIALISED in self.bench.static.features:
            self.same("initialised.same", self.bench.new(), "without a call of init")
        else:
            self.bench.ledger.note("initialised.same", ok=True)

    def start_is_invoke(self) -> None:
        """_start runs the loaded model, or loads the embedded one first."""
        sandbox = self.bench.loaded()
        put_input(sandbox, self.inputs[0])
        found = answer(sandbox, sandbox.call(START))
        same = found == self.expected[0]
        self.bench.ledger.hold("start.same", ok=same, detail="_start gives other outputs")
        if Feature.EMBEDDED_MODEL in self.bench.static.features:
            sandbox = self.bench.new()
            status = sandbox.call(START)
            fine = status in (Status.OK, Status.RUNTIME) and sandbox.block()["output_count"] != 0
            detail = f"a first _start: {status_name(status)}: {sandbox.block().error_text}"
            self.bench.ledger.hold("start.same", ok=fine, detail=detail)

    # --- what invoke refuses; it goes on working after that ---

    def bad_input_sizes(self) -> None:
        """Invoke takes exactly the model's input."""
        sandbox = self.bench.loaded()
        for size in {self.bytes_in + 1, self.bytes_in - 1, -1, 0x7FFFFFFF} - {self.bytes_in}:
            sandbox.set_fields(input_size=size)
            status = sandbox.call(INVOKE)
            self.bench.expect("invoke.input_size", status, Status.INPUT_SIZE, f"input_size {size}")
        sandbox.set_fields(input_size=self.bytes_in)
        self.same("invoke.input_size", sandbox, "after sizes that were refused")

    def bad_pointers(self) -> None:
        """Invoke takes buffers in memory only."""
        sandbox = self.bench.loaded()
        outside = (sandbox.size, ADDRESSES - 16, 0, BLOCK_BYTES - 16)
        for name, size in (("input_ptr", self.bytes_in), ("output_ptr", self.bytes_out)):
            good = sandbox.block()[name]
            for address in outside if size > 16 else outside[:3] if size else ():
                sandbox.set_fields(**{name: address})
                status = sandbox.call(INVOKE)
                self.bench.expect("invoke.pointer", status, Status.POINTER, f"{name} {address}")
            sandbox.set_fields(**{name: good})
        self.same("invoke.pointer", sandbox, "after pointers that were refused")

    def small_output_caps(self) -> None:
        """Invoke never writes more than output_cap."""
        sandbox = self.bench.loaded()
        for cap in {self.bytes_out - 1, 0, -1} - {self.bytes_out}:
            sandbox.set_fields(output_cap=cap)
            status = sandbox.call(INVOKE)
            self.bench.expect("invoke.output_cap", status, Status.OUTPUT_CAP, f"output_cap {cap}")
            size = sandbox.block()["output_size"]
            detail = f"output_size is {size}, {self.bytes_out} bytes are needed"
            self.bench.ledger.hold("invoke.output_cap", ok=size == self.bytes_out, detail=detail)
        sandbox.set_fields(output_cap=self.bytes_out)
        self.same("invoke.output_cap", sandbox, "after caps that were refused")

    # --- buffers that the host moved ---

    def moved_input(self) -> None:
        """Inputs are read packed from where the host put them."""
        sandbox = self.bench.loaded()
        start = self._host_buffer(sandbox, "input.packed", self.bytes_in)
        if start is None:
            return
        sandbox.set_fields(input_ptr=start)
        found = []
        for data in self.inputs:
            sandbox.write(start, data)
            found.append(answer(sandbox, sandbox.call(INVOKE)))
        same = found == self.expected
        self.bench.ledger.hold("input.packed", ok=same, detail="other outputs from a moved input")

    def moved_output(self) -> None:
        """Outputs are written packed to where the host wants them."""
        sandbox = self.bench.loaded()
        start = self._host_buffer(sandbox, "output.packed", self.bytes_out)
        if start is None:
            return
        sandbox.set_fields(output_ptr=start)
        found = [run_moved_output(sandbox, data) for data in self.inputs]
        same = found == self.expected
        self.bench.ledger.hold("output.packed", ok=same, detail="other bytes in a moved output")

    # --- single operators ---

    def operators_in_order(self) -> None:
        """Invoke runs operators from the first on, and none that there are not."""
        rule, last = "invoke.step_order", ADDRESSES - 1
        sandbox = self.bench.loaded()
        if self._knows_no_steps(rule, sandbox):
            return
        count = sandbox.block()["op_count"]
        bad = [(0, count + 1), (1, 0), (1, 1), (last, last), (count + 1, count + 2), (0, last)]
        self._refuses(rule, sandbox, bad, "a new instance")
        sandbox.set_fields(op_first=0, op_end=0)
        self.same(rule, sandbox, "after operators that were refused")
        if count > 1:
            sandbox = self.bench.loaded()
            self._step(sandbox, 0, 1)
            self._refuses(rule, sandbox, [(2, 2), (1, 1)], "operator 0")
            self._step(sandbox, 0, 1)
            sandbox.call(RESET)
            self._refuses(rule, sandbox, [(1, 1), (1, 2)], "a reset")

    def operators_in_steps(self) -> None:
        """The operators one by one are a whole invoke."""
        rule = "invoke.steps"
        sandbox = self.bench.loaded()
        if self._knows_no_steps(rule, sandbox):
            return
        count = sandbox.block()["op_count"]
        detail = f"op_count is {count:,}"
        self.bench.ledger.hold(rule, ok=count <= _MOST_OPS, detail=detail)
        found = [self._in_steps(sandbox, data, count) for data in self.inputs]
        same = found == self.expected
        self.bench.ledger.hold(rule, ok=same, detail="other outputs than those of one invoke")

    def _knows_no_steps(self, rule: str, sandbox: Sandbox) -> bool:
        old = sandbox.block()["abi_minor"] < _STEPS_SINCE
        if old:
            self.bench.ledger.note(rule, ok=True)
        return old

    def _refuses(
        self, rule: str, sandbox: Sandbox, ranges: list[tuple[int, int]], when: str
    ) -> None:
        for first, end in ranges:
            status = self._step(sandbox, first, end)
            what = f"operators {first} to {end} after {when}"
            self.bench.expect(rule, status, Status.STATE, what)

    def _step(self, sandbox: Sandbox, first: int, end: int) -> int:
        sandbox.set_fields(op_first=first, op_end=end)
        return sandbox.call(INVOKE)

    def _in_steps(self, sandbox: Sandbox, data: bytes, count: int) -> Answer:
        """As `run`, some operators at a time; only the last step leaves outputs."""
        put_input(sandbox, data)
        size = max(1, -(-count // _MOST_STEPS))
        status: int = Status.OK
        for first in range(0, max(count, 1), size):
            end = min(first + size, count)
            status = self._step(sandbox, first, end)
            if status != Status.OK:
                break
            written = sandbox.block()["output_size"]
            right = written == (self.bytes_out if end == count else 0)
            detail = f"output_size is {written} after operators {first} to {end} of {count}"
            self.bench.ledger.hold("invoke.steps", ok=right, detail=detail)
        return answer(sandbox, status)

    def _host_buffer(self, sandbox: Sandbox, rule: str, size: int) -> int | None:
        """Return the address of a buffer behind the arena, or None: nothing to move it to."""
        start = self.bench.heap_end + _GUARD_BYTES
        if size and start + size + _GUARD_BYTES <= sandbox.size:
            return start
        why = "the memory can't grow to hold a buffer of the host" if size else "no bytes to move"
        self.bench.ledger.skip(rule, why=why)
        return None
