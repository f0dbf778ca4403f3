"""The functions that an engine for a board imports give the same bits as instructions and in C."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.boards import needs_qemu, read_until
from tests.support.files import ROOT
from tests.support.firmware import needs_tools
from tflm_wasm.aot import load_board
from tflm_wasm.emulator import Emulator

pytestmark = [needs_tools, needs_qemu]
# By the number of their operands.
FUNCTIONS = {
    1: ("sxtb16", "sxtb16_ror8"),
    2: ("sxtab16", "sxtab16_ror8"),
    3: ("smlad", "smlabb", "smlabt", "smlatt", "smmlar"),
}
NAMES = [name for names in FUNCTIONS.values() for name in names]
RANDOM = 20_000

# Compiled once for a core with the extension and once for one without it.
_RUN = (
    '#include "tw_intrinsics.h"\n#define CALLS {calls}\n'
    + """
uint32_t NAME(uint32_t which, uint32_t a, uint32_t b, uint32_t c) {
  switch (which) { CALLS default: return 0; }
}
uint32_t DOT(const int8_t *w, const int8_t *x, uint32_t n, int32_t add, int32_t sum) {
  return (uint32_t)tw_dot_bytes(w, x, n, add, sum);
}
void TAPS(const int8_t *x, const int8_t *w, uint32_t n, uint32_t x_step, uint32_t w_step,
          int32_t add, int32_t *sums) {
  tw_taps8(x, w, n, x_step, w_step, add, sums);
}
void SCALE(const int32_t *sums, const int32_t *doubled, const int8_t *right, int32_t zero,
           int8_t *out) {
  tw_scale4(sums, doubled, right, zero, out);
}
"""
)
_MAIN = """
#include <stdint.h>
#define UART ((volatile uint32_t *)UART_BASE)
#define CPACR (*(volatile uint32_t *)0xE000ED88)
uint32_t with_extension(uint32_t, uint32_t, uint32_t, uint32_t);
uint32_t without(uint32_t, uint32_t, uint32_t, uint32_t);
#define DECLARE(name) \
  uint32_t dot_##name(const int8_t *, const int8_t *, uint32_t, int32_t, int32_t); \
  void taps_##name(const int8_t *, const int8_t *, uint32_t, uint32_t, uint32_t, int32_t, \
                   int32_t *); \
  void scale_##name(const int32_t *, const int32_t *, const int8_t *, int32_t, int8_t *);
DECLARE(with_extension)
DECLARE(without)
__attribute__((noreturn)) void reset(void);
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
  (void (*)(void))STACK_TOP, reset };
static const uint32_t edges[] = { EDGES };
enum { COUNT = sizeof edges / sizeof *edges };
static uint32_t state = 1, compared, different;
static void put(char c) { while (UART[1] & 1) {} UART[0] = (uint32_t)c; }
static void print(uint32_t x) {
  for (int i = 28; i >= 0; i -= 4) put("0123456789abcdef"[x >> i & 15]);
  put(' ');
}
static uint32_t next(void) {
  uint32_t high = (state = state * 1664525u + 1013904223u) & 0xFFFF0000u;
  return high | (state = state * 1664525u + 1013904223u) >> 16;
}
static void compare(uint32_t a, uint32_t b, uint32_t c) {
  for (uint32_t which = 0; which < FUNCTION_COUNT; which++) {
    compared++;
    if (with_extension(which, a, b, c) != without(which, a, b, c)) different |= 1u << which;
  }
}
static void differs(uint32_t number, int is) {
  compared++;
  if (is) different |= 1u << (FUNCTION_COUNT + number);
}
static void compare_memory(void) {
  static int8_t w[512], x[512];
  for (uint32_t n = 0; n < 300; n++) {
    for (uint32_t i = 0; i < sizeof w; i++) {
      w[i] = (int8_t)next();
      x[i] = (int8_t)next();
    }
    const int8_t *a = w + next() % 100, *b = x + next() % 100;
    const int32_t add = (int32_t)(next() % 257) - 128;
    const uint32_t sum = next(), x_step = next() % 20, w_step = next() % 20;
    differs(0, dot_with_extension(a, b, n, add, (int32_t)sum) !=
                   dot_without(a, b, n, add, (int32_t)sum));
    int32_t sums[2][8], doubled[4];
    int8_t right[4], out[2][4];
    for (uint32_t i = 0; i < 8; i++) sums[0][i] = sums[1][i] = (int32_t)next() >> n % 30;
    taps_with_extension(b, a, n % 20, x_step, w_step, add, sums[0]);
    taps_without(b, a, n % 20, x_step, w_step, add, sums[1]);
    for (uint32_t i = 0; i < 8; i++) differs(1, sums[0][i] != sums[1][i]);
    for (uint32_t i = 0; i < 4; i++) {
      doubled[i] = (int32_t)(next() | 0x80000000u);
      right[i] = (int8_t)(next() % 31);
    }
    scale_with_extension(sums[0], doubled, right, add, out[0]);
    scale_without(sums[0], doubled, right, add, out[1]);
    for (uint32_t i = 0; i < 4; i++) differs(2, out[0][i] != out[1][i]);
  }
}
void reset(void) {
  CPACR |= 0xFu << 20; /* vectors */
  UART[4] = 16;
  UART[2] = 1;
  for (uint32_t i = 0; i < COUNT * COUNT * COUNT; i++) {
    compare(edges[i % COUNT], edges[i / COUNT % COUNT], edges[i / COUNT / COUNT]);
  }
  for (uint32_t i = 0; i < RANDOM_COUNT; i++) compare(next(), next(), next());
  compare_memory();
  print(compared);
  print(different);
  put('.');
  for (;;) {}
}
"""
_SCRIPT = """
ENTRY(reset)
SECTIONS {
  .text FLASH : { KEEP(*(.vectors)) *(.text*) *(.rodata*) }
  .data RAM : { *(.data*) *(.bss*) *(COMMON) }
  /DISCARD/ : { *(.ARM.exidx*) *(.comment) }
}
"""
_EDGES = (0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x80008000, 0x7FFF8000, 0x80FF7F01, 0xFF80017F)


# Cores of an emulated board with and without the instructions, as zig names them.
BOARDS = {
    "mps2-an386": ("cortex_m4", "cortex_m3"),
    "mps3-an547": ("cortex_m55+mve", "cortex_m3"),
}
DSP = {name.split("_")[0] for name in NAMES}
MVE = {"vmlava", "vmullb", "vrmulh"}
MEMORY = ("dot", "taps", "scale")  # the functions of memory


def zig(folder: Path, *arguments: str) -> None:
    common = ("--target=thumb-freestanding-eabi", "-O1", "-ffreestanding", f"-I{ROOT / 'abi'}")
    command = [sys.executable, "-m", "ziglang", "cc", *common, *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def compile_image(folder: Path, board: str) -> Path:
    loaded = load_board(board)
    calls = " ".join(
        f"case {NAMES.index(name)}: return (uint32_t)tw_{name}({', '.join('abc'[:count])});"
        for count, names in FUNCTIONS.items()
        for name in names
    )
    flash, ram = loaded.flash.base, loaded.ram.base
    (folder / "run.c").write_text(_RUN.replace("{calls}", calls))
    (folder / "main.c").write_text(_MAIN)
    script = _SCRIPT.replace("FLASH", str(flash)).replace("RAM", str(ram))
    (folder / "image.ld").write_text(script)
    numbers = {
        "FUNCTION_COUNT": len(NAMES),
        "RANDOM_COUNT": RANDOM,
        "EDGES": ",".join(f"{one}u" for one in _EDGES),
        "UART_BASE": f"{loaded.uart['base']}u",
        "STACK_TOP": f"{ram + 0x8000}u",
    }
    defines = [f"-D{name}={value}" for name, value in numbers.items()]
    for core, name in zip(BOARDS[board], ("with_extension", "without"), strict=True):
        names = [f"-DNAME={name}", *(f"-D{one.upper()}={one}_{name}" for one in MEMORY)]
        zig(folder, f"-mcpu={core}", *names, "-c", "run.c", "-o", f"{name}.o")
    zig(folder, "-mcpu=cortex_m3", *defines, "-c", "main.c", "-o", "main.o")
    objects = ("main.o", "with_extension.o", "without.o")
    link = ("-mcpu=cortex_m3", "-nostdlib", "-Wl,-T,image.ld")
    zig(folder, *link, *objects, "-o", "image.elf")
    return folder / "image.elf"


@pytest.mark.parametrize("board", BOARDS)
def test_the_instructions_give_the_bits_of_the_c_functions(board: str, tmp_path: Path):
    image = compile_image(tmp_path, board)
    with Emulator(board, image) as emulator, closing(emulator.connect()) as port:
        compared, different, _ = read_until(port, b".").split()
    assert int(compared, 16) == len(NAMES) * (len(_EDGES) ** 3 + RANDOM) + 300 * (1 + 8 + 4)
    bits = int(different, 16)
    assert [name for i, name in enumerate([*NAMES, *MEMORY]) if bits >> i & 1] == []


@pytest.mark.parametrize(
    ("core", "has"),
    [("cortex_m4", DSP), ("cortex_m55+mve", DSP | MVE), ("cortex_m3", set())],
)
def test_a_core_has_the_instructions_that_it_is_compared_by(
    core: str, has: set[str], tmp_path: Path
):
    """Else the test above would compare a thing with itself."""
    compile_image(tmp_path, "mps2-an386")
    zig(
        tmp_path,
        f"-mcpu={core}",
        "-DNAME=a",
        *(f"-D{one.upper()}={one}" for one in MEMORY),
        "-S",
        "run.c",
        "-o",
        "listing.s",
    )
    text = (tmp_path / "listing.s").read_text()
    found = set(re.findall(r"^\s+([a-z0-9]+)\b", text, re.MULTILINE))
    assert found & (DSP | MVE) == has
