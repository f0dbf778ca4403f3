"""Measure what the sandbox costs, on an emulated board.

    python firmware_models/device/selftest/measure.py MODEL.tflite ... [--board mps2-an386]

For each model: ticks of one run of the engine compiled natively, and how many times that it takes
in each sandbox. One instruction takes 32 ns (`-icount shift=5`), so ticks count instructions and
repeat exactly. All three are compiled with the same compiler and options.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from contextlib import closing
from pathlib import Path

from tflm_wasm import Module, aot, build
from tflm_wasm.emulator import Emulator

DEADLINE_S = 300.0
INVOKE = re.compile(rb"invoke faulted 0+ .* status 0+ ticks ([0-9a-f]{8})")


def ticks(module: Module, board: str, options: aot.Options) -> tuple[int, aot.Report]:
    """Run the self-test and return the ticks of its first run, and the firmware's report."""
    firmware = aot.compile(module, board, options)
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "firmware.elf"
        image.write_bytes(firmware.elf)
        said = bytearray()
        with Emulator(board, image, icount=5) as emulator, closing(emulator.connect()) as port:
            while b"done" not in said and b"panic" not in said:
                said += port.read(DEADLINE_S)
    found = INVOKE.search(said)
    if found is None:
        raise RuntimeError(said.decode(errors="replace"))
    return int(found[1], 16), firmware.report


def main() -> None:
    """Print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--board", default="mps2-an386")
    arguments = parser.parse_args()
    print("| model | native, ticks | mpu | checked | code, native / mpu / checked |")
    print("|---|---|---|---|---|")
    for path in arguments.models:
        module = build(path, profile="extended")
        shared = {"app": "selftest", "defines": ("-DTW_SELFTEST_RUNS=1",), "call_seconds": 300}
        native, report = ticks(module, arguments.board, aot.Options(**shared, native=True))
        row, code = f"| {path.stem} | {native:,} |", [report.flash["engine"]]
        for sandbox in ("mpu", "checked"):
            taken, report = ticks(module, arguments.board, aot.Options(**shared, sandbox=sandbox))
            row += f" {taken / native:.3f} |"
            code.append(report.flash["engine"])
        print(f"{row} {' / '.join(f'{size:,}' for size in code)} |", flush=True)


if __name__ == "__main__":
    main()
