"""How much a guest may use of the host."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tflm_wasm._errors import LimitsError

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one session; a guest that crosses one is stopped with a typed error.

    Attributes:
        time_s: Running time of one call into the guest, in seconds. A guest is never stopped
            earlier than this, and usually within 30 ms after it. None is for models that you trust:
            nothing ends a call. Only a module with this package's own engine can run so.
        memory_bytes: Largest linear memory, in bytes.
        module_bytes: Largest `.wasm` file that is compiled at all, in bytes.
        code_bytes: Largest code section that is compiled, in bytes.
        compile_s: Longest time for compiling foreign code, in seconds.

    Raises:
        LimitsError: A bound is not a positive number.
    """

    time_s: float | None = 10.0
    memory_bytes: int = 64 * 1024 * 1024
    module_bytes: int = 64 * 1024 * 1024
    code_bytes: int = 16 * 1024 * 1024
    compile_s: float = 30.0

    def __post_init__(self) -> None:
        for name in ("time_s", "compile_s"):
            value = getattr(self, name)
            if value is None and name == "time_s":
                continue
            if not (math.isfinite(value) and 0 < value <= _DAY_S):
                raise LimitsError(f"{name} must be in (0, {_DAY_S:.0f}], not {value!r}")
        for name in ("memory_bytes", "module_bytes", "code_bytes"):
            if getattr(self, name) <= 0:
                raise LimitsError(f"{name} must be positive, not {getattr(self, name)!r}")


DEFAULT_LIMITS: Final = Limits()
