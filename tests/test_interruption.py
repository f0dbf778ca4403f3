"""The checks that code gets before it is compiled: they are everywhere, and nothing is lost."""

from __future__ import annotations

import hashlib
import random

import pytest
import wasmtime

from tests.support.wat_guests import guest
from tflm_wasm import MalformedModuleError, ModuleError, _compile, _runtime, load
from tflm_wasm._engine import packaged_engine
from tflm_wasm._interruption import CHECK, interruptible, unchecked
from tflm_wasm._wasm import CODE, EXPORT, IMPORT, MEMORY, TIME, encoded, parse
from tflm_wasm._wasm_code import BULK

ENGINE = interruptible(packaged_engine())


def module(*functions: str, more: str = "") -> bytes:
    """Return a module of functions, with a memory."""
    text = " ".join(f"(func {function})" for function in functions)
    return bytes(wasmtime.wat2wasm(f'(module (memory (export "memory") 1) {more} {text})'))


def with_body(code: bytes) -> bytes:
    """Return a module of one function without locals, of these instructions."""
    empty = module("")
    body = b"\0" + code + b"\x0b"
    payload = b"\x01" + bytes((len(body),)) + body
    return encoded((s, payload if s == CODE else old) for s, old in parse(empty).sections)


def is_valid(wasm: bytes) -> bool:
    config = wasmtime.Config()
    config.wasm_multi_memory = config.wasm_threads = True
    wasmtime.Module.validate(wasmtime.Engine(config), wasm)
    return True


# --- everywhere ---


def test_the_engine_has_a_check_in_each_loop_and_function_and_before_bulk_work():
    assert unchecked(ENGINE) == []
    missing = unchecked(packaged_engine())
    assert sum(one.startswith("loop") for one in missing) > 500
    assert sum(one.startswith("function") for one in missing) == len(
        parse(packaged_engine()).functions
    )
    assert sum(one.startswith("bulk") for one in missing) > 50
    assert 100 < sum(one.startswith("long") for one in missing) < 300
    assert dict(parse(ENGINE).sections)[CODE].count(CHECK) == len(missing)


def test_the_engine_is_the_same_but_for_its_checks_and_the_memory_that_they_read():
    before, after = parse(packaged_engine()), parse(ENGINE)
    assert dict(after.sections)[CODE].count(b"\xfe\x11\x43\x01") == len(
        unchecked(packaged_engine())
    )
    assert after.functions == before.functions
    assert after.segments == before.segments
    assert after.exports.keys() - before.exports.keys() == {TIME}
    assert [(one.minimum, one.maximum) for one in after.memories[1:]] == [(1, 1)]


LOOP = "(loop $l (br_if $l (i32.const 0)))"


def nops(count: int) -> str:
    return "nop " * count


def times_nested(depth: int, code: str) -> str:
    return "(block " * depth + code + ")" * depth


@pytest.mark.parametrize(
    ("function", "missing"),
    [
        ("", 0),
        ("(block (br_if 0 (i32.const 1))) (if (i32.const 1) (then nop) (else nop))", 0),
        (LOOP, 1),
        (f"(loop {LOOP} {LOOP})", 3),
        ("(result i32) (loop (result i32) (i32.const 7))", 1),
        ("(result i32) (i32.const 7) (loop (param i32) (result i32) (br 0))", 1),
        ("(drop (i32.const 3)) (block (loop (if (i32.const 1) (then (loop)))))", 2),
        ("unreachable (loop unreachable)", 1),
        (f"(call $other) {LOOP} (call $other)", 1),
        ("(memory.fill (i32.const 0) (i32.const 0) (i32.const 1))" * 3, 3),
        ("(i32.const 0) (i32.const 0) (i32.const 1) (loop (param i32 i32 i32) memory.copy)", 1),
        ("(drop (memory.grow (i32.const 0))) (drop (memory.size))", 1),
        (nops(1024), 0),
        (nops(1026), 1),
        (nops(4000), 3),
        (f"{nops(1000)} (loop) {nops(500)}", 2),  # as if the loop had not been entered
        (f"(block {nops(1000)} (br 0) {nops(100)}) {nops(500)}", 2),  # goes past the first check
        (f"(block (block {nops(600)}) {nops(600)})", 2),
        (f"(if (i32.const 0) (then {nops(900)}) (else {nops(100)})) {nops(20)}", 1),
        (f"{times_nested(10, nops(1100))} nop", 11),  # at each end there may be a branch's
    ],
)
def test_what_lacks_a_check_is_found_and_gets_one(function, missing):
    wasm = module(function, more="(func $other)")
    assert len(unchecked(wasm)) == missing + 2  # the functions
    checked = interruptible(wasm)
    assert unchecked(checked) == []
    assert is_valid(checked)


def test_a_check_in_front_of_a_loop_is_none_in_it():
    (missing,) = unchecked(with_body(CHECK + b"\x03\x40\x0b"))
    assert missing.startswith("loop")


FILL = bytes.fromhex("41 00 41 00 41 00 fc 0b 00")  # three numbers, memory.fill


def test_a_check_that_is_not_right_before_bulk_work_is_none_of_it():
    (missing,) = unchecked(with_body(CHECK + FILL))
    assert missing.startswith("bulk")
    assert not unchecked(with_body(CHECK + FILL[:6] + CHECK + FILL[6:]))


@pytest.mark.parametrize(
    ("part", "other"),
    [
        (b"\x55", b"\x53"),  # compares the other way round
        (b"\x00\x0b", b"\x01\x0b"),  # goes on
        (b"\x43\x01\x08", b"\x43\x01\x00"),  # has no deadline
        (b"\xfe\x11", b"\x29"),  # may be moved out of the loop
    ],
)
def test_what_only_looks_like_a_check_is_none(part, other):
    assert CHECK.count(part) == 1
    with pytest.raises(MalformedModuleError):
        unchecked(with_body(b"\x03\x40" + CHECK.replace(part, other) + b"\x0b"))


# --- nothing is skipped ---

KINDS = """
(drop (i64.const -9000000000)) (drop (f32.const 1.5)) (drop (f64.const -2.5))
(drop (select (result i32) (i32.const 1) (i32.const 2) (i32.const 0)))
(drop (i32.trunc_sat_f64_u (f64.const 1))) (drop (i64.extend8_s (i64.const 1)))
(block (block (block (br_table 0 1 2 1 (i32.const 1)))))
(drop (drop (block (result i32 i64) (i32.const 1) (i64.const 300))))
(memory.init $d (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop $d)
(memory.copy (i32.const 0) (i32.const 1) (i32.const 2))
(memory.fill (i32.const 0) (i32.const 1) (i32.const 2))
(drop (memory.grow (memory.size)))
(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0)) (elem.drop $e)
(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 0))
(table.set $t (i32.const 0) (ref.func $f)) (drop (ref.is_null (table.get $t (i32.const 0))))
(table.fill $t (i32.const 0) (ref.null func) (table.grow $t (ref.null func) (table.size $t)))
(i64.store32 offset=70000 align=1 (i32.const 0) (i64.load16_s (i32.const 8)))
(drop (v128.const i64x2 0x0303030303030303 0x0b0b0b0b0b0b0b0b))
(drop (i8x16.shuffle 3 3 3 3 3 3 3 3 11 11 11 11 11 11 11 11
  (v128.load offset=3 (i32.const 3)) (i32x4.splat (i32.const 3))))
(drop (i16x8.extract_lane_s 3 (v128.load8x8_u (i32.const 3))))
(v128.store64_lane offset=3 1 (i32.const 3) (v128.load32_zero (i32.const 3)))
(drop (i32x4.dot_i16x8_s (i64x2.replace_lane 1 (v128.load64_splat (i32.const 3)) (i64.const 3))
  (f64x2.convert_low_i32x4_u (v128.load8_lane 3 (i32.const 3) (i16x8.splat (i32.const 3))))))
(global.set $g (global.get $g)) (drop (local.tee 0 (local.get 0))) (local.set 0 (i32.const 3))
"""


def test_instructions_of_every_kind_are_read_as_they_are():
    """The loop behind them is found once, though loops and ends are in their numbers, too."""
    more = """(data $d "abc") (table $t 3 funcref) (elem $e func $f) (func $f)
        (elem declare func $f) (global $g (mut i32) (i32.const 0))"""
    wasm = module(f"(local i32) {KINDS} (loop {KINDS})", more=more)
    missing = unchecked(wasm)
    assert [one.split()[0] for one in missing] == [
        *("function", "function"),
        *("bulk" for _ in BULK),
        "loop",
        *("bulk" for _ in BULK),
    ]
    checked = interruptible(wasm)
    assert dict(parse(checked).sections)[CODE].count(CHECK) == len(missing)
    assert is_valid(checked)


def replaced(wasm: bytes, **payloads: bytes) -> bytes:
    """Return a module with other sections."""
    numbers = {"memory": MEMORY, "exports": EXPORT, "code": CODE}
    changed = {numbers[name]: payload for name, payload in payloads.items()}
    return encoded((s, changed.get(s, old)) for s, old in parse(wasm).sections)


def test_numbers_may_be_written_with_more_bytes_than_they_take():
    exports = dict(parse(module("")).sections)[EXPORT]
    code = "28 82 00 80 00 1a  41 80 00 fd 00 84 80 00 80 80 00 1a  03 40 0c 80 00 0b"
    body = b"\0" + bytes.fromhex(f"41 80 00 {code} {FILL[:6].hex()} fc 8b 80 00 00 0b")
    size = bytes((len(body) | 0x80, 0x80, 0))
    wasm = replaced(
        module(""),
        memory=b"\x81\x00\x00\x81\x00",
        exports=b"\x81\x80\x00" + exports[1:],
        code=b"\x81\x00" + size + body,
    )
    _runtime.validate(wasm)
    checked = interruptible(wasm)
    assert is_valid(checked)
    assert dict(parse(checked).sections)[CODE].count(CHECK) == 3
    assert [one.minimum for one in parse(checked).memories] == [1, 1]


def test_a_section_of_no_imports_is_no_import():
    first, *others = parse(module("")).sections
    wasm = encoded([first, (IMPORT, b"\0"), *others])
    _runtime.validate(wasm)
    assert is_valid(interruptible(wasm))


def test_what_is_valid_gets_its_checks_and_is_valid_then():
    """Of modules that were changed at random, those that the runtime still accepts."""
    seed = 20_261_127
    pick = random.Random(seed)  # noqa: S311
    more = """(data $d "abc") (table $t 3 funcref) (elem $e func $f) (func $f)
        (elem declare func $f) (global $g (mut i32) (i32.const 0))"""
    whole = dict(parse(module(f"(local i32) {KINDS} (loop {KINDS})", more=more)).sections)[CODE]
    original = module(f"(local i32) {KINDS} (loop {KINDS})", more=more)
    accepted = 0
    for number in range(4000):
        code = bytearray(whole)
        for _ in range(pick.choice((1, 1, 2, 3))):
            code[pick.randrange(3, len(code))] = pick.choice((pick.randrange(256), 0x03, 0x80))
        wasm = replaced(original, code=bytes(code))
        try:
            _runtime.validate(wasm)
        except MalformedModuleError:
            continue
        accepted += 1
        checked = interruptible(wasm)
        where = f"module {number} of seed {seed}"
        assert not unchecked(checked), where
        assert is_valid(checked), where
    assert accepted > 400


@pytest.mark.parametrize(
    "code",
    [
        *("06 40", "08 00", "12 00", "14 00", "19", "1f 40", "27", "c5", "d3", "d5", "e0", "ff"),
        *("fb 00 00", "fc 12", "fc 88 01", "fd 9a 01", "fd ee 01", "fd 80 02", "fe 10 02 00"),
    ],
)
def test_an_unknown_instruction_is_an_error(code):
    wasm = with_body(bytes.fromhex(code) + b"\x03\x40\x0b")
    for read in (unchecked, interruptible):
        with pytest.raises(MalformedModuleError, match="unknown instruction"):
            read(wasm)


@pytest.mark.parametrize(
    "code",
    [
        *("28 42 01 00", "36 42 01 00", "28 c2 00 01 00", "fd 0b 44 01 00", "3f 01", "40 01"),
        *("fc 08 00 01", "fc 0a 00 01", "fc 0a 01 00", "fc 0b 01", "fd 54 40 01 00 00"),
    ],
)
def test_nothing_but_a_check_reaches_the_second_memory(code):
    wasm = with_body(bytes.fromhex(code))
    for read in (unchecked, interruptible):
        with pytest.raises(MalformedModuleError, match="second memory"):
            read(wasm)
    with pytest.raises(MalformedModuleError):
        _runtime.validate(wasm)


@pytest.mark.parametrize("cut", [1, 3, 8])
def test_code_that_ends_early_is_an_error(cut):
    wasm = module(LOOP)
    sections = [(s, old[:-cut] if s == CODE else old) for s, old in parse(wasm).sections]
    with pytest.raises(MalformedModuleError):
        unchecked(encoded(sections))


@pytest.mark.parametrize(
    "text",
    [
        '(module (import "a" "b" (func)) (memory 1))',
        "(module (memory 1) (memory 1))",
        "(module (memory 1))",
        "(module)",
    ],
)
def test_other_memories_and_imports_are_refused(text):
    with pytest.raises(MalformedModuleError, match="one memory"):
        interruptible(bytes(wasmtime.wat2wasm(text)))


@pytest.mark.parametrize("is_long", [False, True])
def test_a_valid_module_that_can_not_be_given_checks_is_an_error(is_long, monkeypatch):
    """Its function is too long with them; or an instruction is unknown, which can't be so far."""
    if is_long:
        wasm = guest(start="(loop)" * 500_000)
        why = "size"
    else:
        wasm = guest(start="i32.const 0 i32.load align=1 drop")
        monkeypatch.setattr("tflm_wasm._wasm_code._IMMEDIATES", {})
        why = "unknown instruction"
    with pytest.raises(ModuleError, match=f"does not compile: .*{why}") as caught:
        load(wasm)
    assert caught.value.rule == "module.compile"
    assert "`tflm-wasm check" in caught.value.hint


def test_the_key_of_machine_code_changes_with_what_is_done_to_code():
    """When this fails, `_CHECKS` needs another number, or old machine code stays in use."""
    code = f"{LOOP} (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0)"
    digest = hashlib.sha256(interruptible(guest(invoke=code))).hexdigest()
    assert (_compile._CHECKS, digest[:16]) == (b"with checks 2", "6b756635ad176a73")
    assert _compile._OWN_FORM.startswith(_compile._CHECKS)
