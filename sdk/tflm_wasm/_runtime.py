"""The wasmtime engine of this process, and the clock that stops guests that run too long."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import wraps
from math import ceil
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from tflm_wasm._errors import MalformedModuleError, ModuleError, ModuleTooLargeError
from tflm_wasm._limits import Limits
from tflm_wasm._wasm import WasmModule
from tflm_wasm._wasmtime import Code, Engine, Instance, WasmtimeError

T = TypeVar("T")

_TICK_S: Final = 0.01
# What the ticks after a late one make up for, so that long limits are as exact as short ones.
_MADE_UP_S: Final = _TICK_S / 2
# Starting a thread takes longer than opening a module, and another guest may come soon.
_IDLE_TICKS: Final = 100
OPTIONS: Final = {
    # Compiler threads would not survive a fork, and a model compiles in a moment.
    "parallel_compilation": False,
    # A view of memory stays where it is when its host grows it.
    "memory_may_move": False,
    # Results of these differ between hosts, or they need what a microcontroller lacks.
    "wasm_relaxed_simd": False,
    "wasm_threads": False,
    "wasm_memory64": False,
    "wasm_multi_memory": False,
    "wasm_tail_call": False,
    "wasm_exceptions": False,
    "wasm_function_references": False,
    "wasm_gc": False,
}


class Clock:
    """Ticks every 10 ms, in one daemon thread, while any guest lives; the last one by a second.

    It tells each instance what time it is. When a call has to end is theirs to know: a tick that
    comes between two calls can't stop the wrong one.

    Late ticks make a time limit longer, never shorter.

    Attributes:
        now: How often it ticked. An instance knows this time or an earlier one.
    """

    def __init__(self) -> None:
        self.now = 0
        # The instances are kept while the time is written into them.
        self._guests: WeakKeyDictionary[object, Instance] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, guest: object, instance: Instance) -> None:
        """Keep ticking for as long as `guest` is alive, and tell its instance the time."""
        with self._lock:
            self._guests[guest] = instance
            self._start()

    def restart_after_fork(self) -> None:
        """Threads do not survive a fork: start anew in the child if a guest lives there."""
        self._lock = threading.Lock()
        self._thread = None
        self._guests = self._guests.copy()  # the thread may have been going through them
        if self._guests:
            self._start()

    @staticmethod
    def ticks(time_s: float) -> int:
        """Return how many ticks, from one on, take at least `time_s` seconds."""
        return ceil((time_s + _MADE_UP_S) / _TICK_S)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tflm-wasm-clock", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        idle = 0
        due = time.monotonic()
        while True:
            due += _TICK_S
            time.sleep(max(0.0, due - time.monotonic()))
            with self._lock:
                self._tick()
                idle = 0 if self._guests else idle + 1
                if idle > _IDLE_TICKS:
                    self._thread = None
                    return
            due = max(due, time.monotonic() - _MADE_UP_S)

    def _tick(self) -> None:
        self.now += 1
        for instance in self._guests.values():
            instance.set_time(self.now)


class _Never:
    """The clock of guests that no one stops: it stands still."""

    now = 0

    def watch(self, guest: object, instance: Instance) -> None:
        """Do nothing."""


NEVER: Final = _Never()


def _once(make: Callable[[], T]) -> Callable[[], T]:
    """Return a function that makes one thing, also when two threads want it first.

    With two engines, the code of one could not be used in the other; with two clocks, two threads
    would tick.
    """
    lock = threading.Lock()
    made: list[T] = []

    def unlock_after_fork() -> None:
        nonlocal lock
        lock = threading.Lock()

    def get() -> T:
        if not made:
            with lock:
                if not made:
                    made.append(make())
        return made[0]

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=unlock_after_fork)
    return wraps(make)(get)


@_once
def engine() -> Engine:
    """Return the engine of all code that runs, which has its checks: `_interruption` says how.

    They need more than WebAssembly 2.0, and so do `_host_instructions`. The code itself may not:
    see `validate`.

    Raises:
        RuntimeLibraryError: wasmtime is not what it should be.
    """
    beyond = ("wasm_multi_memory", "wasm_threads", "wasm_relaxed_simd")
    return Engine({**OPTIONS, **dict.fromkeys(beyond, True)})


@_once
def _validator() -> Engine:
    """Return the engine for WebAssembly 2.0 and nothing beyond it; nothing runs on it."""
    return Engine(OPTIONS)


@_once
def clock() -> Clock:
    """Return the clock of all guests."""
    shared = Clock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=shared.restart_after_fork)
    return shared


def compile_checked(wasm: bytes, replacements: Mapping[str, bytes] | None = None) -> Code:
    """Put checks into a valid module and compile it, in this process, however long that takes.

    Args:
        wasm: The module.
        replacements: As `interruptible` takes them.

    Raises:
        ModuleError: It can't be given checks, or the compiler gave up on it.
    """
    from tflm_wasm._interruption import interruptible  # which takes a while to import

    try:
        return engine().compile(interruptible(wasm, replacements))
    except (MalformedModuleError, WasmtimeError) as error:
        raise does_not_compile(error) from error


def does_not_compile(why: object) -> ModuleError:
    """Return the error for a module that is valid and can't be compiled."""
    return ModuleError(f"The module does not compile: {why}", rule="module.compile")


def check_sizes(parsed: WasmModule, limits: Limits) -> None:
    """Check a module against the bounds on its size.

    Raises:
        ModuleTooLargeError: It is over one of them.
    """
    for what, size, limit in (
        ("file", parsed.size, limits.module_bytes),
        ("code section", parsed.code_bytes, limits.code_bytes),
        ("memory", parsed.memories[0].minimum_bytes, limits.memory_bytes),
    ):
        if size > limit:
            raise ModuleTooLargeError(
                f"The module's {what} has {size:,} bytes; the limit is {limit:,}",
                what=what,
                size=size,
                limit=limit,
                rule="memory.initial" if what == "memory" else "module.size",
            )


def validate(wasm: bytes) -> None:
    """Validate a module, which takes time in proportion to its size.

    Raises:
        MalformedModuleError: It is not valid WebAssembly 2.0.
    """
    try:
        _validator().validate(wasm)
    except WasmtimeError as error:
        raise MalformedModuleError(
            f"The module is not valid: {error}", rule="module.wasm"
        ) from error
