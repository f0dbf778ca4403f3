"""A pool hands each session to one thread at a time, loses none, and never waits without an end."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import tflm_wasm
from tests.support.board import random_frames
from tests.support.files import ZOO
from tests.support.wat_guests import ADD_ONE, X, finish, guest
from tflm_wasm import Limits, Pool, Session, _pool, build

SINE = ZOO / "sine_int8" / "sine_int8.tflite"
BEARING = ZOO / "bearing_int8" / "bearing_int8.tflite"
# Traps when the first input is 100, and works otherwise.
BRITTLE = guest(
    invoke=f"(if (i32.eq (i32.load8_s (i32.const 4112)) (i32.const 100)) (then unreachable))"
    f" {ADD_ONE} {finish()}"
)


def in_threads(count: int, work) -> None:
    """Run `work(number)` in threads; raise what one of them raised."""
    errors = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise errors[0]


class Busy:
    """A thread that holds a session until it is told to go on."""

    def __init__(self, pool: Pool) -> None:
        self._holds, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(pool,))
        self._thread.start()
        assert self._holds.wait(30)

    def _run(self, pool: Pool) -> None:
        with pool.session() as self.session:
            self._holds.set()
            self._go.wait(60)

    def end(self) -> None:
        self._go.set()
        self._thread.join(30)


def test_a_thread_gets_the_session_back_that_it_had():
    with Pool(SINE, size=3) as pool:
        with pool.session() as first:
            pass
        for _ in range(10):
            with pool.session() as again:
                assert again is first
        assert "1 of 3" in repr(pool)


def test_a_hot_session_is_taken_without_a_lock(monkeypatch):
    with Pool(SINE, size=1) as pool:
        with pool.session():
            pass
        monkeypatch.setattr(pool, "_lock", None)
        monkeypatch.setattr(pool, "_shared", None)
        for _ in range(3):
            with pool.session() as session:
                session.invoke()
        monkeypatch.undo()


def test_run_is_a_run_in_any_session():
    with Pool(guest()) as pool:
        np.testing.assert_array_equal(pool.run(X)[0], X + np.int8(1))
        with pytest.raises(tflm_wasm.InputError):
            pool.run(X[0])
        np.testing.assert_array_equal(pool.run(X)[0], X + np.int8(1))


def test_run_bytes_is_a_run_in_any_session():
    with Pool(guest()) as pool:
        assert pool.run_bytes(X.tobytes()) == (bytes(X + np.int8(1)),)
        with pytest.raises(tflm_wasm.InputError):
            pool.run_bytes(b"")
        assert pool.run_bytes(X.tobytes()) == (bytes(X + np.int8(1)),)


def test_no_two_threads_have_one_session_and_there_are_never_more_than_allowed():
    held, most = set(), []
    lock = threading.Lock()

    with Pool(SINE, size=3, timeout_s=60) as pool:

        def work(number: int) -> None:
            for value in range(150):
                with pool.session() as session:
                    with lock:
                        assert id(session) not in held
                        held.add(id(session))
                        most.append(len(held))
                    x = np.array([[(value + number) % 100]], np.int8)
                    (y,) = session.run(x)
                    np.testing.assert_array_equal(y, expected[int(x[0, 0])])
                    with lock:
                        held.remove(id(session))

        expected = [pool.run(np.array([[value]], np.int8))[0] for value in range(100)]
        in_threads(8, work)
        assert max(most) <= 3
        assert pool._opened <= 3
        assert pool._waiting == 0
    assert pool._opened == 0


def test_a_session_that_another_thread_keeps_idle_is_not_waited_for():
    with Pool(SINE, size=1, timeout_s=0) as pool:
        keeps = Busy(pool)
        keeps.end()
        kept = threading.Event()
        done = threading.Event()

        def keep() -> None:
            with pool.session():
                pass
            kept.set()
            done.wait(30)

        thread = threading.Thread(target=keep)
        thread.start()
        assert kept.wait(30)
        with pool.session() as session:
            session.invoke()
        done.set()
        thread.join(30)


def test_a_thread_that_ends_gives_its_session_back():
    with Pool(SINE, size=1, timeout_s=0) as pool:
        in_threads(1, lambda _: pool.run(np.zeros((1, 1), np.int8)))
        gc.collect()
        assert not list(pool._seats)
        assert pool._shared.qsize() == 1
        for _ in range(20):
            in_threads(1, lambda _: pool.run(np.zeros((1, 1), np.int8)))
        assert pool._opened == 1


def test_when_all_are_in_use_the_wait_ends_with_a_typed_error():
    with Pool(SINE, size=2, timeout_s=0.05) as pool:
        busy = [Busy(pool), Busy(pool)]
        with (
            pytest.raises(tflm_wasm.PoolTimeoutError, match="All 2 sessions") as caught,
            pool.session(),
        ):
            pass
        assert (caught.value.size, caught.value.time_s) == (2, 0.05)
        assert isinstance(caught.value, TimeoutError)
        for one in busy:
            one.end()
        with pool.session() as session:
            session.invoke()
        assert pool._waiting == 0


def test_a_session_taken_twice_by_one_thread_is_two():
    with Pool(SINE, size=2, timeout_s=0) as pool:
        with pool.session() as outer, pool.session() as inner:
            assert outer is not inner
            with pytest.raises(tflm_wasm.PoolTimeoutError), pool.session():
                pass
        with pool.session() as one, pool.session() as other:
            assert {one, other} == {outer, inner}


def test_one_who_waits_gets_what_is_given_back():
    with Pool(SINE, size=1, timeout_s=60) as pool:
        busy = Busy(pool)
        got = []

        def wait(_: int) -> None:
            with pool.session() as session:
                got.append(session)

        waiter = threading.Thread(target=wait, args=(0,))
        waiter.start()
        while not pool._waiting:
            pass
        assert not got
        busy.end()
        waiter.join(30)
        assert got == [busy.session]


# --- state ---


def test_a_stateful_session_starts_over_each_time():
    with build(BEARING).open() as session:
        frames = random_frames(session, 6)
        wanted = [session.run(*frame)[0].tobytes() for frame in frames]
    with Pool(BEARING, size=2) as pool:

        def work(number: int) -> None:
            for _ in range(20):
                with pool.session() as session:
                    for frame, expected in zip(frames[: 2 + number], wanted, strict=False):
                        assert session.run(*frame)[0].tobytes() == expected

        in_threads(4, work)


def test_a_session_without_a_state_is_not_reset(monkeypatch):
    with Pool(SINE) as pool:
        monkeypatch.setattr(Session, "reset", None)
        for _ in range(3):
            pool.run(np.zeros((1, 1), np.int8))


# --- sessions that die ---


def test_a_session_that_died_is_replaced():
    with Pool(BRITTLE, size=1, timeout_s=0, limits=Limits(time_s=1.0)) as pool:
        for _ in range(3):
            with pytest.raises(tflm_wasm.GuestTrap):
                pool.run(np.full((1, 4), 100, np.int8))
            np.testing.assert_array_equal(pool.run(X)[0], X + np.int8(1))
        assert pool._opened == 1


def test_a_session_that_its_user_closed_is_replaced():
    with Pool(SINE, size=1, timeout_s=0) as pool:
        with pool.session() as session:
            session.close()
        with pool.session() as other:
            assert other is not session
            other.invoke()


def test_a_reset_that_fails_ends_the_session_and_not_the_thread():
    reset = "(i32.store (i32.const 24) (i32.const 0))" + finish()
    stateful = "(i32.store (i32.const 32) (i32.const 6))"
    from tests.support.wat_guests import INIT

    wasm = guest(init=INIT + stateful + finish(), reset=reset)
    with Pool(wasm, size=1, timeout_s=0) as pool:
        assert pool._is_stateful
        for _ in range(3):
            np.testing.assert_array_equal(pool.run(X)[0], X + np.int8(1))


def test_one_who_waits_opens_another_in_place_of_one_that_died():
    with Pool(BRITTLE, size=1, timeout_s=60) as pool:
        busy = Busy(pool)
        got = []
        waiter = threading.Thread(target=lambda: got.append(pool.run(X)[0]))
        waiter.start()
        while not pool._waiting:
            pass
        busy.session.close()
        busy.end()
        waiter.join(30)
        np.testing.assert_array_equal(got[0], X + np.int8(1))


def test_many_threads_with_sessions_that_die_lose_none():
    with Pool(BRITTLE, size=2, timeout_s=60) as pool:

        def work(number: int) -> None:
            for round_number in range(60):
                if (number + round_number) % 7 == 0:
                    with pytest.raises(tflm_wasm.GuestTrap):
                        pool.run(np.full((1, 4), 100, np.int8))
                else:
                    np.testing.assert_array_equal(pool.run(X)[0], X + np.int8(1))

        in_threads(6, work)
        assert pool._opened <= 2
        with pool.session(), pool.session():
            pass


def test_opening_that_fails_is_an_error_and_makes_room_again(monkeypatch):
    with Pool(SINE, size=2, timeout_s=0) as pool:
        busy = Busy(pool)

        def fail(*_: object, **__: object) -> None:
            raise tflm_wasm.ModuleError("no more")

        monkeypatch.setattr(_pool, "Session", fail)
        for _ in range(3):
            with pytest.raises(tflm_wasm.ModuleError, match="no more"), pool.session():
                pass
        monkeypatch.undo()
        with pool.session() as session:
            session.invoke()
        busy.end()


# --- closing ---


def test_a_closed_pool_says_so_and_closes_twice():
    pool = Pool(SINE, size=2)
    with pool.session() as session:
        pass
    pool.close()
    pool.close()
    assert not session._is_open
    assert "closed" in repr(pool)
    for use in (lambda: pool.run(X), lambda: pool.session().__enter__()):
        with pytest.raises(tflm_wasm.PoolClosedError):
            use()


def test_sessions_in_use_are_closed_when_they_are_given_back():
    pool = Pool(SINE, size=2)
    busy = Busy(pool)
    pool.close()
    busy.session.invoke()
    busy.end()
    assert not busy.session._is_open
    assert pool._opened == 0


def test_those_who_wait_are_told_that_the_pool_was_closed():
    pool = Pool(SINE, size=1, timeout_s=60)
    busy = Busy(pool)
    errors = []

    def wait() -> None:
        try:
            pool.run(X)
        except tflm_wasm.PoolClosedError as error:
            errors.append(error)

    waiters = [threading.Thread(target=wait) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    while pool._waiting < 3:
        pass
    pool.close()
    for waiter in waiters:
        waiter.join(30)
    assert len(errors) == 3
    busy.end()


def test_a_dropped_pool_frees_its_sessions():
    pool = Pool(SINE, size=2)
    with pool.session() as session:
        pass
    alive = weakref.ref(session._live().guest._owner)
    del session, pool
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("bad", [{"size": 0}, {"size": -1}, {"size": 10**6}, {"timeout_s": -1.0}])
def test_numbers_that_make_no_sense_are_refused(bad):
    with pytest.raises(tflm_wasm.LimitsError):
        Pool(SINE, **bad)


def test_a_module_that_does_not_open_is_an_error_at_once():
    with pytest.raises(tflm_wasm.GuestTimeout):
        Pool(guest(init="(loop $l (br $l)) unreachable"), limits=Limits(time_s=0.05))


def test_a_pool_takes_what_load_takes(tmp_path):
    module = build(SINE)
    path = tmp_path / "sine.wasm"
    module.save(path)
    for source in (module, path, str(path), module.wasm):
        with Pool(source) as pool:
            assert pool.module.wasm == module.wasm
            pool.run(np.zeros((1, 1), np.int8))
