"""Time limits: code looks at the clock by itself, this package's engine and foreign code alike."""

from __future__ import annotations

import gc
import multiprocessing
import threading
import time
from typing import Any

import numpy as np
import pytest

import tflm_wasm
from tests.support.control import COUNTER, count, loop, until
from tests.support.files import ZOO
from tests.support.models import Graph, Model, Op, Tensor
from tests.support.wat_guests import ADD_ONE, FAST, INIT, X, finish, guest, open_guest, store
from tflm_wasm import GuestTimeout, Limits, Module, Session, SessionDeadError, build, load
from tflm_wasm._runtime import clock

SINE = ZOO / "sine_int8" / "sine_int8.tflite"
ENDLESS = "(loop $again (br $again)) unreachable"
# How much later than its limit a call may end: a busy machine lets the clock's thread wait.
LATE_S = 10.0


def chain(code: str, operands: list[Tensor], length: int, options: Any) -> Model:
    """Return a model of an operator after another, each on what the one before left."""
    first = operands[0]
    images = [Tensor(first.shape, first.dtype, scale=first.scale) for _ in range(length + 1)]
    constants = range(length + 1, length + len(operands))
    ops = [Op(code, [i, *constants], [i + 1], options) for i in range(length)]
    return Model([Graph([*images, *operands[1:]], ops, [0], [length])])


def convolutions(length: int) -> Module:
    """Return convolutions of 59 million multiply-accumulates each."""
    image = Tensor([1, 128, 128, 4], "int8", scale=0.5)
    weights = Tensor([4, 15, 15, 4], "int8", np.ones((4, 15, 15, 4), np.int8), scale=0.5)
    bias = Tensor([4], "int32", np.zeros(4), scale=0.25)
    fields = {"stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}
    model = chain("CONV_2D", [image, weights, bias], length, ("Conv2DOptions", fields))
    return build(model.to_bytes())


def rounds() -> Module:
    """Return a loop that never ends; each round copies a vector."""
    vector = Tensor([60_000], "int8")
    body = Graph([COUNTER, vector], [], [0, 1], [0, 1])
    return build(loop(until(1, [COUNTER, vector]), body).to_bytes())


def is_stopped(session: Session, *inputs: np.ndarray) -> None:
    """Run, which has to be stopped in time; the session is dead then."""
    limit = session._limits.time_s
    began = time.monotonic()
    with pytest.raises(GuestTimeout) as caught:
        session.run(*inputs)
    took = time.monotonic() - began
    assert caught.value.time_s == limit
    assert limit <= took < limit + LATE_S
    with pytest.raises(SessionDeadError):
        session.run(*inputs)


# --- models ---


def test_a_long_chain_of_convolutions_is_stopped_and_the_session_opens_again():
    image = np.ones((1, 128, 128, 4), np.int8)
    for time_s in (0.05, 0.2):
        with convolutions(500).open(limits=Limits(time_s=time_s)) as session:
            assert session._live().guest.is_own
            is_stopped(session, image)
            session.reopen()
            is_stopped(session, image)
        with pytest.raises(tflm_wasm.SessionClosedError):
            session.run(image)


def test_an_endless_loop_of_a_model_is_stopped_and_other_runs_are_not():
    vector = np.zeros(60_000, np.int8)
    with rounds().open(limits=Limits(time_s=0.1)) as session:
        assert session.run(count(1), vector)[0].tolist() == [1]
        is_stopped(session, count(0), vector)
        session.reopen()
        assert session.run(count(1), vector)[0].tolist() == [1]


def test_an_init_that_takes_long_is_stopped():
    number = Tensor([1], "int8", scale=0.5)
    model = chain("ADD", [number, Tensor([1], "int8", [1], scale=0.5)], 4000, ("AddOptions", {}))
    module = build(model.to_bytes(), profile="extended", snapshot=False)
    began = time.monotonic()
    module.open().close()
    assert time.monotonic() - began > 0.05, "the model is too small for this test"
    with pytest.raises(GuestTimeout, match="tflm_wasm_init"):
        module.open(limits=Limits(time_s=0.01))


# --- code ---


@pytest.mark.parametrize("where", ["init", "invoke", "reset"])
def test_an_endless_loop_is_stopped_in_every_call(where, as_code):
    as_code(guest(**{where: ENDLESS}))
    with pytest.raises(GuestTimeout):
        getattr(open_guest(**{where: ENDLESS}), where)()


@pytest.mark.parametrize(
    "code",
    [
        "(loop $l (loop $m (br_if $m (i32.eqz (i32.load (i32.const 5000))))) (br $l))",
        "(loop $l (i32.store (i32.const 5000) (i32.const 1)) (br $l))",
        "(loop $l (memory.fill (i32.const 5000) (i32.const 0) (i32.const 100)) (br $l))",
        "(local v128) (loop $l (local.set 0 (i8x16.add (local.get 0) (local.get 0))) (br $l))",
    ],
)
def test_no_loop_is_too_short_to_be_stopped(code, as_code):
    with load(as_code(guest(invoke=f"{code} unreachable")), limits=FAST) as session:
        is_stopped(session, X)


def test_calls_without_a_loop_are_stopped(as_code):
    """Each function calls the next one twice: 2^60 calls."""
    functions = [f"(func $f{i} (call $f{i + 1}) (call $f{i + 1}))" for i in range(60)]
    wasm = guest(invoke=f"(call $f0) {finish()}", more=" ".join(functions) + "(func $f60)")
    with load(as_code(wasm), limits=FAST) as session:
        is_stopped(session, X)


def test_a_trap_in_time_is_no_timeout(as_code):
    with load(as_code(guest(invoke="unreachable")), limits=FAST) as session:
        time.sleep(0.1)  # the time of earlier calls doesn't count
        with pytest.raises(tflm_wasm.GuestTrap) as caught:
            session.run(X)
    assert caught.value.kind == "unreachable"


def test_nothing_in_memory_moves_the_deadline(as_code):
    """A guest that writes over all that it can reach, again and again, is stopped all the same."""
    fill = "(memory.fill (i32.const 0) (i32.const 0x7f) (i32.const 65536))"
    wasm = guest(invoke=f"(loop $l {fill} (br $l)) unreachable")
    with load(as_code(wasm), limits=FAST) as session:
        is_stopped(session, X)


# --- when ---


def spin(turns: int, finished: str = ADD_ONE + finish()) -> str:
    """Return an invoke that takes a while first."""
    return (
        "(local $i i32) (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i)"
        f" (i32.const 1))) (i32.const {turns})))) {finished}"
    )


def are_stopped_in_time_if_at_all(source: Any, limits: Limits) -> None:
    """Call for a second; a call that is stopped has had its time, as it may on a busy machine."""
    ended = time.monotonic() + 1.0
    calls = 0
    with load(source, limits=limits) as session:
        while (began := time.monotonic()) < ended:
            try:
                session.invoke()
                calls += 1
            except GuestTimeout:
                assert time.monotonic() - began >= limits.time_s
                session.reopen()
    assert calls > 10


def test_calls_that_are_short_enough_are_never_stopped(as_code):
    """A tick may come at any moment of a call, and between two."""
    turns, took = 1000, 0.0
    while took < 0.002:
        turns *= 2
        with load(as_code(guest(invoke=spin(turns)))) as session:
            session.invoke()
            began = time.monotonic()
            session.invoke()
            took = time.monotonic() - began
    are_stopped_in_time_if_at_all(as_code(guest(invoke=spin(turns))), Limits(time_s=0.02))


def test_calls_of_a_model_are_never_stopped():
    are_stopped_in_time_if_at_all(SINE, Limits(time_s=0.01))


def test_a_call_is_never_stopped_before_its_time(as_code):
    wasm = as_code(guest(invoke=ENDLESS))
    for time_s in (0.001, 0.01, 0.015, 0.03):
        for part in range(5):
            with load(wasm, limits=Limits(time_s=time_s)) as session:
                time.sleep(0.002 * part)  # at another moment of a tick
                is_stopped(session, X)


def test_guests_at_the_same_time_have_each_their_own_limit(as_code):
    wasm = as_code(guest(invoke=ENDLESS))
    errors: list[BaseException] = []

    def work(time_s: float) -> None:
        try:
            with load(wasm, limits=Limits(time_s=time_s)) as session:
                is_stopped(session, X)
        except BaseException as error:  # noqa: BLE001 - of any kind
            errors.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in (0.05, 0.1, 0.3, 0.31)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors


def test_without_a_limit_a_call_goes_on_after_the_time_of_another_session(as_own):
    """The second session has the instance of the first, whose deadline is over."""
    wasm = as_own(guest(init=INIT + finish(), invoke=spin(1 << 27)))
    first = load(wasm, limits=Limits(time_s=0.01))
    instance = first._live().guest._instance
    first.reset()
    while not instance.is_late():
        time.sleep(0.01)
    first.close()
    with load(wasm, limits=Limits(time_s=None)) as session:
        assert session._live().guest._instance is instance
        session.invoke()
        assert not instance.is_late()


def test_an_instance_serves_again_but_not_after_a_timeout(as_own):
    wasm = as_own(guest(invoke=store("output_size", 0) + ENDLESS))
    with load(wasm, limits=FAST) as first:
        kept = first._live().guest._instance
        is_stopped(first, X)
    gc.collect()
    with load(wasm, limits=FAST) as second:
        assert second._live().guest._instance is not kept
        is_stopped(second, X)
    third = load(wasm, limits=FAST)
    kept = third._live().guest._instance
    third.close()
    time.sleep(0.1)
    with load(wasm, limits=Limits(time_s=0.2)) as fourth:
        assert fourth._live().guest._instance is kept
        is_stopped(fourth, X)


@pytest.mark.parametrize("source", [SINE, guest()])
def test_the_clock_tells_the_time_to_those_who_live(source):
    with load(source) as session:
        told = session._live().guest._instance._time
        session.invoke()
        started = clock().now
        while clock().now < started + 5:
            time.sleep(0.01)
        assert started + 4 <= told[0] <= clock().now
        # Foreign memory is freed with its last user, and its time with it.
        instance = session._live().guest._instance
    del session
    gc.collect()
    time.sleep(0.05)
    ended = told[0]
    while clock().now < ended + 5 and any(clock()._guests):
        time.sleep(0.01)
    assert told[0] == ended
    del instance


def test_the_clock_tells_no_time_to_those_without_a_limit():
    with load(SINE, limits=Limits(time_s=None)) as free, load(SINE) as session:
        told = free._live().guest._instance._time
        free.invoke()
        before, started = told[0], clock().now
        session.invoke()
        while clock().now < started + 5:
            time.sleep(0.01)
        assert told[0] == before


def test_a_module_is_the_same_whatever_time_it_is():
    first = build(SINE).wasm
    with load(SINE):
        started = clock().now
        while clock().now < started + 3:
            time.sleep(0.01)
        assert build(SINE).wasm == first


def _stopped_in_child(pipe: Any, session: Session) -> None:
    image = np.ones((1, 128, 128, 4), np.int8)
    for one in (session, convolutions(500).open(limits=FAST)):
        try:
            one.run(image)
        except GuestTimeout:
            pipe.send("stopped")


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this platform has no fork"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_time_limits_hold_in_a_forked_child_for_old_sessions_and_new_ones():
    with convolutions(500).open(limits=FAST) as session:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        child = context.Process(target=_stopped_in_child, args=(theirs, session))
        child.start()
        for _ in range(2):
            assert ours.poll(60)
            assert ours.recv() == "stopped"
        child.join(60)
        assert child.exitcode == 0
        is_stopped(session, np.ones((1, 128, 128, 4), np.int8))
