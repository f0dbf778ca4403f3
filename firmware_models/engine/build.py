"""Compile the engine to WebAssembly.

    python firmware_models/engine/build.py engine.wasm             with every op in ops/
    python firmware_models/engine/build.py engine.wasm add conv_2d with only these
    python firmware_models/engine/build.py --kernels dsp engine.wasm  as a Cortex-M4 has it
    python firmware_models/engine/build.py --native engine_native  for this machine, sanitized
    python firmware_models/engine/build.py --native probe probe    the same, around native/probe.c
    python firmware_models/engine/build.py --fuzzer fuzz_engine    the same, for libFuzzer

Each ``ops/<name>.c`` is one op; the registry, ``ops.def``, is generated from the list of names.
The compiler is clang from PyPI ``ziglang``. The same sources and the same ziglang give the same
bytes. The linker leaves the control block empty; this script fills in its static fields.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ENGINE = Path(__file__).resolve().parent
ROOT = ENGINE.parent.parent
STACK_BYTES = 4096
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
# Signed overflow wraps as it does in the oracle; float operations are never fused or reordered;
# address 0, where the control block is, is an address like any other.
# Loop strength reduction would turn constant offsets, which WebAssembly's loads have, into sums.
SEMANTICS = ("-fwrapv", "-ffp-contract=off", "-fno-delete-null-pointer-checks")
COMPILE = (
    "-std=c11",
    "-O2",
    "-ffreestanding",
    "-mbulk-memory",
    "-fno-sanitize=all",
    "-g0",
    "-mllvm",
    "-disable-lsr",
)


def all_ops() -> list[str]:
    """Return the names of all ops: the files in ops/."""
    return sorted(path.stem for path in (ENGINE / "ops").glob("*.c"))


def sources(ops: list[str]) -> list[Path]:
    """Return the engine's plain C files: the core, then one per op."""
    return [*sorted(ENGINE.glob("*.c")), *(ENGINE / "ops" / f"{name}.c" for name in ops)]


# By the name of a set of kernels: the folder of its twins, and its macros. With -DTW_IMPORTS, "dsp"
# and "mve" import their instructions: see abi/tw_intrinsics.h.
KERNELS = {
    "plain": (None, ()),
    "wasm128": ("wasm128", ("-DTW_WASM128",)),
    "scalar": ("mcu", ("-DTW_MCU",)),
    "scalar8": ("mcu", ("-DTW_MCU", "-DTW_FEW_REGISTERS")),
    "dsp": ("mcu", ("-DTW_MCU", "-DTW_DSP")),
    "mve": ("mcu", ("-DTW_MCU", "-DTW_DSP", "-DTW_MVE")),
}


def twins(kernels: str) -> list[Path]:
    """Return the C files that only a build with these kernels has."""
    folder, _ = KERNELS[kernels]
    return sorted((ENGINE / folder).glob("*.c")) if folder else []


def write_registry(folder: Path, ops: list[str]) -> None:
    """Write the op registry, ``ops.def``, which the core includes."""
    (folder / "ops.def").write_text("".join(f"TW_OP({name})\n" for name in ops))


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{result.stderr}")


def _zig(*arguments: str) -> None:
    _run(sys.executable, "-m", "ziglang", *arguments)


def _compile(source: Path, folder: Path, options: tuple[str, ...]) -> Path:
    if source.parent.name == "wasm128":
        options = (*options, "-msimd128")
    output = folder / f"{source.stem}.o"
    _zig(
        *("cc", "--target=wasm32-freestanding", *COMPILE, *SEMANTICS, *WARNINGS, *options),
        *(f"-I{folder}", f"-I{ROOT / 'abi'}", f"-I{ENGINE}", "-c", str(source), "-o", str(output)),
    )
    return output


def _link(objects: list[Path], output: Path, stack_bytes: int, *options: str) -> bytes:
    # The stack lies above the control block: it overflows into the block's canary.
    _zig(
        *(
            "wasm-ld",
            "--no-entry",
            "--gc-sections",
            "--strip-all",
            "--compress-relocations",
            "--stack-first",
            *options,
        ),
        *("-z", f"stack-size={4096 + stack_bytes}"),
        *(str(path) for path in objects),
        *("-o", str(output)),
    )
    return output.read_bytes()


def _heap_base(linked: bytes) -> int:
    """Return the value of the exported global ``__heap_base``."""
    from tflm_wasm import _wasm

    module = _wasm.parse(linked)
    payload = next(payload for section, payload in module.sections if section == _wasm.GLOBAL)
    reader = _wasm.Reader(payload)
    values = []
    for _ in range(reader.u32()):
        reader.take(3)  # i32, mutability, i32.const
        values.append(reader.i32())
        reader.take(1)  # end
    return values[module.exports["__heap_base"].number]


def _control_block(heap_base: int, stack_bytes: int, *, simd: bool) -> list[tuple[int, bytes]]:
    """Return the block as it is before init, as data segments: static fields, canary."""
    from tflm_wasm import _abi

    statics = {
        "magic": int.from_bytes(_abi.MAGIC, "little"),
        "abi_major": _abi.ABI_MAJOR,
        "abi_minor": _abi.ABI_MINOR,
        "features": int(_abi.Feature.SIMD) if simd else 0,
        "heap_base": heap_base,
        "max_model_size": _abi.PROFILES["strict"]["model_bytes"],
        "max_input_size": _abi.PROFILES["strict"]["input_bytes"],
        "page_log2": 16,
        "stack_size": stack_bytes,
    }
    fields = bytearray(_abi.REGIONS["descriptors"][0])
    for name, value in statics.items():
        struct.pack_into(_abi.FIELDS[name].code, fields, _abi.FIELDS[name].offset, value)
    return [(0, bytes(fields)), (_abi.REGIONS["canary"][0], _abi.CANARY)]


def build_engine(
    output: Path,
    ops: list[str] | None = None,
    *,
    options: tuple[str, ...] = (),
    stack_bytes: int = STACK_BYTES,
    op_names: Path | None = None,
    kernels: str = "wasm128",
) -> None:
    """Compile the engine with `ops` (None: all) and write it to `output`.

    Args:
        output: Where to write it.
        ops: Names of its ops.
        options: More compiler options.
        stack_bytes: Size of its stack.
        op_names: A file in place of tw_op_names.c.
        kernels: A set of kernels, see KERNELS.

    Raises:
        RuntimeError: The compiler or the linker failed; the text is its message.
    """
    sys.path.insert(0, str(ROOT / "sdk"))
    from tflm_wasm import _wasm, _wasm_rewrite

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ops = all_ops() if ops is None else ops
        write_registry(folder, ops)
        files = [*sources(ops), *twins(kernels)]
        options = (*options, *KERNELS[kernels][1])
        if op_names is not None:
            files = [op_names if path.name == "tw_op_names.c" else path for path in files]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(lambda source: _compile(source, folder, options), files))
        measured = _link(objects, folder / "measured.wasm", stack_bytes, "--export=__heap_base")
        linked = _link(objects, folder / "linked.wasm", stack_bytes)
    memory = _wasm.parse(linked).memories[0]
    segments = _control_block(_heap_base(measured), stack_bytes, simd=kernels == "wasm128")
    output.write_bytes(_wasm_rewrite.rewrite(linked, memory=memory, segments=segments))


def build_native(
    output: Path, program: str = "engine_native", compiler: str = "cc", sanitizers: str = ""
) -> None:
    """Compile the engine for this machine with ASan and UBSan, around native/<program>.c.

    Raises:
        RuntimeError: The compiler failed; the text is its message.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ops = all_ops()
        write_registry(folder, ops)
        # tw_abi.c is wasm only: it is made of the control block at address 0.
        files = [path for path in sources(ops) if path.stem != "tw_abi"]
        files += [ENGINE / "native" / f"{one}.c" for one in (program, "mutate")]
        sanitize = f"-fsanitize=address,undefined,float-cast-overflow{sanitizers}"
        options = (
            *("-std=c11", "-D_DEFAULT_SOURCE", "-O2", "-g", *SEMANTICS, *WARNINGS),
            *(sanitize, "-fno-sanitize-recover=all"),
            *(f"-I{folder}", f"-I{ROOT / 'abi'}", f"-I{ENGINE}"),
        )

        def compile_one(source: Path) -> str:
            made = str(folder / f"{source.stem}.o")
            _run(compiler, *options, "-c", str(source), "-o", made)
            return made

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, files))
        _run(compiler, sanitize, *objects, "-o", str(output), "-lm")


def build_fuzzer(output: Path) -> None:
    """Compile the engine for libFuzzer, which is a part of clang's runtime, around fuzz_engine.c.

    Raises:
        RuntimeError: The compiler failed; the text is its message.
    """
    build_native(output, "fuzz_engine", "clang", ",fuzzer")


if __name__ == "__main__":
    if sys.argv[1] == "--native":
        build_native(Path(sys.argv[2]), *sys.argv[3:])
        sys.exit()
    if sys.argv[1] == "--fuzzer":
        build_fuzzer(Path(sys.argv[2]))
        sys.exit()
    arguments, chosen = sys.argv[1:], "wasm128"
    if arguments[0] == "--kernels":
        chosen, arguments = arguments[1], arguments[2:]
    build_engine(Path(arguments[0]), arguments[1:] or None, kernels=chosen)
