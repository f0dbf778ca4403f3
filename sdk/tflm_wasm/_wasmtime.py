"""Owners of wasmtime's objects: an engine, compiled code, an instance and its functions.

A call into an instance goes through the library's unchecked call: its arguments, its result and
the place for a trap are made once for each function, so that a call converts and allocates nothing.
"Unchecked" is about the number and the types of arguments, which `_admission` has verified.

An instance is in use until the last reference to its functions and to views of its memory is gone.
It is freed then, or kept for the next use: see `Lease`. Nothing here guards against two threads in
one instance: that is `_guest`'s.
"""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Callable, Mapping
from ctypes import byref, c_int64, c_size_t, c_uint8, c_uint64, c_void_p
from functools import partial
from typing import Any, Final

from tflm_wasm import _capi
from tflm_wasm._errors import RuntimeLibraryError

TRAPS: Final = (
    *("stack_overflow", "memory_out_of_bounds", "heap_misaligned", "table_out_of_bounds"),
    *("indirect_call_to_null", "bad_signature", "integer_overflow", "integer_division_by_zero"),
    *("bad_conversion_to_integer", "unreachable", "interrupt"),
)


# Fresh pages cost more than all else that opens a small model, so some are kept; at most so many
# instances of one code, and of so many bytes each.
_MOST_SPARES: Final = 4
_LARGEST_SPARE_BYTES: Final = 2 * 1024 * 1024
# Its own, and one with the time in it.
_MOST_MEMORIES: Final = 2
# The second memory, as `_interruption` has it: words of 64 bits.
_CLOCK, _DEADLINE = 0, 1


class WasmtimeError(Exception):
    """The library says no; the message is its last line."""


class Trap(Exception):
    """A call trapped; `kind` is one of `TRAPS`, or "unknown"."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Engine:
    """What code is compiled for; lives as long as the process.

    Args:
        options: Names as in `wasmtime_config_<name>_set`; what is not named has its default.

    Attributes:
        options: The same.
    """

    def __init__(self, options: Mapping[str, bool]) -> None:
        self.options = dict(options)
        library = _capi.library()
        config = library.wasm_config_new()
        for name, value in options.items():
            getattr(library, f"wasmtime_config_{name}_set")(config, value)
        self.pointer: int = library.wasm_engine_new_with_config(config)

    def validate(self, wasm: bytes) -> None:
        """Raise WasmtimeError unless the module is valid under this engine's options."""
        _check(_capi.library().wasmtime_module_validate(self.pointer, wasm, len(wasm)))

    def compile(self, wasm: bytes) -> Code:
        """Compile a module, or raise WasmtimeError."""
        return self._code(_capi.library().wasmtime_module_new, wasm, len(wasm))

    def deserialize(self, compiled: bytes) -> Code:
        """Return what `Code.serialize` wrote, or raise WasmtimeError.

        The content is machine code: it has to come from someone who is trusted.
        """
        return self._code(_capi.library().wasmtime_module_deserialize, compiled, len(compiled))

    def deserialize_file(self, path: str) -> Code:
        """Return the same from a file, which is mapped and must not be written to any more."""
        return self._code(_capi.library().wasmtime_module_deserialize_file, os.fsencode(path))

    def _code(self, make: Any, *content: bytes | int) -> Code:
        pointer = c_void_p()
        _check(make(self.pointer, *content, byref(pointer)))
        return Code(self, pointer.value or 0)


class _Module:
    """Frees a compiled module.

    Not `Code` itself: `__del__` runs before weak references end, and lets other threads run. One of
    them would get code that is being freed.
    """

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer
        self._delete = _capi.library().wasmtime_module_delete

    def __del__(self) -> None:
        self._delete(self._pointer)


class Code:
    """A compiled module.

    Attributes:
        spares: Instances that are as new, but for the size of their memory.
    """

    def __init__(self, engine: Engine, pointer: int) -> None:
        self.engine = engine
        self.pointer = pointer
        self._module = _Module(pointer)
        # It takes no lock to put one here or to take one: a lease may end at any moment.
        self.spares: deque[Instance] = deque(maxlen=_MOST_SPARES)

    def serialize(self) -> bytes:
        """Return machine code for `Engine.deserialize`."""
        out = _capi.ByteVector()
        _check(_capi.library().wasmtime_module_serialize(self.pointer, byref(out)))
        return _take(out)


class Instance:
    """One instance of a module that imports nothing, in a store of its own.

    Args:
        code: The module.
        limits: Most bytes of memory, elements of a table, and tables.
        time_export: How its second memory is exported, the one with the time.

    Attributes:
        memory: Address and size of linear memory, in bytes.
        trap: Not 0 when a call trapped and nobody looked yet.
        has_failed: Whether a call did. The instance's globals may then be anything.

    Raises:
        WasmtimeError, Trap: It can't be instantiated.
        RuntimeLibraryError: What comes back is not laid out as it should be.
    """

    _store: int | None = None

    def __init__(self, code: Code, limits: tuple[int, int, int], time_export: str) -> None:
        self._library = _capi.library()
        self._delete = self._library.wasmtime_store_delete
        self._store = self._library.wasmtime_store_new(code.engine.pointer, None, None)
        context: int = self._library.wasmtime_store_context(self._store)
        self.context = c_void_p(context)
        self.limit(limits)
        self.trap_slot = c_uint64()
        self.trap = memoryview(self.trap_slot).cast("B").cast("Q")
        self.has_failed = False
        self._functions: dict[str, _capi.Func] = {}
        self._handle = _capi.InstanceHandle()
        trap = c_void_p()
        error = self._library.wasmtime_instance_new(
            self.context, code.pointer, None, 0, byref(self._handle), byref(trap)
        )
        _check(error)
        if trap.value:
            raise Trap(_trap_kind(trap.value))
        self._memory = self._memory_named("memory")
        self.memory = self._range(self._memory)
        address, _ = self._range(self._memory_named(time_export))
        self._time = memoryview((c_int64 * 2).from_address(address)).cast("B").cast("q")

    def __del__(self) -> None:
        if self._store is not None:
            self._delete(self._store)

    def limit(self, limits: tuple[int, int, int]) -> None:
        """Set the most bytes of memory, elements of a table, and tables."""
        memory, elements, tables = limits
        self._library.wasmtime_store_limiter(
            self._store, memory, elements, 1, tables, _MOST_MEMORIES
        )

    def set_time(self, now: int) -> None:
        """Tell the code what time it is: any thread may, also during a call."""
        self._time[_CLOCK] = now

    def stop_after(self, now: int) -> None:
        """Have the code trap when it is told a time after `now`."""
        self._time[_DEADLINE] = now

    def is_late(self) -> bool:
        """Return whether the code was told such a time."""
        return self._time[_CLOCK] > self._time[_DEADLINE]

    def size(self) -> int:
        """Return the size of linear memory now, in bytes."""
        size: int = self._library.wasmtime_memory_data_size(self.context, byref(self._memory))
        return size

    def grow(self, pages: int) -> None:
        """Grow linear memory by pages of 64 KiB, or raise WasmtimeError; it does not move."""
        before = c_uint64()
        _check(
            self._library.wasmtime_memory_grow(
                self.context, byref(self._memory), pages, byref(before)
            )
        )
        self.memory = self._range(self._memory)

    def function(self, name: str, arguments: int, owner: object) -> Function:
        """Return the exported function `name`, which takes so many numbers of 32 bits.

        Args:
            name: Its name.
            arguments: How many it takes.
            owner: What has to live as long as the function.
        """
        func = self._functions.get(name)
        if func is None:
            func = _capi.Func.from_buffer_copy(self._export(name, _capi.EXTERN_FUNC).of.func)
            self._functions[name] = func
        return Function(self, func, name, arguments, owner)

    def _memory_named(self, name: str) -> _capi.Memory:
        return _capi.Memory.from_buffer_copy(self._export(name, _capi.EXTERN_MEMORY).of.memory)

    def _range(self, memory: _capi.Memory) -> tuple[int, int]:
        """Return address and size of a memory, in bytes."""
        address: int = self._library.wasmtime_memory_data(self.context, byref(memory))
        return address, self._library.wasmtime_memory_data_size(self.context, byref(memory))

    def _export(self, name: str, kind: int) -> _capi.Extern:
        item = _capi.Extern()
        encoded = name.encode()
        found = self._library.wasmtime_instance_export_get(
            self.context, byref(self._handle), encoded, len(encoded), byref(item)
        )
        # A function and a memory both begin with the number of their store, as an instance does.
        if not found or item.kind != kind or item.of.func.store_id != self._handle.store_id:
            raise RuntimeLibraryError(
                f"The runtime does not find the export `{name}` where it should be",
                found=_capi.version(),
            )
        return item


class Lease:
    """One use of an instance whose state is all in its memory, and at first is all zeros.

    Functions and views refer to it. With the last of them the use ends: nobody can see the memory
    any more, so it is cleared and kept for another use, unless a call failed.

    Args:
        instance: The instance.
        spares: Where to keep it.
    """

    def __init__(self, instance: Instance, spares: deque[Instance]) -> None:
        self.instance = instance
        self._spares = spares
        self._clear = ctypes.memset

    def __del__(self) -> None:
        instance = self.instance
        address, size = instance.memory
        if size <= _LARGEST_SPARE_BYTES and not instance.has_failed and not instance.trap[0]:
            self._clear(address, 0, size)
            self._spares.append(instance)


def lease(code: Code, memory_bytes: int, limits: tuple[int, int, int], time_export: str) -> Lease:
    """Lease a spare instance whose memory has at most `memory_bytes`, or a new one.

    Args:
        code: Its code.
        memory_bytes: How much memory it may have.
        limits: As `Instance` takes them.
        time_export: As `Instance` takes it.

    Raises:
        WasmtimeError, Trap, RuntimeLibraryError: As `Instance`.
    """
    instance = _taken(code.spares, memory_bytes)
    if instance is None:
        instance = Instance(code, limits, time_export)
    else:
        instance.limit(limits)
    return Lease(instance, code.spares)


def _taken(spares: deque[Instance], memory_bytes: int) -> Instance | None:
    for _ in range(len(spares)):
        try:
            spare = spares.pop()
        except IndexError:  # another thread was faster
            break
        if spare.memory[1] <= memory_bytes:
            return spare
        spares.appendleft(spare)
    return None


class Function:
    """An exported function that takes numbers of 32 bits, and returns one or nothing.

    Attributes:
        name: Its name.
        call: Calls it with the arguments that were put; returns an error for `result`, or None.
        values: The arguments, then the result, as numbers with a sign; four for each value.
        trap: Not 0 when the call trapped.
    """

    def __init__(
        self, instance: Instance, func: _capi.Func, name: str, arguments: int, owner: object
    ) -> None:
        self.name = name
        self._instance = instance
        self._owner = owner
        self.trap = instance.trap
        values = max(arguments, 1)
        self._buffer = (c_uint64 * (2 * values))()
        self.values = memoryview(self._buffer).cast("B").cast("i")
        self.call: Callable[[], int | None] = partial(
            _capi.library().call,
            instance.context,
            byref(func),
            byref(self._buffer),
            c_size_t(values),
            byref(instance.trap_slot),
        )

    def put(self, *arguments: int) -> None:
        """Set the arguments of the next call: their bits, as signed numbers."""
        for index, value in enumerate(arguments):
            self.values[4 * index] = value

    def result(self, error: int | None) -> int:
        """Return what the call returned; when the function has no result it means nothing.

        Args:
            error: What `call` returned.

        Raises:
            Trap: It trapped.
            WasmtimeError: It could not be called.
        """
        if error is not None or self.trap[0]:
            self._instance.has_failed = True
        _check(error)
        if self.trap[0]:
            trap, self.trap[0] = self.trap[0], 0
            raise Trap(_trap_kind(trap))
        return self.values[0]


def _check(error: int | None) -> None:
    """Free an error and raise it; None is no error."""
    if error is None:
        return
    library = _capi.library()
    text = _capi.ByteVector()
    library.wasmtime_error_message(error, byref(text))
    library.wasmtime_error_delete(error)
    lines = _take(text).decode(errors="replace").strip().splitlines()
    raise WasmtimeError(lines[-1].strip() if lines else "unknown error")


def _trap_kind(trap: int) -> str:
    """Free a trap and return its kind."""
    library = _capi.library()
    code = c_uint8()
    known = library.wasmtime_trap_code(trap, byref(code))
    library.wasm_trap_delete(trap)
    return TRAPS[code.value] if known and code.value < len(TRAPS) else "unknown"


def _take(vector: _capi.ByteVector) -> bytes:
    """Return the content of a vector, and free it."""
    content = ctypes.string_at(vector.data, vector.size) if vector.data else b""
    _capi.library().wasm_byte_vec_delete(byref(vector))
    return content
