"""Sessions on guests written by hand: honest ones, and ones that try to get out."""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import tflm_wasm
from tests.support.cli import two_inputs
from tests.support.wat_guests import (
    ADD_ONE,
    ELEMENTS,
    FAST,
    INIT,
    OUTPUT_ADDRESS,
    X,
    descriptor,
    finish,
    guest,
    offset,
    open_guest,
    statics,
    store,
)
from tflm_wasm import Limits, _abi, load


def test_an_honest_guest_runs_and_keeps_running():
    with open_guest() as session:
        for shift in range(3):
            (y,) = session.run(X + np.int8(shift))
            np.testing.assert_array_equal(y, X + np.int8(shift + 1))


def test_tensors_say_what_the_descriptors_say():
    with open_guest() as session:
        (tensor,) = session.inputs
        assert (tensor.shape, tensor.dtype, tensor.index) == ((1, ELEMENTS), np.int8, 0)
        assert (tensor.scale, tensor.zero_point, tensor.name) == (0.5, -3, "tensor_0")
        assert session.outputs[0].name == "tensor_1"
        assert (session.arena_used, session.arena_needed, session.stateful) == (32, 48, False)


def test_views_reach_the_guest_without_a_copy():
    with open_guest() as session:
        x, y = session.inputs[0].view, session.outputs[0].view
        x[:] = 7
        session.invoke()
        np.testing.assert_array_equal(y, np.full((1, ELEMENTS), 8))
        assert not y.flags.writeable


def test_data_is_the_same_memory_as_the_view():
    with open_guest() as session:
        (x,), (y,) = session.inputs, session.outputs
        x.data[:] = bytes(range(10, 10 + ELEMENTS))
        assert x.view.tolist() == [list(range(10, 10 + ELEMENTS))]
        x.view[...] = -1
        assert x.data.tobytes() == b"\xff" * ELEMENTS
        session.invoke()
        assert y.data.tobytes() == bytes(ELEMENTS)
        assert y.data.readonly
        assert x.view is x.view


def test_a_run_on_bytes_is_a_run():
    want = bytes(X + np.int8(1))
    with open_guest() as session:
        for given in (X.tobytes(), bytearray(X), memoryview(X), X, X[:, ::-1].copy()[:, ::-1]):
            assert session.run_bytes(given) == (want,)


def test_a_run_on_bytes_refuses_what_does_not_fit_and_names_the_input():
    with open_guest() as session:
        before = session.inputs[0].data.tobytes()
        for given, found in ((bytes(3), "not 3"), (bytes(5000), "not 5,000"), ("abcd", "a str")):
            with pytest.raises(tflm_wasm.InputError, match=rf"'tensor_0' is 4 bytes, .*{found}"):
                session.run_bytes(given)
        with pytest.raises(tflm_wasm.InputError, match="1 inputs; 2 were given"):
            session.run_bytes(bytes(4), bytes(4))
        assert session.inputs[0].data.tobytes() == before


def test_two_inputs_are_both_written_or_none():
    with tflm_wasm.build(two_inputs()).open() as session:
        session.run_bytes(*(b"\1" * one.data.nbytes for one in session.inputs))
        before = [one.data.tobytes() for one in session.inputs]
        with pytest.raises(tflm_wasm.InputError):
            session.run_bytes(b"\2" * len(before[0]), b"")
        assert [one.data.tobytes() for one in session.inputs] == before


def test_a_view_outlives_its_closed_session_and_then_frees_the_memory():
    session = open_guest()
    view = session.inputs[0].view
    instance_alive = weakref.ref(session._live().guest._instance)
    view[:] = 5
    session.close()
    gc.collect()
    np.testing.assert_array_equal(view, np.full((1, ELEMENTS), 5))
    assert instance_alive() is not None
    del view
    gc.collect()
    assert instance_alive() is None


def test_a_dropped_session_frees_its_memory_without_the_cycle_collector():
    gc.disable()
    try:
        session = open_guest()
        instance_alive = weakref.ref(session._live().guest._instance)
        session.run(X)
        del session
        assert instance_alive() is None
    finally:
        gc.enable()


def test_run_refuses_arrays_that_do_not_fit_and_names_the_input():
    with open_guest() as session:
        with pytest.raises(tflm_wasm.InputError, match="'tensor_0' is int8"):
            session.run(X.astype(np.int16))
        with pytest.raises(tflm_wasm.InputError, match=r"not int8 \(4,\)"):
            session.run(X[0])
        with pytest.raises(tflm_wasm.InputError, match="1 inputs; 2 were given"):
            session.run(X, X)


def test_a_closed_session_says_so_and_closes_twice():
    session = open_guest()
    session.close()
    session.close()
    for use in (session.invoke, session.reset, lambda: session.inputs, lambda: session.run(X)):
        with pytest.raises(tflm_wasm.SessionClosedError):
            use()
    session.reopen()
    np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


def test_a_status_is_an_error_with_the_guests_text_and_the_session_goes_on():
    text = _abi.REGIONS["error_text"][0]
    # The first invoke fails at operator 2; the later ones work.
    failing = (
        f"(if (result i32) (i32.eqz (global.get $n)) (then (global.set $n (i32.const 1))"
        f" {store('error_op', 2)} {store('error_subgraph', 0)}"
        f" (i32.store (i32.const {text}) (i32.const 0x216f6e)) {finish(-15, 0)})"
        f" (else (i32.store (i32.const {text}) (i32.const 0)) {store('error_op', -1)}"
        f" {store('error_subgraph', -1)} {ADD_ONE} {finish()}))"
    )
    with open_guest(invoke=failing, more="(global $n (mut i32) (i32.const 0))") as session:
        with pytest.raises(tflm_wasm.GuestStatusError, match="no!") as caught:
            session.run(X)
        assert caught.value.status is _abi.Status.RUNTIME
        assert (caught.value.op_index, caught.value.subgraph_index) == (2, 0)
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("unreachable", "unreachable"),
        ("(i32.div_s (i32.const 1) (i32.const 0))", "integer_division_by_zero"),
        ("(i32.load (i32.const 65536))", "memory_out_of_bounds"),
        ("(i32.load (i32.const -1))", "memory_out_of_bounds"),
    ],
)
def test_a_trap_is_named_and_ends_the_session_until_it_is_reopened(code, kind):
    session = open_guest(
        invoke=f"(if (i32.load8_s (i32.const 4112)) (then (drop {code}))) {ADD_ONE} {finish()}"
    )
    with pytest.raises(tflm_wasm.GuestTrap) as caught:
        session.run(X)
    assert caught.value.kind == kind
    with pytest.raises(tflm_wasm.SessionDeadError) as dead:
        session.invoke()
    assert isinstance(dead.value.__cause__, tflm_wasm.GuestTrap)
    session.reopen()
    session.invoke()


ENDLESS = "(loop $again (br $again)) unreachable"


@pytest.mark.parametrize("where", ["init", "invoke", "reset"])
def test_an_endless_loop_is_stopped_in_every_call(where):
    with pytest.raises(tflm_wasm.GuestTimeout) as caught:
        getattr(open_guest(**{where: ENDLESS}), where)()
    assert caught.value.time_s == FAST.time_s


def test_the_time_limit_is_per_call_and_not_per_session():
    # Twenty calls of about a tenth of the limit each.
    spin = "(local $i i32) (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i)"
    code = f"{spin} (i32.const 1))) (i32.const 2000000)))) {ADD_ONE} {finish()}"
    with load(guest(invoke=code), limits=Limits(time_s=0.5)) as session:
        for _ in range(20):
            session.invoke()


def test_endless_recursion_is_a_stack_overflow():
    session = open_guest(
        invoke="(call $deep)", more="(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))"
    )
    with pytest.raises(tflm_wasm.GuestStackOverflow):
        session.invoke()


def test_a_broken_canary_is_a_stack_overflow():
    session = open_guest(invoke=f"(i32.store (i32.const 4080) (i32.const 0)) {finish()}")
    with pytest.raises(tflm_wasm.GuestStackOverflow):
        session.invoke()
    with pytest.raises(tflm_wasm.SessionDeadError):
        session.invoke()


def test_growing_memory_during_a_call_is_refused_and_old_views_stay_safe():
    session = open_guest(invoke=f"(drop (memory.grow (i32.const 1))) {finish()}")
    view = session.outputs[0].view
    with pytest.raises(tflm_wasm.GuestMemoryGrown) as caught:
        session.invoke()
    assert (caught.value.before, caught.value.after) == (65_536, 131_072)
    assert view.sum() == 0


def test_memory_can_not_grow_past_the_limit():
    grow = (
        f"(if (i32.ne (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable)) {finish()}"
    )
    with load(guest(invoke=grow), limits=Limits(memory_bytes=1 << 20)) as session:
        session.invoke()


BROKEN_CALLS = {
    "output.range": [
        store("output_ptr", 65_536) + finish(),
        store("output_ptr", -4) + finish(),
        store("output_ptr", 16) + finish(),
        finish(output_size=-1),
        finish(output_size=0x7FFFFFFF),
    ],
    "output.cap": [finish(output_size=ELEMENTS + 1)],
    "output.size": [finish(output_size=ELEMENTS - 1)],
    "block.fixed": [
        store("output_ptr", OUTPUT_ADDRESS + 4) + finish(),
        store("heap_base", 0) + finish(),
        store("input_ptr", 0) + finish(),
        store("magic", 0) + finish(),
        "(i32.store8 (i32.const 128) (i32.const 0))" + finish(),
        "(i32.store8 (i32.const 4079) (i32.const 1))" + finish(),
    ],
    "status.field": [store("status", -1) + "(i32.const 0)"],
    "status.code": [store("status", 1) + "(i32.const 1)", finish(-16)],
}


@pytest.mark.parametrize(
    ("rule", "code"), [(rule, code) for rule, codes in BROKEN_CALLS.items() for code in codes]
)
def test_an_invoke_that_breaks_a_rule_ends_the_session_with_the_rules_name(rule, code):
    assert rule in _abi.RULES
    session = open_guest(invoke=code)
    with pytest.raises(tflm_wasm.ContractError) as caught:
        session.invoke()
    assert caught.value.rule == rule
    with pytest.raises(tflm_wasm.SessionDeadError):
        session.invoke()


BROKEN_OPENINGS = {
    "init.fields": {"init": INIT + store("arena_needed", 65) + finish()},
    "block.fixed": {"init": INIT + store("heap_base", 0) + finish()},
    "descriptor.count": {"init": INIT + store("input_count", 32) + finish()},
    "io.fields": {"init": INIT + store("output_ptr", 65_536) + finish()},
    "descriptor.memory": {"descriptors": (descriptor(0, address=65_533), descriptor(1))},
    "descriptor.shape": {"descriptors": (descriptor(0, bytes=5), descriptor(1))},
}


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        *BROKEN_OPENINGS.items(),
        ("descriptor.memory", {"descriptors": (descriptor(0, address=0), descriptor(1))}),
        ("descriptor.shape", {"descriptors": (descriptor(0, type=5), descriptor(1))}),
        ("descriptor.shape", {"descriptors": (descriptor(0, rank=9), descriptor(1))}),
        ("descriptor.shape", {"descriptors": (descriptor(0), descriptor(1, scale=float("nan")))}),
        # 65537 * 65537 wraps to 131073 in 32 bits
        ("descriptor.shape", {"descriptors": (
            descriptor(0, bytes=131_073, dims=[65_537, 65_537, 0, 0, 0, 0, 0, 0]), descriptor(1))}),
    ],
)  # fmt: skip
def test_an_init_that_breaks_a_rule_does_not_open(rule, parts):
    assert rule in _abi.RULES
    with pytest.raises(tflm_wasm.ContractError) as caught:
        open_guest(**parts)
    assert caught.value.rule == rule


def test_an_init_that_fails_raises_the_error_of_its_status():
    op = store("error_op", 3) + store("error_subgraph", 0)
    with pytest.raises(tflm_wasm.UnsupportedOpError) as caught:
        open_guest(init=op + finish(-3))
    assert (caught.value.op_index, caught.value.status) == (3, _abi.Status.OP)
    with pytest.raises(tflm_wasm.ArenaTooSmallError) as small:
        open_guest(init=store("arena_needed", 4000) + finish(-7))
    assert (small.value.needed, small.value.available) == (4000, 64)


def test_a_guest_of_a_later_minor_version_may_use_reserved_bytes():
    writes = "(i32.store (i32.const 120) (i32.const 7))" + ADD_ONE + finish()
    later = statics(abi_minor=_abi.ABI_MINOR + 1)
    with open_guest(invoke=writes, block=later) as session:
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))
    now = statics(abi_minor=_abi.ABI_MINOR)
    with (
        open_guest(invoke=writes, block=now) as session,
        pytest.raises(tflm_wasm.ContractError, match="byte 120") as caught,
    ):
        session.run(X)
    assert caught.value.rule == "block.fixed"


def test_files_are_told_apart_by_content(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(guest())
    with load(path) as session:
        session.run(X)
    path.write_bytes(b"hello world")
    with pytest.raises(tflm_wasm.UnknownFormatError):
        load(path)
    with pytest.raises(tflm_wasm.FileError, match="No such file"):
        load(tmp_path / "missing")
    with pytest.raises(OSError, match="directory"):
        load(tmp_path)


def test_two_threads_on_one_session_do_not_crash_the_process():
    # Each call is exclusive; what the outputs hold is then up to the caller.
    with open_guest() as session:
        threads = [
            threading.Thread(target=lambda: [session.invoke() for _ in range(200)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


CLOCK = """
import gc, sys
import tflm_wasm
from tflm_wasm._runtime import clock
session = tflm_wasm.load(sys.stdin.buffer.read())
thread = clock()._thread
assert thread is not None and thread.daemon
session.close()
del session
gc.collect()
assert not list(clock()._guests)
thread.join(timeout=10)
assert not thread.is_alive()
"""


def test_the_clock_thread_ends_with_the_last_session():
    # In a process of its own: here, tests that failed keep their sessions.
    subprocess.run([sys.executable, "-c", CLOCK], input=guest(), check=True)


def _run_in_child(pipe):
    try:
        load(guest(invoke=ENDLESS), limits=FAST).invoke()
    except tflm_wasm.GuestTimeout:
        pipe.send("stopped")


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this platform has no fork"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_time_limits_hold_in_a_forked_child():
    with open_guest():
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        child = context.Process(target=_run_in_child, args=(theirs,))
        child.start()
        assert ours.poll(60)
        assert ours.recv() == "stopped"
        child.join(60)
        assert child.exitcode == 0


def test_every_error_survives_pickling_and_has_a_hint():
    with pytest.raises(tflm_wasm.ModuleTooLargeError) as caught:
        load(guest(), limits=Limits(module_bytes=1))
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (str(again), again.hint) == (str(caught.value), caught.value.hint)
    assert (again.what, again.size, again.limit) == ("file", len(guest()), 1)


def test_the_block_is_where_the_abi_says():
    with open_guest() as session:
        raw = session._live().guest.memory
        at = offset("magic")
        assert bytes(raw[at : at + 4]) == b"TFLW"
