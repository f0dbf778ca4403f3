"""wasmtime's C library: where it is, and the few functions of it that this package calls.

The package `wasmtime` brings the library. Importing its Python layer binds 800 functions, which
takes longer than opening a module does, and a call through it takes 12 µs and more. So the
functions that are needed are bound here. Structures and signatures are those of the versions in
`SUPPORTED`; another version is refused before anything of it is called.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import c_bool, c_char_p, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from tflm_wasm._errors import RuntimeLibraryError

# The first version that is known to fit, and the first that may not: as in pyproject.toml.
SUPPORTED: Final = ((50, 0, 1), (51,))
_FILES: Final = {"darwin": "_libwasmtime.dylib", "win32": "_wasmtime.dll"}

EXTERN_FUNC: Final = 0
EXTERN_MEMORY: Final = 3


class Func(ctypes.Structure):
    """`wasmtime_func_t`."""

    _fields_ = (("store_id", c_uint64), ("private", c_void_p))
    store_id: int


class Memory(ctypes.Structure):
    """`wasmtime_memory_t`."""

    _fields_ = (
        *(("store_id", c_uint64), ("private1", c_uint32), ("padding", c_uint32)),
        ("private2", c_uint32),
    )
    store_id: int


class InstanceHandle(ctypes.Structure):
    """`wasmtime_instance_t`."""

    _fields_ = (("store_id", c_uint64), ("private", c_size_t))
    store_id: int


class _Item(ctypes.Union):
    _fields_ = (("func", Func), ("memory", Memory), ("any", c_uint64 * 4))


class Extern(ctypes.Structure):
    """`wasmtime_extern_t`."""

    _fields_ = (("kind", c_uint8), ("of", _Item))
    kind: int
    of: Any


class ByteVector(ctypes.Structure):
    """`wasm_byte_vec_t`."""

    _fields_ = (("size", c_size_t), ("data", c_void_p))
    size: int
    data: int | None


_TYPES: Final[dict[str, Any]] = {
    "-": None,
    "p": c_void_p,  # any pointer: only addresses pass here
    "s": c_char_p,
    "n": c_size_t,
    "u": c_uint64,
    "i": c_int64,
    "?": c_bool,
}
# Name -> its result, then its arguments.
_FUNCTIONS: Final = {
    "wasm_byte_vec_delete": "-p",
    "wasm_config_new": "p",
    "wasm_engine_new_with_config": "pp",
    "wasm_trap_delete": "-p",
    "wasmtime_error_delete": "-p",
    "wasmtime_error_message": "-pp",
    "wasmtime_instance_export_get": "?ppsnp",
    "wasmtime_instance_new": "ppppnpp",
    "wasmtime_memory_data": "ppp",
    "wasmtime_memory_data_size": "npp",
    "wasmtime_memory_grow": "pppup",
    "wasmtime_module_delete": "-p",
    "wasmtime_module_deserialize": "ppsnp",
    "wasmtime_module_deserialize_file": "ppsp",
    "wasmtime_module_new": "ppsnp",
    "wasmtime_module_serialize": "ppp",
    "wasmtime_module_validate": "ppsn",
    "wasmtime_store_context": "pp",
    "wasmtime_store_delete": "-p",
    "wasmtime_store_limiter": "-piiiii",
    "wasmtime_store_new": "pppp",
    "wasmtime_trap_code": "?pp",
    # Options of an engine.
    **{
        f"wasmtime_config_{name}_set": "-p?"
        for name in (
            *("memory_may_move", "parallel_compilation", "wasm_exceptions"),
            *("wasm_function_references", "wasm_gc", "wasm_memory64", "wasm_multi_memory"),
            *("wasm_relaxed_simd", "wasm_simd", "wasm_tail_call", "wasm_threads"),
        )
    },
}


@lru_cache(maxsize=1)
def library() -> Any:
    """Return the library's functions as attributes; calling one releases Python's lock.

    Raises:
        RuntimeLibraryError: The library is missing, of another version, or not what it should be.
    """
    found = version()
    if not SUPPORTED[0] <= _numbers(found) < SUPPORTED[1]:
        raise RuntimeLibraryError(f"wasmtime {found} is not a version that is known", found=found)
    functions = SimpleNamespace()
    try:
        loaded = ctypes.CDLL(str(file()))
        for name, types in _FUNCTIONS.items():
            function = getattr(loaded, name)
            function.restype = _TYPES[types[0]]
            function.argtypes = [_TYPES[one] for one in types[1:]]
            setattr(functions, name, function)
        # The call of every invoke: without types, what is passed is taken as it is.
        functions.call = loaded["wasmtime_func_call_unchecked"]
        functions.call.restype = c_void_p
    except (OSError, AttributeError) as error:
        message = f"The library of wasmtime {found} can't be used: {error}"
        raise RuntimeLibraryError(message, found=found) from error
    return functions


@lru_cache(maxsize=1)
def version() -> str:
    """Return the installed version of wasmtime.

    Raises:
        RuntimeLibraryError: It is not installed.
    """
    # importlib.metadata takes longer to import than everything here takes to run.
    beside = _names(_package().parent, "wasmtime-", ".dist-info")
    if len(beside) == 1:
        return beside[0][len("wasmtime-") : -len(".dist-info")]
    from importlib import metadata

    try:
        return metadata.version("wasmtime")
    except metadata.PackageNotFoundError as error:
        raise RuntimeLibraryError("wasmtime is not installed", found=None) from error


@lru_cache(maxsize=1)
def _package() -> Path:
    # Not importlib.util.find_spec: importing that takes longer than finding.
    spec = PathFinder.find_spec("wasmtime")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeLibraryError("wasmtime is not installed", found=None)
    return Path(spec.submodule_search_locations[0])


def _numbers(version_text: str) -> tuple[int, ...]:
    return tuple(int(one) if one.isdigit() else -1 for one in version_text.split("."))


@lru_cache(maxsize=1)
def file() -> Path:
    """Return the path of the library: a wheel has one, in a folder named after its platform."""
    name = _FILES.get(sys.platform, "_libwasmtime.so")
    folders = (_package() / one for one in _names(_package(), f"{sys.platform}-"))
    return next((one / name for one in folders if (one / name).exists()), Path(name))


def _names(folder: Path, start: str, end: str = "") -> list[str]:
    """Return the names in a folder that start and end so.

    A pattern would have to be compiled, and a path be made of each of hundreds of packages.
    """
    return [
        name
        for name in os.listdir(folder)  # noqa: PTH208
        if name.startswith(start) and name.endswith(end)
    ]
