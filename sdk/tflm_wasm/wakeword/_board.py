"""The same frames on an emulated microcontroller board, over its serial line."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import tflm_wasm
from tflm_wasm import Device, Profile, aot
from tflm_wasm.emulator import Emulator
from tflm_wasm.wakeword._compare import Difference, difference
from tflm_wasm.wakeword._listen import Hearing, run_frames

BOARD: Final = "mps2-an386"
_ICOUNT: Final = 5  # of the emulator: an instruction takes 2^5 ns, so that ticks count instructions
_TIMEOUT_S: Final = 20.0

OnFrame = Callable[[int, int], None]  # frames that have run, and in all


@dataclass(frozen=True)
class BoardRun:
    """What one model did on a board.

    Attributes:
        board: What board it is.
        frames: How many frames it ran.
        differences: One for each clip with bytes that are not the host's.
        instructions: Of the emulated processor, for each frame; int64 [frames].
        profile: The operators of a last frame, in ticks.
        instructions_per_tick: Of the emulated processor.
        report: Flash and RAM by part.
    """

    board: str
    frames: int
    differences: tuple[Difference, ...]
    instructions: NDArray[np.int64]
    profile: Profile
    instructions_per_tick: float
    report: aot.Report


def run_on_board(hearings: Sequence[Hearing], on_frame: OnFrame | None = None) -> BoardRun:
    """Run the frames of `hearings` (all of one model) on an emulated board.

    The firmware has the model inside. The model is reset before each clip.

    Args:
        hearings: What the model made of each clip on the host; at least one frame in all.
        on_frame: Called after each frame.

    Raises:
        EmulatorMissing, SerialMissing, ToolMissingError: QEMU, or what builds firmware and talks to
            a board, is not installed.
        TflmWasmError: The firmware can't be built, or the board fails.
    """
    firmware = aot.compile(tflm_wasm.build(hearings[0].word.model), BOARD)
    with tempfile.TemporaryDirectory(prefix="tflm-wasm-") as folder:
        image = Path(folder) / "firmware.elf"
        image.write_bytes(firmware.elf)
        with (
            Emulator(firmware.board, image, icount=_ICOUNT) as emulator,
            closing(emulator.connect()) as line,
            Device(line, board=BOARD, timeout_s=_TIMEOUT_S) as device,
        ):
            return _run(device, firmware, hearings, on_frame)


def _run(
    device: Device, firmware: aot.Firmware, hearings: Sequence[Hearing], on_frame: OnFrame | None
) -> BoardRun:
    total = sum(len(hearing.frames) for hearing in hearings)
    ticks: list[int] = []

    def note() -> None:
        ticks.append(device.last_ticks)
        if on_frame is not None:
            on_frame(len(ticks), total)

    found = []
    for hearing in hearings:
        device.reset()
        outputs, _ = run_frames(device, hearing.frames, note)
        found.append(difference(hearing, outputs))
    per_tick = 1e9 / device.identify().tick_hz / 2**_ICOUNT
    profile = device.profile(hearings[-1].frames[-1])
    return BoardRun(
        board=f"{firmware.board.title}, emulated",
        frames=len(ticks),
        differences=tuple(one for one in found if one is not None),
        instructions=np.round(np.array(ticks) * per_tick).astype(np.int64),
        profile=profile,
        instructions_per_tick=per_tick,
        report=firmware.report,
    )
