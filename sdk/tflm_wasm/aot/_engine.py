"""The engine for a board: the model's ops, the core's kernels, and as little RAM as possible."""

from __future__ import annotations

import importlib.util
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tflm_wasm._build import measure_arena
from tflm_wasm._inspect_ops import builtin_names, read_ops
from tflm_wasm._wasm_rewrite import without_imports
from tflm_wasm.aot import _sources
from tflm_wasm.aot._cache import Cache
from tflm_wasm.aot._errors import AotError

# The board's compiler unrolls and computes addresses itself, and better, when nobody did before.
_COMPILE: Final = ("-Os", "-fno-unroll-loops", "-mllvm", "-disable-lsr", "-DTW_WITHOUT_MANY")
STACK_BYTES: Final = 2048


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


def ops_of(model: bytes) -> list[str]:
    """Return the names of the model's ops that the engine has, as in the engine's ops/ folder."""
    return sorted(set(all_ops()) & {_file_stem(op.name) for op in read_ops(model)})


def _file_stem(name: str) -> str:
    """Return an op's name as its file in ops/ has it: CONV_2D, SignalFftAutoScale in snake case."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _op_names(ops: list[str]) -> str:
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


def build(ops: list[str], kernels: str, cache: Cache) -> bytes:
    """Compile the engine with these ops and kernels to WebAssembly."""
    options = (*_COMPILE, "-DTW_IMPORTS")

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            names = Path(folder) / "tw_op_names.c"
            names.write_text(_op_names(ops))
            output = Path(folder) / "engine.wasm"
            _build_script().build_engine(
                output,
                ops,
                options=options,
                stack_bytes=STACK_BYTES,
                op_names=names,
                kernels=kernels,
            )
            return output.read_bytes()

    sources = _sources.digest(_sources.engine(), _sources.root() / "abi")
    return cache.get("engine", (sources, kernels, *options, str(STACK_BYTES), _op_names(ops)), make)


def arena_needed(engine: bytes, model: bytes, cache: Cache) -> int:
    """Return the arena that an engine of `build` takes for the model, in bytes."""

    def make() -> bytes:
        return str(measure_arena(without_imports(engine), model)).encode()

    return int(cache.get("arena", (engine, model), make))
