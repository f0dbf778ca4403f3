"""Instructions of the host in place of calls: where they are put, and when."""

from __future__ import annotations

import ctypes
import hashlib
import platform
import weakref
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import wasmtime

import tflm_wasm
from tests.support import byte_layers
from tests.support.byte_layers import layer
from tests.support.host_code import (
    DOT,
    HAS_DOT,
    NO_DOT,
    RELAXED_DOT,
    TRUE,
    Frames,
    compiled,
    frames,
    outputs,
)
from tests.support.wat_guests import OUTPUT_ADDRESS, X, finish, guest
from tflm_wasm import (
    MalformedModuleError,
    _capi,
    _code_cache,
    _compile,
    _host_instructions,
    _runtime,
)
from tflm_wasm._build import compiled_engine
from tflm_wasm._engine import packaged_engine
from tflm_wasm._host_instructions import replacements
from tflm_wasm._interruption import CHECK, interruptible, unchecked
from tflm_wasm._wasm import CODE, TIME, Reader, encoded, parse, u32_leb
from tflm_wasm._wasm_code import CALL, bodies, next_opcode
from tflm_wasm._wasmtime import Engine as Runtime
from tflm_wasm._wasmtime import Instance

X86 = platform.machine().lower() in {"x86_64", "amd64"}
NOT_X86 = "only x86 has the instruction; run this test there"

# --- the pass ---

LOOP = "(loop $l (br_if $l (i32.const 0)))"


def module(*functions: str) -> bytes:
    """Return a module that exports functions `name: body`, and a memory."""
    texts = [one.split(":", 1) for one in functions]
    body = " ".join(f'(func ${name} (export "{name}") {text})' for name, text in texts)
    return bytes(wasmtime.wat2wasm(f'(module (memory (export "memory") 1) {body})'))


def call(wasm: bytes, name: str, *arguments: int) -> int:
    """Call a function of a module with checks, compiled as all code is."""
    instance = Instance(_runtime.engine().compile(wasm), (1 << 16, 0, 0), TIME)
    function = instance.function(name, len(arguments), None)
    function.put(*arguments)
    return function.result(function.call())


def calls(wasm: bytes) -> list[int]:
    """Return the number of each function that is called, in order."""
    code = dict(parse(wasm).sections)[CODE]
    found = []
    for body in bodies(code):
        reader = Reader(memoryview(code)[: body.end])
        reader.pos = body.first
        while reader.left:
            at = reader.pos
            if next_opcode(reader) == CALL:
                found.append(Reader(memoryview(code)[at + 1 : reader.pos]).u32())
    return found


def with_bodies(wasm: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a module with other code in each function, locals included."""
    code = dict(parse(wasm).sections)[CODE]
    texts = [change(code[one.start : one.end]) for one in bodies(code)]
    payload = u32_leb(len(texts)) + b"".join(u32_leb(len(one)) + one for one in texts)
    return encoded((s, payload if s == CODE else old) for s, old in parse(wasm).sections)


def without_checks(checked: bytes) -> bytes:
    return with_bodies(checked, lambda text: text.replace(CHECK, b""))


I32_ADD = b"\x6a"
# Called functions, and what takes the place of calls of the first two.
CALLED = (
    "flag: (result i32) (i32.const 7)",
    "two: (param i32 i32) (result i32) (i32.mul (local.get 0) (local.get 1))",
    "three: (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1))",
    "four: (result i32) (i32.const 1000)",
)
INSTEAD = {"flag": TRUE, "two": I32_ADD, "not there": b"\x00"}


@pytest.mark.parametrize(
    ("function", "before", "after"),
    [
        ("(call $flag)", 7, 1),
        ("(call $two (i32.const 9) (i32.const 5))", 45, 14),
        ("(call $three (i32.const 9) (i32.const 5))", 4, 4),
        ("(i32.add (call $four) (call $flag))", 1007, 1001),
        ("(call $two (call $three (i32.const 9) (call $flag)) (call $four))", 2000, 1008),
        ("(call $flag) drop (call $flag) (call $flag) i32.mul", 49, 1),
        (f"{LOOP} (call $flag) {LOOP}", 7, 1),
        ("(loop (result i32) (call $flag))", 7, 1),
        ("nop " * 1100 + "(call $flag)", 7, 1),
        ("nop " * 3000 + "(call $two (call $flag) (i32.const 5))" + "nop " * 3000, 35, 6),
        ("(memory.fill (i32.const 0) (call $flag) (call $flag)) (i32.load8_u (i32.const 0))", 7, 1),
        ("(if (result i32) (call $flag) (then (call $four)) (else (call $flag)))", 1000, 1000),
        ("(local i64 v128) (local.set 0 (i64.const 5)) (call $flag)", 7, 1),
        # What only looks like calls of the first function and of the second.
        ("(if (i32.const 0) (then (i32.const 16) unreachable)) (i32.const 5)", 5, 5),
        ("(i32x4.extract_lane 1 (v128.const i32x4 0x01100010 5 0x00100110 0))", 5, 5),
    ],
)
def test_calls_of_named_functions_are_replaced_and_nothing_else_is(function, before, after):
    wasm = module(*CALLED, f"run: (result i32) {function}")
    plain, changed = interruptible(wasm), interruptible(wasm, INSTEAD)
    assert call(plain, "run") == before
    assert call(changed, "run") == after
    assert calls(without_checks(plain)) == calls(wasm)
    assert calls(without_checks(changed)) == [one for one in calls(wasm) if one not in {0, 1}]
    assert unchecked(changed) == []
    count = dict(parse(plain).sections)[CODE].count(CHECK)
    assert dict(parse(changed).sections)[CODE].count(CHECK) == count


def test_what_is_replaced_is_still_there_to_be_called_from_outside():
    changed = interruptible(module(*CALLED, "run: (result i32) (call $flag)"), INSTEAD)
    assert call(changed, "flag") == 7
    assert call(changed, "two", 6, 7) == 42
    assert call(changed, "run") == 1


@pytest.mark.parametrize("before", [1, 15, 16, 17, 126, 127, 128, 2047, 2048, 20_000])
def test_numbers_of_functions_may_have_any_length(before):
    """16 is the opcode of a call, too."""
    fill = "(func)" * (before - 1)
    text = f"""(module (memory (export "memory") 1) {fill}
        (func $other (result i32) (i32.const 30))
        (func $flag (export "flag") (result i32) (i32.const 7))
        (func $next (result i32) (i32.const 500))
        (func (export "run") (result i32)
            (i32.add (i32.add (call $other) (call $flag)) (i32.add (call $next) (call $flag)))))"""
    wasm = bytes(wasmtime.wat2wasm(text))
    assert parse(wasm).exports["flag"].number == before
    assert call(interruptible(wasm), "run") == 544
    assert call(interruptible(wasm, INSTEAD), "run") == 532


@pytest.mark.parametrize("padded", ["00", "80 00", "80 80 80 80 00"])
@pytest.mark.parametrize("has_other", [False, True])
def test_numbers_of_functions_may_be_written_with_more_bytes_than_they_take(padded, has_other):
    short, long = b"\x10\x00", bytes.fromhex(f"10 {padded}")
    others = b"\x1a" + short if has_other else b""  # drop, call
    wasm = module(CALLED[0], "run: (result i32) (call $flag)")
    wasm = with_bodies(wasm, lambda text: text.replace(short, long + others))
    _runtime.validate(wasm)
    assert call(interruptible(wasm), "run") == 7
    assert call(interruptible(wasm, INSTEAD), "run") == 1


def test_a_module_without_such_exports_gets_its_checks_and_nothing_else():
    wasm = module("run: (result i32) (call $other)", "other: (result i32) (i32.const 7)")
    assert interruptible(wasm, replacements()) == interruptible(wasm)
    assert interruptible(wasm, INSTEAD) == interruptible(wasm, {}) == interruptible(wasm)


def test_all_calls_of_the_engine_are_replaced_and_it_is_the_same_otherwise():
    own = packaged_engine()
    dot, has = (parse(own).exports[name].number for name in (DOT, HAS_DOT))
    before = calls(own)
    assert before.count(dot) > 0
    assert before.count(has) == 1
    either = bytes((0xFD, 0x50))  # v128.or, which is no longer than a call
    changed = interruptible(own, {HAS_DOT: TRUE, DOT: either})
    assert calls(without_checks(changed)) == [one for one in before if one not in {dot, has}]
    assert unchecked(changed) == []
    assert parse(changed).functions == parse(own).functions
    code = dict(parse(changed).sections)[CODE]
    assert code.count(CHECK) == dict(parse(interruptible(own)).sections)[CODE].count(CHECK)
    hosts = interruptible(own, {HAS_DOT: TRUE, DOT: RELAXED_DOT})
    assert dict(parse(hosts).sections)[CODE].count(RELAXED_DOT) == before.count(dot)
    _runtime.engine().validate(hosts)


def test_the_key_of_the_engines_machine_code_changes_with_what_is_put_in_place_of_calls():
    """When this fails, `_OWN_FORM` needs another number, or old machine code stays in use."""
    wasm = module(*(one.replace("flag", HAS_DOT).replace("two", "unused") for one in CALLED),
        f"{DOT}: (param v128 v128) (result v128) (local.get 0)",
        f"run: (result i32) (drop (call ${DOT} (v128.const i64x2 1 2) (v128.const i64x2 3 4)))"
        f" (call ${HAS_DOT})",
    )  # fmt: skip
    instead = {DOT: _host_instructions._RELAXED_DOT, HAS_DOT: TRUE}
    digest = hashlib.sha256(interruptible(wasm, instead) + _host_instructions._trial()).hexdigest()
    assert (_compile._OWN_FORM, digest[:16]) == (
        b"with checks 2, host instructions 1, without data",
        "12414a0db4c9a66f",
    )


# --- the trial ---


@pytest.mark.skipif(not X86, reason=NOT_X86)
def test_x86_has_the_instruction():
    assert replacements() == {DOT: RELAXED_DOT, HAS_DOT: TRUE}


def deterministic_runtime() -> Runtime:
    """Return a runtime in which instructions of relaxed SIMD do the same on all hosts."""
    name = "wasmtime_config_wasm_relaxed_simd_deterministic_set"
    function = ctypes.CDLL(str(_capi.file()))[name]
    function.restype, function.argtypes = None, [ctypes.c_void_p, ctypes.c_bool]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_capi.library(), name, function, raising=False)
        options = {**_runtime.engine().options, "wasm_relaxed_simd_deterministic": True}
        return Runtime(options)


def two_layers() -> bytes:
    rng = np.random.default_rng(9)
    return byte_layers.side_by_side(
        [
            layer(byte_layers.few(rng, 33, 128), step=400),
            layer(byte_layers.small(rng, 64, 128), step=400),
        ]
    )


def test_the_engine_works_where_the_instruction_is_another_one(monkeypatch):
    model, inputs = two_layers(), frames((1, 128))
    expected = outputs(model, "nothing", inputs)
    assert outputs(model, "the host's", inputs) == expected
    assert outputs(model, "zero, unused", inputs) == expected
    wrong = {DOT: RELAXED_DOT, HAS_DOT: TRUE}
    runtime = deterministic_runtime()
    monkeypatch.setattr(_runtime, "engine", lambda: runtime)
    assert replacements() == {}
    assert outputs(model, compiled(replacements()), inputs) == expected
    assert outputs(model, compiled(wrong), inputs) != expected  # it is another one indeed


@pytest.fixture
def fresh_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the engine's code compiled anew, and kept nowhere."""
    monkeypatch.setattr(_compile, "_in_use", weakref.WeakValueDictionary())
    monkeypatch.setattr(_code_cache, "current", lambda: None)
    caches = (_compile._own_machine_code, compiled_engine)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def session_outputs(model: bytes, inputs: Frames) -> list[list[bytes]]:
    with tflm_wasm.load(model) as session:
        return [[one.tobytes() for one in session.run(*frame)] for frame in inputs]


@pytest.mark.usefixtures("fresh_code")
def test_sessions_run_with_what_the_trial_allows(monkeypatch):
    model, inputs = two_layers(), frames((1, 128))
    monkeypatch.setattr(_host_instructions, "_RELAXED_DOT", NO_DOT)
    monkeypatch.setattr(_host_instructions, "_has_dot_u8", lambda: True)
    assert session_outputs(model, inputs) == outputs(model, "zero", inputs)


@pytest.mark.parametrize(
    "other",
    [
        NO_DOT,
        bytes.fromhex("fd 8e 01"),  # i16x8.add
        bytes.fromhex("fd 95 01"),  # i16x8.mul
        bytes.fromhex("1a"),  # the first one as it is
        bytes.fromhex("fd 12"),  # not valid
        bytes.fromhex("00"),  # a trap
        bytes.fromhex("fd ff 7f"),  # unknown
    ],
)
@pytest.mark.usefixtures("fresh_code")
def test_an_instruction_that_does_something_else_is_not_used(other, monkeypatch):
    model, inputs = two_layers(), frames((1, 128))
    monkeypatch.setattr(_host_instructions, "_RELAXED_DOT", other)
    assert replacements() == {}
    assert session_outputs(model, inputs) == outputs(model, "nothing", inputs)


@pytest.mark.usefixtures("fresh_code")
def test_a_runtime_without_the_instruction_runs_the_engine(monkeypatch):
    model, inputs = two_layers(), frames((1, 128))
    expected = outputs(model, "nothing", inputs)
    without = Runtime({**_runtime.engine().options, "wasm_relaxed_simd": False})
    monkeypatch.setattr(_runtime, "engine", lambda: without)
    assert replacements() == {}
    assert session_outputs(model, inputs) == expected


# Products of a pair of bytes, as other instructions add them. What a trial knows of them is enough.
def _signed(a: int) -> int:
    return a - 256 if a > 127 else a


OTHERS: dict[str, Callable[[Sequence[int], Sequence[int]], int]] = {
    "bytes are signed": lambda a, b: sum(x * _signed(y) for x, y in zip(a, b, strict=True)),
    "bytes have seven bits": lambda a, b: sum(x * (y & 127) for x, y in zip(a, b, strict=True)),
    "both are unsigned": lambda a, b: sum((x & 255) * y for x, y in zip(a, b, strict=True)),
    "the other one is signed": lambda a, b: sum(
        (x & 255) * _signed(y) for x, y in zip(a, b, strict=True)
    ),
    "only the first": lambda a, b: a[0] * b[0],
    "only the second": lambda a, b: a[1] * b[1],
    "crossed": lambda a, b: a[0] * b[1] + a[1] * b[0],
    "15 bits": lambda a, b: max(-(1 << 14), min(a[0] * b[0] + a[1] * b[1], (1 << 14) - 1)),
    "each of 15 bits": lambda a, b: sum(
        max(-(1 << 14), min(x * y, (1 << 14) - 1)) for x, y in zip(a, b, strict=True)
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_trials_tell_it_from_other_products(other):
    wrong = [
        (OTHERS[other](a, b) - a[0] * b[0] - a[1] * b[1]) % (1 << 16)
        for a, b in _host_instructions._TRIALS
    ]
    assert any(wrong)


@pytest.mark.skipif(not X86, reason=NOT_X86)
@pytest.mark.parametrize("lane", range(8))
def test_a_wrong_sum_in_any_lane_is_seen(lane, monkeypatch):
    instead = bytes((0x41, 5, 0xFD, 0x1A, lane))  # i32.const 5, i16x8.replace_lane
    monkeypatch.setattr(_host_instructions, "_RELAXED_DOT", RELAXED_DOT + instead)
    assert replacements() == {}


# --- modules have no such instruction ---


def test_the_packaged_engine_is_webassembly_2_0():
    own = packaged_engine()
    _runtime.validate(own)
    interruptible(own)  # which knows no more than that
    dot = bytes((CALL,)) + u32_leb(parse(own).exports[DOT].number)
    with pytest.raises(MalformedModuleError, match="relaxed SIMD"):
        _runtime.validate(with_bodies(own, lambda text: text.replace(dot, RELAXED_DOT)))


ZERO = "(v128.const i64x2 0 0)"


@pytest.mark.parametrize("is_long", [False, True])
@pytest.mark.parametrize(
    "instruction",
    [
        f"(i16x8.relaxed_dot_i8x16_i7x16_s {ZERO} {ZERO})",
        f"(i32x4.relaxed_dot_i8x16_i7x16_add_s {ZERO} {ZERO} {ZERO})",
        f"(f32x4.relaxed_madd {ZERO} {ZERO} {ZERO})",
        f"(i8x16.relaxed_swizzle {ZERO} {ZERO})",
    ],
)
def test_a_module_that_has_such_an_instruction_is_refused(instruction, is_long):
    wasm = guest(start=f"(drop {instruction})" + " nop" * (9000 * is_long))
    with pytest.raises(MalformedModuleError, match="relaxed SIMD") as caught:
        tflm_wasm.load(wasm)
    assert caught.value.rule == "module.wasm"
    with pytest.raises(MalformedModuleError, match="unknown instruction"):
        interruptible(wasm)


def test_other_code_with_the_engines_names_calls_its_own_functions():
    more = f"""(func ${HAS_DOT} (export "{HAS_DOT}") (result i32) (i32.const 77))
        (func ${DOT} (export "{DOT}") (param v128 v128) (result v128) (local.get 1))"""
    wasm = guest(
        invoke=f"(i32.store8 (i32.const {OUTPUT_ADDRESS}) (call ${HAS_DOT})) {finish()}",
        more=more,
    )
    with tflm_wasm.load(wasm) as session:
        assert session.run(X)[0].ravel()[0] == 77
