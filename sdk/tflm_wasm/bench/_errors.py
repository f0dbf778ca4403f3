"""What can go wrong when things are measured."""

from __future__ import annotations

from tflm_wasm._errors_base import TflmWasmError


class BenchmarkError(TflmWasmError):
    """Measuring failed."""

    default_hint = "See what there is to measure with `tflm-wasm bench configs`."


class ConfigError(BenchmarkError, ValueError):
    """A configuration makes no sense; `path` is its file."""

    path: str


class ResultsError(BenchmarkError, ValueError):
    """A file of results can't be used; `path` is the file."""

    default_hint = "Write one with `tflm-wasm bench run MODEL --output results.jsonl`."
    path: str


class EngineError(BenchmarkError):
    """An engine gave no figures; `engine` is its name."""

    default_hint = "See what is installed with `tflm-wasm doctor`."
    engine: str


class EngineAbsentError(EngineError):
    """The engine is not installed, or there is none of this name."""


class EngineDiedError(EngineError):
    """The engine's process ended, or was ended because it took too long."""

    default_hint = "Leave it out: `tflm-wasm bench run MODEL --engine tflm-wasm`."


class EngineRefusedError(EngineError):
    """The engine does not accept the model or the request."""

    default_hint = "Leave it out: `tflm-wasm bench run MODEL --engine tflm-wasm`."


class NotOfferedError(EngineRefusedError):
    """The engine has no such thing as what was to be measured."""
