"""Exceptions about emulating and flashing boards: branches of the tree drawn in `_errors`."""

from __future__ import annotations

from tflm_wasm._errors_base import TflmWasmError


class EmulatorError(TflmWasmError):
    """Emulating a board failed; `board` is its name."""

    default_hint = "See what is installed with `tflm-wasm doctor`."
    board: str


class EmulatorMissing(EmulatorError):
    """The emulator is not installed, or there is none for the board; `program` is its name."""

    default_hint = "Install it: `apt-get install qemu-system-arm qemu-system-misc`."
    program: str | None = None


class EmulatorEnded(EmulatorError):
    """The emulator's process is no longer there.

    Attributes:
        returncode: Its exit status, negative for a signal, or None when that is not known.
        output: The end of what it wrote to standard error.
    """

    default_hint = "Start it again: `tflm-wasm flash --board BOARD IMAGE`."
    returncode: int | None = None
    output: str = ""


class EmulatorTimeout(EmulatorError, TimeoutError):
    """The emulator did not answer within `time_s` seconds."""

    default_hint = "End it and start it again: `tflm-wasm flash --board BOARD --force IMAGE`."
    time_s: float


class FlashError(TflmWasmError):
    """Writing firmware to a board failed; `board` is its name, `runner` who tried."""

    default_hint = "See the exact commands with `tflm-wasm flash --dry-run`."
    board: str
    runner: str


class RunnerOptionError(FlashError, ValueError):
    """A runner or one of its options is unknown, missing or makes no sense; `option` names it."""

    default_hint = "See the runners and their options with `tflm-wasm flash --list-options`."
    option: str | None = None


class RunnerMissingError(FlashError):
    """The program that writes the flash is not installed; `tool` is its name."""

    tool: str


class ImageError(FlashError, ValueError):
    """The firmware image can't be used on the board; `path` is its file."""

    default_hint = "Build it for this board: `tflm-wasm aot MODULE --board BOARD`."
    path: str


class ProbeNotFoundError(FlashError):
    """The debug probe, GDB server or drive is not there; `probe` is which, or None for any."""

    default_hint = "Check the cable, then see what is attached with `tflm-wasm devices`."
    probe: str | None = None


class RunnerFailedError(FlashError):
    """The program that writes the flash failed.

    Attributes:
        command: What was run.
        returncode: Its exit status.
        output: The end of what it wrote.
    """

    default_hint = "Run the command by hand: see it with `tflm-wasm flash --dry-run`."
    command: tuple[str, ...] = ()
    returncode: int | None = None
    output: str = ""


class FlashTimeoutError(FlashError, TimeoutError):
    """Writing took longer than `time_s` seconds and was stopped; the board may hold half."""

    default_hint = "If it only is slow, allow more: `tflm-wasm flash -o timeout_s=300`."
    time_s: float


class FlashWriteError(FlashError):
    """The image did not get to the board whole; `written` of `size` bytes did."""

    default_hint = "Reset the board, then write it again: `tflm-wasm flash --force`."
    written: int = 0
    size: int = 0


class VerifyError(FlashError):
    """The board holds something else than was written; `address` is the first difference."""

    default_hint = "Check supply and cable, then write it again: `tflm-wasm flash --force`."
    address: int | None = None
