"""What a guest may and may not have changed, checked after each call; rule names are the ABI's."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from math import isfinite, prod
from typing import Final

from tflm_wasm import _abi
from tflm_wasm._block import Block, Descriptor, place_arena
from tflm_wasm._errors import ContractError, GuestStackOverflow
from tflm_wasm._tensor import view_bytes

# Fields that a call may change, besides the error text; init may change more.
_WRITTEN_BY_CALLS: Final = frozenset(
    ("output_size", "status", "error_op", "error_subgraph", "op_code", "frames_done")
)
_KEPT_BY_INIT: Final = tuple(
    name
    for name, info in _abi.FIELDS.items()
    if info.written_by == "static"
    and name not in ("features", "model_ptr", "model_size", "scratch_size")
)


def _span(name: str) -> tuple[int, int]:
    """Return where a field or region of the block lies, as (start, stop)."""
    if name in _abi.REGIONS:
        offset, size = _abi.REGIONS[name]
    else:
        offset, size = _abi.FIELDS[name].offset, struct.calcsize(_abi.FIELDS[name].code)
    return offset, offset + size


def _between(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return what lies between these parts of the block."""
    taken = sorted(spans)
    starts = [0, *(stop for _, stop in taken)]
    stops = [*(start for start, _ in taken), _abi.BLOCK_BYTES]
    return tuple((a, b) for a, b in zip(starts, stops, strict=True) if a < b)


# Fields that are 0 before the first invoke of a model that is loaded.
ZERO_AFTER_INIT: Final = ("status", "output_size", "op_first", "op_end", "op_code", "frames_done")

# Bytes of the block that no field, region or descriptor uses.
RESERVED: Final = _between(
    _span(name) for name in (*_abi.FIELDS, *_abi.REGIONS) if name != "reserved"
)
_FREE: Final = tuple(_span(name) for name in (*_WRITTEN_BY_CALLS, "error_text"))
# Parts that no invoke or reset may change; a later minor version may use what is reserved here.
_FIXED: Final = _between(_FREE)
_FIXED_LATER: Final = _between((*_FREE, *RESERVED))


def check_status(block: Block, returned: int) -> _abi.Status:
    """Return the status of a call, after checking the canary and that the block agrees.

    Raises:
        GuestStackOverflow: The canary is gone, or the guest says so itself.
        ContractError: The code is unknown, or the block holds another one.
    """
    if not block.canary_is_intact or returned == _abi.Status.STACK:
        raise GuestStackOverflow("The guest's C stack ran into the control block")
    try:
        status = _abi.Status(returned)
    except ValueError:
        raise ContractError(f"The guest returned {returned}", rule="status.code") from None
    if block["status"] != returned:
        raise ContractError(
            f"The guest returned {returned}, its block says {block['status']}", rule="status.field"
        )
    return status


def check_init(before: bytes, block: Block, passed: tuple[int, int, int]) -> None:
    """Check the fields after a successful init.

    Args:
        before: The block before the call.
        block: The block after it.
        passed: Model address, model size and scratch size, as passed.

    Raises:
        ContractError: A static field changed, or a field contradicts what was passed.
    """
    old = Block(before)
    for name in _KEPT_BY_INIT:
        if old[name] != block[name]:
            raise ContractError(f"init changed the static field {name}", rule="block.fixed")
    if (old.features ^ block.features) & ~_abi.Feature.STATEFUL:
        raise ContractError("init changed feature bits other than stateful", rule="block.fixed")
    found = (block["model_ptr"], block["model_size"], block["scratch_size"])
    if found != passed or not block["arena_used"] <= block["arena_needed"] <= passed[2]:
        raise ContractError("init left other sizes than were passed", rule="init.fields")


def check_loaded(block: Block, memory_bytes: int) -> None:
    """Check the fields of a module that is loaded from the start, as after a successful init.

    Args:
        block: The block before any call.
        memory_bytes: Size of linear memory.

    Raises:
        ContractError: They are not as init leaves them.
    """
    model, scratch = (block["model_ptr"], block["model_size"]), block["scratch_size"]
    arena = place_arena(block["heap_base"], *model, scratch)
    if block["arena_ptr"] != arena or arena + scratch > memory_bytes:
        raise _not_loaded(f"the arena of {scratch:,} bytes is at {block['arena_ptr']}")
    if not block["arena_used"] <= block["arena_needed"] <= scratch:
        raise _not_loaded("arena_used, arena_needed and scratch_size are out of order")
    if (block["error_op"], block["error_subgraph"]) != (-1, -1) or block.region("error_text")[0]:
        raise _not_loaded("it holds an error")
    if any(block[name] for name in ZERO_AFTER_INIT):
        raise _not_loaded(f"one of {', '.join(ZERO_AFTER_INIT)} is not 0")


def _not_loaded(why: str) -> ContractError:
    message = f"The block is not as init leaves it, though the module says so: {why}"
    return ContractError(message, rule="block.initialised")


def descriptors(block: Block, memory_bytes: int) -> tuple[list[Descriptor], list[Descriptor]]:
    """Return the checked descriptors of inputs and of outputs.

    Raises:
        ContractError: A descriptor is wrong, or the block's pointers and sizes do not match.
    """
    inputs, outputs = block["input_count"], block["output_count"]
    if outputs < 1 or inputs + outputs > _abi.MAX_IO_TENSORS:
        raise ContractError(f"{inputs} inputs and {outputs} outputs", rule="descriptor.count")
    found = [block.descriptor(index) for index in range(inputs + outputs)]
    lowest = _abi.BLOCK_BYTES + block["stack_size"]
    for index, one in enumerate(found):
        _check_descriptor(index, one, lowest, memory_bytes)
    first, rest = found[:inputs], found[inputs:]
    if (
        block["input_size"] != sum(one.bytes for one in first)
        or block["output_cap"] != sum(one.bytes for one in rest)
        or (first and block["input_ptr"] != first[0].address)
        or block["output_ptr"] != rest[0].address
        or block["input_size"] > block["max_input_size"]
    ):
        raise ContractError("The block's pointers do not match its tensors", rule="io.fields")
    return first, rest


def _check_descriptor(index: int, one: Descriptor, lowest: int, memory_bytes: int) -> None:
    element = view_bytes(one.type)
    if (
        element is None
        or one.rank > _abi.MAX_RANK
        or any(dim < 0 for dim in one.shape)
        or prod(one.shape) * element != one.bytes
        or not (isfinite(one.scale) and one.scale >= 0)
    ):
        raise ContractError(f"Descriptor {index} is inconsistent: {one}", rule="descriptor.shape")
    if one.address < lowest or one.address + one.bytes > memory_bytes:
        raise ContractError(
            f"Tensor {index} at [{one.address}, {one.address + one.bytes}) is not in memory",
            rule="descriptor.memory",
        )


class Fixture:
    """The block as init left it; `check` compares the parts that must stay.

    Args:
        block: The block of the guest.
        outputs: The checked descriptors of its outputs.
        memory_bytes: Size of linear memory.
    """

    def __init__(self, block: Block, outputs: list[Descriptor], memory_bytes: int) -> None:
        self._output_bytes = sum(one.bytes for one in outputs)
        # Several outputs need not follow each other in memory: then only the first is at the
        # output pointer, and the descriptors say where the others are.
        self._first_bytes = outputs[0].bytes if len(outputs) > 1 else None
        self._memory_bytes = memory_bytes
        self._content = block.copy()
        fixed = _FIXED if block["abi_minor"] <= _abi.ABI_MINOR else _FIXED_LATER
        self._spans = [(a, b, self._content[a:b]) for a, b in fixed]

    def settle(self, block: Block, returned: int, *, has_outputs: bool) -> None:
        """Check everything that a call left.

        Args:
            block: The block.
            returned: The status that the call returned.
            has_outputs: Whether the outputs are there when it succeeded.

        Raises:
            GuestStatusError: The call says no.
            GuestStackOverflow, ContractError: The guest misbehaved.
        """
        status = check_status(block, returned)
        if status is _abi.Status.OK and has_outputs:
            self.check_output(block)
        self.check(block)
        if status is not _abi.Status.OK:
            from tflm_wasm._status import call_error

            raise call_error(status, block)

    def check_output(self, block: Block) -> None:
        """Check the output range that a successful invoke left.

        Raises:
            ContractError: It is not inside memory, or not what the tensors say.
        """
        start, size = block["output_ptr"] & 0xFFFF_FFFF, block["output_size"]
        end = start + (size if self._first_bytes is None else self._first_bytes)
        if size < 0 or start < _abi.BLOCK_BYTES or end > self._memory_bytes:
            raise ContractError(
                f"Output [{start}, {start + size}) is not inside memory", rule="output.range"
            )
        if size != self._output_bytes:
            raise ContractError(
                f"output_size is {size}, the outputs have {self._output_bytes} bytes",
                rule="output.cap" if size > block["output_cap"] else "output.size",
            )

    def check(self, block: Block) -> None:
        """Check that a call left alone what is not its to write.

        Raises:
            ContractError: It did not.
        """
        content = block.copy()
        for start, stop, expected in self._spans:
            if content[start:stop] != expected:
                where = next(i for i in range(start, stop) if content[i] != self._content[i])
                raise ContractError(f"A call changed byte {where} of the block", rule="block.fixed")
