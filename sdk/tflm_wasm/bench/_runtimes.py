"""Inside an engine's process: one interface to all runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from tflm_wasm.bench._engines import BYTES, OWN
from tflm_wasm.oracles._frames import Array

_ARENA_BYTES = 16 << 20


class Runtime(Protocol):
    """A model that is open in a runtime."""

    def memory(self) -> dict[str, int]:
        """Return bytes of memory by what they are for, as far as the runtime tells."""

    def write(self, frame: list[Array]) -> None:
        """Set the inputs."""

    def invoke(self) -> None:
        """Run once."""

    def run(self, frame: list[Array]) -> Sequence[Array | bytes]:
        """Set the inputs, run once, return copies of the outputs: from Python what a user does."""

    def close(self) -> None:
        """Let go of it."""


class Own:
    """This package."""

    def __init__(self, path: str) -> None:
        import tflm_wasm

        self.session = tflm_wasm.load(path, profile="extended")

    def memory(self) -> dict[str, int]:
        return {
            "linear memory": self.session.module.memory_bytes,
            "arena": self.session.arena_needed,
        }

    def write(self, frame: list[Array]) -> None:
        for tensor, array in zip(self.session.inputs, frame, strict=True):
            tensor.view[...] = array

    def invoke(self) -> None:
        self.session.invoke()

    def run(self, frame: list[Array]) -> Sequence[Array | bytes]:
        return self.session.run(*frame)

    def close(self) -> None:
        self.session.close()


class OwnWithBytes(Own):
    """This package, passing bytes."""

    def run(self, frame: list[Array]) -> Sequence[Array | bytes]:
        return self.session.run_bytes(*[array.data for array in frame])


class Reference:
    """A reference runtime."""

    def __init__(self, name: str, path: str, variant: str) -> None:
        from tflm_wasm.oracles._worker import open_runtime

        model = Path(path).read_bytes()
        options: dict[str, Any] = {"kernels": variant, "arena_bytes": _ARENA_BYTES}
        if name == "tflite_micro":
            options["current_outputs"] = _current_outputs(model)
        self._runtime = open_runtime(name, model, options)

    def memory(self) -> dict[str, int]:
        return {}

    def write(self, frame: list[Array]) -> None:
        self._runtime.set_inputs(frame)

    def invoke(self) -> None:
        self._runtime.invoke()

    def run(self, frame: list[Array]) -> list[Array]:
        self._runtime.set_inputs(frame)
        self._runtime.invoke()
        return self._runtime.outputs()

    def close(self) -> None:
        del self._runtime


@cache
def _current_outputs(model: bytes) -> list[bool]:
    """Return what the adapter of TFLM needs to know; kept, as it is no part of opening a model."""
    from tflm_wasm.oracles import current_outputs

    return current_outputs(model)


def load(name: str) -> None:
    """Import a runtime, with all that its first model would import."""
    if name == OWN:
        import tflm_wasm._session
        import tflm_wasm._wasmtime  # noqa: F401

        return
    from tflm_wasm.oracles._worker import load_runtime

    load_runtime(name)


def open_model(name: str, variant: str, path: str) -> Runtime:
    """Open a model; it raises whatever the runtime raises."""
    if name == OWN:
        return OwnWithBytes(path) if variant == BYTES else Own(path)
    return Reference(name, path, variant)
