"""From a module to a board's firmware."""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tflm_wasm import _abi
from tflm_wasm._block import Block
from tflm_wasm._module import Module
from tflm_wasm._wasm import parse
from tflm_wasm.aot import _engine, _sources, _wasm2c
from tflm_wasm.aot._board import Board, load_board
from tflm_wasm.aot._cache import Cache
from tflm_wasm.aot._elf import Elf
from tflm_wasm.aot._errors import DoesNotFitError
from tflm_wasm.aot._plan import RamPlan, SlotPlan, align, granule, plan_ram, plan_slots
from tflm_wasm.aot._report import Report, make_report
from tflm_wasm.aot._tools import Source, compile_all, zig

_WARNINGS: Final = ("-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
_SHARED: Final = (
    *("-std=c11", "-ffreestanding", "-fno-sanitize=all", "-g0", "-ffunction-sections"),
    *("-fdata-sections", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables"),
)
# What wasm2c writes is not ours to warn about. Floats are never fused, as in WebAssembly.
_GUEST: Final = (
    *("-Os", "-std=gnu11", "-w", "-fno-strict-aliasing", "-fwrapv", "-ffp-contract=off"),
    *("-fno-math-errno", "-fno-delete-null-pointer-checks"),
)
_SECTOR_BYTES: Final = 4096
# A checked guest looks at its stack after it has saved registers, and compiler_rt does not look.
_STACK_RESERVE_BYTES: Final = 256


@dataclass(frozen=True)
class Firmware:
    """Firmware for one board.

    Attributes:
        board: The board.
        elf: The executable.
        sandbox: "mpu" or "checked".
        ram: Where the guest's memory is.
        slots: Where uploaded models go.
        report: Flash and RAM by part.
    """

    board: Board
    elf: bytes
    sandbox: str
    ram: RamPlan
    slots: SlotPlan
    report: Report

    @property
    def symbols(self) -> dict[str, int]:
        """Addresses by name."""
        return Elf(self.elf).symbols

    @property
    def image(self) -> bytes:
        """What goes into flash, from its first byte on."""
        return _image(Elf(self.elf), self.board)


@dataclass(frozen=True)
class Options:
    """How to build.

    Attributes:
        sandbox: "mpu" or "checked"; None takes the board's.
        app: "agent" (the firmware) or "selftest" (runs the model and prints the result).
        stack_bytes: The guest's native stack.
        arena_bytes: The guest's arena; None takes exactly what the model needs.
        call_seconds: How long a call into the guest may take.
        defines: More macros, for the firmware's own sources.
    """

    sandbox: str | None = None
    app: str = "agent"
    stack_bytes: int = 2048
    arena_bytes: int | None = None
    call_seconds: int = 30
    defines: tuple[str, ...] = ()
    guest_options: tuple[str, ...] = ()
    native: bool = False


def compile(  # noqa: A001 - tflm_wasm.aot.compile says what it does
    module: Module | str | os.PathLike[str] | bytes,
    board: Board | str | os.PathLike[str],
    options: Options | None = None,
    *,
    cache: Cache | None = None,
) -> Firmware:
    """Compile a module and the firmware around it for a board.

    A module with a TensorFlow Lite model gets an engine with only the model's ops, and its model
    stays in flash. Any other module is compiled as it is.

    Raises:
        ModuleError: The module can't be used.
        BoardError: There is no such board.
        DoesNotFitError: The board has too little flash or RAM.
        ToolMissingError, ToolFailedError, Wasm2cChangedError: The tools are not as they should be.
    """
    options = options or Options()
    cache = cache or Cache()
    board = board if isinstance(board, Board) else load_board(board)
    module = module if isinstance(module, Module) else Module.read(module, profile="extended")
    with tempfile.TemporaryDirectory(prefix="tflm-wasm-aot-") as folder:
        return _Build(module, board, options, cache, Path(folder)).firmware()


class _Build:
    """One firmware in the making, in a folder of its own."""

    def __init__(
        self, module: Module, board: Board, options: Options, cache: Cache, folder: Path
    ) -> None:
        self.board = board
        self.options = options
        self.folder = folder
        self.sandbox = options.sandbox or board.sandbox
        self.mpu = board.core.mpu if self.sandbox == "mpu" else None
        self.model = module.model
        self.wasm, self.guest = self._guest(module, cache)
        self.ram = plan_ram(board, self.guest.memory_bytes, options.stack_bytes)

    def _guest(self, module: Module, cache: Cache) -> tuple[bytes, _Guest]:
        """Return the wasm to compile, and its layout."""
        own = Block.of_bytes(module.parsed.initial_bytes(0, _abi.BLOCK_BYTES))
        if self.model is None:
            return module.wasm, _Guest(own, _memory_needed(own))
        wasm = _engine.build(_engine.ops_of(self.model), cache)
        block = Block.of_bytes(parse(wasm).initial_bytes(0, _abi.BLOCK_BYTES))
        arena = self.options.arena_bytes or own["scratch_size"]
        return wasm, _Guest(block, align(block["heap_base"], _abi.ALIGNMENT_BYTES) + arena, arena)

    def firmware(self) -> Firmware:
        objects = self._compile()
        layout = _Layout()
        for _ in range(3):  # sizes, then places, then slots behind it all
            elf = Elf(self._link(objects, layout))
            layout = self._layout(elf)
        elf = Elf(self._link(objects, layout))
        self._check_fit(elf)
        content = _with_digest(elf, self.board)
        report = make_report(elf, self.guest.block, self.guest.arena_bytes)
        return Firmware(self.board, content, self.sandbox, self.ram, layout.slots, report)

    def _layout(self, elf: Elf) -> _Layout:
        """Return where things have to go, given an executable with everything of its size."""
        symbols = elf.symbols
        code_size = symbols["guest_code_end"] - symbols["tw_guest_code"]
        before = symbols["tw_data_load"] + elf.size(".data")
        code_align = granule(self.mpu, before, code_size)
        code = align(before, code_align)
        model = align(align(code + code_size, code_align), _abi.ALIGNMENT_BYTES)
        model_size = elf.size(".model")
        step = granule(self.mpu, model, model_size)
        if model // step * step < code:
            model = align(model, step)
        slots = plan_slots(self.board, align(model + model_size, step), _SECTOR_BYTES)
        return _Layout(code_align, model, slots)

    def _check_fit(self, elf: Elf) -> None:
        used = elf.symbols["tw_flash_used_end"] - self.board.flash.base
        if used > self.board.flash.bytes:
            raise DoesNotFitError(
                f"{self.board.title} has {self.board.flash.bytes:,} bytes of flash; the firmware "
                f"with its model takes {used:,}",
                what="flash",
                needed=used,
                available=self.board.flash.bytes,
            )
        needed = elf.symbols["tw_ram_used_end"] + (self.board.ram.end - self.ram.stack_base)
        if needed > self.board.ram.end:
            raise DoesNotFitError(
                f"{self.board.title} has {self.board.ram.bytes:,} bytes of RAM; the firmware with "
                f"its guest takes {needed - self.board.ram.base:,}",
                what="ram",
                needed=needed - self.board.ram.base,
                available=self.board.ram.bytes,
            )

    # ---- compiling ----

    def _compile(self) -> list[Path]:
        self._write_board_header()
        device = _sources.device()
        core = self.board.core
        family = device / core.family
        fw = [*family.glob("*.c")]
        fw = [path for path in fw if not path.stem.startswith("mpu_")]
        if self.mpu is not None and (family / f"mpu_{self.mpu}.c").exists():
            fw.append(family / f"mpu_{self.mpu}.c")
        ports = device / "ports"
        fw += [ports / "text.c", ports / "board_init.c"]
        fw.append(ports / f"uart_{self.board.uart['family']}.c")
        fw.append(ports / f"flash_{self.board.flash_driver or 'none'}.c")
        agent = []
        if self.options.app == "selftest":
            fw.append(device / "selftest" / "selftest.c")
        else:
            fw.append(device / "firmware" / "main.c")
            agent = sorted(device.glob("*.c"))
        target = (f"--target={core.target}", f"-mcpu={core.cpu}", *_SHARED)
        includes = [
            self.folder,
            device,
            device / "wasm2c",
            device / "libc",
            family,
            device / "firmware",
            _sources.root() / "abi",
        ]
        shared = (*target, *(f"-I{path}" for path in includes), *self._defines())
        # Without floating-point registers: the guest's are not kept while the firmware runs.
        own = (*_WARNINGS, "-Os", f"-mcpu={core.runtime_cpu}")
        sources = [Source("agent", path, own) for path in agent]
        if self.options.native:
            sources += self._native_guest()
        else:
            fw.append(device / "firmware" / "guest_sandbox.c")
            _wasm2c.translate(self._byte_paged(), self.folder)
            entry = device / "wasm2c" / "tw_guest_entry.c"
            sources.append(Source("guest", entry, (*_GUEST, *self.options.guest_options)))
        sources += [Source("firmware", path, own) for path in fw]
        sources.append(Source("model", self._model_source()))
        return compile_all(sources, shared, self.folder)

    def _native_guest(self) -> list[Source]:
        """Return the engine itself, compiled without WebAssembly: what the sandbox is held against."""
        engine = _sources.engine()
        ops = _engine.ops_of(self.model or b"")
        (self.folder / "ops.def").write_text("".join(f"TW_OP({name})\n" for name in ops))
        files = [path for path in engine.glob("*.c") if path.stem != "tw_abi"]
        files += [engine / "ops" / f"{name}.c" for name in ops]
        files.append(_sources.device() / "selftest" / "native.c")
        options = (*_GUEST, f"-I{engine}", *self.options.guest_options)
        return [Source("guest", path, options) for path in files]

    def _defines(self) -> list[str]:
        window = self.board.flash
        values = {
            "TW_GUEST_BASE": f"0x{self.ram.guest_base:08x}u",
            "TW_GUEST_BYTES": f"{self.ram.guest_bytes}u",
            "TW_WINDOW_START": f"0x{(window.base - self.ram.guest_base) % 2**32:08x}u",
            "TW_WINDOW_BYTES": f"{window.bytes}u",
            "TW_STACK_LIMIT": f"0x{self.ram.stack_base + _STACK_RESERVE_BYTES:08x}u",
            f"TW_SANDBOX_{self.sandbox.upper()}": "1",
        }
        return [*(f"-D{name}={value}" for name, value in values.items()), *self.options.defines]

    def _byte_paged(self) -> bytes:
        fields = {"page_log2": 0}
        if self.model is not None:
            limits = _abi.PROFILES["extended"]
            fields |= {
                "scratch_size": self.guest.arena_bytes,
                "max_model_size": limits["model_bytes"],
                "max_input_size": limits["input_bytes"],
                "features": self.guest.block["features"] | _abi.Feature.EXTENDED,
            }
        segments = [
            (_abi.FIELDS[name].offset, struct.pack(_abi.FIELDS[name].code, value))
            for name, value in fields.items()
        ]
        return _wasm2c.with_byte_pages(self.wasm, self.ram.guest_bytes, segments)

    def _model_source(self) -> Path:
        (self.folder / "model.bin").write_bytes(self.model or b"")
        path = self.folder / "model.S"
        path.write_text(f'.section .model,"a"\n.incbin "{self.folder / "model.bin"}"\n')
        return path

    def _write_board_header(self) -> None:
        board = self.board
        uart = "".join(
            f"#define TW_UART_{key.upper()} {value}u\n"
            for key, value in board.uart.items()
            if isinstance(value, int)
        )
        init = "".join(f" TW_INIT_{how.upper()}({at}u, {value}u)" for how, at, value in board.init)
        size = len(self.model) if self.model is not None else self.guest.block["model_size"]
        modes = {"mpu": 1, "checked": 2}
        (self.folder / "tw_board.h").write_text(
            f'#define TW_BOARD_NAME "{board.name}"\n'
            f"#define TW_CLOCK_HZ {board.clock_hz}u\n"
            f"{uart}"
            f"#define TW_BOARD_INIT{init}\n"
            f"#define TW_CLINT_BASE {board.clint_base or 0}u\n"
            f"#define TW_LINK_BUFFER_BYTES {board.link_buffer_bytes}u\n"
            f"#define TW_CALL_SECONDS {self.options.call_seconds}u\n"
            f"#define TW_MODEL_BYTES {size}u\n"
            f"#define TW_SANDBOX_MODE {modes[self.sandbox]}\n"
            f"{'#define TW_FPU 1' if board.core.fpu else ''}\n"
        )

    # ---- linking ----

    def _link(self, objects: list[Path], layout: _Layout) -> bytes:
        board, ram = self.board, self.ram
        embedded = self.model is None
        start = f"0x{ram.guest_base + self.guest.block['model_ptr']:x}"
        values = {
            "FLASH_BASE": board.flash.base,
            "CODE_ALIGN": layout.code_align,
            "MODEL_BASE": layout.model_base or "ALIGN(16)",
            "RAM_BASE": board.ram.base,
            "GUEST_BYTES": ram.guest_bytes,
            "MAIN_STACK_BYTES": board.main_stack_bytes,
            "GUEST_STACK_BASE": ram.stack_base,
            "GUEST_STACK_BYTES": ram.stack_bytes,
            "GUEST_STACK_END": ram.stack_end,
            "MODEL_START": start if embedded else "model_start",
            "MODEL_END": (
                f"{start} + {self.guest.block['model_size']}" if embedded else "model_end"
            ),
            "SLOTS_START": layout.slots.base,
            "SLOTS_END": layout.slots.base + 2 * layout.slots.slot_bytes,
        }
        text = (_sources.device() / "firmware.ld.in").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        script, output = self.folder / "firmware.ld", self.folder / "firmware.elf"
        script.write_text(text)
        core = board.core
        fpu = "+vfp4d16sp" if core.fpu else ""
        zig(
            *("cc", f"--target={core.target}", f"-mcpu={core.runtime_cpu}{fpu}", "-nostartfiles"),
            *(f"-Wl,-T,{script}", "-Wl,--gc-sections"),
            *(str(path) for path in objects),
            *("-o", str(output)),
        )
        return output.read_bytes()


@dataclass(frozen=True)
class _Layout:
    """Where things go in flash; the model's place is 0 until it is known."""

    code_align: int = 32
    model_base: int = 0
    slots: SlotPlan = SlotPlan(0, 0)


@dataclass(frozen=True)
class _Guest:
    """The control block that the guest starts with, and the linear memory it needs, in bytes."""

    block: Block
    memory_bytes: int
    arena_bytes: int = 0


def _memory_needed(block: Block) -> int:
    """Return how much memory a module takes: its data, its model and its arena, in bytes."""
    model_end = block["model_ptr"] + block["model_size"]
    arena = align(block["heap_base"], _abi.ALIGNMENT_BYTES)
    if arena < model_end and block["model_ptr"] < arena + block["scratch_size"]:
        arena = align(model_end, _abi.ALIGNMENT_BYTES)
    return max(arena + block["scratch_size"], model_end)


def _image(elf: Elf, board: Board) -> bytes:
    """Return the content of flash; `.data` goes where the firmware copies it from."""
    image = bytearray()

    def put(at: int, content: bytes) -> None:
        image.extend(b"\xff" * (at + len(content) - len(image)))
        image[at : at + len(content)] = content

    for one in elf.sections:
        if not one.is_loaded:
            continue
        in_flash = board.flash.base <= one.address < board.flash.end and one.name != ".data"
        address = one.address if in_flash else elf.symbols["tw_data_load"]
        put(address - board.flash.base, elf.content[one.offset : one.offset + one.size])
    return bytes(image)


def _with_digest(elf: Elf, board: Board) -> bytes:
    """Return the file with the digest of its image, made while that was zero, filled in."""
    section = elf.section(".digest")
    if section is None:
        return elf.content
    digest = hashlib.sha256(_image(elf, board)).digest()
    at = section.offset
    return elf.content[:at] + digest + elf.content[at + len(digest) :]
