"""Runner `gdb`: any GDB server. No gdb is needed, the protocol is spoken directly."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from tflm_wasm._errors import (
    FlashWriteError,
    LinkError,
    PortNotFoundError,
    ProbeNotFoundError,
    RunnerFailedError,
    RunnerOptionError,
    WrongDeviceError,
)
from tflm_wasm.flash._options import TIMEOUT, Option
from tflm_wasm.flash._rsp import Rsp, RspError, crc_of
from tflm_wasm.flash._runner import Job, Runner

# What each kind of server wants to hear before and after loading.
_SERVERS: Final = {
    "openocd": (("reset halt",), ("reset run",)),
    "jlink": (("reset",), ("reset", "go")),
    "pyocd": (("reset halt",), ("reset",)),
    "qemu": ((), ("system_reset",)),
}
# Armv6-M, v7-M and v8-M manuals: CPUID and its field PARTNO.
_CPUID: Final = 0xE000ED00
_PARTS: Final = {
    0xC20: "cortex_m0",
    0xC60: "cortex_m0plus",
    0xC23: "cortex_m3",
    0xC24: "cortex_m4",
    0xC27: "cortex_m7",
    0xD21: "cortex_m33",
    0xD22: "cortex_m55",
}
_NAME: Final = re.compile(r"[-+].*")  # the compiler's name of a core has its features behind it
T = TypeVar("T")


class GdbRunner(Runner):
    """Loads, compares and starts over a GDB server; flash as its memory map says."""

    name = "gdb"
    doc = "a GDB server: OpenOCD, J-Link, pyOCD, Black Magic Probe, QEMU"
    options = (
        Option("server", str, "localhost:3333", "host:port, or a serial port."),
        Option("kind", str, "openocd", f"Which server it is: {', '.join(_SERVERS)}."),
        Option("before", tuple, None, "Monitor commands before loading, over those of `kind`."),
        Option("after", tuple, None, "Monitor commands that start the board."),
        TIMEOUT,
    )

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._rsp: Rsp | None = None
        self._server: str = job.options["server"]
        kind = job.options["kind"]
        if kind not in _SERVERS:
            message = f"Option 'kind' of runner 'gdb' is '{kind}', not one of {', '.join(_SERVERS)}"
            raise RunnerOptionError(message, option="kind", **self.fields())
        before, after = _SERVERS[kind]
        self._before = before if job.options["before"] is None else job.options["before"]
        self._after = after if job.options["after"] is None else job.options["after"]

    def matches(self) -> bool | None:
        """Compare every segment, by CRC where the server computes one."""
        if not self._step(f"compare {self.job.image.size:,} bytes"):
            return False
        return self._guarded("comparing", self._compare)

    def write(self) -> None:
        """Halt the board and load every segment."""
        for command in self._before:
            if self._step(f"monitor {command}"):
                self._monitor(command)
        for address, data in self.job.image.segments:
            self._step(f"load {len(data):,} bytes at 0x{address:08x}")
        if not self.job.dry_run:
            self._guarded("loading", self._load)

    def finish(self) -> None:
        """Start the board."""
        for command in self._after:
            if self._step(f"monitor {command}"):
                self._monitor(command)

    def close(self) -> None:
        """Let the board run and let go of the server."""
        if self._rsp is not None:
            with suppress(LinkError):  # it went away by itself
                self._rsp.detach()
            self._rsp.close()
        self._rsp = None

    def _step(self, what: str) -> bool:
        return self.job.step(f"gdb {self._server}: {what}")

    def _guarded(self, what: str, action: Callable[[Rsp], T]) -> T:
        """Run something against the server, with its failures as our errors."""
        try:
            if self._rsp is None:
                self._rsp = Rsp(self._server, self.job.deadline)
                self._check_core(self._rsp)
            return action(self._rsp)
        except TimeoutError as error:
            raise self.too_late() from error
        except PortNotFoundError as error:
            raise ProbeNotFoundError(
                f"There is no GDB server at {self._server}",
                probe=self._server,
                hint="Start one, for instance `openocd -f board/BOARD.cfg`.",
                **self.fields(),
            ) from error
        except RspError as error:
            message = f"The GDB server at {self._server} failed while {what}: {error}"
            raise RunnerFailedError(message, output=str(error), **self.fields()) from error

    def _monitor(self, command: str) -> None:
        self._guarded(f"running 'monitor {command}'", lambda rsp: rsp.monitor(command))

    def _check_core(self, rsp: Rsp) -> None:
        """Refuse a target that is another processor than the board's, where that can be seen."""
        core = self.job.board.core
        wanted = _NAME.sub("", core.cpu)
        target = rsp.object("features", "target.xml")
        if ("riscv" in target) != (core.family == "riscv") and "<architecture>" in target:
            self._refuse("a RISC-V" if "riscv" in target else "an Arm processor", wanted)
        if core.family != "cortexm":
            return
        try:
            part = int.from_bytes(rsp.read(_CPUID, 4), "little") >> 4 & 0xFFF
        except RspError:
            return
        found = _PARTS.get(part, f"Arm part 0x{part:03x}")
        if found != wanted:
            self._refuse(found, wanted)

    def _refuse(self, found: str, wanted: str) -> None:
        message = f"At {self._server} is {found}, but {self.job.board.name} has {wanted}"
        raise WrongDeviceError(message, port=self._server, found=found)

    def _compare(self, rsp: Rsp) -> bool:
        done = 0
        for address, data in self.job.image.segments:
            crc = rsp.crc(address, len(data))
            if crc is not None:
                if crc != crc_of(data):
                    return False
            elif not self._equal(rsp, address, data, done):
                return False
            done += len(data)
            self.job.advance("compare", done)
        return True

    def _equal(self, rsp: Rsp, address: int, data: bytes, done: int) -> bool:
        step = rsp.piece_bytes
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            if rsp.read(address + at, len(piece)) != piece:
                return False
            self.job.advance("compare", done + at)
        return True

    def _load(self, rsp: Rsp) -> None:
        flash = rsp.flash_regions()
        done = 0
        try:
            self._erase(rsp, flash)
            for address, data in self.job.image.segments:
                in_flash = any(start <= address < start + size for start, size, _ in flash)
                put = rsp.write_flash if in_flash else rsp.write
                for at in range(0, len(data), rsp.piece_bytes):
                    piece = data[at : at + rsp.piece_bytes]
                    put(address + at, piece)
                    done += len(piece)
                    self.job.advance("write", done)
            if flash:
                rsp.do(b"vFlashDone")
        except RspError as error:
            message = f"The GDB server at {self._server} could not write the image: {error}"
            size = self.job.image.size
            raise FlashWriteError(message, written=done, size=size, **self.fields()) from error

    def _erase(self, rsp: Rsp, flash: list[tuple[int, int, int]]) -> None:
        """Erase the blocks that segments touch, each once."""
        blocks = {
            (start + index * block, block)
            for start, size, block in flash
            for segment in self.job.image.segments
            if start <= segment.address < start + size
            for index in range(
                (segment.address - start) // block, -(-(segment.end - start) // block)
            )
        }
        for address, size in sorted(blocks):
            rsp.do(f"vFlashErase:{address:x},{size:x}".encode())
