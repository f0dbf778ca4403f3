"""Boards: what is said about each in its board.toml, checked."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tflm_wasm.aot import _sources
from tflm_wasm.aot._errors import BoardError


@dataclass(frozen=True)
class Core:
    """A processor core: how to compile for it, and what protects its memory.

    Attributes:
        name: As in a board file.
        target: zig's target triple.
        cpu: zig's name of the core.
        family: Folder of its start-up code and sandbox: "cortexm" or "riscv".
        mpu: Its memory protection, a file `mpu_<name>.c`, or None.
        runtime_cpu: The core whose build of compiler_rt it shares.
        kernels: The engine's kernels for it, as in the engine's build script.
    """

    name: str
    target: str
    cpu: str
    family: str
    mpu: str | None
    runtime_cpu: str
    kernels: str = "scalar"

    @property
    def fpu(self) -> bool:
        """Whether it has floating-point registers."""
        return self.target.endswith("hf")


_SOFT, _HARD = "thumb-freestanding-eabi", "thumb-freestanding-eabihf"
CORES: Final = {
    "cortex-m0": Core("cortex-m0", _SOFT, "cortex_m0", "cortexm", None, "cortex_m0", "scalar8"),
    "cortex-m0plus": Core(
        "cortex-m0plus", _SOFT, "cortex_m0plus", "cortexm", None, "cortex_m0", "scalar8"
    ),
    "cortex-m3": Core("cortex-m3", _SOFT, "cortex_m3", "cortexm", "v7m", "cortex_m3"),
    "cortex-m4": Core("cortex-m4", _SOFT, "cortex_m4", "cortexm", "v7m", "cortex_m3", "dsp"),
    "cortex-m4f": Core(
        "cortex-m4f", _HARD, "cortex_m4+vfp4d16sp", "cortexm", "v7m", "cortex_m4", "dsp"
    ),
    "cortex-m7": Core(
        "cortex-m7", _HARD, "cortex_m7+fp_armv8d16", "cortexm", "v7m", "cortex_m4", "dsp"
    ),
    "cortex-m33": Core(
        "cortex-m33", _HARD, "cortex_m33+dsp+fp_armv8d16sp", "cortexm", "v8m", "cortex_m4", "dsp"
    ),
    "cortex-m55": Core(
        "cortex-m55", _HARD, "cortex_m55+mve+fp_armv8d16", "cortexm", "v8m", "cortex_m4", "mve"
    ),
    "rv32imac": Core(
        "rv32imac", "riscv32-freestanding", "baseline_rv32-d-f", "riscv", "pmp", "baseline_rv32-d-f"
    ),
}
_NUMBERS: Final = ("link_buffer_bytes", "main_stack_bytes", "clint_base", "plic_base")
_SANDBOXES: Final = ("mpu", "checked")
_INIT: Final = {"write", "set", "clear", "wait"}
_CHECKSUMS: Final = {"none", "crc32-mpeg2"}


@dataclass(frozen=True)
class Memory:
    """A range of addresses, in bytes."""

    base: int
    bytes: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.base + self.bytes


@dataclass(frozen=True)
class BootBlock:
    """What the chip's boot ROM wants to find at the start of flash; the vector table is behind it.

    Attributes:
        code: Its code, a file `boot_<code>.c`.
        bytes: Its size.
        checksum: "none", or what its last word has to be: "crc32-mpeg2" of all before it.
    """

    code: str
    bytes: int
    checksum: str = "none"


@dataclass(frozen=True)
class Board:
    """One board.

    Attributes:
        name: Its name: that of its folder.
        title: Its name for people.
        core: Its processor core.
        sandbox: "mpu" or "checked".
        clock_hz: Of the core, which is also that of the firmware's ticks.
        flash: Program memory.
        ram: The block of RAM that the firmware uses.
        flash_driver: Who writes models into flash: a file `flash_<driver>.c`, or None.
        uart: Its serial line: family, base, clock_hz, baud, irq, and what else the family wants.
        init: Register writes before all else: pairs of how and where, and a value.
        boot_block: What lies before the vector table, or None.
        qemu: How to emulate it: binary, machine and options; None when it can't be.
        runners: Flash runners and their options, by name.
        usb: USB identities of its serial port or probe.
        link_buffer_bytes: Of each of the link's two buffers.
        main_stack_bytes: Of the firmware's own stack.
        clint_base: Address of a RISC-V hart's timer.
        plic_base: Address of its interrupt controller.
    """

    name: str
    title: str
    core: Core
    sandbox: str
    clock_hz: int
    flash: Memory
    ram: Memory
    flash_driver: str | None
    uart: dict[str, Any]
    init: tuple[tuple[str, int, int], ...] = ()
    boot_block: BootBlock | None = None
    qemu: dict[str, Any] | None = None
    runners: dict[str, dict[str, Any]] = field(default_factory=dict)
    usb: tuple[dict[str, Any], ...] = ()
    link_buffer_bytes: int = 1034
    main_stack_bytes: int = 2048
    clint_base: int | None = None
    plic_base: int | None = None


def board_names() -> tuple[str, ...]:
    """Return the names of the boards that this package knows."""
    return tuple(sorted(path.parent.name for path in _sources.boards().glob("*/board.toml")))


def load_board(board: str | os.PathLike[str]) -> Board:
    """Return a board by its name, or by the path of its board.toml.

    Raises:
        BoardError: There is no such board, or its file is wrong.
    """
    path = Path(board)
    if path.suffix != ".toml":
        path = _sources.boards() / os.fspath(board) / "board.toml"
    # Imported by name, because Python 3.10 has the same reader only as a package, tomli.
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        content: dict[str, Any] = toml.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BoardError(
            f"There is no board {os.fspath(board)!r}", board=os.fspath(board)
        ) from error
    except ValueError as error:
        raise BoardError(f"{path} is not TOML: {error}", board=os.fspath(board)) from error
    try:
        return _of(path.parent.name, content)
    except (KeyError, TypeError, ValueError) as error:
        raise BoardError(
            f"{path} is wrong: {error}",
            board=os.fspath(board),
            hint="Compare it with docs/how-to/add-a-board.md.",
        ) from error


def _of(name: str, content: dict[str, Any]) -> Board:
    core = CORES[content["core"]]
    uart = {"baud": 115_200, **content["uart"]}
    _one_of("uart.family", uart["family"], _ports("uart"))
    flash_driver = content["flash"].get("driver")
    if flash_driver is not None:
        _one_of("flash.driver", flash_driver, _ports("flash"))
    board = Board(
        name=name,
        title=content["title"],
        core=core,
        sandbox=_one_of("sandbox", content["sandbox"], set(_SANDBOXES)),
        clock_hz=content["clock_hz"],
        flash=Memory(content["flash"]["base"], content["flash"]["bytes"]),
        ram=Memory(content["ram"]["base"], content["ram"]["bytes"]),
        flash_driver=flash_driver,
        uart=uart,
        init=tuple(
            (_one_of("init", how, _INIT), address, value)
            for how, address, value, *_ in content.get("init", [])
        ),
        boot_block=_boot_block(content["boot_block"]) if "boot_block" in content else None,
        qemu=content.get("qemu"),
        runners=content.get("runner", {}),
        usb=tuple(content.get("usb", [])),
        **{key: content[key] for key in _NUMBERS if key in content},
    )
    check_sandbox(board, board.sandbox)
    return board


def _boot_block(content: dict[str, Any]) -> BootBlock:
    block = BootBlock(**content)
    _one_of("boot_block.code", block.code, _ports("boot"))
    _one_of("boot_block.checksum", block.checksum, _CHECKSUMS)
    if block.bytes <= 0 or block.bytes % 4:
        raise ValueError(f"boot_block.bytes is {block.bytes}, not a number of words")
    return block


def check_sandbox(board: Board, sandbox: str) -> None:
    """Refuse a sandbox that would not hold on the board.

    Raises:
        BoardError: The core has no memory protection, or reading between the start of flash and
            the guest's memory would reach something else than flash.
    """
    _one_of("sandbox", sandbox, set(_SANDBOXES))
    if sandbox == "mpu" and board.core.mpu is None:
        raise BoardError(
            f"{board.core.name} has no memory protection: its sandbox must be 'checked'",
            board=board.name,
            hint="Leave it to the board's file: `tflm-wasm aot` without --sandbox.",
        )
    if sandbox == "checked" and not (
        board.flash.base < board.ram.base
        and not board.flash.base <= board.uart["base"] < board.ram.base
    ):
        raise BoardError(
            f"{board.name} has peripherals between flash and RAM, or RAM below flash: its sandbox "
            "must be 'mpu'",
            board=board.name,
            hint="See why in docs/explanation/sandbox.md.",
        )


def _ports(kind: str) -> set[str]:
    """Return the names of the ports of a kind: its files in ports/."""
    files = (_sources.device() / "ports").glob(f"{kind}_*.c")
    return {path.stem.removeprefix(f"{kind}_") for path in files}


def _one_of(what: str, value: str, allowed: set[str]) -> str:
    if value not in allowed:
        raise ValueError(f"{what} is {value!r}, not one of {', '.join(sorted(allowed))}")
    return value
