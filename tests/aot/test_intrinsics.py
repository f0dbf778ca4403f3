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
from tflm_wasm.emulator import Emulator

pytestmark = [needs_tools, needs_qemu]
# By the number of their operands.
FUNCTIONS = {
    1: ("sxtb16", "sxtb16_ror8"),
    2: ("sxtab16", "sxtab16_ror8"),
    3: ("smlad", "smlabb", "smlatt", "smmlar"),
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
"""
)
_MAIN = """
#include <stdint.h>
#define UART ((volatile uint32_t *)0x40004000)
uint32_t with_extension(uint32_t, uint32_t, uint32_t, uint32_t);
uint32_t without(uint32_t, uint32_t, uint32_t, uint32_t);
__attribute__((noreturn)) void reset(void);
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
  (void (*)(void))0x20010000, reset };
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
void reset(void) {
  UART[4] = 16;
  UART[2] = 1;
  for (uint32_t i = 0; i < COUNT * COUNT * COUNT; i++) {
    compare(edges[i % COUNT], edges[i / COUNT % COUNT], edges[i / COUNT / COUNT]);
  }
  for (uint32_t i = 0; i < RANDOM_COUNT; i++) compare(next(), next(), next());
  print(compared);
  print(different);
  put('.');
  for (;;) {}
}
"""
_SCRIPT = """
ENTRY(reset)
MEMORY { FLASH : ORIGIN = 0, LENGTH = 4M  RAM : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > FLASH
  .data : { *(.data*) *(.bss*) *(COMMON) } > RAM
  /DISCARD/ : { *(.ARM.exidx*) *(.comment) }
}
"""
_EDGES = (0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x80008000, 0x7FFF8000, 0x80FF7F01, 0xFF80017F)


def zig(folder: Path, *arguments: str) -> None:
    common = ("--target=thumb-freestanding-eabi", "-O1", "-ffreestanding", f"-I{ROOT / 'abi'}")
    command = [sys.executable, "-m", "ziglang", "cc", *common, *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def compile_image(folder: Path) -> Path:
    calls = " ".join(
        f"case {NAMES.index(name)}: return (uint32_t)tw_{name}({', '.join('abc'[:count])});"
        for count, names in FUNCTIONS.items()
        for name in names
    )
    (folder / "run.c").write_text(_RUN.replace("{calls}", calls))
    (folder / "main.c").write_text(_MAIN)
    (folder / "image.ld").write_text(_SCRIPT)
    edges = ",".join(f"{one}u" for one in _EDGES)
    numbers = (f"-DFUNCTION_COUNT={len(NAMES)}", f"-DRANDOM_COUNT={RANDOM}", f"-DEDGES={edges}")
    zig(folder, "-mcpu=cortex_m4", "-DNAME=with_extension", "-c", "run.c", "-o", "with.o")
    zig(folder, "-mcpu=cortex_m3", "-DNAME=without", "-c", "run.c", "-o", "without.o")
    zig(folder, "-mcpu=cortex_m3", *numbers, "-c", "main.c", "-o", "main.o")
    objects = ("main.o", "with.o", "without.o")
    zig(folder, "-mcpu=cortex_m3", "-nostdlib", "-Wl,-T,image.ld", *objects, "-o", "image.elf")
    return folder / "image.elf"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_image(tmp_path_factory.mktemp("intrinsics"))


def test_the_extensions_instructions_give_the_bits_of_the_c_functions(image: Path):
    with Emulator("mps2-an386", image) as emulator, closing(emulator.connect()) as port:
        compared, different, _ = read_until(port, b".").split()
    assert int(compared, 16) == len(NAMES) * (len(_EDGES) ** 3 + RANDOM)
    bits = int(different, 16)
    assert [name for i, name in enumerate(NAMES) if bits >> i & 1] == []


def test_only_the_core_with_the_extension_has_its_instructions(image: Path):
    """Else the test above would compare a thing with itself."""
    found = {}
    for core in ("cortex_m4", "cortex_m3"):
        listing = image.parent / f"{core}.s"
        zig(image.parent, f"-mcpu={core}", "-DNAME=run", "-S", "run.c", "-o", listing.name)
        found[core] = set(re.findall(r"^\s+([a-z0-9]+)\b", listing.read_text(), re.MULTILINE))
    wanted = {name.split("_")[0] for name in NAMES}
    assert wanted <= found["cortex_m4"]
    assert not wanted & found["cortex_m3"]
