"""Programs around the engine as built for this machine with ASan and UBSan."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.files import ROOT


@functools.cache
def native_program(name: str) -> Path:
    """Build firmware_models/engine/native/<name>.c, or skip when there is no compiler."""
    if not (shutil.which("gcc") or shutil.which("clang")):
        pytest.skip("no C compiler for the sanitized engine: apt-get install gcc")
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    output = Path(folder.name) / name
    script = ROOT / "firmware_models" / "engine" / "build.py"
    subprocess.run([sys.executable, script, "--native", output, name], check=True)
    return output
