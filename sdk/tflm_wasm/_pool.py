"""Ready sessions of one module for many threads.

A thread that gives a session back keeps it in a seat of its own, and takes it from there the next
time: no lock, since taking from a list is one step. Others look into the seats only when nothing
else is idle. Who waits says so before looking a last time, and who gives back looks for that after
giving back: so one of the two always sees the other.
"""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from tflm_wasm._deadline import Deadline
from tflm_wasm._errors import GuestError, LimitsError, PoolClosedError, PoolTimeoutError
from tflm_wasm._limits import Limits
from tflm_wasm._load import as_module
from tflm_wasm._module import Module
from tflm_wasm._session import Session

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from numpy.typing import ArrayLike, NDArray

_MOST: Final = 10_000


class _Seat:
    """Where a thread keeps what it does not use; when the thread ends, it is everyone's."""

    def __init__(self, shared: SimpleQueue[Session | None]) -> None:
        self.idle: list[Session] = []
        self._shared = shared

    def __del__(self) -> None:
        for session in self.idle:
            self._shared.put(session)


class Lease:
    """A session from a pool, from `with` to its end."""

    __slots__ = ("_pool", "_session")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._session: Session | None = None

    def __enter__(self) -> Session:
        self._session = session = self._pool._take()
        return session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._pool._give_back(session)


class Pool:
    """Sessions of one module that are open and ready, for any number of threads.

    A session that is given back is reset when its model is stateful. One that died is replaced.

    Args:
        module: A module, or what `load` takes.
        size: Most sessions at once; None takes one for each processor.
        timeout_s: How long `session` waits for one when all are in use, in seconds.
        profile: The profile to opt into; a `Module` brings its own.
        limits: Bounds on memory and running time, for each session.

    Raises:
        LimitsError: `size` or `timeout_s` makes no sense.
        TflmWasmError: As `load`: the first session is opened at once.
    """

    def __init__(
        self,
        module: str | os.PathLike[str] | bytes | Module,
        *,
        size: int | None = None,
        timeout_s: float = 10.0,
        profile: str = "strict",
        limits: Limits | None = None,
    ) -> None:
        self.size = (os.cpu_count() or 1) if size is None else size
        if not 1 <= self.size <= _MOST:
            raise LimitsError(f"size must be in [1, {_MOST}], not {size!r}")
        if not timeout_s >= 0:
            raise LimitsError(f"timeout_s must not be negative, but {timeout_s!r} is")
        self._timeout_s = timeout_s
        self._limits = limits
        self._module = as_module(module, profile=profile)
        self._shared: SimpleQueue[Session | None] = SimpleQueue()
        self._local = threading.local()
        self._lock = threading.Lock()  # for what follows; never held while anything else is done
        self._seats: weakref.WeakSet[_Seat] = weakref.WeakSet()
        self._opened = 0
        self._waiting = 0
        self._is_closed = False
        first = self._open_another()
        self._is_stateful = first is not None and first.stateful
        self._shared.put(first)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else f"{self._opened} of {self.size}"
        return f"<Pool {state} {self._module!r}>"

    @property
    def module(self) -> Module:
        """The module whose sessions these are."""
        return self._module

    def session(self) -> Lease:
        """Return a session for a `with` statement, and take it back at its end.

        Views of inputs and outputs are the session's: copy what is needed after it.

        Raises (on entering):
            PoolTimeoutError: All sessions are in use, and stayed so.
            PoolClosedError: The pool was closed.
            TflmWasmError: As `Session`, when one has to be opened.
        """
        return Lease(self)

    def run(self, *arrays: ArrayLike) -> tuple[NDArray[Any], ...]:
        """Run once in any session, as `Session.run`.

        Raises:
            TflmWasmError: As `session` and `Session.run`.
        """
        with self.session() as session:
            return session.run(*arrays)

    def run_bytes(self, *inputs: ReadableBuffer) -> tuple[bytes, ...]:
        """Run once in any session, as `Session.run_bytes`.

        Raises:
            TflmWasmError: As `session` and `Session.run_bytes`.
        """
        with self.session() as session:
            return session.run_bytes(*inputs)

    def close(self) -> None:
        """Close all sessions that are not in use, and the others as soon as they are not.

        Threads that wait for one get `PoolClosedError`.
        """
        self._is_closed = True
        while (session := self._idle()) is not None:
            self._close(session)
        with self._lock:
            waiting = self._waiting
        for _ in range(waiting):
            self._shared.put(None)

    # --- taking -----------------------------------------------------------------------------------

    def _take(self) -> Session:
        try:
            session: Session = self._local.seat.idle.pop()
        except (AttributeError, IndexError):
            session = self._find()
        return session

    def _find(self) -> Session:
        """Return a session that is idle, or a new one, or the next that is given back."""
        deadline = Deadline(self._timeout_s)
        while not self._is_closed:
            session = self._idle() or self._open_another() or self._wait(deadline)
            if session is not None:
                return session
        raise PoolClosedError("The pool was closed")

    def _idle(self) -> Session | None:
        """Return a session that no one uses, or None."""
        session, called = None, False
        with suppress(Empty):
            while session is None:
                session = self._shared.get_nowait()
                called = called or session is None
        if called and self._waiting:
            self._shared.put(None)  # it was meant for one who waits
        return session or self._seated()

    def _seated(self) -> Session | None:
        """Return a session that another thread keeps and does not use, or None."""
        with self._lock:
            seats = list(self._seats)
        for seat in seats:
            with suppress(IndexError):
                return seat.idle.pop()
        return None

    def _open_another(self) -> Session | None:
        """Return a new session, or None when there are as many as there may be."""
        with self._lock:
            if self._opened >= self.size:
                return None
            self._opened += 1
        try:
            return Session(self._module, limits=self._limits)
        except BaseException:
            self._note_one_less()
            raise

    def _wait(self, deadline: Deadline) -> Session | None:
        """Return the next session that is given back, or None when there is something new."""
        with self._lock:
            self._waiting += 1
        try:
            session = self._idle()
            if session is None and not self._is_closed:
                session = self._shared.get(timeout=deadline.left)
        except Empty:
            raise PoolTimeoutError(
                f"All {self.size} sessions are in use, and were for {deadline.time_s:g} s",
                size=self.size,
                time_s=deadline.time_s,
            ) from None
        finally:
            with self._lock:
                self._waiting -= 1
        return session

    # --- giving back ------------------------------------------------------------------------------

    def _give_back(self, session: Session) -> None:
        try:
            is_fine = session._is_open
            if is_fine and self._is_stateful:
                session.reset()
        except GuestError:
            is_fine = False
        if not is_fine:
            self._close(session)
            return
        seat = self._seat()
        seat.idle.append(session)
        if self._waiting or self._is_closed:
            self._pass_on(seat)

    def _pass_on(self, seat: _Seat) -> None:
        """Hand what is in a seat to one who waits."""
        try:
            session = seat.idle.pop()
        except IndexError:  # someone was faster
            return
        if self._is_closed:
            self._close(session)
        else:
            self._shared.put(session)

    def _seat(self) -> _Seat:
        """Return this thread's seat."""
        seat: _Seat | None = getattr(self._local, "seat", None)
        if seat is None:
            seat = self._local.seat = _Seat(self._shared)
            with self._lock:
                self._seats.add(seat)
        return seat

    def _close(self, session: Session) -> None:
        session.close()
        self._note_one_less()

    def _note_one_less(self) -> None:
        with self._lock:
            self._opened -= 1
            waiting = self._waiting
        if waiting:
            self._shared.put(None)  # there is room for another
