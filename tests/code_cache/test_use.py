"""Machine code on disk is found again, and never in the way."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path

import numpy as np
import pytest

import tflm_wasm
from tests.support.cached_code import GUEST, X, entry, forget, runs
from tests.support.cli import tflm_wasm as command_line
from tests.support.files import ZOO
from tests.support.wat_guests import guest
from tflm_wasm import _capi, _code_cache, _compile, code_cache, load

SINE = ZOO / "sine_int8" / "sine_int8.tflite"

# --- found again ---


@pytest.mark.parametrize("source", [GUEST, guest(start="(drop (i32.const 1))" * 4000)])
def test_a_module_is_compiled_once(source, folder, no_compiler, monkeypatch):
    runs(source)
    assert entry(folder).stat().st_size > 1000
    no_compiler()
    monkeypatch.setattr(_compile, "_in_child", None)
    runs(source)


@pytest.mark.parametrize(("source", "form"), [(GUEST, "_CHECKS"), (SINE, "_OWN_FORM")])
def test_code_that_was_given_other_checks_is_not_taken(source, form, folder, monkeypatch):
    for name in ("before", "after"):
        monkeypatch.setattr(_compile, form, name.encode())
        forget()
        load(source).close()
    assert len(list(folder.iterdir())) == 2


def test_all_modules_of_the_engine_share_one_entry(folder, no_compiler):
    load(SINE).close()
    assert entry(folder)
    no_compiler()
    forget()
    for path in sorted(ZOO.glob("*/*.tflite")):
        load(path).close()
    assert entry(folder)


def test_the_engine_has_one_entry_with_a_time_limit_and_without(folder):
    load(SINE, limits=tflm_wasm.Limits(time_s=None)).close()
    forget()
    load(SINE).close()
    assert entry(folder)


def test_code_in_use_is_shared_in_the_process_and_freed_with_its_last_session(no_compiler):
    code_cache.disable()
    with load(GUEST) as session:
        no_compiler()
        with load(GUEST) as other:
            np.testing.assert_array_equal(session.run(X), other.run(X))
    del session, other
    assert not _compile._in_use


def test_code_that_is_being_freed_is_not_in_use_any_more(monkeypatch):
    """Freeing it lets other threads run, and they may be looking for it."""
    found = []
    library = _capi.library()
    free = library.wasmtime_module_delete

    def look_and_free(pointer: int) -> None:
        found.append(len(_compile._in_use))
        free(pointer)

    monkeypatch.setattr(library, "wasmtime_module_delete", look_and_free)
    runs()
    gc.collect()
    assert found == [0]


def test_the_key_is_of_everything_that_machine_code_depends_on(monkeypatch):
    options = {"wasm_threads": True}
    keys = [_code_cache.key_of(GUEST, options)]
    keys.append(_code_cache.key_of(GUEST + b"\0", options))
    keys.append(_code_cache.key_of(GUEST, {"wasm_threads": False}))
    for where, name, value in (
        (_capi, "version", lambda: "50.0.2"),
        (_code_cache, "_processor", lambda: ("x86_64", "flags: fpu sse")),
        (_capi, "file", lambda: Path(__file__)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, value)
            _code_cache._machine.cache_clear()
            keys.append(_code_cache.key_of(GUEST, options))
    _code_cache._machine.cache_clear()
    assert len(set(keys)) == len(keys)
    assert _code_cache.key_of(GUEST, options) == keys[0]


# --- in no one's way ---


def test_a_folder_that_can_not_be_made_costs_only_time(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    code_cache.use(tmp_path / "file" / "code")
    runs()
    assert code_cache.info().entries == 0
    assert code_cache.clear() == 0


@pytest.mark.parametrize("call", ["open", "replace", "mkdir", "writelines"])
def test_a_full_disk_costs_only_time_and_leaves_no_half_files(call, folder, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "writelines":
        monkeypatch.setattr(_code_cache, "_write", lambda path, _: (path.write_bytes(b"x"), full()))
    elif call == "open":
        real = os.open
        monkeypatch.setattr(
            os,
            "open",
            lambda path, flags, *rest: full() if flags & os.O_CREAT else real(path, flags, *rest),
        )
    else:
        monkeypatch.setattr(Path, call, full)
    runs()
    assert not folder.exists() or not list(folder.iterdir())


def test_without_a_home_there_is_no_cache(monkeypatch):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(_code_cache.VARIABLE, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(_code_cache, "_chosen", [])
    assert _code_cache.current() is None
    runs()


@pytest.mark.parametrize("value", ["off", "OFF", "0", "no", "false", ""])
def test_a_variable_turns_it_off(value, folder, monkeypatch):
    monkeypatch.setenv(_code_cache.VARIABLE, value)
    monkeypatch.setattr(_code_cache, "_chosen", [])
    runs()
    assert code_cache.info() == code_cache.CacheInfo(None, 0, 0, 0)
    assert code_cache.clear() == 0
    assert not folder.exists()


def test_a_variable_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(_code_cache.VARIABLE, str(tmp_path / "mine"))
    monkeypatch.setattr(_code_cache, "_chosen", [])
    runs()
    assert entry(tmp_path / "mine")
    monkeypatch.delenv(_code_cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(_code_cache, "_chosen", [])
    assert code_cache.info().folder == tmp_path / "tflm-wasm" / "code"


def test_it_can_be_looked_at_cleared_and_turned_off(folder):
    runs()
    info = code_cache.info()
    size = entry(folder).stat().st_size
    assert (info.folder, info.entries, info.bytes) == (folder, 1, size)
    assert code_cache.clear() == size
    assert code_cache.info().entries == 0
    code_cache.disable()
    runs()
    assert not list(folder.iterdir())


def test_doctor_shows_and_clears_it(folder):
    runs()
    size = entry(folder).stat().st_size
    shown = command_line("doctor", "--json").stdout
    assert f"{folder}: 1 entries, {size:,} of" in shown
    assert f"{folder}: 0 entries" in command_line("doctor", "--clear-cache", "--json").stdout
    code_cache.disable()
    assert f"unset {_code_cache.VARIABLE}" in command_line("doctor", "--json").stdout
