"""Reading and rewriting WebAssembly binaries."""

from __future__ import annotations

import numpy as np
import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.wat_guests import guest
from tflm_wasm import MalformedModuleError, Module, ModuleError
from tflm_wasm._admission import admit
from tflm_wasm._wasm import CODE, FuncType, MemoryLimits, Segment, parse
from tflm_wasm._wasm_rewrite import rewrite, u32_leb, without_imports


def wasm(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def memory_of(binary: bytes, size: int) -> bytes:
    """Return what wasmtime makes of the module's memory."""
    store = wasmtime.Store(wasmtime.Engine())
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, binary), [])
    return bytes(instance.exports(store)["m"].read(store, 0, size))


def test_a_module_is_read_as_it_was_written():
    module = parse(
        wasm(
            '(module (memory (export "m") 2 5) (global (export "g") i32 (i32.const 1))'
            ' (func (export "f") (param i32 f64) (result i64) (i64.const 0))'
            ' (data (i32.const 8) "abc") (data "passive"))'
        )
    )
    assert module.memories == (MemoryLimits(2, 5),)
    assert module.signature("f") == FuncType(("i32", "f64"), ("i64",))
    assert module.signature("g") is None
    assert module.signature("nothing") is None
    assert {name: export.kind for name, export in module.exports.items()} == {
        "m": "memory",
        "g": "global",
        "f": "func",
    }
    assert module.segments == (Segment(8, b"abc"), Segment(None, b"passive"))
    assert module.initial_bytes(7, 6) == b"\0abc\0\0"


def test_a_module_is_written_as_it_was_read():
    usual = guest()
    section, size = usual[8], usual[9]
    assert size < 0x80
    long_size = usual[:8] + bytes((section, size | 0x80, 0)) + usual[10:]
    for binary in (usual, long_size):
        module = parse(binary)
        assert module.to_bytes() == binary
        assert module.size == len(binary)
        assert Module(binary).wasm == binary
    assert parse(long_size).engine == parse(usual).engine


def test_modules_of_one_engine_keep_its_code_once():
    one = guest()
    other = rewrite(one, memory=MemoryLimits(2, 2), segments=[(5000, b"more")])
    codes = [dict(Module(binary).parsed.sections)[CODE] for binary in (one, other)]
    assert codes[0] is codes[1]


def test_imports_are_named_without_reading_their_types():
    module = parse(wasm('(module (import "a" "b" (func)) (import "c" "d" (memory 1)))'))
    assert module.imports == ("a.b", "...")


def test_a_module_without_its_imports_runs_until_it_calls_one():
    binary = wasm(
        '(module (import "a" "b" (func $b (param i32) (result i32))) (import "a" "c" (func $c))'
        ' (func $one (result i32) (i32.const 1)) (func (export "safe") (result i32) (call $one))'
        ' (func (export "unsafe") (result i32) (call $c) (call $b (i32.const 2))))'
    )
    store = wasmtime.Store(wasmtime.Engine())
    module = wasmtime.Module(store.engine, without_imports(binary))
    exports = wasmtime.Instance(store, module, []).exports(store)
    assert exports["safe"](store) == 1
    with pytest.raises(wasmtime.Trap):
        exports["unsafe"](store)
    alone = wasm("(module (func))")
    assert without_imports(alone) == alone


def test_only_functions_can_be_left_out_of_imports():
    with pytest.raises(MalformedModuleError, match="no function"):
        without_imports(wasm('(module (import "a" "m" (memory 1)))'))


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("(memory 1)", MemoryLimits(1, None)),
        ("(memory 1 2 shared)", MemoryLimits(1, 2, shared=True)),
        ("(memory i64 1 2)", MemoryLimits(1, 2, wide=True)),
        ("(memory 7 9 (pagesize 1))", MemoryLimits(7, 9, page_log2=0)),
    ],
)
def test_every_kind_of_memory_is_recognised(text, limits):
    assert parse(wasm(f"(module {text})")).memories == (limits,)


def test_a_rewritten_module_has_the_new_memory_data_and_section():
    old = wasm('(module (memory (export "m") 1) (data (i32.const 2) "old"))')
    new = rewrite(
        old,
        memory=MemoryLimits(3, 3),
        segments=[(3, b"new"), (70_000, b"far")],
        custom=("note", b"hello"),
    )
    parsed = parse(new)
    assert parsed.memories == (MemoryLimits(3, 3),)
    assert parsed.custom == {"note": b"hello"}
    assert memory_of(new, 70_010) == parsed.initial_bytes(0, 70_010)
    assert memory_of(new, 8) == b"\0\0onew\0\0"


def test_a_module_without_data_gets_a_data_section_in_the_right_place():
    old = wasm('(module (memory (export "m") 1) (func nop))')
    assert memory_of(rewrite(old, memory=MemoryLimits(1, 1), segments=[(0, b"x")]), 2) == b"x\0"


def test_the_data_count_is_kept_right_for_bulk_memory():
    old = wasm(
        '(module (memory (export "m") 1) (data $p "passive") (func (export "f")'
        " (memory.init $p (i32.const 0) (i32.const 0) (i32.const 7))))"
    )
    assert memory_of(rewrite(old, memory=MemoryLimits(1, 1), segments=[(4, b"x")]), 5) == (
        b"\0\0\0\0x"
    )


def test_a_custom_page_size_survives_a_rewrite():
    old = wasm("(module (memory 7 9 (pagesize 1)))")
    limits = MemoryLimits(100, 100, page_log2=0)
    assert parse(rewrite(old, memory=limits)).memories == (limits,)


def test_only_a_module_with_one_memory_can_be_rewritten():
    with pytest.raises(MalformedModuleError, match="one memory expected, 0"):
        rewrite(wasm("(module)"), memory=MemoryLimits(1, 1))


@given(st.integers(0, 2**32 - 1), st.binary(max_size=300))
@settings(max_examples=200)
def test_any_segment_reads_back_as_it_was_written(address, data):
    old = wasm("(module (memory 1))")
    new = rewrite(old, memory=MemoryLimits(1, 1), segments=[(address, data)])
    assert parse(new).segments == (Segment(address, data),)


def test_numbers_are_encoded_as_the_specification_says():
    assert u32_leb(624485) == bytes((0xE5, 0x8E, 0x26))
    assert u32_leb(0) == b"\0"
    assert u32_leb(0xFFFFFFFF) == b"\xff\xff\xff\xff\x0f"


def test_a_module_cut_anywhere_is_malformed_or_breaks_a_rule():
    whole = guest()
    for length in range(len(whole)):
        with pytest.raises(ModuleError):
            Module.read(whole[:length])


def test_mutated_modules_never_raise_anything_but_module_errors():
    whole = np.frombuffer(guest(), np.uint8)
    random = np.random.default_rng(20_001)
    refused = 0
    for _ in range(20_000):
        mutant = whole.copy()
        where = random.integers(0, len(mutant), random.integers(1, 4))
        mutant[where] = random.integers(0, 256, len(where), np.uint8)
        try:
            admit(mutant.tobytes())
        except ModuleError:
            refused += 1
    assert 0 < refused < 20_000


@pytest.mark.parametrize(
    ("section", "why"),
    [
        (b"\x05\x05\x01\x00", "5 bytes expected, 2 left"),
        (b"\x05\x02\x01\x10", "unknown kind"),
        (b"\x0e\x00", "out of order"),
        (b"\x01\x02\x01\x5f", "not a function type"),
        (b"\x01\x05\xff\xff\xff\xff\x0f", "vector of 4294967295"),
        (b"\x01\x06\x80\x80\x80\x80\x80\x00", "too long"),
        (b"\x01\x05\xff\xff\xff\xff\x7f", "over 32 bits"),
        (b"\x00\x03\x02\xff\xff", "not UTF-8"),
        (b"\x03\x02\x01\x00", "unknown type"),
        (b"\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00", "without a body"),
        (b"\x0a\x01\x01", "without a body"),
        (b"\x01\x02\x00\x00", "too many"),
        (b"\x0c\x01\x02", "data count"),
    ],
)
def test_a_malformed_section_says_what_is_wrong_and_where(section, why):
    with pytest.raises(MalformedModuleError) as caught:
        parse(b"\0asm\x01\0\0\0" + section)
    assert why in str(caught.value)
    assert caught.value.offset is not None
    assert 8 <= caught.value.offset <= 8 + len(section)


def test_a_name_export_twice_is_malformed():
    text = '(module (func (export "aa")) (func (export "ab")))'
    with pytest.raises(MalformedModuleError, match="two exports"):
        parse(wasm(text).replace(b"ab", b"aa"))


def test_a_segment_at_a_computed_address_is_malformed():
    text = '(module (global $g i32 (i32.const 0)) (memory 1) (data (global.get $g) "x"))'
    with pytest.raises(MalformedModuleError, match="computed address"):
        parse(wasm(text))
