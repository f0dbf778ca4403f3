"""Measure what the sandbox costs, on an emulated board.

    python firmware_models/device/selftest/measure.py MODEL.tflite ... [--board mps2-an386]

For each model: instructions of one run, of the engine compiled natively and in each sandbox that
the board can have. In brackets: how many that is per multiply-accumulate, and times the native
engine's. Then bytes of the engine's code. The emulator counts: one instruction takes 32 ns of the
board's time (`-icount shift=5`), so the figures repeat exactly. All are compiled with the same
compiler and options.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from tflm_wasm import Module, aot, build
from tflm_wasm._inspect import inspect
from tflm_wasm.aot._board import check_sandbox
from tflm_wasm.emulator import Emulator

DEADLINE_S = 300.0
SHIFT = 5  # one instruction takes 2^SHIFT ns
INVOKE = re.compile(rb"invoke faulted 0+ .* status 0+ ticks ([0-9a-f]{8})")


def instructions(
    module: Module, board: str, options: aot.Options, cache: aot.Cache | None = None
) -> tuple[int, int]:
    """Return the instructions of the self-test's first run, and the engine's code in bytes."""
    firmware = aot.compile(module, board, options, cache=cache)
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "firmware.elf"
        image.write_bytes(firmware.elf)
        said = bytearray()
        with Emulator(board, image, icount=SHIFT) as emulator, closing(emulator.connect()) as port:
            while b"done" not in said and b"panic" not in said:
                said += port.read(DEADLINE_S)
    found = INVOKE.search(said)
    if found is None:
        raise RuntimeError(said.decode(errors="replace"))
    count = int(found[1], 16) * 1_000_000_000 // firmware.board.clock_hz >> SHIFT
    return count, firmware.report.flash["engine"]


def _sandboxes(board: str) -> list[str]:
    loaded, found = aot.load_board(board), []
    for sandbox in ("mpu", "checked"):
        with suppress(aot.BoardError):
            check_sandbox(loaded, sandbox)
            found.append(sandbox)
    return found


def main() -> None:
    """Print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--board", default="mps2-an386")
    arguments = parser.parse_args()
    sandboxes = _sandboxes(arguments.board)
    print(f"| model | native | {' | '.join(sandboxes)} | code, native / {' / '.join(sandboxes)} |")
    print("|---" * (len(sandboxes) + 3) + "|")
    for path in arguments.models:
        module = build(path, profile="extended")
        shared = {"app": "selftest", "defines": ("-DTW_SELFTEST_RUNS=1",), "call_seconds": 300}
        native, size = instructions(module, arguments.board, aot.Options(**shared, native=True))
        macs = inspect(path).macs or 1
        row, code = f"| {path.stem} | {native:,} ({native / macs:.2f}) |", [size]
        for sandbox in sandboxes:
            options = aot.Options(**shared, sandbox=sandbox)
            count, size = instructions(module, arguments.board, options)
            row += f" {count:,} ({count / macs:.2f}, {count / native:.2f}) |"
            code.append(size)
        print(f"{row} {' / '.join(f'{size:,}' for size in code)} |", flush=True)


if __name__ == "__main__":
    main()
