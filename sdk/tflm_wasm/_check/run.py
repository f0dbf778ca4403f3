"""One whole check, in this process."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from tflm_wasm import _runtime
from tflm_wasm._abi import (
    ABI_MAJOR,
    ABI_MINOR,
    ALIGNMENT_BYTES,
    BLOCK_BYTES,
    MAGIC,
    PROFILES,
    RULES,
    Feature,
)
from tflm_wasm._check.bench import Bench
from tflm_wasm._check.init_rules import (
    accepts_model,
    arena_needed_is_enough,
    bad_model_sizes,
    bad_pointers,
    block_is_as_after_init,
    calls_before_init,
    hostile_models,
)
from tflm_wasm._check.many_rules import Many
from tflm_wasm._check.report import CheckReport, Ledger, Outcome, RuleBrokenError
from tflm_wasm._check.run_rules import Runs
from tflm_wasm._check.sandbox import MANY, Sandbox
from tflm_wasm._check.static import check_bytes
from tflm_wasm._compile import Compiled
from tflm_wasm._contract import ZERO_AFTER_INIT
from tflm_wasm._errors import MalformedModuleError, ModuleError
from tflm_wasm._wasmtime import Engine, WasmtimeError

if TYPE_CHECKING:
    from tflm_wasm._block import Block
    from tflm_wasm._limits import Limits
    from tflm_wasm._wasm import WasmModule

_PAGE_LOG2 = 16
_ZERO_BEFORE_INIT = (
    *("status", "arena_ptr", "arena_used", "arena_needed"),
    *("input_count", "output_count", "op_count", "op_first", "op_end", "op_code", "frames_done"),
)


def run(
    wasm: bytes,
    *,
    profile: str,
    limits: Limits,
    model: bytes | None,
    on_change: Callable[[str, Outcome, str], None] | None = None,
) -> CheckReport:
    """Check a module in this process; see `tflm_wasm.check`.

    A module that makes the runtime itself crash or compile for long takes this process with it.
    """
    ledger = Ledger(on_change)
    parsed = check_bytes(wasm, limits, ledger)
    compiled = _compile(wasm, parsed, limits, ledger) if parsed else None
    if compiled is not None:
        with contextlib.suppress(RuleBrokenError):  # the ledger knows
            has_many = parsed is not None and MANY in parsed.exports
            _check_instance(Bench(compiled, limits, ledger, model, has_many), profile, wasm)
    return ledger.report(hashlib.sha256(wasm).hexdigest(), profile)


def _compile(wasm: bytes, parsed: WasmModule, limits: Limits, ledger: Ledger) -> Compiled | None:
    try:
        _runtime.validate(wasm)
    except MalformedModuleError as error:
        ledger.note("module.wasm", ok=False, detail=str(error))
        return None
    ledger.note("module.wasm", ok=True)
    try:
        _runtime.check_sizes(parsed, limits)
        code = _runtime.compile_checked(wasm)
    except ModuleError as error:
        ledger.note("module.compile", ok=False, detail=str(error))
        return None
    ledger.note("module.compile", ok=True)
    return Compiled(code, is_own=False, may_grow=True, data=None, time_export=parsed.time_export)


def _check_instance(bench: Bench, profile: str, wasm: bytes) -> None:
    sandbox = Sandbox(bench.compiled, bench.limits, bench.ledger)
    uses_simd = not _is_valid_without_simd(wasm)
    _check_block(sandbox, profile, uses_simd=uses_simd, ledger=bench.ledger)
    if not bench.ledger.broken:
        bench.read_static(sandbox.block())
        _run_scenarios(bench)


def _run_scenarios(bench: Bench) -> None:
    """Run the scenarios; those that need what a broken one was to show are not reached."""
    for scenario in (calls_before_init, bad_model_sizes, bad_pointers):
        _attempt(partial(scenario, bench))
    if not bench.has_model:
        bench.ledger.skip(*RULES, why="no model is embedded, and none was given")
        return
    if not _attempt(partial(accepts_model, bench)):
        return
    _attempt(partial(arena_needed_is_enough, bench))
    _attempt(partial(hostile_models, bench))
    _attempt(partial(block_is_as_after_init, bench))
    runs = Runs(bench)
    many = Many(bench, runs)
    if not _attempt(runs.accepts_input):
        return
    for run_scenario in (
        runs.is_repeatable,
        runs.is_stateless_unless_flagged,
        runs.reset_restores,
        runs.init_starts_over,
        runs.starts_loaded,
        runs.start_is_invoke,
        runs.bad_input_sizes,
        runs.bad_pointers,
        runs.small_output_caps,
        runs.moved_input,
        runs.moved_output,
        runs.operators_in_order,
        runs.operators_in_steps,
        many.bad_buffers,
        many.frames_in_order,
    ):
        _attempt(run_scenario)


def _attempt(scenario: Callable[[], None]) -> bool:
    """Run a scenario and return whether it found no rule broken.

    Raises:
        RuleBrokenError: A call ran over the time limit: the next ones would, too.
    """
    try:
        scenario()
    except RuleBrokenError as broken:
        if broken.rule == "call.time":
            raise
        return False
    return True


def _is_valid_without_simd(wasm: bytes) -> bool:
    try:
        _engine_without_simd().validate(wasm)
    except WasmtimeError:
        return False
    return True


@lru_cache(maxsize=1)
def _engine_without_simd() -> Engine:
    return Engine({"wasm_simd": False, "wasm_relaxed_simd": False})


def _check_block(sandbox: Sandbox, profile: str, *, uses_simd: bool, ledger: Ledger) -> None:
    """Hold the static block against its rules: all of them, once it is known to be a block."""
    block = sandbox.block()
    ledger.hold("block.magic", ok=block.magic == MAGIC, detail=f"{block.magic!r}")
    major, minor = block["abi_major"], block["abi_minor"]
    detail = f"{major}.{minor}, the host knows {ABI_MAJOR}.{ABI_MINOR}"
    ledger.hold("block.version", ok=major == ABI_MAJOR, detail=detail)
    _check_features(block, profile, uses_simd=uses_simd, ledger=ledger)
    detail = f"page_log2 is {block['page_log2']}, the memory's is {_PAGE_LOG2}"
    ledger.note("block.page", ok=block["page_log2"] == _PAGE_LOG2, detail=detail)
    heap_base, stack_size = block["heap_base"], block["stack_size"]
    fits = BLOCK_BYTES + stack_size <= heap_base <= sandbox.size
    fits = fits and stack_size % ALIGNMENT_BYTES == 0
    detail = f"stack_size {stack_size}, heap_base {heap_base}, memory {sandbox.size:,} bytes"
    ledger.note("block.layout", ok=fits, detail=detail)
    _check_embedded_model(block, sandbox.size, ledger)
    dirty = [name for name in _ZERO_BEFORE_INIT if block[name]]
    clean = not dirty and not any(block.region("descriptors"))
    initialised = Feature.INITIALISED in block.features
    detail = f"not 0: {', '.join(dirty) or 'the descriptors'}"
    ledger.note("block.unloaded", ok=clean or initialised, detail=detail)
    if initialised:
        dirty = [name for name in ZERO_AFTER_INIT if block[name]]
        ledger.note("block.initialised", ok=not dirty, detail=f"not 0: {', '.join(dirty)}")
        has_model = Feature.EMBEDDED_MODEL in block.features
        ledger.note("block.initialised", ok=has_model, detail="no model is embedded")
    intact = block.canary_is_intact
    ledger.note("block.canary", ok=intact, detail="not there before the first call")
    sandbox.check_reserved(block, "before the first call")


def _check_features(block: Block, profile: str, *, uses_simd: bool, ledger: Ledger) -> None:
    features = block.features
    known = Feature(sum(Feature))
    unknown = int(features) & ~int(known)
    ledger.note("block.features", ok=unknown == 0, detail=f"unknown bits {unknown:#x}")
    said = Feature.SIMD in features or not uses_simd
    ledger.note("block.features", ok=said, detail="SIMD128 is used, the `simd` bit is not set")
    extended = Feature.EXTENDED in features
    detail = "the module is extended, the host asked for the strict profile"
    ledger.note("block.profile", ok=not extended or profile == "extended", detail=detail)
    own = PROFILES["extended" if extended else "strict"]
    for name, limit in (
        ("max_model_size", own["model_bytes"]),
        ("max_input_size", own["input_bytes"]),
    ):
        detail = f"{name} is {block[name]:,}, the profile takes 1 to {limit:,}"
        ledger.note("block.limits", ok=1 <= block[name] <= limit, detail=detail)


def _check_embedded_model(block: Block, memory_bytes: int, ledger: Ledger) -> None:
    start, size = block["model_ptr"], block["model_size"]
    if Feature.EMBEDDED_MODEL not in block.features:
        detail = f"model_size is {size} without the `embedded_model` bit"
        ledger.note("block.model", ok=size == 0, detail=detail)
        return
    fits = BLOCK_BYTES + block["stack_size"] <= start and start + size <= memory_bytes
    fine = fits and start % ALIGNMENT_BYTES == 0 and 1 <= size <= block["max_model_size"]
    ledger.note("block.model", ok=fine, detail=f"{size:,} bytes at {start}")
