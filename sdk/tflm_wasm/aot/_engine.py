"""Engines with only what a model needs, without SIMD: for a board, and for a minimal module."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tflm_wasm._build import measure_arena
from tflm_wasm._inspect_ops import builtin_names
from tflm_wasm._selection import PARTS, Selection, select
from tflm_wasm._wasm_rewrite import without_imports
from tflm_wasm.aot import _sources
from tflm_wasm.aot._cache import Cache
from tflm_wasm.aot._errors import AotError, ToolFailedError
from tflm_wasm.aot._tools import zig_version


@dataclass(frozen=True)
class Purpose:
    """What an engine is compiled for: options of the compiler, and the size of its stack."""

    options: tuple[str, ...]
    stack_bytes: int


# The board's compiler unrolls and computes addresses itself, and better, when nobody did before.
BOARD: Final = Purpose(
    ("-Os", "-fno-unroll-loops", "-DTW_HAS_MANY=0", "-DTW_IMPORTS"),
    stack_bytes=2048,
)
# The smallest that the compiler makes. The whole engine has been asked about the model before, and
# its sentences are better than none.
MODULE: Final = Purpose(
    (
        *("-Xclang", "-Oz", "-mllvm", "-inline-threshold=0"),
        *("-DTW_HAS_MANY=0", "-DTW_HAS_TEXTS=0"),
    ),
    stack_bytes=4096,
)


def _build_script() -> Any:
    """Return the engine's build script, which is no part of a package."""
    name = "tflm_wasm_engine_build_for_boards"
    spec = importlib.util.spec_from_file_location(name, _sources.engine() / "build.py")
    if spec is None or spec.loader is None:
        raise AotError("The package holds no build script for the engine")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def all_ops() -> list[str]:
    """Return the names of all ops that the engine has."""
    return sorted(path.stem for path in (_sources.engine() / "ops").glob("*.c"))


def everything() -> Selection:
    """Return all that the engine has."""
    return Selection(tuple(all_ops()), 0x3FFFF, PARTS)


def selection_of(model: bytes) -> Selection:
    """Return what a model needs of the engine."""
    return select(model, all_ops())


def _op_names(ops: tuple[str, ...]) -> str:
    """Return the C of a table of names with these ops only: all names take 3 KB of RAM."""
    cases = "".join(
        f'    case {code}: return "{name}";\n'
        for code, name in sorted(builtin_names().items())
        if name.lower() in ops
    )
    return (
        '#include "tw_op_names.h"\n\n'
        "const char *tw_op_name(uint32_t code) {\n"
        f'  switch (code) {{\n{cases}    default: return "?";\n  }}\n}}\n'
    )


def twins(kernels: str) -> tuple[list[Path], tuple[str, ...]]:
    """Return the C files of a set of kernels, and their macros."""
    script = _build_script()
    return script.twins(kernels), script.KERNELS[kernels][1]


def build(selection: Selection, purpose: Purpose, cache: Cache, kernels: str = "plain") -> bytes:
    """Compile the engine to WebAssembly; the same selection and compiler give the same bytes.

    Raises:
        ToolMissingError, ToolFailedError: The compiler is not installed, or it failed.
    """
    options = (*purpose.options, *selection.options)
    op_names = _op_names(selection.ops)

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            names = Path(folder) / "tw_op_names.c"
            names.write_text(op_names)
            output = Path(folder) / "engine.wasm"
            try:
                _build_script().build_engine(
                    output,
                    list(selection.ops),
                    options=options,
                    stack_bytes=purpose.stack_bytes,
                    op_names=names,
                    kernels=kernels,
                )
            except RuntimeError as error:
                raise ToolFailedError(
                    f"The engine was not compiled: {error}", tool="ziglang", output=str(error)
                ) from error
            return output.read_bytes()

    made_of = (
        *(_sources.digest(_sources.engine(), _sources.root() / "abi"), zig_version()),
        *(kernels, *options, str(purpose.stack_bytes), *selection.ops),
    )
    return cache.get("engine", made_of, make)


def arena_needed(engine: bytes, model: bytes, cache: Cache) -> int:
    """Return the arena that an engine of `build` takes for the model, in bytes."""

    def make() -> bytes:
        return str(measure_arena(without_imports(engine), model)).encode()

    return int(cache.get("arena", (engine, model), make))
