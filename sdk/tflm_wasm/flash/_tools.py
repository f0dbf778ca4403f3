"""Runners that call a program: pyOCD, OpenOCD, esptool, or the user's own."""

from __future__ import annotations

import re
from typing import Final

from tflm_wasm._errors import RunnerOptionError
from tflm_wasm.flash._command import Ended, ToolRunner
from tflm_wasm.flash._options import TIMEOUT, Option

_DIFFERS: Final = re.compile(
    r"contents differ|checksum mismatch|verification failed|verify failed", re.IGNORECASE
)


class PyocdRunner(ToolRunner):
    """`pyocd flash`; reads the memory back to compare it."""

    name = "pyocd"
    doc = "pyOCD: CMSIS-DAP, ST-Link and J-Link probes"
    install = "pip install pyocd"
    options = (
        Option("target", str, None, "pyOCD's name of the target, as in `pyocd list --targets`."),
        Option("frequency_hz", int, None, "Clock of the debug port."),
        Option("arguments", tuple, (), "More arguments for every call."),
        TIMEOUT,
    )

    def matches(self) -> bool | None:
        """Read every segment's memory back and compare it."""
        segments = self.job.image.segments
        reads = (
            f"savemem 0x{one.address:08x} {len(one.data)} read-{index}.bin"
            for index, one in enumerate(segments)
        )
        self.must(
            *("pyocd", "commander", *self._connection()),
            *(word for read in reads for word in ("-c", read)),
        )
        if self.job.dry_run:
            return False
        files = (self.folder / f"read-{index}.bin" for index in range(len(segments)))
        return all(
            file.exists() and file.read_bytes() == one.data
            for file, one in zip(files, segments, strict=True)
        )

    def write(self) -> None:
        """Erase, program and reset."""
        self.must("pyocd", "flash", *self._connection(), "--format", "elf", self.image)
        self.job.advance("write", self.job.image.size)

    def _connection(self) -> tuple[str, ...]:
        frequency = self.job.options["frequency_hz"]
        return (
            *("--no-wait", "--target", self.need("target")),
            *(("--uid", self.job.probe) if self.job.probe else ()),
            *(("--frequency", str(frequency)) if frequency else ()),
            *self.job.options["arguments"],
        )


class OpenocdRunner(ToolRunner):
    """OpenOCD's `program` and `verify_image`."""

    name = "openocd"
    doc = "OpenOCD: most probes"
    install = "sudo apt-get install openocd"
    options = (
        Option("config", tuple, (), "Configuration files, such as board/st_nucleo_f4.cfg."),
        Option("arguments", tuple, (), "More arguments, before any command."),
        TIMEOUT,
    )

    def matches(self) -> bool | None:
        """Let OpenOCD compare."""
        verify = ("init", "reset halt", f"verify_image {{{self.image}}}", "reset run", "shutdown")
        return _same(self, *self._openocd(*verify))

    def write(self) -> None:
        """Erase, program, verify and reset."""
        self.must(*self._openocd(f"program {{{self.image}}} verify reset exit"))
        self.job.advance("write", self.job.image.size)

    def _openocd(self, *commands: str) -> tuple[str, ...]:
        if not self.job.options["config"]:
            self.need("config")
        probe = (f"adapter serial {self.job.probe}",) if self.job.probe else ()
        return (
            "openocd",
            *(word for file in self.job.options["config"] for word in ("-f", file)),
            *self.job.options["arguments"],
            *(word for command in (*probe, *commands) for word in ("-c", command)),
        )


class EsptoolRunner(ToolRunner):
    """`esptool write-flash` of the image that `elf2image` makes."""

    name = "esptool"
    doc = "esptool 5: Espressif chips, over the serial port"
    install = 'pip install "esptool>=5"'
    options = (
        Option("chip", str, None, "esptool's name of the chip, such as esp32c3."),
        Option("address", int, 0, "Where the image goes in flash."),
        Option("baud", int, 460_800, "Bits per second."),
        TIMEOUT,
    )
    _converted = False

    def matches(self) -> bool | None:
        """Let esptool compare."""
        self._convert()
        return _same(self, *self._esptool("verify-flash"))

    def write(self) -> None:
        """Erase, program and reset."""
        self._convert()
        self.must(*self._esptool("write-flash"))
        self.job.advance("write", self.job.image.size)

    def _convert(self) -> None:
        """Make the boot loader's kind of image of the ELF file, once."""
        if not self._converted:
            chip = self.need("chip")
            self.must("esptool", "--chip", chip, "elf2image", "--output", "image.bin", self.image)
            self._converted = True

    def _esptool(self, command: str) -> tuple[str, ...]:
        if self.job.port is None:
            raise RunnerOptionError(
                "Runner 'esptool' needs the board's port",
                option="port",
                hint="See the ports with `tflm-wasm devices`, then `tflm-wasm flash --port PORT`.",
                **self.fields(),
            )
        options = self.job.options
        return (
            *("esptool", "--chip", self.need("chip"), "--port", self.job.port),
            *("--baud", str(options["baud"]), command, hex(options["address"]), "image.bin"),
        )


class CustomRunner(ToolRunner):
    """Any command; `{image}`, `{port}`, `{probe}` and `{board}` in it are replaced."""

    name = "custom"
    doc = "a command of your own"
    install = "tflm-wasm flash --list-options"
    options = (
        Option("command", tuple, None, "The command that writes, without a shell."),
        Option(
            "compare", tuple, None, "One that ends with 0 when the board holds the image, 1 if not."
        ),
        TIMEOUT,
    )

    def matches(self) -> bool | None:
        """Run the comparing command, if there is one."""
        if not self.job.options["compare"]:
            return None
        command = self._filled("compare")
        ended = self.call(*command)
        if ended is None:
            return False
        if ended.returncode not in (0, 1):
            raise self.failed(command, ended)
        return ended.returncode == 0

    def write(self) -> None:
        """Run the command."""
        self.need("command")
        self.must(*self._filled("command"))
        self.job.advance("write", self.job.image.size)

    def _filled(self, option: str) -> tuple[str, ...]:
        job = self.job
        values = {"image": self.image, "port": job.port, "probe": job.probe}
        words = []
        for word in job.options[option]:
            for name, value in {**values, "board": job.board.name}.items():
                if f"{{{name}}}" in word and value is None:
                    raise RunnerOptionError(
                        f"Option '{option}' of runner 'custom' needs a {name}",
                        option=option,
                        hint=f"Name it: `tflm-wasm flash --{name} ...`.",
                        **self.fields(),
                    )
                word = word.replace(f"{{{name}}}", value or "")
            words.append(word)
        return tuple(words)


def _same(runner: ToolRunner, *command: str) -> bool:
    """Run a tool that compares; tell a difference from a failure."""
    ended: Ended | None = runner.call(*command)
    if ended is None:
        return False
    if ended.returncode == 0:
        return True
    if _DIFFERS.search(ended.output):
        return False
    raise runner.failed(command, ended)
