"""One instance of a module: its memory, and calls into it that can't hang the host."""

from __future__ import annotations

import threading
from ctypes import c_uint8, py_object, pythonapi
from typing import Any, Final

from tflm_wasm import _abi, _runtime
from tflm_wasm._compile import Compiled, Data
from tflm_wasm._errors import (
    GuestError,
    GuestMemoryGrown,
    GuestStackOverflow,
    GuestTimeout,
    GuestTrap,
    ModuleError,
    ModuleTooLargeError,
)
from tflm_wasm._limits import Limits
from tflm_wasm._wasm import PAGE_BYTES
from tflm_wasm._wasmtime import Function, Instance, Trap, WasmtimeError, lease

# What our own engine exports beside the ABI: the scratch_size with which the model runs fastest.
SCRATCH_WANTED: Final = "tw_scratch_wanted"
_EXPORTS: Final = {**_abi.EXPORTS, SCRATCH_WANTED: _abi.Signature((), ("i32",), "")}
_MAX_TABLE_ELEMENTS: Final = 65_536
_MAX_TABLES: Final = 8
# A time that no clock reaches, in ticks.
_NEVER: Final = 1 << 62
_untrack: Final = pythonapi["PyObject_GC_UnTrack"]
_untrack.restype = None


class Guest:
    """Owns an instance of a module.

    It is freed with the last reference to this guest and to views of its memory, so a view never
    dangles. An instance of this package's engine, cleared, then serves another guest.

    Args:
        compiled: The module.
        limits: Bounds on memory and running time.

    Attributes:
        memory: All of linear memory, in bytes; a writable view.
        lock: Held during a call: entering an instance from two threads would be undefined.
        clock: What counts time for this guest.
        is_own: Whether its code is this package's engine.
        may_grow: Whether the guest could grow its memory.

    Raises:
        ModuleError: The module does not instantiate within the limits.
    """

    def __init__(self, compiled: Compiled, limits: Limits) -> None:
        self._limits = limits
        self.lock = threading.Lock()
        self.is_own = compiled.is_own
        # Foreign code is not run without a limit.
        is_free = limits.time_s is None and compiled.is_own
        self.clock = _runtime.NEVER if is_free else _runtime.clock()
        self._seen = -1
        self._ticks = _NEVER if is_free else _runtime.Clock.ticks(limits.time_s or 0.0)
        try:
            self._instance, self._owner = self._instantiate(compiled)
        except (WasmtimeError, Trap) as error:
            raise ModuleError(
                f"The module does not instantiate: {error}", rule="module.instantiate"
            ) from error
        self.clock.watch(self, self._instance)
        self._functions: dict[str, Function] = {}
        self.may_grow = compiled.may_grow
        self._is_sealed = False
        self.memory = self._view()
        if compiled.data is not None:
            self._fill(compiled.data)

    def _instantiate(self, compiled: Compiled) -> tuple[Instance, object]:
        """Return an instance, and what has to live for as long as it is used."""
        limits = self._limits.memory_bytes, _MAX_TABLE_ELEMENTS, _MAX_TABLES
        if compiled.data is None:
            instance = Instance(compiled.code, limits, compiled.time_export)
            return instance, instance
        leased = lease(compiled.code, compiled.data.memory_bytes, limits, compiled.time_export)
        return leased.instance, leased

    def _view(self) -> memoryview:
        address, size = self._instance.memory
        array: Any = (c_uint8 * size).from_address(address)
        array.owner = self._owner  # views keep the array alive, and the array its owner
        # What the cycle collector finds as garbage it finalises in any order. From here on it takes
        # the owner for used, so that this ends only when the last view is gone.
        _untrack(py_object(array))
        return memoryview(array).cast("B")

    def _fill(self, data: Data) -> None:
        self.grow(data.memory_bytes)
        # From here on the runtime refuses the code more memory.
        self._is_sealed = True
        self._limit_memory(len(self.memory))
        memory = self.memory
        for offset, content in data.segments:
            end = offset + len(content)
            if end > len(memory):
                raise ModuleError(
                    f"The module does not instantiate: data at [{offset}, {end}) is not in memory",
                    rule="module.instantiate",
                )
            memory[offset:end] = content

    def grow(self, size: int) -> None:
        """Grow memory to at least `size` bytes, as its host, between two calls.

        `memory` is then new; older views hold the same bytes, in the same place.

        Raises:
            ModuleTooLargeError: `size` is over the limits, or over the module's own maximum.
        """
        missing = -(-(size - len(self.memory)) // PAGE_BYTES)
        if missing <= 0:
            return
        if self._is_sealed:
            self._limit_memory(self._limits.memory_bytes)
        try:
            self._instance.grow(missing)
        except WasmtimeError as error:
            raise ModuleTooLargeError(
                f"{size:,} bytes of memory are needed; {self._limits.memory_bytes:,} are allowed",
                what="memory",
                size=size,
                limit=self._limits.memory_bytes,
            ) from error
        self.memory = self._view()
        if self._is_sealed:
            self._limit_memory(len(self.memory))

    def _limit_memory(self, size: int) -> None:
        self._instance.limit((size, _MAX_TABLE_ELEMENTS, _MAX_TABLES))

    def function(self, name: str) -> Function:
        """Return the function that is exported as `name`: one of the ABI's, or `SCRATCH_WANTED`."""
        function = self._functions.get(name)
        if function is None:
            arguments = len(_EXPORTS[name].params)
            function = self._functions[name] = self._instance.function(name, arguments, self._owner)
        return function

    def call(self, name: str, *args: int) -> int | None:
        """Call the exported function `name` and return its result, None when it has none.

        Raises:
            GuestError: As `enter`.
        """
        function = self.function(name)
        with self.lock:
            function.put(*args)
            result = self.enter(function)
        return result if _EXPORTS[name].results else None

    def enter(self, function: Function) -> int:
        """Call a function of this guest: the one path into it. The caller holds `lock`.

        Raises:
            GuestTrap: It trapped.
            GuestTimeout: It ran longer than the limit.
            GuestStackOverflow: It used up its WebAssembly stack.
            GuestMemoryGrown: It grew its memory.
        """
        if self.clock.now != self._seen:
            self.arm()
        return self.leave(function, function.call())

    def arm(self) -> int:
        """Give the next calls their time limit; return the clock's time.

        While the clock stands still, the deadline of the call before will do.
        """
        self._seen = self.clock.now
        # The tick under way is not counted: it ends any moment.
        self._instance.stop_after(self._seen + self._ticks)
        return self._seen

    def leave(self, function: Function, error: int | None) -> int:
        """Return what a call returned, which ended with `error`.

        Raises:
            GuestError: As `enter`.
        """
        try:
            result = function.result(error)
        except (Trap, WasmtimeError) as stop:
            raise self._stopped(function.name, stop) from stop
        if self.may_grow:
            self._check_size(function.name)
        return result

    def _check_size(self, name: str) -> None:
        size = self._instance.size()
        if size != len(self.memory):
            raise GuestMemoryGrown(
                f"`{name}` grew the memory from {len(self.memory):,} to {size:,} bytes",
                before=len(self.memory),
                after=size,
            )

    def _stopped(self, name: str, error: Trap | WasmtimeError) -> GuestError:
        kind = error.kind if isinstance(error, Trap) else "unknown"
        if kind == "unreachable" and self._instance.is_late():
            limit = self._limits.time_s or 0.0
            return GuestTimeout(f"`{name}` ran longer than {limit:g} s", time_s=limit)
        if kind == "stack_overflow":
            return GuestStackOverflow(f"`{name}` used up the WebAssembly stack")
        return GuestTrap(f"`{name}` trapped: {kind.replace('_', ' ')}", kind=kind)
