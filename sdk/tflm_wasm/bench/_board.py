"""Instructions of one run on an emulated board, with and without the sandbox."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Final

from tflm_wasm import Module, aot
from tflm_wasm.aot._board import check_sandbox
from tflm_wasm.bench._benchmark import Benchmark, Part, Turn
from tflm_wasm.bench._engines import OWN, Engine
from tflm_wasm.bench._errors import EngineDiedError
from tflm_wasm.emulator import Emulator

_SHIFT: Final = 5  # one instruction takes 2^5 ns of the board's time
_CALL_S: Final = 300  # longest time of a call into the guest
_ONCE: Final = "-DTW_SELFTEST_RUNS=1"
_INVOKE: Final = re.compile(rb"invoke faulted 0+ .* status 0+ ticks ([0-9a-f]{8})")
_END: Final = (b"done", b"panic")
NATIVE: Final = "native"


def instructions(
    module: Module,
    board: str,
    sandbox: str,
    *,
    timeout_s: float = float(_CALL_S),
    cache: aot.Cache | None = None,
) -> tuple[int, int]:
    """Return the instructions of the self-test's first run, and the engine's code in bytes.

    The emulator counts them, so that they are the same in every run.

    Args:
        module: The module.
        board: Name of the board.
        sandbox: "mpu" or "checked"; "native" is the engine compiled for the core, without
            WebAssembly and without a sandbox, with the same compiler and options.
        timeout_s: Longest time in seconds without a word from the board.
        cache: Where compiled engines are kept.

    Raises:
        AotError: The firmware can't be made.
        EmulatorError: The board can't be emulated.
        EngineDiedError: The model did not run on it.
    """
    is_native = sandbox == NATIVE
    options = aot.Options(
        app="selftest",
        defines=(_ONCE,),
        call_seconds=_CALL_S,
        native=is_native,
        sandbox=None if is_native else sandbox,
    )
    firmware = aot.compile(module, board, options, cache=cache)
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "firmware.elf"
        image.write_bytes(firmware.elf)
        said = bytearray()
        with Emulator(board, image, icount=_SHIFT) as emulator, closing(emulator.connect()) as port:
            while not any(word in said for word in _END):
                said += port.read(timeout_s)
    found = _INVOKE.search(said)
    if found is None:
        text = said.decode(errors="replace")[-400:]
        raise EngineDiedError(f"{board} did not run the model: {text}", engine=f"{board}:{sandbox}")
    count = int(found[1], 16) * 1_000_000_000 // firmware.board.clock_hz >> _SHIFT
    return count, firmware.report.flash["engine"]


class Board(Benchmark):
    """One run on an emulated board; its engines are the ways to contain the guest."""

    name = "board"
    parts: ClassVar = {
        "instructions": Part("per invoke"),
        "per MAC": Part("instructions"),
        "code": Part("bytes"),
    }
    options: ClassVar = {"boards": ["mps2-an386"], "sandboxes": [NATIVE, "mpu", "checked"]}

    @classmethod
    def engines(cls, engines: Sequence[Engine], options: Mapping[str, Any]) -> Sequence[Engine]:  # noqa: ARG003
        """Return one for each board and each of the sandboxes that it can have."""
        return [
            Engine(f"{board}:{sandbox}", OWN, sandbox)
            for board in options["boards"]
            for sandbox in options["sandboxes"]
            if sandbox == NATIVE or _can_have(board, sandbox)
        ]

    @classmethod
    def baseline(cls, baseline: str, engine: Engine) -> str:  # noqa: ARG003
        """Return the same board without a sandbox."""
        return f"{engine.name.partition(':')[0]}:{NATIVE}"

    def run(self) -> Turn:
        """Run once."""
        board, _, sandbox = self.engine.name.partition(":")
        module = Module.read(self.model.module, profile="extended")
        timeout_s = self.setting.timeout_s
        count, code = instructions(module, board, sandbox, timeout_s=timeout_s)
        turn = {"instructions": [float(count)], "code": [float(code)]}
        if self.model.macs:
            turn["per MAC"] = [count / self.model.macs]
        return turn

    def teardown(self) -> None:
        """Do nothing: the emulator ended with the turn."""

    def metadata(self) -> dict[str, Any]:
        """Return what the figures depend on."""
        return {"version": self.engine.version, "macs": self.model.macs}


def _can_have(board: str, sandbox: str) -> bool:
    described = aot.load_board(board)
    try:
        check_sandbox(described, sandbox)
    except aot.BoardError:
        return False
    return True
