"""Runs a flash tool to its end or to the deadline, and tells its failures apart."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tflm_wasm._errors import (
    FlashError,
    LinkError,
    PortBusyError,
    PortPermissionError,
    ProbeNotFoundError,
    RunnerFailedError,
    RunnerMissingError,
    RunnerOptionError,
    WrongDeviceError,
)
from tflm_wasm.flash._runner import Job, Runner

_TAIL_BYTES: Final = 4000
_END_S: Final = 5.0
_UDEV: Final = (
    "Let users open the probe: install its udev rules, for instance `sudo cp *.rules "
    "/etc/udev/rules.d/ && sudo udevadm control --reload`."
)
# Tools say why they failed in words only; the more telling words come first.
_FORBIDDEN: Final = re.compile(
    r"permission denied|access denied|LIBUSB_ERROR_ACCESS|insufficient permissions", re.IGNORECASE
)
_BUSY: Final = re.compile(
    r"resource busy|LIBUSB_ERROR_BUSY|is busy|already in use|exclusively lock", re.IGNORECASE
)
_WRONG: Final = re.compile(
    r"unexpected idcode|this chip is [^\n]*, not|wrong --chip|UNEXPECTED: 0x", re.IGNORECASE
)
_ABSENT: Final = re.compile(
    r"no (available|connected) debug probes?|unable to (find|open)[^\n]*(device|link|dap|probe)"
    r"|no device found|could not open port|open failed",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit status, and the end of what it wrote."""

    returncode: int
    output: str


class ToolRunner(Runner):
    """A runner that calls a program.

    Attributes:
        install: The command that installs it.
        folder: Where it runs: a new folder, for what it writes.
    """

    install: ClassVar[str]
    start_s: ClassVar[float] = 30.0

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._folder = tempfile.TemporaryDirectory(prefix="tw-flash-")
        self.folder = Path(self._folder.name)
        self.image = str(Path(job.image.path).resolve())

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()

    def need(self, option: str) -> str:
        """Return the value of an option that has no default.

        Raises:
            RunnerOptionError: Nobody set it.
        """
        value = self.job.options[option]
        if not value:
            raise RunnerOptionError(
                f"Runner '{self.name}' needs the option '{option}'",
                option=option,
                hint=f"Set it in the board file or with `tflm-wasm flash -o {option}=VALUE`.",
                **self.fields(),
            )
        return str(value)

    def call(self, *command: str) -> Ended | None:
        """Run a program; return how it ended, or None in a dry run.

        Raises:
            RunnerMissingError: It is not installed.
            FlashTimeoutError: It did not end in time, and was killed with all that it started.
            ProbeNotFoundError, PortBusyError, PortPermissionError, WrongDeviceError: It says so.
        """
        if not self.job.step(*command):
            return None
        if shutil.which(command[0]) is None:
            raise RunnerMissingError(
                f"{command[0]} is not installed",
                tool=command[0],
                hint=f"Install it: `{self.install}`.",
                **self.fields(),
            )
        ended = self._run(command)
        if ended.returncode != 0:
            self._complain(ended.output)
        return ended

    def must(self, *command: str) -> None:
        """Run a program that must end with exit status 0.

        Raises:
            RunnerFailedError: It did not.
            TflmWasmError: As `call`.
        """
        ended = self.call(*command)
        if ended is not None and ended.returncode != 0:
            raise self.failed(command, ended)

    def failed(self, command: Sequence[str], ended: Ended) -> RunnerFailedError:
        """Return the error for a program that ended with another exit status."""
        lines = ended.output.splitlines()
        last = lines[-1] if lines else "it wrote no message"
        return RunnerFailedError(
            f"{command[0]} ended with exit status {ended.returncode}: {last}",
            command=tuple(command),
            returncode=ended.returncode,
            output=ended.output,
            **self.fields(),
        )

    def _run(self, command: Sequence[str]) -> Ended:
        log = self.folder / "output.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - of a board file, without a shell
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,  # a tool that asks must fail, not wait
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(max(self.job.deadline.left, 0.001))
            except subprocess.TimeoutExpired as error:
                raise self.too_late() from error
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait(_END_S)
        text = log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return Ended(code, text)

    def _complain(self, output: str) -> None:
        """Raise the error that the tool's words stand for, if they are known."""
        found = self._port_error(output)
        if found is not None:
            raise found
        if match := _ABSENT.search(output):
            raise ProbeNotFoundError(
                f"{self.name}: {_line_of(output, match)}", probe=self.job.probe, **self.fields()
            )

    def _port_error(self, output: str) -> LinkError | FlashError | None:
        port = self.job.probe or self.job.port or self.name
        if match := _FORBIDDEN.search(output):
            message = f"{self.name}: {_line_of(output, match)}"
            hint = None if self.job.port else _UDEV
            return PortPermissionError(message, port=port, hint=hint)
        if match := _BUSY.search(output):
            return PortBusyError(f"{self.name}: {_line_of(output, match)}", port=port)
        if match := _WRONG.search(output):
            line = _line_of(output, match)
            message = f"{self.name}: not {self.job.board.name}: {line}"
            return WrongDeviceError(message, port=port, found=line)
        return None


def _line_of(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    return text[start : text.find("\n", match.end())].strip() or text[start:].strip()
