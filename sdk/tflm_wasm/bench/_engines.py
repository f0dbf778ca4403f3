"""The engines that are measured: ours, the reference runtimes, and any program that answers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tflm_wasm import oracles as _oracles
from tflm_wasm._version import __version__
from tflm_wasm.bench._errors import EngineAbsentError

OWN: Final = "tflm-wasm"
BYTES: Final = "bytes"  # its variant that passes bytes, without NumPy
_VARIANTS: Final = {
    OWN: (BYTES,),
    "tflite_micro": (),
    "tflite_runtime": ("no_delegate", "reference"),
    "ai_edge_litert": ("no_delegate", "reference"),
}
NAMES: Final = tuple(
    one for name, more in _VARIANTS.items() for one in (name, *(f"{name}:{v}" for v in more))
)


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        name: Its name in results, such as "ai_edge_litert:no_delegate".
        runtime: "tflm-wasm", the name of an oracle, or "" for another program.
        variant: How it is set up; "default" as it comes.
        command: The other program and its arguments.
    """

    name: str
    runtime: str
    variant: str = "default"
    command: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether it is this project's: what `compare` judges."""
        return self.runtime == OWN

    @property
    def is_installed(self) -> bool:
        """Whether it is there, as far as that shows without starting it."""
        if self.command:
            return shutil.which(self.command[0]) is not None
        return self.is_own or _oracles.installed(self.runtime)

    @property
    def version(self) -> str | None:
        """Its version, or None when that is not known."""
        if self.command:  # only the program itself could say
            return None
        return __version__ if self.is_own else _oracles.version(self.runtime)

    def worker(self) -> list[str]:
        """Return the command of its process."""
        if self.command:
            return list(self.command)
        return [sys.executable, "-m", "tflm_wasm.bench._worker", self.runtime, self.variant]


def find(name: str, others: Mapping[str, Sequence[str]] | None = None) -> Engine:
    """Return an engine by its name.

    Args:
        name: One of `NAMES`, or of `others`.
        others: Command lines of other programs by name.

    Raises:
        EngineAbsentError: There is none of this name.
    """
    if others and name in others:
        return Engine(name, "", command=tuple(others[name]))
    if name not in NAMES:
        known = ", ".join((*NAMES, *(others or {})))
        raise EngineAbsentError(f"There is no engine {name!r}; known are {known}", engine=name)
    runtime, _, variant = name.partition(":")
    return Engine(name, runtime, variant or "default")
