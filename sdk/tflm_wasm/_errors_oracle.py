"""Exceptions about reference runtimes: a branch of the tree that is drawn in `_errors`."""

from __future__ import annotations

from tflm_wasm._errors_base import TflmWasmError


class OracleError(TflmWasmError):
    """A reference runtime could not answer; `oracle` is its name."""

    default_hint = (
        "See what is installed with `tflm-wasm doctor`; install with `pip install "
        '"tflm-wasm[oracles]"`.'
    )
    oracle: str


class OracleMissing(OracleError):
    """The reference runtime is not installed, or not for this Python."""


class OracleRefused(OracleError):
    """The reference runtime does not accept the model."""

    default_hint = "Compare with another one: `tflm-wasm verify MODEL --oracle tflite_micro`."


class OracleCrashed(OracleError):
    """The reference runtime's process died."""

    default_hint = "Compare with another one: `tflm-wasm verify MODEL --oracle tflite_micro`."
