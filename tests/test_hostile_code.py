"""Code that tries to run on, to reach its deadline, or to be taken for the host's."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import wasmtime

from tests.support.files import ROOT
from tests.support.wat_guests import (
    ADD_ONE,
    FAST,
    OUTPUT_ADDRESS,
    X,
    finish,
    guest,
    wat,
)
from tflm_wasm import (
    GuestTimeout,
    Limits,
    MalformedModuleError,
    ModuleError,
    SessionDeadError,
    _compile,
    _interruption,
    _runtime,
    load,
)
from tflm_wasm._check import check
from tflm_wasm._wasm import MEMORY, TIME, encoded, parse, u32_leb
from tflm_wasm._wasm_code import Body

# How much later than its limit a call may end: a busy machine lets the clock's thread wait.
LATE_S = 10.0
# So much that it would take far longer than FAST allows, and still ends.
LARGE_MEMORY = '(memory (export "memory") 1000 1000)'
FILL = "(memory.fill (i32.const 65536) (i32.const 0) (i32.const 65000000))"
COPY = "(memory.copy (i32.const 65537) (i32.const 65536) (i32.const 65000000))"


def times(count: int, code: str) -> str:
    return " ".join([code] * count)


def tower(levels: int) -> str:
    """Return functions of which each calls the next one twice, through a table."""
    table = f"(table {levels + 1} funcref) (elem (i32.const 0) {tower_names(levels)})"
    calls = "(call_indirect (type $v) (i32.const {0})) (call_indirect (type $v) (i32.const {0}))"
    functions = (f"(func $f{level} {calls.format(level + 1)})" for level in range(levels))
    return f"(type $v (func)) {table} {' '.join(functions)} (func $f{levels})"


def tower_names(levels: int) -> str:
    return " ".join(f"$f{level}" for level in range(levels + 1))


ADDS = " ".join(
    f"(local.set {i} (i64.add (local.get {i + 1}) (i64.const {i})))" for i in range(0, 1999, 9)
)
VECTOR_ADDS = " ".join(
    f"(local.set {i} (i8x16.add (local.get {i}) (local.get {(i + 7) % 40})))" for i in range(40)
)
# Much to do, then a branch past what follows, where a check would be.
ROUND = f"""(block (local.set 1 (local.get 1) {times(1000, "f64.sqrt")})
    (br_if 0 (i32.load8_u (i32.const 4080))) {times(200, "nop")})"""


HOSTILE: dict[str, dict[str, str]] = {
    "an empty loop": {"invoke": "(loop $l (br $l)) unreachable"},
    "a loop without memory": {
        "invoke": """(local $i i64) (loop $l (local.set $i (i64.add (local.get $i) (i64.const 1)))
            (br_if $l (i64.ge_u (local.get $i) (i64.const 0)))) unreachable"""
    },
    "loops in blocks with results": {
        "invoke": """(local $i i32) (block (result i32) (loop $a (result i32)
            (drop (block $x (result i32) (loop $b (result i32)
            (drop (br_if $x (i32.const 5) (i32.eqz (local.get $i)))) (br $b)))) (br $a)))"""
    },
    "a loop with a parameter": {
        "invoke": """(i32.const 1) (loop $l (param i32) (result i32)
            (i32.mul (i32.const 3)) (br_if $l (i32.const 1)))"""
    },
    "a loop by br_table": {
        "invoke": """(local $i i32) (loop $l (block $b (local.set $i (i32.add (local.get $i)
            (i32.const 1))) (br_table $l $b $l $l (i32.or (i32.and (local.get $i)
            (i32.const 0xff)) (i32.const 2))))) unreachable"""
    },
    "a loop in an else": {
        "invoke": "(if (i32.const 0) (then nop) (else (loop $l (br $l)))) unreachable"
    },
    "a loop by the default of an outer br_table": {
        "invoke": """(loop $l (block (loop $m (block (br_table 0 $l (i32.const 7)))
            (br $m)))) unreachable"""
    },
    "many locals": {"invoke": f"(local {times(2000, 'i64')}) (loop $l {ADDS} (br $l)) unreachable"},
    "vectors that live across": {
        "invoke": f"(local {times(40, 'v128')}) (loop $l {VECTOR_ADDS} (br $l)) unreachable"
    },
    "recursion": {
        "invoke": f"(drop (call $f (i32.const 60))) {finish()}",
        "more": """(func $f (param i32) (result i32) (if (result i32) (local.get 0)
            (then (i32.add (call $f (i32.sub (local.get 0) (i32.const 1)))
                (call $f (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 1))))""",
    },
    "mutual recursion through a table": {
        "invoke": f"(call_indirect (type $t) (i32.const 60) (i32.const 0)) {finish()}",
        "more": """(type $t (func (param i32))) (table 2 funcref) (elem (i32.const 0) $a $b)
            (func $a (param i32) (if (local.get 0) (then
                (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))
                (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))))
            (func $b (param i32) (if (local.get 0) (then
                (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
                (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))""",
    },
    "a tower of calls through a table": {
        "invoke": f"(call_indirect (type $v) (i32.const 0)) {finish()}",
        "more": tower(60),
    },
    "calls of a long function that neither calls nor turns": {
        "invoke": times(10_000, "(drop (call $sqrt (f64.load (i32.const 0))))") + finish(),
        "more": f"(func $sqrt (param f64) (result f64) (local.get 0) {times(40_000, 'f64.sqrt')})",
    },
    "returns from deep down, each with much left to do": {
        "invoke": f"(drop (call $f (i32.const 8000) (f64.load (i32.const 0)))) {finish()}",
        "more": f"""(func $f (param i32 f64) (result f64) (if (local.get 0) (then
            (drop (call $f (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))))
            (local.get 1) {times(30_000, "f64.sqrt")})""",
    },
    "the same, around each check in the code that is left": {
        "invoke": f"(drop (call $f (i32.const 8000) (f64.load (i32.const 0)))) {finish()}",
        "more": f"""(func $f (param i32 f64) (result f64) (if (local.get 0) (then
            (drop (call $f (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))))
            {times(30, ROUND)} (local.get 1))""",
    },
    "memory.fill again and again": {"invoke": times(700, FILL) + finish(), "memory": LARGE_MEMORY},
    "memory.copy again and again": {"invoke": times(300, COPY) + finish(), "memory": LARGE_MEMORY},
    "bulk work in a function of its own": {
        "invoke": times(700, "(call $fill)") + finish(),
        "memory": LARGE_MEMORY,
        "more": f"(func $fill {FILL})",
    },
    "a table filled in a loop": {
        "invoke": """(loop $l (table.fill $t (i32.const 0) (ref.func $f) (i32.const 60000))
            (br $l)) unreachable""",
        "more": "(table $t 60000 funcref) (func $f) (elem declare func $f)",
    },
    "memory that can not grow": {
        "invoke": "(loop $l (drop (memory.grow (i32.const 1))) (br $l)) unreachable",
        "memory": '(memory (export "memory") 1 1)',
    },
}


def is_stopped(session: Any) -> None:
    """Run, which has to be stopped in time; the session is dead then."""
    began = time.monotonic()
    with pytest.raises(GuestTimeout):
        session.run(X)
    assert FAST.time_s <= time.monotonic() - began < FAST.time_s + LATE_S
    with pytest.raises(SessionDeadError):
        session.run(X)


@pytest.mark.parametrize("shape", HOSTILE)
def test_code_of_any_shape_is_stopped(shape, as_code):
    wasm = as_code(guest(**HOSTILE[shape]))
    with load(wasm, limits=FAST) as session:
        assert session._live().guest.is_own == (parse(wasm).engine == _compile._own_code())
        is_stopped(session)
        session.reopen()
        is_stopped(session)


ENDING = [
    shape
    for shape in HOSTILE
    if shape.startswith(("calls", "returns", "the same", "memory.f", "memory.c", "bulk"))
]


@pytest.mark.parametrize("shape", ENDING)
def test_without_checks_nothing_stops_it(shape, monkeypatch):
    """What ends by itself takes far longer than it may: so it is the checks that stop it above."""

    def as_it_was(code: bytes, body: Body, calls: dict[int, bytes]) -> bytes:
        assert calls == {}
        size = body.end - body.start
        return u32_leb(size) + code[body.start : body.end]

    monkeypatch.setattr(_interruption, "_checked", as_it_was)
    monkeypatch.setattr(_compile, "_SHORT_CODE_BYTES", 1 << 20)  # in this process
    monkeypatch.setattr(_compile, "_CHECKS", b"without checks")
    with load(guest(**HOSTILE[shape]), limits=FAST) as session:
        began = time.monotonic()
        session.run(X)
        assert time.monotonic() - began > 2 * FAST.time_s


# --- the second memory ---


def with_second_memory(**parts: str) -> bytes:
    """Return a guest whose code names a second memory, which it doesn't define."""
    memory = '(memory (export "memory") 1) (memory $second 1 1)'
    wasm = bytes(wasmtime.wat2wasm(wat(memory=memory, **parts)))
    first = dict(parse(guest()).sections)[MEMORY]
    return encoded((s, first if s == MEMORY else old) for s, old in parse(wasm).sections)


SECOND = {
    "load": "(drop (i32.load $second (i32.const 0)))",
    "store": "(i64.store $second offset=8 (i32.const 0) (i64.const -1))",
    "vector": "(v128.store $second (i32.const 0) (v128.const i64x2 -1 -1))",
    "lane": "(v128.store64_lane $second 0 (i32.const 8) (v128.const i64x2 -1 -1))",
    "size": "(drop (memory.size $second))",
    "grow": "(drop (memory.grow $second (i32.const 1)))",
    "fill": "(memory.fill $second (i32.const 0) (i32.const 0x7f) (i32.const 16))",
    "copy to": "(memory.copy $second 0 (i32.const 0) (i32.const 0) (i32.const 16))",
    "copy from": "(memory.copy 0 $second (i32.const 5000) (i32.const 0) (i32.const 16))",
    "init": "(memory.init $second $d (i32.const 0) (i32.const 0) (i32.const 3))",
    "atomic": "(drop (i32.atomic.load (i32.const 5000)))",
    "fence": "(atomic.fence)",
    "wait": "(drop (memory.atomic.wait32 (i32.const 5000) (i32.const 0) (i64.const -1)))",
}


@pytest.mark.parametrize("name", SECOND)
def test_code_that_names_the_second_memory_or_is_atomic_is_refused(name, monkeypatch):
    wasm = with_second_memory(invoke=SECOND[name] + ADD_ONE + finish(), more='(data $d "abc")')
    with pytest.raises(MalformedModuleError) as caught:
        load(wasm)
    assert caught.value.rule == "module.wasm"
    # Were it valid, it would get no checks.
    monkeypatch.setattr(_runtime, "validate", lambda _: None)
    with pytest.raises(ModuleError, match=r"second memory|unknown instruction") as caught:
        load(wasm)
    assert caught.value.rule == "module.compile"


def test_data_for_the_second_memory_is_refused():
    with pytest.raises(MalformedModuleError, match="second memory"):
        load(with_second_memory(more='(data (memory $second) (i32.const 0) "a")'))


TAKEN = {
    "the memory": f'(export "{TIME}" (memory 0))',
    "a function": f'(func (export "{TIME}"))',
    "a global": f'(global (export "{TIME}") i64 (i64.const 1))',
    "both names": f'(export "{TIME}" (memory 0)) (table (export "{TIME}_") 1 funcref)',
}


@pytest.mark.parametrize("taken", TAKEN)
def test_a_module_may_export_what_it_likes_by_the_name_of_the_time(taken, as_code):
    """The host finds its own memory, writes into no other, and stops the code."""
    wasm = as_code(guest(invoke=ADD_ONE + finish(), more=TAKEN[taken]))
    with load(wasm, limits=FAST) as session:
        before = session._live().guest.memory[:16].tolist()
        started = _runtime.clock().now
        while _runtime.clock().now < started + 3:
            time.sleep(0.01)
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))
        assert session._live().guest.memory[:16].tolist() == before
        assert session._live().guest._instance._time[0] >= started
    wasm = as_code(guest(invoke="(loop $l (br $l)) unreachable", more=TAKEN[taken]))
    with load(wasm, limits=FAST) as session:
        is_stopped(session)


def test_a_module_that_exports_the_name_of_the_time_still_conforms():
    text = (ROOT / "abi" / "conformance" / "negate.wat").read_text("utf-8").rstrip()
    assert text.endswith(")")
    report = check(bytes(wasmtime.wat2wasm(f"{text[:-1]} {TAKEN['both names']})")))
    assert not report.broken
    assert report.complete


# --- what is honest still works ---


def test_passive_data_and_bulk_instructions_work():
    code = f"""(memory.init $d (i32.const 5000) (i32.const 1) (i32.const 4))
        (memory.copy (i32.const {OUTPUT_ADDRESS}) (i32.const 5000) (i32.const 4))
        (memory.fill (i32.const {OUTPUT_ADDRESS + 3}) (i32.const 9) (i32.const 1))
        (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))
        (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 1))
        (table.fill $t (i32.const 2) (table.get $t (i32.const 1)) (i32.const 1))
        (i32.store8 (i32.const {OUTPUT_ADDRESS + 2}) (call_indirect (result i32) (i32.const 2)))
        {finish()}"""
    more = """(data $d "abcdefg") (table $t 3 funcref) (elem $e func $f)
        (func $f (result i32) (i32.const 77))"""
    with load(guest(invoke=code, more=more)) as session:
        assert session.run(X)[0].tolist() == [[ord("b"), ord("c"), 77, 9]]


def test_long_code_gets_its_checks_where_it_is_compiled(monkeypatch):
    """That takes time in proportion to its length, so the deadline of compiling is on it."""

    def here(*_: object) -> bytes:
        raise AssertionError("in this process")

    monkeypatch.setattr(_interruption, "interruptible", here)
    long = guest(invoke=times(4000, "(drop (i32.const 3))") + "(loop $l (br $l)) unreachable")
    with load(long, limits=FAST) as session:
        is_stopped(session)
    with pytest.raises(AssertionError, match="in this process"):
        load(guest(start="(drop (i32.const 3))"))


def test_the_time_of_a_grown_foreign_memory_stays_where_it_is():
    memory = '(memory (export "memory") 1 20)'
    with load(guest(invoke="(loop $l (br $l)) unreachable", memory=memory), limits=FAST) as session:
        guest_of = session._live().guest
        guest_of.grow(20 * 65536)
        assert len(guest_of.memory) == 20 * 65536
        guest_of.memory[65536:] = b"\x7f" * 19 * 65536
        is_stopped(session)
    with load(guest(), limits=Limits(memory_bytes=65536)) as session:
        session.run(X)
