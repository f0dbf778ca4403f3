"""The C sources that firmware is made of: in a wheel they lie inside this package."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from tflm_wasm.aot._errors import AotError

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def root() -> Path:
    """Return the folder that holds ``abi`` and ``firmware_models``.

    Raises:
        AotError: The package was installed without them.
    """
    for folder in (_PACKAGE / "_sources", _PACKAGE.parent.parent):
        if (folder / "firmware_models" / "device").is_dir():
            return folder
    raise AotError(
        "The package holds no firmware sources",
        hint="Install a complete wheel: `pip install --force-reinstall tflm-wasm`.",
    )


def device() -> Path:
    """Return the folder of the firmware's own sources."""
    return root() / "firmware_models" / "device"


def boards() -> Path:
    """Return the folder that has one folder for each board."""
    return root() / "firmware_models" / "boards"


def engine() -> Path:
    """Return the folder of the engine's sources."""
    return root() / "firmware_models" / "engine"


def digest(*folders: Path) -> str:
    """Return a digest of all C sources and Python scripts in the folders."""
    seen = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".c", ".h", ".in", ".py", ".S"}:
                seen.update(str(path.relative_to(folder)).encode() + b"\0")
                seen.update(hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()
