"""A board that is reset at any frame of an upload runs the old model or the new one.

The board is emulated and its flash is memory that a reset leaves alone. For each frame of an upload
(`upload_begin`, every `upload_data`, `activate`) the board is reset through QEMU's monitor while
that frame is on its way: after half of it was sent, or after all of it, when the board receives,
programs, checks or answers. Somebody else then connects.

TFLM_WASM_RESETS=digits_int8 sweeps a model of 74 frames and five sectors, not one of 12.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import tflite

from tests.support.board import zoo_model
from tests.support.firmware import CACHE, needs_qemu, needs_tools
from tflm_wasm import Device, Session, aot, build
from tflm_wasm._link._codec import Decoder
from tflm_wasm._link._defs import Type
from tflm_wasm.aot import Memory, load_board
from tflm_wasm.emulator import Emulator
from tflm_wasm.link import SerialTransport, Transport

pytestmark = [needs_qemu, needs_tools, pytest.mark.slow]
MODEL = os.environ.get("TFLM_WASM_RESETS", "sine_int8")
SMALLEST_BUFFER, FLASH_BYTES = 266, 1 << 19  # 256 bytes a frame; slots that are quickly searched
DEADLINE_S = 30.0  # of what takes milliseconds, on a machine that does something else
UPLOAD = (Type.UPLOAD_BEGIN, Type.UPLOAD_DATA, Type.ACTIVATE)
ACTIVATIONS = 4  # more, at different moments
LATE_S = 0.001
MODELS = 3  # two in slots, one on its way


class Cut(Exception):
    """The upload ends here: the board was reset, and whoever uploaded is gone."""


class Line(Transport):
    """The port of a board that is reset at one frame of the upload, counted from 0, or never."""

    def __init__(
        self, emulator: Emulator, cut_at: int = -1, part: float = 1.0, late_s: float = 0.0
    ) -> None:
        self.port, self.baudrate = emulator.port, 115_200
        self.frames = 0
        self._emulator, self._cut_at, self._part, self._late_s = emulator, cut_at, part, late_s
        self._inner = SerialTransport(emulator.port)
        self._last = b""

    def read(self, timeout_s: float) -> bytes:
        return self._inner.read(timeout_s)

    def write(self, data: bytes, timeout_s: float) -> None:
        (frame,) = Decoder().feed(data)
        if frame.type in UPLOAD and data != self._last:  # else it is sent again
            self._last = data
            self.frames += 1
            if self.frames - 1 == self._cut_at:
                self._inner.write(data[: int(len(data) * self._part)], timeout_s)
                self._inner.read(self._late_s)  # the answer, if it comes that soon
                self._emulator.reset()
                raise Cut
        self._inner.write(data, timeout_s)

    def close(self) -> None:
        self._inner.close()


@dataclass(frozen=True)
class Case:
    """A model, and what it makes of one input."""

    model: bytes = field(repr=False)
    output: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.model).hexdigest()


def varied(model: bytes, by: int) -> bytes:
    """Return the model with the weights in its largest buffer rotated."""
    schema = tflite.Model.GetRootAs(model)
    buffers = [schema.Buffers(index) for index in range(schema.BuffersLength())]
    data = max((one.DataAsNumpy().tobytes() for one in buffers if one.DataLength()), key=len)
    assert model.count(data) == 1
    return model.replace(data, data[by:] + data[:by])


def output_of(runner: Session | Device) -> bytes:
    """Run a model once, on the same input always."""
    (tensor,) = runner.inputs
    random = np.random.default_rng(5)
    given = random.integers(-128, 128, tensor.shape).astype(np.int8)
    return runner.run(given)[0].tobytes()


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    found = []
    for by in range(MODELS):
        model = varied(zoo_model(MODEL), by)
        with build(model).open() as session:
            found.append(Case(model, output_of(session)))
    assert len({one.output for one in found}) == MODELS
    return found


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    """A board without a model, on a port that somebody always has open: QEMU is slow to see one."""
    board = load_board("mps2-an386")
    flash = Memory(board.flash.base, FLASH_BYTES)
    built = aot.compile(
        None, replace(board, link_buffer_bytes=SMALLEST_BUFFER, flash=flash), cache=CACHE
    )
    image = tmp_path / "firmware.elf"
    image.write_bytes(built.elf)
    with Emulator(board, image) as one:
        held = os.open(one.port, os.O_RDWR | os.O_NOCTTY)
        one.cont()
        yield one
        os.close(held)


def device(line: Line) -> Device:
    return Device(line, timeout_s=DEADLINE_S, open_timeout_s=DEADLINE_S)


def frames_of(emulator: Emulator, case: Case) -> int:
    """Upload a model without a reset; return how many frames that took."""
    line = Line(emulator)
    with device(line) as board:
        board.upload(case.model)
    return line.frames


@pytest.mark.parametrize("part", [0.5, 1.0], ids=["within", "after"])
def test_a_reset_at_a_frame_of_an_upload_leaves_the_old_model_or_the_new(
    emulator: Emulator, cases: list[Case], part: float
) -> None:
    frames = {frames_of(emulator, case) for case in cases}.pop()
    at_frames = [*range(frames), *[frames - 1] * ACTIVATIONS]
    outcomes = Counter[str]()
    size = len(cases[0].model)
    assert frames >= max(12, 2 + size / 256)
    old = cases[-1]
    for turn, at in enumerate(at_frames):
        new = cases[turn % MODELS]
        late_s = turn % ACTIVATIONS * LATE_S if part == 1.0 else 0.0
        with device(Line(emulator, at, part, late_s)) as board, pytest.raises(Cut):
            board.upload(new.model)
        with device(Line(emulator)) as board:
            found = output_of(board)
            assert found in (old.output, new.output), f"frame {at} of {frames}: neither"
            assert found == old.output or at == frames - 1, f"frame {at} of {frames}: too early"
            (active,) = (slot for slot in board.slots() if slot.active)
            assert active.digest == (new if found == new.output else old).digest
            outcomes["new" if found == new.output else "old"] += 1
            board.upload(new.model)
            assert output_of(board) == new.output
        old = new
    logging.getLogger(__name__).info("%d resets: %s", len(at_frames), dict(outcomes))
