"""Emulated boards, a test image for them, and programs that play a flash tool."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

import pytest

from tflm_wasm._deadline import Deadline
from tflm_wasm._link._transport import Transport
from tflm_wasm.aot._board import Board, load_board

needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="qemu-system-arm is missing: apt-get install qemu-system-arm",
)
GREETING = b"tflm-wasm test image\r\n"
DEADLINE_S = 30.0  # of what takes milliseconds, on a machine that does something else

_SOURCE = """
typedef unsigned int u32;
#define UART ((volatile u32 *)0x40004000)
__attribute__((noreturn)) void reset(void);
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
  (void (*)(void))0x20010000, reset };
extern u32 data_start[], data_end[], data_load[];
static const char greeting[] = "tflm-wasm test image\\r\\n";
volatile u32 divider = 16 * VARIANT;
static void put(char c) { while (UART[1] & 1) {} UART[0] = (u32)c; }
void reset(void) {
  for (u32 i = 0; data_start + i < data_end; i++) data_start[i] = data_load[i];
  UART[4] = divider;
  UART[2] = 3;
  for (const char *p = greeting; *p; p++) put(*p);
  for (;;) if (UART[1] & 2) put((char)UART[0]);
}
"""
_SCRIPT = """
ENTRY(reset)
MEMORY { FLASH : ORIGIN = 0, LENGTH = 4M  RAM : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > FLASH
  .data : { data_start = .; *(.data*) data_end = .; } > RAM AT > FLASH
  data_load = LOADADDR(.data);
  /DISCARD/ : { *(.ARM.exidx*) *(.comment) }
}
"""


@cache
def board() -> Board:
    """Return the board that the test image is for."""
    return load_board("mps2-an386")


def build_image(folder: Path, variant: int = 1) -> Path:
    """Compile a program that greets on the CMSDK UART, then echoes; it differs by `variant`."""
    pytest.importorskip("ziglang", reason='pip install "tflm-wasm[firmware]"')
    (folder / "image.c").write_text(_SOURCE)
    (folder / "image.ld").write_text(_SCRIPT)
    output = folder / f"image{variant}.elf"
    subprocess.run(
        [
            *(sys.executable, "-m", "ziglang", "cc", "--target=thumb-freestanding-eabi"),
            *("-mcpu=cortex_m3", "-Os", "-ffreestanding", "-nostdlib", f"-DVARIANT={variant}"),
            *("-Wl,-T,image.ld", "-o", output.name, "image.c"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return output


def read_until(transport: Transport, wanted: bytes) -> bytes:
    """Return what the port sends up to and with `wanted`."""
    deadline, received = Deadline(DEADLINE_S), b""
    while wanted not in received and not deadline.passed:
        received += transport.read(deadline.left)
    return received


def fake_tool(folder: Path, name: str, body: str) -> Path:
    """Write a program that records its arguments in `<name>.args`, one line a run, then `body`."""
    tool = folder / name
    log = folder / f"{name}.args"
    head = f"""\
        #!{sys.executable} -IS
        import json, sys, time
        arguments = sys.argv[1:]
        with open({str(log)!r}, "a") as log:
            log.write(json.dumps(arguments) + "\\n")
    """
    tool.write_text(textwrap.dedent(head) + textwrap.dedent(body))
    tool.chmod(0o755)
    return log
