"""Compile the board's agent for this machine, with the engine as its guest, for tests.

    python firmware_models/device/build.py agent_native

ASan and UBSan are on. What it does is at the top of native/agent_native.c.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

DEVICE = Path(__file__).resolve().parent
ROOT = DEVICE.parent.parent
ENGINE = ROOT / "firmware_models" / "engine"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
# As the engine's own build has them.
SEMANTICS = ("-fwrapv", "-ffp-contract=off", "-fno-delete-null-pointer-checks")
SANITIZERS = ("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")


def sources() -> list[Path]:
    """Return the C files: the device core, its test harness, and the engine."""
    # tw_abi.c is wasm only: it is made of the control block at address 0.
    engine = [path for path in ENGINE.glob("*.c") if path.stem != "tw_abi"]
    parts = (DEVICE.glob("*.c"), (DEVICE / "native").glob("*.c"), engine, ENGINE.glob("ops/*.c"))
    return sorted(path for part in parts for path in part)


def build_native(output: Path, compiler: str = "cc") -> None:
    """Compile the agent with ASan and UBSan.

    Raises:
        RuntimeError: The compiler failed; the text is its message.
    """
    with tempfile.TemporaryDirectory() as folder:
        ops = sorted(path.stem for path in ENGINE.glob("ops/*.c"))
        (Path(folder) / "ops.def").write_text("".join(f"TW_OP({name})\n" for name in ops))
        includes = (folder, ROOT / "abi", ENGINE, DEVICE)
        command = [
            *(compiler, "-std=c11", "-D_DEFAULT_SOURCE", "-O1", "-g", *SEMANTICS, *WARNINGS),
            *(*SANITIZERS, *(f"-I{path}" for path in includes)),
            *(*map(str, sources()), "-lm", "-o", str(output)),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{result.stderr}")


if __name__ == "__main__":
    build_native(Path(sys.argv[1]))
