"""What can go wrong between a test run and its boards."""

from __future__ import annotations

from tflm_wasm._errors_base import TflmWasmError


class HilError(TflmWasmError):
    """A board can't be used in this test run; `board` is its name there."""

    default_hint = "See what is attached with `tflm-wasm devices`."
    board: str


class BenchError(HilError, ValueError):
    """A bench file or the choice of boards makes no sense; `path` is the file, or None."""

    default_hint = "Compare the file with the example in docs/how-to/run-hil-tests.md."
    path: str | None = None


class BoardAbsentError(HilError):
    """The board is not attached, or nothing here emulates it."""


class ResultsError(HilError, ValueError):
    """A results file can't be used; `path` is the file."""

    default_hint = "Write one with `pytest --hil-results results.json hil_tests`."
    path: str
