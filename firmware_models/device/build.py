"""Compile the board's agent for this machine, with the engine as its guest, for tests.

    python firmware_models/device/build.py agent_native

ASan and UBSan are on. What it does is at the top of native/agent_native.c.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

DEVICE = Path(__file__).resolve().parent
ROOT = DEVICE.parent.parent
ENGINE = ROOT / "firmware_models" / "engine"
CORE = ("tw_agent", "tw_crc32", "tw_link", "tw_sha256", "tw_slots")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
# As the engine's own build has them.
SEMANTICS = ("-fwrapv", "-ffp-contract=off", "-fno-delete-null-pointer-checks")
SANITIZERS = ("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")
FLAGS = ("-std=c11", "-D_DEFAULT_SOURCE", "-O1", "-g", *SEMANTICS, *SANITIZERS)


def _compile(folder: str, sources: Iterable[Path], *options: str) -> None:
    """Compile into objects in `folder`."""
    includes = (f"-I{path}" for path in (folder, ROOT / "abi", ENGINE, DEVICE))
    _run(folder, *options, *FLAGS, *includes, "-c", *map(str, sorted(sources)))


def _run(folder: str, *command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{result.stderr}")


def build_native(output: Path, compiler: str = "cc") -> None:
    """Compile the agent with ASan and UBSan.

    Raises:
        RuntimeError: The compiler failed; the text is its message.
    """
    output = output.resolve()
    with tempfile.TemporaryDirectory() as folder:
        ops = sorted(path.stem for path in ENGINE.glob("ops/*.c"))
        (Path(folder) / "ops.def").write_text("".join(f"TW_OP({name})\n" for name in ops))
        _compile(folder, (DEVICE / f"{name}.c" for name in CORE), compiler, *WARNINGS)
        _compile(folder, (DEVICE / "native").glob("*.c"), compiler, *WARNINGS)
        # tw_abi.c is wasm only: it is made of the control block at address 0. The warnings of the
        # engine are its own build's business.
        core = (path for path in ENGINE.glob("*.c") if path.stem != "tw_abi")
        _compile(folder, core, compiler)
        _compile(folder, ENGINE.glob("ops/*.c"), compiler)
        objects = map(str, sorted(Path(folder).glob("*.o")))
        _run(folder, compiler, *SANITIZERS, *objects, "-lm", "-o", str(output))


if __name__ == "__main__":
    build_native(Path(sys.argv[1]))
