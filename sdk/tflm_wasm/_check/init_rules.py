"""Scenarios about the order of calls, init, and what init says about the model."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import numpy as np

from tflm_wasm._abi import BLOCK_BYTES, MAX_IO_TENSORS, REGIONS, Feature, Status
from tflm_wasm._block import align, place_arena
from tflm_wasm._check.bench import FIRST_SCRATCH, Bench
from tflm_wasm._check.layout import (
    ADDRESSES,
    first_difference,
    name_at,
    output_bytes_at_pointer,
    shape_error,
    tensors,
)
from tflm_wasm._check.sandbox import INVOKE, MANY, RESET, START, Sandbox

if TYPE_CHECKING:
    from tflm_wasm._block import Block

_ARENA_TRIES: Final = 8
_HOSTILE_MODELS: Final = 16


def calls_before_init(bench: Bench) -> None:
    """Calls without a model are refused."""
    if Feature.INITIALISED in bench.static.features:
        return
    _refuses_to_run(bench, bench.sandbox(), "before init")
    if Feature.EMBEDDED_MODEL not in bench.static.features:
        status = bench.sandbox().call(START)
        bench.expect("order.state", status, Status.STATE, "_start before init")


def _refuses_to_run(bench: Bench, sandbox: Sandbox, when: str) -> None:
    for call in (INVOKE, RESET):
        bench.expect("order.state", sandbox.call(call), Status.STATE, f"{call} {when}")
    if bench.has_many:
        start = align(bench.static["heap_base"])
        status = sandbox.call_many(start, start, 0)
        bench.expect("order.state", status, Status.STATE, f"{MANY} {when}")


def bad_model_sizes(bench: Bench) -> None:
    """Init refuses sizes that no model may have."""
    sandbox = bench.sandbox()
    start = bench.model_ptr
    for size in (0, bench.static["max_model_size"] + 1, ADDRESSES - 1):
        status = sandbox.init(start, size, bench.scratch)
        bench.expect("init.model_size", status, Status.MODEL_SIZE, f"model_size {size}")
    _refuses_to_run(bench, sandbox, "after an init that failed")


def bad_pointers(bench: Bench) -> None:
    """Init refuses a model or an arena that is not wholly in memory."""
    sandbox = bench.sandbox()
    # A module without a model gets 32 bytes of whatever is there: they are not looked at yet.
    size = bench.model_size or 32
    memory = align(sandbox.size)
    starts = (memory, memory - align(size) + 16, ADDRESSES - 16, 0, BLOCK_BYTES - 16)
    for start in (*starts, bench.model_ptr + 8):
        if start + size > sandbox.size or start < BLOCK_BYTES or start % 16:
            status = sandbox.init(start, size, bench.scratch)
            bench.expect("init.pointer", status, Status.POINTER, f"model at {start}")
    for scratch in (sandbox.size, ADDRESSES - 16):
        status = sandbox.init(bench.model_ptr, size, scratch)
        bench.expect("init.pointer", status, Status.POINTER, f"an arena of {scratch} bytes")
    _refuses_to_run(bench, sandbox, "after an init that failed")


def accepts_model(bench: Bench) -> None:
    """Init loads the model and says where everything is."""
    if bench.model is not None:
        _find_scratch(bench)
    sandbox = bench.loaded()
    block = sandbox.block()
    passed = (bench.model_ptr, bench.model_size, bench.scratch)
    found = (block["model_ptr"], block["model_size"], block["scratch_size"])
    hold = bench.ledger.hold
    hold("init.fields", ok=found == passed, detail=f"passed {passed}, the block has {found}")
    used, needed = block["arena_used"], block["arena_needed"]
    detail = f"arena_used {used}, arena_needed {needed}, scratch_size {bench.scratch}"
    hold("init.fields", ok=used <= needed <= bench.scratch, detail=detail)
    wanted = place_arena(block["heap_base"], *passed)
    detail = f"arena_ptr is {block['arena_ptr']}, not {wanted}"
    hold("init.arena_place", ok=block["arena_ptr"] == wanted, detail=detail)
    _check_tensors(bench, sandbox, block)


def _find_scratch(bench: Bench) -> None:
    """Find a scratch_size for a model that is not embedded: ask, then give what is needed."""
    bench.scratch = FIRST_SCRATCH
    for _ in range(_ARENA_TRIES):
        sandbox = bench.sandbox()
        if bench.init(sandbox) != Status.ARENA:
            return
        needed = sandbox.block()["arena_needed"]
        detail = f"status arena at {bench.scratch} bytes, arena_needed is {needed}"
        bench.ledger.hold("init.arena_needed", ok=needed > bench.scratch, detail=detail)
        bench.scratch = needed


def _check_tensors(bench: Bench, sandbox: Sandbox, block: Block) -> None:
    hold = bench.ledger.hold
    counts = block["input_count"], block["output_count"]
    fine = counts[1] >= 1 and sum(counts) <= MAX_IO_TENSORS
    hold("descriptor.count", ok=fine, detail=f"{counts[0]} inputs, {counts[1]} outputs")
    inputs, outputs = tensors(block)
    lowest = BLOCK_BYTES + block["stack_size"]
    for slot, tensor in enumerate([*inputs, *outputs]):
        error = shape_error(block, slot)
        hold("descriptor.shape", ok=not error, detail=f"descriptor {slot}: {error}")
        end = tensor.address + tensor.bytes
        detail = f"descriptor {slot}: [{tensor.address}, {end}), memory has {sandbox.size:,} bytes"
        hold(
            "descriptor.memory", ok=lowest <= tensor.address and end <= sandbox.size, detail=detail
        )
    start, cap = block["output_ptr"] % ADDRESSES, block["output_cap"]
    end = start + output_bytes_at_pointer(block, cap)
    inside = cap >= 0 and start >= BLOCK_BYTES and end <= sandbox.size
    hold("output.range", ok=inside, detail=f"init: {cap} bytes at {start}")
    sizes = sum(t.bytes for t in inputs), sum(t.bytes for t in outputs)
    found = block["input_size"], cap
    detail = f"input_size and output_cap are {found}, the tensors' sums {sizes}"
    hold("io.fields", ok=found == sizes, detail=detail)
    hold("io.fields", ok=sizes[0] <= block["max_input_size"], detail="input_size over its limit")
    wanted = [tensor.address for tensor in (*inputs[:1], outputs[0])]
    names = ["input_ptr", "output_ptr"][-len(wanted) :]
    detail = f"{' and '.join(names)} are not the first descriptors' addresses"
    hold("io.fields", ok=[block[name] % ADDRESSES for name in names] == wanted, detail=detail)


def block_is_as_after_init(bench: Bench) -> None:
    """A module that is loaded from the start has the block and the arena that init leaves."""
    if Feature.INITIALISED not in bench.static.features:
        bench.ledger.note("block.initialised", ok=True)
        return
    new = bench.new()
    end = bench.static["arena_ptr"] + bench.static["scratch_size"]
    detail = f"the arena ends at {end:,}, memory at {new.size:,}"
    bench.ledger.hold("block.initialised", ok=end <= new.size, detail=detail)
    before, after = (
        np.frombuffer(one.copy(), np.uint8) for one in (new.block(), bench.loaded().block())
    )
    start, size = REGIONS["error_text"]  # behind its first byte it means nothing
    changed = first_difference(before, after, 0, [(start + 1, start + size)])
    detail = f"init leaves another {name_at(changed)}" if changed is not None else ""
    bench.ledger.hold("block.initialised", ok=changed is None, detail=detail)


def arena_needed_is_enough(bench: Bench) -> None:
    """arena_needed bytes will do, one less will not."""
    needed = bench.loaded().block()["arena_needed"]
    sandbox = bench.sandbox()
    status = sandbox.init(bench.model_ptr, bench.model_size, needed)
    bench.expect("init.arena_needed", status, Status.OK, f"an arena of {needed} bytes")
    if needed == 0:
        return
    status = sandbox.init(bench.model_ptr, bench.model_size, needed - 1)
    bench.expect("init.arena_needed", status, Status.ARENA, f"an arena of {needed - 1} bytes")
    asked = sandbox.block()["arena_needed"]
    detail = f"status arena at {needed - 1} bytes, arena_needed is {asked}"
    bench.ledger.hold("init.arena_needed", ok=asked >= needed, detail=detail)
    _refuses_to_run(bench, sandbox, "after an init that failed")


def hostile_models(bench: Bench) -> None:
    """Whatever init is given, it answers a status, and never writes where it may not."""
    chance = random.Random(0)  # noqa: S311 - a test pattern
    for number in range(_HOSTILE_MODELS):
        sandbox = bench.sandbox()
        model = bytearray(sandbox.read(bench.model_ptr, bench.model_size))
        size = len(model)
        if number == 0:
            model = bytearray(size)
        elif number % 2:
            size = chance.randrange(1, size + 1)
        else:
            for _ in range(8):
                model[chance.randrange(size)] = chance.randrange(256)
        sandbox.write(bench.model_ptr, bytes(model))
        if sandbox.init(bench.model_ptr, size, bench.scratch) == Status.OK:
            sandbox.call(INVOKE)
        else:
            _refuses_to_run(bench, sandbox, "after an init that failed")
