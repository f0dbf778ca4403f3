"""One instance of a module: its memory, and calls into it that can't hang the host."""

from __future__ import annotations

import threading

import numpy as np
import wasmtime
from numpy.typing import NDArray

from tflm_wasm import _runtime
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

_MAX_TABLE_ELEMENTS = 65_536


class Guest:
    """Owns a wasmtime store with one instance in it.

    The store is freed with the last reference to this guest and to views of its memory, so a view
    never dangles.

    Attributes:
        memory: All of linear memory, uint8, shape (bytes,); a writable view.

    Raises:
        ModuleError: The module does not instantiate within the limits.
    """

    def __init__(self, compiled: wasmtime.Module, limits: Limits) -> None:
        self._limits = limits
        self._ticks = _runtime.Clock.ticks(limits.time_s)
        self._lock = threading.Lock()
        self._store = wasmtime.Store(_runtime.engine())
        self._store.set_limits(
            memory_size=limits.memory_bytes,
            table_elements=_MAX_TABLE_ELEMENTS,
            instances=1,
            tables=8,
            memories=1,
        )
        self._store.set_epoch_deadline(self._ticks)
        _runtime.clock().watch(self)
        try:
            self._exports = wasmtime.Instance(self._store, compiled, []).exports(self._store)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ModuleError(
                f"The module does not instantiate: {reason}", rule="module.instantiate"
            ) from error
        memory = self._exports["memory"]
        if not isinstance(memory, wasmtime.Memory):
            raise ModuleError("The export `memory` is not a memory", rule="memory.export")
        self._memory = memory
        self._functions: dict[str, wasmtime.Func] = {}
        self.memory: NDArray[np.uint8] = self._view()

    def _view(self) -> NDArray[np.uint8]:
        size = self._memory.data_len(self._store)
        buffer = self._memory.get_buffer_ptr(self._store, size)
        # The array keeps the buffer alive, and the buffer the store.
        buffer._tflm_wasm_owner = self._store  # type: ignore[attr-defined]
        view: NDArray[np.uint8] = np.frombuffer(memoryview(buffer), np.uint8)
        return view

    def grow(self, size: int) -> None:
        """Grow memory to at least `size` bytes, as its host, between two calls.

        Raises:
            ModuleTooLargeError: `size` is over the limits, or over the module's own maximum.
        """
        missing = -(-(size - len(self.memory)) // PAGE_BYTES)
        if missing <= 0:
            return
        try:
            self._memory.grow(self._store, missing)
        except wasmtime.WasmtimeError as error:
            raise ModuleTooLargeError(
                f"{size:,} bytes of memory are needed; {self._limits.memory_bytes:,} are allowed",
                what="memory",
                size=size,
                limit=self._limits.memory_bytes,
            ) from error
        self.memory = self._view()

    def call(self, name: str, *args: int) -> int | None:
        """Call the exported function `name` and return its result: the one path into the guest.

        Raises:
            GuestTrap: It trapped.
            GuestTimeout: It ran longer than the limit.
            GuestStackOverflow: It used up its WebAssembly stack.
            GuestMemoryGrown: It grew its memory.
        """
        function = self._functions.get(name) or self._function(name)
        with self._lock:  # entering a store from two threads would be undefined
            self._store.set_epoch_deadline(self._ticks)
            try:
                result: int | None = function(self._store, *args)
            except wasmtime.Trap as trap:
                raise self._stopped(name, trap) from trap
            size = self._memory.data_len(self._store)
        if size != len(self.memory):
            raise GuestMemoryGrown(
                f"`{name}` grew the memory from {len(self.memory):,} to {size:,} bytes",
                before=len(self.memory),
                after=size,
            )
        return result

    def _function(self, name: str) -> wasmtime.Func:
        function = self._exports[name]
        if not isinstance(function, wasmtime.Func):
            raise ModuleError(f"The export `{name}` is not a function", rule="export.present")
        self._functions[name] = function
        return function

    def _stopped(self, name: str, trap: wasmtime.Trap) -> GuestError:
        code = trap.trap_code
        if code is wasmtime.TrapCode.INTERRUPT:
            limit = self._limits.time_s
            return GuestTimeout(f"`{name}` ran longer than {limit:g} s", time_s=limit)
        if code is wasmtime.TrapCode.STACK_OVERFLOW:
            return GuestStackOverflow(f"`{name}` used up the WebAssembly stack")
        kind = code.name.lower() if code is not None else "unknown"
        return GuestTrap(f"`{name}` trapped: {kind.replace('_', ' ')}", kind=kind)
