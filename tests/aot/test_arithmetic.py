"""The runtime for wasm2c calculates and traps as wasmtime does, in every numeric instruction.

The instructions are compiled for this machine with gcc, as a board's compiler has them.
"""

from __future__ import annotations

import ctypes
import itertools
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import wasmtime

from tests.support.firmware import needs_tools
from tflm_wasm.aot import _sources, _wasm2c

pytestmark = [
    needs_tools,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc: apt-get install gcc"),
]
OPTIONS = "-O2 -std=gnu11 -w -fno-strict-aliasing -fwrapv -ffp-contract=off -fno-math-errno"
# TW_TRAP_* of native_trap.h, by wasmtime's names.
TRAPS = {"INTEGER_OVERFLOW": 4, "INTEGER_DIVISION_BY_ZERO": 5, "BAD_CONVERSION_TO_INTEGER": 6}
# These move bits, NaN's too; of any other NaN WebAssembly says only that it is quiet.
MOVES = {"abs", "neg", "copysign"}


def instructions() -> dict[str, tuple[str, str, int]]:
    """Return the type of the operands, that of the result, and the number of operands, by name."""
    found: dict[str, tuple[str, str, int]] = {}

    def add(names: str, operand: str, result: str, count: int, prefix: str | None = None) -> None:
        for name in names.split():
            found[f"{prefix or operand}.{name}"] = (operand, result, count)

    for i in ("i32", "i64"):
        add("clz ctz popcnt extend8_s extend16_s", i, i, 1)
        add("add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr", i, i, 2)
        add("eqz", i, "i32", 1)
        add("eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u", i, "i32", 2)
        for f in ("f32", "f64"):
            conversions = ("trunc", "trunc_sat")
            add(" ".join(f"{one}_{f}_{s}" for one in conversions for s in "su"), f, i, 1, i)
            add(f"convert_{i}_s convert_{i}_u", i, f, 1, f)
    for f in ("f32", "f64"):
        add("abs neg ceil floor trunc nearest sqrt", f, f, 1)
        add("add sub mul div min max copysign", f, f, 2)
        add("eq ne lt gt le ge", f, "i32", 2)
    add("extend32_s", "i64", "i64", 1)
    add("wrap_i64", "i64", "i32", 1, "i32")
    add("extend_i32_s extend_i32_u", "i32", "i64", 1, "i64")
    add("demote_f64", "f64", "f32", 1, "f32")
    add("promote_f32", "f32", "f64", 1, "f64")
    return found


INSTRUCTIONS = instructions()
TO = {
    "i32": "(i32.wrap_i64 {})",
    "i64": "{}",
    "f32": "(f32.reinterpret_i32 (i32.wrap_i64 {}))",
    "f64": "(f64.reinterpret_i64 {})",
}
FROM = {
    "i32": "(i64.extend_i32_u {})",
    "i64": "{}",
    "f32": "(i64.extend_i32_u (i32.reinterpret_f32 {}))",
    "f64": "(i64.reinterpret_f64 {})",
}


def module() -> bytes:
    """Return a module with one function (i64, i64) -> i64, f0 and so on, for each instruction."""
    functions = []
    for index, (name, (operand, result, count)) in enumerate(INSTRUCTIONS.items()):
        operands = " ".join(TO[operand].format(f"(local.get {i})") for i in range(count))
        body = FROM[result].format(f"({name} {operands})")
        functions.append(
            f'(func (export "f{index}") (param i64 i64) (result i64) {body})',
        )
    return bytes(wasmtime.wat2wasm(f"(module {' '.join(functions)})"))


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("arithmetic")
    _wasm2c.translate(module(), folder)
    table = ", ".join(f"w2c_guest_f{index}" for index in range(len(INSTRUCTIONS)))
    (folder / "entry.c").write_text(
        '#include "guest.c"\n'
        "struct w2c_guest tw_guest_instance;\n"
        f"static u64 (*const table[])(struct w2c_guest *, u64, u64) = {{{table}}};\n"
        "int call(int index, u64 a, u64 b, u64 *result) {\n"
        "  int trap = setjmp(tw_native_end);\n"
        "  if (trap == 0) *result = table[index](&tw_guest_instance, a, b);\n"
        "  return trap;\n"
        "}\n"
    )
    library = folder / "arithmetic.so"
    headers = ("-include", str(Path(__file__).parent / "native_trap.h"), f"-I{folder}")
    runtime = f"-I{_sources.device() / 'wasm2c'}"
    source = str(folder / "entry.c")
    command = ["gcc", *OPTIONS.split(), "-shared", "-fPIC", *headers, runtime, source]
    subprocess.run([*command, "-o", library, "-lm"], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.call.argtypes = [ctypes.c_int, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_void_p]
    return loaded


@pytest.fixture(scope="module")
def host():
    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, module()), [])
    exports = instance.exports(store)
    return [lambda *values, f=exports[f"f{i}"]: f(store, *values) for i in range(len(INSTRUCTIONS))]


def floats(kind: str, *, few: bool) -> list[int]:
    """Return bits of floats: limits of the integers, NaNs, chance; unless `few`, neighbours too."""
    single = kind == "f32"
    real, bits = (np.float32, np.uint32) if single else (np.float64, np.uint64)
    edges = [0.0, 0.5, 1.0, 1.5, 2.5, 3.5, 0.49999997, 1e-45, 1e30, 5e-324, np.inf]
    edges += [float(2**power) for power in (22, 23, 24, 31, 32, 51, 52, 53, 63, 64)]
    with np.errstate(all="ignore"):
        values = np.array([*edges, *(-one for one in edges)], real)
        near = [np.nextafter(values, real(side)) for side in (-np.inf, np.inf)]
        more = [] if few else [*near, values + real(0.5), values - real(1)]
        exact = np.concatenate([values, *more])
        chance = np.random.default_rng(11).integers(0, 2**32, 24, np.uint64)
    nans = (
        [0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFABCDEF]
        if single
        else [0x7FF8 << 48, 0xFFF8 << 48, (0x7FF0 << 48) + 1, 0xFFF4 << 48]
    )
    scaled = chance if single else chance << np.uint64(32) | chance
    return sorted({*map(int, exact.view(bits)), *nans, *map(int, scaled)})


def integers(kind: str) -> list[int]:
    """Return integers: the limits and their neighbours, shift counts, chance."""
    width = 32 if kind == "i32" else 64
    edges = [0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 127, 128, 255, 32767, 32768]
    edges += [2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**24 + 1, 2**53 + 1]
    chance = np.random.default_rng(5).integers(0, 2**63, 12, np.uint64)
    signed = [one for edge in (*edges, *map(int, chance)) for one in (edge, -edge)]
    return sorted({one % 2**width for one in signed})


def is_quiet_nan(bits: int, kind: str) -> bool:
    quiet = 0x7FC00000 if kind == "f32" else 0x7FF8 << 48
    return bits & quiet == quiet


def told(bits: int, kind: str) -> str:
    if kind[0] == "i":
        return hex(bits)
    code, size = ("<f", 4) if kind == "f32" else ("<d", 8)
    return f"{struct.unpack(code, bits.to_bytes(size, 'little'))[0]!r} ({bits:x})"


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_an_instruction_gives_wasmtimes_result_or_trap(name: str, native: ctypes.CDLL, host):
    operand, result, count = INSTRUCTIONS[name]
    index = list(INSTRUCTIONS).index(name)
    is_float = operand[0] == "f"
    values = floats(operand, few=count == 2) if is_float else integers(operand)
    out = ctypes.c_uint64()
    wrong, seen = [], set()
    for a, b in itertools.product(values, values if count == 2 else [0]):
        try:
            expected, trap = host[index](*(_signed(one) for one in (a, b))) % 2**64, 0
        except wasmtime.Trap as error:
            expected, trap = 0, TRAPS[error.trap_code.name]
        out.value = 0
        code = native.call(index, a, b, ctypes.addressof(out))
        found = 0 if code else out.value
        seen.add(trap)
        free = (
            result[0] == "f" and name.split(".")[1] not in MOVES and is_quiet_nan(expected, result)
        )
        same = is_quiet_nan(found, result) if free else found == expected
        if code != trap or not same:
            wrong.append((told(a, operand), told(b, operand), code, trap, told(found, result)))
    assert wrong == []
    if "div_s" in name:
        assert seen == {0, TRAPS["INTEGER_OVERFLOW"], TRAPS["INTEGER_DIVISION_BY_ZERO"]}
    elif "trunc_f" in name:
        assert seen == {0, TRAPS["INTEGER_OVERFLOW"], TRAPS["BAD_CONVERSION_TO_INTEGER"]}
    elif "div_u" in name or "rem" in name:
        assert seen == {0, TRAPS["INTEGER_DIVISION_BY_ZERO"]}
    else:
        assert seen == {0}


def _signed(bits: int) -> int:
    return bits - 2**64 if bits >= 2**63 else bits
