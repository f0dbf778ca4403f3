"""The path of every invoke: the C library, the checks after a call, time limits, threads."""

from __future__ import annotations

import _ctypes
import ctypes
import gc
import re
import threading
import time
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

import tflm_wasm
from tests.support.files import ROOT, ZOO
from tests.support.wat_guests import ADD_ONE, INIT, INPUT_ADDRESS, X, finish, guest, store
from tflm_wasm import (
    Limits,
    Module,
    RuntimeLibraryError,
    _capi,
    _compile,
    _guest,
    _runtime,
    build,
    load,
)
from tflm_wasm._wasm import MemoryLimits, parse
from tflm_wasm._wasm_rewrite import rewrite

SINE = ZOO / "sine_int8" / "sine_int8.tflite"
SPIN = "(loop $again (br $again))"


# --- the library ---


@pytest.fixture
def fresh_library():
    """Forget the library before and after the test."""
    caches = (_capi.library, _capi.version, _capi.file, _capi._package)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def package(folder, version="50.0.1", library=None):
    """Make a package `wasmtime` that holds `library`, and return its folder."""
    home = folder / "wasmtime"
    (home / "linux-x86_64").mkdir(parents=True)
    (folder / f"wasmtime-{version}.dist-info").mkdir()
    if library is not None:
        (home / "linux-x86_64" / "_libwasmtime.so").symlink_to(library)
    return home


def test_the_versions_that_are_accepted_are_those_of_the_package():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (first, after) = re.search(r'"wasmtime>=([\d.]+),<([\d.]+)"', text).groups()
    assert (_capi._numbers(first), _capi._numbers(after)) == _capi.SUPPORTED


@pytest.mark.usefixtures("fresh_library")
@pytest.mark.parametrize("version", ["49.0.0", "50.0.0", "51.0.0", "51.0.0rc1", "50", "dev"])
def test_another_version_is_refused_before_it_is_loaded(version, tmp_path, monkeypatch):
    home = package(tmp_path, version)
    monkeypatch.setattr(_capi, "_package", lambda: home)
    monkeypatch.setattr(ctypes, "CDLL", None)
    with pytest.raises(RuntimeLibraryError, match=re.escape(version)) as caught:
        _capi.library()
    assert caught.value.found == version
    assert "pip install" in caught.value.hint


@pytest.mark.usefixtures("fresh_library")
def test_a_later_version_of_the_same_line_is_accepted(tmp_path, monkeypatch):
    home = package(tmp_path, "50.3.0", _capi.file())
    monkeypatch.setattr(_capi.sys, "platform", "linux")
    monkeypatch.setattr(_capi, "_package", lambda: home)
    assert _capi.library().wasmtime_store_new


@pytest.mark.usefixtures("fresh_library")
@pytest.mark.parametrize("library", ["none.so", _ctypes.__file__])
def test_a_library_that_is_missing_or_another_one_is_refused(library, tmp_path, monkeypatch):
    monkeypatch.setattr(_capi, "file", lambda: tmp_path / library)
    with pytest.raises(RuntimeLibraryError, match="can't be used"):
        _capi.library()


@pytest.mark.usefixtures("fresh_library")
def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(_capi, "PathFinder", SimpleNamespace(find_spec=lambda _: None))
    with pytest.raises(RuntimeLibraryError, match="not installed") as caught:
        _capi.library()
    assert caught.value.found is None


def test_structures_that_are_laid_out_otherwise_are_noticed(monkeypatch):
    monkeypatch.setattr(_capi, "EXTERN_MEMORY", 4)
    with pytest.raises(RuntimeLibraryError, match="`memory`"):
        load(guest())


# --- what follows a call ---


def on_second_invoke(code: str) -> str:
    """Return an invoke that does as `ADD_ONE` the first time, and `code` from then on."""
    return (
        f"(if (result i32) (global.get $n) (then {code}) (else"
        f" (global.set $n (i32.const 1)) {ADD_ONE} {finish()}))"
    )


MORE = "(global $n (mut i32) (i32.const 0))"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("unreachable", tflm_wasm.GuestTrap),
        (f"{SPIN} unreachable", tflm_wasm.GuestTimeout),
        (f"(i32.store8 (i32.const 4095) (i32.const 0)) {finish()}", tflm_wasm.GuestStackOverflow),
        (f"(drop (memory.grow (i32.const 1))) {finish()}", tflm_wasm.GuestMemoryGrown),
        (store("heap_base", 0) + finish(), tflm_wasm.ContractError),
        ("(i32.store8 (i32.const 3000) (i32.const 1))" + finish(), tflm_wasm.ContractError),
        (store("status", -15) + "(i32.const 0)", tflm_wasm.ContractError),
        (finish(output_size=3), tflm_wasm.ContractError),
        ("(i32.const -15)", tflm_wasm.ContractError),
        (finish(7), tflm_wasm.ContractError),
    ],
)
def test_a_guest_that_was_honest_once_is_looked_at_again(code, error):
    session = load(guest(invoke=on_second_invoke(code), more=MORE), limits=Limits(time_s=0.05))
    session.run(X)
    with pytest.raises(error):
        session.run(X)
    with pytest.raises(tflm_wasm.SessionDeadError):
        session.run(X)
    session.reopen()
    session.run(X)


def test_a_status_after_a_success_leaves_the_session_alive():
    text = "(i32.store (i32.const 2176) (i32.const 0x216f6e))"
    code = f"{text} {store('error_op', 2)} {store('error_subgraph', 0)} {finish(-15, 0)}"
    with load(guest(invoke=on_second_invoke(code), more=MORE)) as session:
        session.run(X)
        for _ in range(3):
            with pytest.raises(tflm_wasm.GuestStatusError, match="no!"):
                session.run(X)


def test_the_engine_reports_a_stack_that_ran_into_the_block():
    with load(SINE) as session:
        session.invoke()
        session._live().guest.memory[4080] = 0
        with pytest.raises(tflm_wasm.GuestStackOverflow):
            session.invoke()


def test_an_invoke_leaves_no_objects_behind():
    with load(SINE) as session:
        session.invoke()
        tracemalloc.start()
        before = tracemalloc.take_snapshot()
        for _ in range(1000):
            session.invoke()
        after = tracemalloc.take_snapshot()
        tracemalloc.stop()
    grown = [one for one in after.compare_to(before, "lineno") if "tflm_wasm" in str(one.traceback)]
    assert sum(one.size_diff for one in grown) < 1000


def test_python_goes_on_during_a_call():
    order = []
    entered = threading.Event()
    session = load(guest(invoke=f"{SPIN} unreachable"), limits=Limits(time_s=0.5))

    def invoke() -> None:
        entered.set()
        with pytest.raises(tflm_wasm.GuestTimeout):
            session.invoke()
        order.append("call")

    thread = threading.Thread(target=invoke)
    thread.start()
    entered.wait(10)
    order.append("meanwhile")
    thread.join(10)
    assert order == ["meanwhile", "call"]


def test_threads_that_share_a_session_wait_for_each_other():
    errors = []

    def work(session) -> None:
        try:
            for _ in range(300):
                session.invoke()
        except tflm_wasm.TflmWasmError as error:
            errors.append(error)

    for source in (SINE, guest(invoke=store("output_size", 0) + ADD_ONE + finish())):
        with load(source) as session:
            threads = [threading.Thread(target=work, args=(session,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert not errors


# --- time ---


def test_threads_that_are_first_get_one_engine_and_one_clock():
    made = []
    start = threading.Barrier(8)

    def make() -> object:
        time.sleep(0.01)  # long enough for all to come
        made.append(object())
        return made[-1]

    get, found = _runtime._once(make), []

    def work() -> None:
        start.wait(10)
        found.append(get())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == made * 8


def test_ticks_after_late_ones_never_come_too_fast():
    times: list[float] = []
    shared, guest_of = _runtime.Clock(), object.__new__(_guest.Guest)

    class Instance:
        def set_time(self, now: int) -> None:
            times.append(time.monotonic())
            assert now == len(times)
            if now in (5, 6, 20):
                time.sleep(0.06)  # as when the machine is busy

    shared.watch(guest_of, Instance())
    while len(times) < 40:
        time.sleep(0.01)
    for first in range(40):
        for last in range(first, 40):
            enough = shared.ticks(0.01 * (last - first)) - (last - first)
            assert enough == 1
            assert times[last] - times[first] >= 0.01 * (last - first) - 0.0051
    assert times[19] - times[6] < 0.25


def test_the_own_engine_runs_without_a_limit_when_the_user_says_so():
    from tflm_wasm._runtime import clock

    with load(SINE, limits=Limits(time_s=None)) as free, load(SINE) as limited:
        guest_of = free._live().guest
        assert guest_of not in clock()._guests
        for value in range(-128, 128, 5):
            x = np.array([[value]], np.int8)
            np.testing.assert_array_equal(free.run(x), limited.run(x))


def test_a_foreign_module_never_runs_without_a_limit():
    with pytest.raises(tflm_wasm.LimitsError, match="limit on time"):
        load(guest(), limits=Limits(time_s=None))
    # Should that ever let one through, it would have no time at all.
    module = Module(guest(invoke=f"{SPIN} unreachable"))
    compiled = _compile.compile_within(module.parsed, Limits())
    with pytest.raises(tflm_wasm.GuestTimeout):
        _guest.Guest(compiled, Limits(time_s=None)).call("wasm_invoke")


@pytest.mark.parametrize("source", [SINE, guest()])
def test_the_time_limit_is_set_again_only_when_the_clock_went_on(source):
    with load(source) as session:
        instance, clock = session._live().guest._instance, session._live().guest.clock
        settings = []
        instance.stop_after = settings.append
        started, ended = clock.now, time.monotonic() + 30
        while len(settings) < 5 and time.monotonic() < ended:
            session.invoke()
        assert 5 <= len(settings) <= clock.now - started + 1
        del instance.stop_after


# --- the engine's code and a module's data ---


def changed(module: Module, *segments: tuple[int, bytes], pages: int | None = None) -> bytes:
    """Return the module with more data, and maybe another size of memory."""
    memory = module.parsed.memories[0]
    if pages is not None:
        memory = MemoryLimits(pages, None)
    return rewrite(module.wasm, memory=memory, segments=segments)


def test_modules_of_one_engine_share_its_machine_code():
    one, two = build(SINE), build(ZOO / "digits_int8" / "digits_int8.tflite")
    codes = {_compile.compile_within(m.parsed, Limits()).code for m in (one, two)}
    assert len(codes) == 1


def test_memory_is_what_the_module_says_and_nothing_of_the_packaged_engine():
    module = build(SINE)
    dataless = rewrite(module.wasm, memory=module.parsed.memories[0], keep_data=False)
    compiled = _compile.compile_within(parse(dataless), Limits())
    from tflm_wasm._guest import Guest

    assert not any(Guest(compiled, Limits()).memory)
    whole = _compile.compile_within(module.parsed, Limits())
    memory = Guest(whole, Limits()).memory
    assert memory.tobytes() == module.parsed.initial_bytes(0, module.memory_bytes)


def test_data_outside_the_memory_of_an_engine_module_is_refused():
    end = build(SINE).memory_bytes
    with pytest.raises(tflm_wasm.ModuleError, match="not in memory") as caught:
        load(changed(build(SINE), (end - 1, b"ab")))
    assert caught.value.rule == "module.instantiate"


def test_an_engine_module_with_too_much_memory_is_refused():
    with pytest.raises(tflm_wasm.ModuleTooLargeError):
        load(changed(build(SINE), pages=2000))


def test_code_that_counts_as_our_own_can_not_grow_its_memory(as_own):
    # `memory.grow` answers -1, which this guest adds to the first input.
    grow = f"(i32.store8 (i32.const {INPUT_ADDRESS}) (memory.grow (i32.const 1)))"
    wasm = as_own(guest(init=INIT + finish(), invoke=grow + ADD_ONE + finish()))
    with load(wasm) as session:
        assert session._live().guest.is_own
        assert session.run(X)[0][0, 0] == 0
        session.run(X)


def test_code_that_counts_as_our_own_is_stopped_in_time(as_own):
    wasm = as_own(guest(invoke=on_second_invoke(f"{SPIN} unreachable"), more=MORE))
    with (
        load(wasm, limits=Limits(time_s=None)) as free,
        load(wasm, limits=Limits(time_s=0.05)) as session,
    ):
        free.run(X)
        assert session._live().guest.is_own
        session.run(X)
        with pytest.raises(tflm_wasm.GuestTimeout):
            session.run(X)


def test_an_instance_whose_call_trapped_serves_no_other_session(as_own):
    wasm = as_own(guest(invoke=on_second_invoke("unreachable"), more=MORE))
    spares = _compile._own_machine_code().spares
    with load(wasm) as session:
        session.run(X)
        with pytest.raises(tflm_wasm.GuestTrap):
            session.run(X)
    gc.collect()
    assert not spares
