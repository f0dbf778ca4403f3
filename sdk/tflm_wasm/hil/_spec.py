"""Which board a test runs on, and what that board is capable of: plain data, cheap to make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tflm_wasm.aot import Board as BoardFile
    from tflm_wasm.link import Identity

_UNITS: Final = {"ram_kib": "KiB of RAM", "flash_kib": "KiB of flash"}
_PARTS: Final = {"mpu": "MPU sandbox", "fpu": "FPU"}


@dataclass(frozen=True)
class BoardSpec:
    """One board of a test run.

    Attributes:
        name: What tests, reports and `--board` call it.
        board: Name or path of its board file; None for whatever is on the port.
        port: Its serial port or a URL of pyserial; None for an emulated board, and for one that is
            found by `stable_id`.
        stable_id: What names one board for good, such as `usb:2e8a:000a:E660`.
        unique_id: The chip's serial number that must answer, hexadecimal; None takes any.
        baudrate: Bits per second.
        timeout_s: Deadline of a call, in seconds.
        reset: A command line that resets the board, or empty.
        asked_for: Whether the user named it: then it must be there, else its tests are skipped.
        absent: Why it can't be used, as far as that is known before trying.
    """

    name: str
    board: str | None = None
    port: str | None = None
    stable_id: str | None = None
    unique_id: str | None = None
    baudrate: int = 115_200
    timeout_s: float = 60.0
    reset: tuple[str, ...] = ()
    asked_for: bool = True
    absent: str | None = None

    @property
    def is_emulated(self) -> bool:
        """Whether this test run starts the board itself."""
        return self.port is None and self.stable_id is None

    @property
    def place(self) -> str | None:
        """Where it is: its stable id or port; None for an emulated board."""
        return self.stable_id or self.port


@dataclass(frozen=True)
class Capabilities:
    """What `@pytest.mark.needs` can ask for; None where that is not known.

    Attributes:
        ram_kib: RAM.
        flash_kib: Flash.
        mpu: Whether an MPU (or PMP) keeps the guest in.
        fpu: Whether it has floating-point registers.
    """

    ram_kib: int | None = None
    flash_kib: int | None = None
    mpu: bool | None = None
    fpu: bool | None = None

    @classmethod
    def of_file(cls, board: BoardFile) -> Capabilities:
        """Return what a board file says."""
        return cls(
            ram_kib=board.ram.bytes // 1024,
            flash_kib=board.flash.bytes // 1024,
            mpu=board.sandbox == "mpu",
            fpu=board.core.fpu,
        )

    @classmethod
    def of_identity(cls, identity: Identity) -> Capabilities:
        """Return what a board without a board file says of itself: the guest's share of the RAM."""
        return cls(ram_kib=identity.ram_bytes // 1024, mpu=identity.sandbox == "mpu")

    def lacks(self, needs: Mapping[str, Any]) -> str | None:
        """Return what a test needs and the board has not, as a clause; None when it has all.

        Raises:
            ValueError: There is no such capability.
        """
        known = [one.name for one in fields(self)]
        for name, wanted in needs.items():
            if name not in known:
                raise ValueError(f"needs({name}=...): choose from {', '.join(known)}")
            has = getattr(self, name)
            if name in _UNITS and (has is None or has < wanted):
                there = "an unknown number" if has is None else f"{has:,}"
                return f"has {there} of {wanted:,} {_UNITS[name]}"
            if name in _PARTS and has is not wanted:
                verb = {None: "may have no", True: "has an", False: "has no"}[has]
                return f"{verb} {_PARTS[name]}"
        return None
