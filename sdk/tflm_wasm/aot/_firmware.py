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
from tflm_wasm._block import Block, place_arena
from tflm_wasm._module import Module
from tflm_wasm._selection import Selection
from tflm_wasm._wasm import parse
from tflm_wasm.aot import _engine, _sources, _wasm2c
from tflm_wasm.aot._board import Board, check_sandbox, load_board
from tflm_wasm.aot._cache import Cache
from tflm_wasm.aot._elf import Elf
from tflm_wasm.aot._errors import DoesNotFitError
from tflm_wasm.aot._hex import intel_hex
from tflm_wasm.aot._image import finished, flash_image
from tflm_wasm.aot._plan import RamPlan, SlotPlan, align, granule, plan_ram, plan_slots
from tflm_wasm.aot._report import Report, make_report
from tflm_wasm.aot._script import Layout, board_header, linker_script
from tflm_wasm.aot._toolchain import toolchain
from tflm_wasm.aot._tools import Source, compile_all

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
_MAIN: Final = {"agent": "firmware/main.c", "selftest": "selftest/selftest.c"}
_FIRMWARE_RAM_BYTES: Final = 1024  # of the agent, beside its buffers


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
        return flash_image(Elf(self.elf), self.board)

    @property
    def intel_hex(self) -> bytes:
        """The same with its addresses, as Intel HEX."""
        return intel_hex(self.image, self.board.flash.base)


@dataclass(frozen=True)
class Options:
    """How to build.

    Attributes:
        sandbox: "mpu" or "checked"; None takes the board's.
        app: "agent" (the firmware) or "selftest" (runs the model and prints the result).
        stack_bytes: The guest's native stack.
        arena_bytes: The guest's arena; None takes exactly what the model needs, or without a
            model all there is.
        call_seconds: How long a call into the guest may take.
        defines: More macros, for all sources.
        guest_options: More compiler options, for the guest.
        native: Compile the engine itself as the guest, without WebAssembly and without a sandbox,
            to measure what these cost; for the self-test.
        compiler: "zig", or "arm-none-eabi-gcc" for Cortex-M boards. The engine is WebAssembly made
            with zig in any case.
    """

    sandbox: str | None = None
    app: str = "agent"
    stack_bytes: int = 2048
    arena_bytes: int | None = None
    call_seconds: int = 30
    defines: tuple[str, ...] = ()
    guest_options: tuple[str, ...] = ()
    native: bool = False
    compiler: str = "zig"


def compile(  # noqa: A001 - aot.compile
    module: Module | str | os.PathLike[str] | bytes | None,
    board: Board | str | os.PathLike[str],
    options: Options | None = None,
    *,
    cache: Cache | None = None,
) -> Firmware:
    """Compile a module and the firmware around it for a board.

    A module with a TensorFlow Lite model gets an engine with only what the model needs, and its
    model stays in flash. Any other module is compiled as it is. Without a module (None) the engine
    has every op, and all RAM that is left is for the arenas of models that are uploaded.

    Raises:
        ModuleError: The module can't be used.
        BoardError: There is no such board.
        DoesNotFitError: The board has too little flash or RAM.
        ToolMissingError, ToolFailedError, Wasm2cChangedError: The tools are not as they should be.
    """
    options = options or Options()
    cache = cache or Cache()
    board = board if isinstance(board, Board) else load_board(board)
    if module is not None and not isinstance(module, Module):
        module = Module.read(module, profile="extended")
    with tempfile.TemporaryDirectory(prefix="tflm-wasm-aot-") as folder:
        return _Build(module, board, options, cache, Path(folder)).firmware()


class _Build:
    """One firmware in the making, in a folder of its own."""

    def __init__(
        self, module: Module | None, board: Board, options: Options, cache: Cache, folder: Path
    ) -> None:
        self.board = board
        self.options = options
        self.folder = folder
        self.cache = cache
        self.sandbox = options.sandbox or board.sandbox
        check_sandbox(board, self.sandbox)
        self.tools = toolchain(options.compiler, board.core)
        self.mpu = board.core.mpu if self.sandbox == "mpu" else None
        self.model = b"" if module is None else module.model
        self.wasm, self.guest = (
            self._guest_of_any_model() if module is None else self._guest(module)
        )
        self.ram = plan_ram(board, self.guest.memory_bytes, options.stack_bytes)

    def _guest(self, module: Module) -> tuple[bytes, _Guest]:
        """Return the wasm to compile, and its layout."""
        own = Block(module.parsed.initial_bytes(0, _abi.BLOCK_BYTES))
        if module.model is None:
            return module.wasm, _Guest(own, _memory_needed(own))
        wasm = self._engine(_engine.selection_of(module.model))
        # Its kernels are others than those of the host's engine, and so is their scratch memory.
        needed = _engine.arena_needed(wasm, module.model, self.cache)
        arena = self.options.arena_bytes or needed
        return wasm, self._engine_guest(wasm, arena)

    def _engine(self, selection: Selection) -> bytes:
        return _engine.build(selection, _engine.BOARD, self.cache, self.tools.kernels)

    def _guest_of_any_model(self) -> tuple[bytes, _Guest]:
        """Return the same for models that are uploaded: every op, all RAM that is left."""
        wasm = self._engine(_engine.everything())
        guest = self._engine_guest(wasm, self.options.arena_bytes or 0)
        if self.options.arena_bytes is not None:
            return wasm, guest
        board = self.board
        taken = self.options.stack_bytes + board.main_stack_bytes + 2 * board.link_buffer_bytes
        left = board.ram.bytes - taken - _FIRMWARE_RAM_BYTES
        # Seven of the largest region's eight parts are sure to leave room for the rest.
        memory = max(guest.memory_bytes, left * 7 // 8 // 16 * 16)
        return wasm, _Guest(guest.block, memory, memory - guest.memory_bytes)

    def _engine_guest(self, wasm: bytes, arena: int) -> _Guest:
        block = Block(parse(wasm).initial_bytes(0, _abi.BLOCK_BYTES))
        heap = align(block["heap_base"], _abi.ALIGNMENT_BYTES)
        return _Guest(block, heap + arena, arena)

    def firmware(self) -> Firmware:
        objects = self._compile()
        layout = Layout()
        for _ in range(3):  # sizes, then places, then slots behind it all
            elf = Elf(self._link(objects, layout))
            layout = self._layout(elf)
        elf = Elf(self._link(objects, layout))
        self._check_fit(elf)
        content = finished(elf, self.board)
        report = make_report(elf, self.guest.block, self.guest.arena_bytes)
        return Firmware(self.board, content, self.sandbox, self.ram, layout.slots, report)

    def _layout(self, elf: Elf) -> Layout:
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
        return Layout(code_align, model, slots)

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
        sources = [*self._firmware_sources(), self._model_source()]
        sources += self._native_guest() if self.options.native else [self._guest_source()]
        seen = _sources.digest(_sources.device(), _sources.root() / "abi")
        tools = self.tools
        return compile_all(sources, tools.name, tools.run, seen, self.folder, self.cache)

    def _headers(self) -> tuple[Path, ...]:
        device = _sources.device()
        folders = ("", "wasm2c", "libc", "firmware", self.board.core.family)
        return (self.folder, *(device / one for one in folders), _sources.root() / "abi")

    def _firmware_sources(self) -> list[Source]:
        """Return the firmware and, apart from it, the agent, which knows nothing of the board."""
        device, core = _sources.device(), self.board.core
        uart, flash = self.board.uart["family"], self.board.flash_driver or "none"
        ports = ("text", "board_init", f"uart_{uart}", f"flash_{flash}")
        files = [device / "ports" / f"{name}.c" for name in ports]
        is_other_mpu = {f"mpu_{other}" for other in ("v7m", "v8m")} - {f"mpu_{self.mpu}"}
        family = sorted((device / core.family).glob("*.c"))
        files += [path for path in family if path.stem not in is_other_mpu]
        files.append(device / _MAIN[self.options.app])
        if not self.options.native:
            files.append(device / "firmware" / "guest_sandbox.c")
        options = (*self.tools.firmware, *_SHARED, *_WARNINGS, "-Os")
        mode = (f"-DTW_SANDBOX_{self.sandbox.upper()}=1", *self.options.defines)
        board = self._write_board_header()
        firmware = [
            Source("firmware", path, (*options, *mode), self._headers(), board) for path in files
        ]
        if self.board.boot_block is not None:
            block = device / "ports" / f"boot_{self.board.boot_block.code}.c"
            firmware.append(Source("boot", block, options, self._headers()))
        if self.options.app != "agent":
            return firmware
        agent = sorted(device.glob("*.c"))
        return [*firmware, *(Source("agent", path, options, self._headers()) for path in agent)]

    def _guest_source(self) -> Source:
        translated = _wasm2c.translate(self._byte_paged(), self.folder)
        made_of = translated.read_text() + translated.with_suffix(".h").read_text()
        entry = _sources.device() / "wasm2c" / "tw_guest_entry.c"
        options = (*self.tools.guest, *_SHARED, *_GUEST, *self._defines())
        if parse(self.wasm).imports:
            options = (*options, "-DTW_GUEST_IMPORTS=1")
        more = self.options.guest_options
        return Source("guest", entry, (*options, *more), self._headers(), made_of)

    def _native_guest(self) -> list[Source]:
        """Return the engine without WebAssembly: what the sandbox's cost is held against."""
        engine = _sources.engine()
        selection = _engine.selection_of(self.model or b"")
        registry = "".join(f"TW_OP({name})\n" for name in selection.ops)
        (self.folder / "ops.def").write_text(registry)
        files = [path for path in engine.glob("*.c") if path.stem != "tw_abi"]
        files += [engine / "ops" / f"{name}.c" for name in selection.ops]
        twins, macros = _engine.twins(self.tools.kernels)
        files += [*twins, _sources.device() / "selftest" / "native.c"]
        options = (*self.tools.guest, *_SHARED, *_GUEST, *macros, *selection.options)
        options = (*options, *self.options.guest_options)
        headers, made_of = (*self._headers(), engine), registry + _sources.digest(engine)
        return [Source("guest", path, options, headers, made_of) for path in files]

    def _defines(self) -> list[str]:
        """Return the numbers that the guest's code is compiled with."""
        ram, flash = self.ram, self.board.flash.base
        values = {
            "TW_GUEST_BASE": ram.guest_base,
            "TW_GUEST_BYTES": ram.guest_bytes,
            "TW_READ_BASE": flash,
            "TW_READ_BYTES": ram.guest_base + ram.guest_bytes - flash,
            "TW_STACK_LIMIT": ram.stack_base + _STACK_RESERVE_BYTES,
            f"TW_SANDBOX_{self.sandbox.upper()}": 1,
        }
        return [f"-D{name}=0x{value:x}u" for name, value in values.items()]

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

    def _model_source(self) -> Source:
        model = self.model or b""
        (self.folder / "model.bin").write_bytes(model)
        path = self.folder / "model.S"
        path.write_text('.section .model,"a"\n.incbin "model.bin"\n')
        options = (*self.tools.firmware, *_SHARED)
        return Source("model", path, options, (self.folder,), hashlib.sha256(model).hexdigest())

    def _write_board_header(self) -> str:
        """Write tw_board.h and return it."""
        text = board_header(self.board, self.sandbox, self.options.call_seconds)
        (self.folder / "tw_board.h").write_text(text)
        return text

    # ---- linking ----

    def _link(self, objects: list[Path], layout: Layout) -> bytes:
        board, model = self.board, ("model_start", "model_end")
        if self.model is None:  # it is in linear memory, with the module's data
            start = self.ram.guest_base + self.guest.block["model_ptr"]
            model = (str(start), str(start + self.guest.block["model_size"]))
        text = linker_script(board, self.ram, layout, model)
        (self.folder / "firmware.ld").write_text(text)
        # The script sorts by objects' names, which therefore have no folder in them.
        self.tools.run(
            *(*self.tools.link, "-nostartfiles", "-Wl,-T,firmware.ld", "-Wl,--gc-sections"),
            *(path.name for path in objects),
            *(*self.tools.libraries, "-o", "firmware.elf"),
            folder=self.folder,
        )
        return (self.folder / "firmware.elf").read_bytes()


@dataclass(frozen=True)
class _Guest:
    """The control block that the guest starts with, and the linear memory it needs, in bytes."""

    block: Block
    memory_bytes: int
    arena_bytes: int = 0


def _memory_needed(block: Block) -> int:
    """Return how much memory a module takes: its data, its model and its arena, in bytes."""
    model, size, scratch = block["model_ptr"], block["model_size"], block["scratch_size"]
    return max(place_arena(block["heap_base"], model, size, scratch) + scratch, model + size)
