"""An instance, and the rules that hold for every call into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np

from tflm_wasm._abi import ABI_MINOR, BLOCK_BYTES, FIELDS, Feature, Status
from tflm_wasm._block import Block, place_arena
from tflm_wasm._check.layout import (
    ADDRESSES,
    Range,
    block_ranges,
    first_difference,
    name_at,
    output_bytes_at_pointer,
)
from tflm_wasm._check.report import Ledger, RuleBrokenError
from tflm_wasm._contract import RESERVED
from tflm_wasm._errors import (
    GuestError,
    GuestMemoryGrown,
    GuestTimeout,
    ModuleError,
    ModuleTooLargeError,
)
from tflm_wasm._guest import Guest

if TYPE_CHECKING:
    from tflm_wasm._compile import Compiled
    from tflm_wasm._limits import Limits

INIT: Final = "tflm_wasm_init"
INVOKE: Final = "wasm_invoke"
RESET: Final = "tflm_wasm_reset"
START: Final = "_start"
MANY: Final = "tflm_wasm_invoke_many"
_RUNS: Final = (INVOKE, START, MANY)
# What a call may write in the block; `features` only in its `stateful` bit.
_RUN_WRITES: Final = ("output_size", "status", "error_op", "error_subgraph", "error_text")
_INIT_WRITES: Final = (
    *(
        name
        for name, field in FIELDS.items()
        if field.written_by == "module" and name not in ("op_code", "frames_done")
    ),
    *("input_size", "features", "model_ptr", "model_size", "scratch_size"),
    *("descriptors", "error_text"),
)


class Sandbox:
    """An instance whose every call is held against the rules about any call.

    Raises:
        RuleBrokenError: The module does not instantiate.
    """

    def __init__(self, compiled: Compiled, limits: Limits, ledger: Ledger) -> None:
        self.ledger = ledger
        try:
            self._guest = Guest(compiled, limits)
        except ModuleError as error:
            ledger.hold("module.instantiate", ok=False, detail=str(error))
        ledger.note("module.instantiate", ok=True)

    # --- memory, as the host sees it ---

    @property
    def size(self) -> int:
        """Bytes of linear memory."""
        return len(self._guest.memory)

    def read(self, start: int, size: int) -> bytes:
        """Return memory `[start, start + size)`; the range lies inside memory."""
        return self._guest.memory[start : start + size].tobytes()

    def write(self, start: int, data: bytes) -> None:
        """Write memory at `start`; the range lies inside memory."""
        self._guest.memory[start : start + len(data)] = data

    def block(self) -> Block:
        """Return a copy of the control block."""
        return Block(self.read(0, BLOCK_BYTES))

    def set_fields(self, **values: int) -> None:
        """Write 32-bit fields of the block; negative values as two's complement."""
        for name, value in values.items():
            self.write(FIELDS[name].offset, (value % ADDRESSES).to_bytes(4, "little"))

    def make_room(self, end: int) -> bool:
        """Grow memory, as a host may between calls, to reach `end`; return whether it does."""
        try:
            self._guest.grow(end)
        except ModuleTooLargeError:
            return False
        return True

    # --- calls ---

    def init(self, model: int, size: int, scratch: int) -> int:
        """Call init; the arguments are unsigned 32-bit numbers. Return the status."""
        inside = model >= BLOCK_BYTES and model + size <= self.size
        read_only = (model, model + size) if inside else (0, 0)
        arena = place_arena(self.block()["heap_base"], model, size, scratch)
        arguments = [_signed(value) for value in (model, size, scratch)]
        return self._call(INIT, arguments, _INIT_WRITES, read_only, [(arena, arena + scratch)])

    def call(self, name: str) -> int:
        """Call invoke, reset or _start; return the status."""
        block = self.block()
        model = block["model_ptr"], block["model_size"], block["scratch_size"]
        loads = name == START and block["output_count"] == 0
        arena = place_arena(block["heap_base"], *model) if loads else block["arena_ptr"]
        own = [(arena, arena + model[2])]
        if name != RESET:
            output = block["output_ptr"] % ADDRESSES
            own.append((output, output + max(block["output_cap"], 0)))
        writes: tuple[str, ...] = _INIT_WRITES if loads else _RUN_WRITES
        if name != RESET and (block["op_first"] or block["op_end"]):
            writes = (*writes, "op_code")
        return self._call(name, [], writes, (model[0], model[0] + model[1]), own)

    def call_many(self, inputs: int, outputs: int, count: int) -> int:
        """Call invoke_many; the arguments are unsigned 32-bit numbers. Return the status."""
        block = self.block()
        model = block["model_ptr"], block["model_ptr"] + block["model_size"]
        arena = block["arena_ptr"]
        written = outputs, outputs + count * max(block["output_cap"], 0)
        own = [(arena, arena + block["scratch_size"]), written]
        arguments = [_signed(value) for value in (inputs, outputs, count)]
        return self._call(MANY, arguments, (*_RUN_WRITES, "frames_done"), model, own)

    def _call(
        self,
        name: str,
        arguments: list[int],
        writes: Iterable[str],
        read_only: Range,
        own: list[Range],
    ) -> int:
        memory = np.array(self._guest.memory)
        before = self.block()
        returned = self._run(name, arguments)
        after = self.block()
        self._hold("block.canary", name, "damaged", ok=after.canary_is_intact)
        status = after["status"]
        if returned is not None:
            detail = f"returned {returned}, status holds {status}"
            self._hold("status.field", name, detail, ok=returned == status)
        self._check_status(name, status, after)
        # Success without a model is for `order.state` to find.
        if status == Status.OK and name in _RUNS and after["output_count"] != 0:
            self._check_output(name, before, after)
        self._check_block(name, before, after, writes)
        self._check_memory(name, memory, read_only, own)
        return status

    def _hold(self, rule: str, call: str, detail: str, *, ok: bool) -> None:
        self.ledger.hold(rule, ok=ok, detail=f"{call}: {detail}")

    def _run(self, name: str, arguments: list[int]) -> int | None:
        try:
            result = self._guest.call(name, *arguments)
        except GuestError as error:
            rule = "call.trap"
            if isinstance(error, GuestTimeout):
                rule = "call.time"
            elif isinstance(error, GuestMemoryGrown):
                rule = "memory.fixed"
            self.ledger.note(rule, ok=False, detail=str(error).splitlines()[0])
            raise RuleBrokenError(rule) from error
        for rule in ("call.trap", "call.time", "memory.fixed"):
            self.ledger.note(rule, ok=True)
        return result

    def _check_status(self, name: str, status: int, after: Block) -> None:
        known = status in list(Status) or (status < 0 and after["abi_minor"] > ABI_MINOR)
        self._hold("status.code", name, f"answered {status}", ok=known)
        raw, end, _ = after.region("error_text").partition(b"\0")
        try:
            has_text = bool(raw.decode().strip())
        except UnicodeDecodeError:
            has_text = False
            self._hold("status.text", name, "not UTF-8", ok=False)
        self._hold("status.text", name, "no NUL at the end", ok=bool(end))
        detail = f"status {status} with the text {after.error_text!r}"
        self._hold("status.text", name, detail, ok=has_text == (status != Status.OK))
        indices = after["error_op"], after["error_subgraph"]
        fine = indices == (-1, -1) if status == Status.OK else min(indices) >= -1
        detail = f"error_op and error_subgraph are {indices} at status {status}"
        self._hold("status.op", name, detail, ok=fine)

    def _check_output(self, name: str, before: Block, after: Block) -> None:
        start, size = after["output_ptr"] % ADDRESSES, after["output_size"]
        end = start + output_bytes_at_pointer(after, size)
        inside = size >= 0 and start >= BLOCK_BYTES and end <= self.size
        detail = f"{size} bytes at {start}, memory has {self.size:,}"
        self._hold("output.range", name, detail, ok=inside)
        # _start may have loaded the model just now, and written output_cap then.
        cap = max(before["output_cap"], after["output_cap"])
        self._hold("output.cap", name, f"{size} bytes, output_cap is {cap}", ok=size <= cap)

    def _check_block(self, name: str, before: Block, after: Block, writes: Iterable[str]) -> None:
        old = np.frombuffer(before.copy(), np.uint8)
        new = np.frombuffer(after.copy(), np.uint8)
        changed = first_difference(old, new, 0, [*block_ranges(writes), *RESERVED])
        what = name_at(changed) if changed is not None else ""
        self._hold("block.fixed", name, f"changed {what}", ok=changed is None)
        bits = (before["features"] ^ after["features"]) & ~Feature.STATEFUL
        self._hold("block.fixed", name, f"changed feature bits {bits:#x}", ok=bits == 0)
        self.check_reserved(after, name)

    def check_reserved(self, block: Block, when: str) -> None:
        """Hold the reserved bytes against their rule."""
        data = block.copy()
        is_known = block["abi_minor"] <= ABI_MINOR
        dirty = [low for low, high in RESERVED if is_known and any(data[low:high])]
        detail = f"bytes from {dirty[0] if dirty else 0} on are not zero"
        self._hold("block.reserved", when, detail, ok=not dirty)

    def _check_memory(
        self,
        name: str,
        before: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
        read_only: Range,
        own: list[Range],
    ) -> None:
        now = np.asarray(self._guest.memory)
        low, high = read_only
        same = np.array_equal(before[low:high], now[low:high])
        self._hold("model.readonly", name, "changed bytes of the model", ok=same)
        base = self.block()["heap_base"]
        outside = first_difference(before[base:], now[base:], base, [*own, read_only])
        detail = f"changed the byte at {outside}"
        self._hold("write.outside", name, detail, ok=outside is None)


def _signed(value: int) -> int:
    """Return the i32 with the bits of an unsigned 32-bit number."""
    return value - ADDRESSES if value >= ADDRESSES // 2 else value
