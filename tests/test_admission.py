"""Modules that are refused before they run: by a rule, by a limit, or by the compiler."""

from __future__ import annotations

import numpy as np
import pytest

import tflm_wasm
from tests.support.files import ZOO
from tests.support.wat_guests import (
    X,
    guest,
    open_guest,
    statics,
)
from tflm_wasm import Limits, _abi, load


def without(name: str) -> dict[str, str]:
    return {"leave_out": name}


REFUSED = {
    "import.none": {"imports": '(import "env" "f" (func))'},
    "export.present": without("tflm_wasm_reset"),
    "export.signature": {"invoke_type": "(param i64) (result i32)"},
    "module.no_start": {"more": "(func $s) (start $s)"},
    "memory.initial": {"memory": '(memory (export "memory") 0)'},
    "memory.export": {"memory": "(memory 1)"},
    "memory.type": {"memory": '(memory (export "memory") 1 1 shared)'},
    "block.magic": {"block": statics(magic=0)},
    "block.version": {"block": statics(abi_major=2)},
    "block.features": {"block": statics(features=2 | 1 << 30)},
    "block.limits": {"block": statics(max_model_size=131_073)},
    "block.layout": {"block": statics(heap_base=70_000)},
    "block.model": {"block": statics(model_size=65_536)},
}


@pytest.mark.parametrize(("rule", "parts"), REFUSED.items())
def test_a_module_that_breaks_a_static_rule_is_refused_before_it_runs(rule, parts):
    assert rule in _abi.RULES
    with pytest.raises(tflm_wasm.ModuleError) as caught:
        open_guest(**parts)
    assert caught.value.rule == rule


def test_a_module_without_memory_is_refused():
    with pytest.raises(tflm_wasm.ModuleError) as caught:
        load(b"\0asm\x01\0\0\0")
    assert caught.value.rule == "memory.one"


def test_an_import_is_named():
    with pytest.raises(tflm_wasm.ImportsError) as caught:
        open_guest(imports='(import "wasi_snapshot_preview1" "fd_write" (func))')
    assert caught.value.imports == ("wasi_snapshot_preview1.fd_write",)


def test_an_export_of_another_type_says_both_types():
    with pytest.raises(tflm_wasm.ExportError) as caught:
        open_guest(invoke_type="(param f32) (result i32)")
    assert (caught.value.expected, caught.value.found) == ("() -> (i32)", "(f32) -> (i32)")


def test_a_module_without_a_model_is_refused():
    with pytest.raises(tflm_wasm.NoModelError):
        open_guest(block=statics(features=0, model_size=0, model_ptr=0))


def test_an_extended_module_needs_the_extended_profile():
    features = int(_abi.Feature.EMBEDDED_MODEL | _abi.Feature.EXTENDED)
    wasm = guest(block=statics(features=features))
    with pytest.raises(tflm_wasm.ProfileError, match="opted into"):
        load(wasm)
    with load(wasm, profile="extended") as session:
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))
    with pytest.raises(tflm_wasm.ProfileError, match="no profile 'huge'"):
        load(wasm, profile="huge")


def test_a_strict_module_runs_under_the_extended_profile_too():
    with load(guest(), profile="extended") as session:
        session.run(X)


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(memory_bytes=65_535), "memory"),
        (Limits(module_bytes=100), "file"),
        (Limits(code_bytes=10), "code section"),
    ],
)
def test_a_module_over_a_limit_is_not_compiled(limits, what):
    with pytest.raises(tflm_wasm.ModuleTooLargeError) as caught:
        load(guest(), limits=limits)
    assert caught.value.what == what
    assert caught.value.size > caught.value.limit


def test_a_huge_table_is_refused():
    with pytest.raises(tflm_wasm.ModuleError) as caught:
        open_guest(more="(table 10000000 funcref)")
    assert caught.value.rule == "module.instantiate"


def test_a_data_segment_outside_memory_is_refused():
    with pytest.raises(tflm_wasm.ModuleError) as caught:
        open_guest(more='(data (i32.const 65535) "ab")')
    assert caught.value.rule == "module.instantiate"


def test_an_invalid_function_body_is_refused():
    wasm = bytearray(guest())
    wasm[wasm.index(bytes((0x41, 1, 0x6A)))] = 0x42  # i64.const where i32.const was
    with pytest.raises(tflm_wasm.MalformedModuleError) as caught:
        load(bytes(wasm))
    assert caught.value.rule == "module.wasm"


LOOPS = "(loop (br_if 0 (i32.const 0)))"


def test_code_that_takes_too_long_to_compile_is_stopped():
    wasm = guest(start=LOOPS * 100_000)
    with pytest.raises(tflm_wasm.CompileTimeout) as caught:
        load(wasm, limits=Limits(compile_s=1.0))
    assert (caught.value.time_s, caught.value.rule) == (1.0, "module.compile")


def test_long_foreign_code_is_compiled_in_another_process_and_runs_here():
    wasm = guest(start="(drop (i32.const 1))" * 4000)
    with load(wasm) as session:
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


def test_the_own_engine_is_compiled_in_this_process(monkeypatch):
    monkeypatch.setattr("tflm_wasm._compile._in_child", None)
    assert load(ZOO / "sine_int8" / "sine_int8.tflite").outputs


def test_a_compiler_that_dies_is_a_module_error(monkeypatch):
    monkeypatch.setattr("tflm_wasm._compile._WORKER", "raise SystemExit('out of memory')")
    with pytest.raises(tflm_wasm.ModuleError, match="out of memory") as caught:
        load(guest(start="(drop (i32.const 2))" * 4000))  # which is not in a cache
    assert caught.value.rule == "module.compile"


@pytest.mark.parametrize("bad", [0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_time_limit_that_makes_no_sense_is_refused(bad):
    with pytest.raises(tflm_wasm.LimitsError, match="time_s"):
        Limits(time_s=bad)
