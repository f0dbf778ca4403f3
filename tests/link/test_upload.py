"""Uploads: resumable, never trusted before they are checked, and the old model is never lost."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import tflm_wasm
from tests.support.board import Board, BoardTransport, host, random_frames, zoo_model
from tflm_wasm import Device
from tflm_wasm._link._codec import Decoder
from tflm_wasm._link._defs import LAYOUTS, Type
from tflm_wasm.link import FaultyTransport

OLD, NEW = "sine_int8", "digits_int8"
GEOMETRIES = [(1024, 8), (4096, 256), (65536, 1), (512, 32)]  # sector and program unit, in bytes


class Counting(BoardTransport):
    """Counts the data frames of uploads; may lose the board's power at one of them."""

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self.data_frames = 0
        self.reset_at: int | None = None
        self.power_after: int | None = None
        self._decoder = Decoder()

    def write(self, data: bytes, timeout_s: float) -> None:
        for frame in self._decoder.feed(data):
            if frame.type != Type.UPLOAD_DATA:
                continue
            self.data_frames += 1
            if self.data_frames - 1 == self.reset_at:
                if self.power_after is None:
                    self.reset()  # before the frame arrives
                else:
                    self.board.lose_power_after(self.power_after)
        super().write(data, timeout_s)
        if not self.board.powered:
            self.reset()


def answers(device: Device, name: str) -> bool:
    """Whether the board runs this model: its tensors and its bytes."""
    session = host(name)
    session.reset()
    if [t.shape for t in device.inputs] != [t.shape for t in session.inputs]:
        return False
    frames = random_frames(session, 3)
    return all(device.run(*f)[0].tobytes() == session.run(*f)[0].tobytes() for f in frames)


@pytest.mark.parametrize(("sector", "unit"), GEOMETRIES)
def test_a_reset_at_any_data_frame_leaves_the_old_model_and_the_upload_goes_on(
    board: Board, sector: int, unit: int
) -> None:
    flash = max(128 * 1024, 2 * sector)
    board.new(payload=1024, sector=sector, unit=unit, flash=flash)
    count = _frames_of_an_upload(Device(Counting(board)), zoo_model(NEW))
    for number in range(count):
        board.new(payload=1024, sector=sector, unit=unit, flash=flash)
        transport = Counting(board)
        device = Device(transport)
        device.upload(zoo_model(OLD))
        transport.data_frames, transport.reset_at = 0, number
        device.upload(zoo_model(NEW), activate=False)
        assert answers(Device(BoardTransport(board)), OLD), f"reset at frame {number}"
        board.reset()
        assert answers(Device(BoardTransport(board)), OLD), f"reset at frame {number}"
        device.upload(zoo_model(NEW))
        board.reset()
        assert answers(Device(BoardTransport(board)), NEW), f"reset at frame {number}"


def _frames_of_an_upload(device: Device, model: bytes) -> int:
    transport = device._live()
    assert isinstance(transport, Counting)
    device.upload(model)
    return transport.data_frames


@pytest.mark.parametrize("seed", range(60))
def test_a_power_loss_at_any_byte_of_flash_leaves_the_old_model_or_the_new_one(
    board: Board, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sector, unit = GEOMETRIES[seed % len(GEOMETRIES)]
    board.new(payload=1024, sector=sector, unit=unit, flash=max(128 * 1024, 2 * sector))
    transport = BoardTransport(board)
    device = Device(transport)
    device.upload(zoo_model(NEW))
    device.upload(zoo_model(OLD))
    # The slot with the model before is erased, then filled, then activated.
    board.lose_power_after(int(rng.integers(0, 3 * len(zoo_model(NEW)))))
    sent = zoo_model("bearing_int8")
    try:
        device.upload(sent)
    except tflm_wasm.LinkTimeoutError:
        transport.reset()
    after = Device(BoardTransport(board))
    assert answers(after, OLD) or answers(after, "bearing_int8"), f"seed {seed}"
    after.upload(sent)
    assert answers(after, "bearing_int8"), f"seed {seed}"


def test_a_power_loss_at_any_byte_of_the_activation_leaves_one_of_both(board: Board) -> None:
    for flash_bytes in range(20):
        board.new()
        transport = BoardTransport(board)
        device = Device(transport)
        device.upload(zoo_model(OLD))
        slot = device.upload(zoo_model("sine_float"), activate=False)
        board.lose_power_after(flash_bytes)
        try:
            device.activate(slot)
            new_runs = True
        except tflm_wasm.LinkTimeoutError:
            new_runs = False
        transport.reset()
        after = Device(BoardTransport(board))
        assert answers(after, "sine_float" if new_runs else OLD), f"after {flash_bytes} bytes"


def test_an_upload_goes_on_where_a_reset_stopped_it(board: Board) -> None:
    model = zoo_model(NEW)
    transport = Counting(board)
    device = Device(transport)
    transport.reset_at = 40
    seen: list[tuple[int, int]] = []
    device.upload(model, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(model), len(model))
    whole = -(-len(model) // 248)
    assert transport.data_frames <= whole + 6, "more was sent again than one sector"
    assert answers(device, NEW)


def test_a_model_that_is_there_is_not_sent_again(board: Board) -> None:
    transport = Counting(board)
    device = Device(transport)
    device.upload(zoo_model(OLD))
    device.upload(zoo_model(NEW))
    before = transport.data_frames
    assert device.upload(zoo_model(NEW)) == 1
    assert device.upload(zoo_model(OLD)) == 0
    assert transport.data_frames == before
    assert answers(device, OLD)


def test_slots_alternate_and_say_what_they_hold(device: Device) -> None:
    device.upload(zoo_model(OLD))
    device.upload(zoo_model(NEW))
    device.upload(zoo_model("sine_float"), activate=False)
    first, second = device.slots()
    assert (first.state, first.active, first.generation) == ("complete", False, 0)
    assert first.digest == hashlib.sha256(zoo_model("sine_float")).hexdigest()
    assert (second.state, second.active, second.generation) == ("proven", True, 2)
    assert second.size == second.received == len(zoo_model(NEW))


def test_switching_between_two_models_more_often_than_a_header_records_works(
    device: Device,
) -> None:
    for number in range(40):
        name = (OLD, "sine_float")[number % 2]
        device.upload(zoo_model(name))
        assert answers(device, name), f"switch {number}"


def test_a_model_that_does_not_start_is_refused_as_a_session_would_and_the_old_one_runs(
    device: Device,
) -> None:
    device.upload(zoo_model(OLD))
    with pytest.raises(tflm_wasm.MalformedModelError):
        device.upload(zoo_model(NEW)[:9000])
    with pytest.raises(tflm_wasm.ModelVersionError):
        device.upload(b"\x1c\0\0\0TFL9" + zoo_model(NEW)[8:])
    assert answers(device, OLD)


def test_an_arena_too_small_is_refused_with_the_bytes_needed(board: Board) -> None:
    board.new(arena=3000)
    device = Device(BoardTransport(board))
    with pytest.raises(tflm_wasm.ArenaTooSmallError) as caught:
        device.upload(zoo_model(NEW))
    assert caught.value.available == 3000 < caught.value.needed
    board.new(arena=caught.value.needed)
    device = Device(BoardTransport(board))
    device.upload(zoo_model(NEW))
    assert answers(device, NEW)


def test_a_model_larger_than_a_slot_is_refused_with_both_sizes(device: Device) -> None:
    limit = device.identify().slot_bytes
    with pytest.raises(tflm_wasm.ModelTooLargeError) as caught:
        device.upload(bytes(limit + 1))
    assert (caught.value.size, caught.value.limit) == (limit + 1, limit)
    with pytest.raises(tflm_wasm.ModelTooLargeError):
        device.upload(b"")


def test_a_model_that_faults_on_trial_does_not_become_active(device: Device, board: Board) -> None:
    device.upload(zoo_model(OLD))
    slot = device.upload(zoo_model(NEW), activate=False)
    board.fault_next(2, 0x40)
    with pytest.raises(tflm_wasm.SandboxFault):
        device.activate(slot)
    assert answers(device, OLD)
    board.reset()
    assert answers(Device(BoardTransport(board)), OLD)


def test_a_slot_without_a_whole_model_is_not_activated(device: Device) -> None:
    for slot in (0, 1, 2, 255):
        with pytest.raises(tflm_wasm.DeviceRefusedError) as caught:
            device.activate(slot)
        assert caught.value.code == "slot"


def test_a_model_with_another_digest_than_announced_is_not_activated(device: Device) -> None:
    device.upload(zoo_model(OLD))
    model = bytearray(zoo_model(NEW))
    digest = hashlib.sha256(model).digest()
    model[5000] ^= 1
    ask = device._ask
    begin = LAYOUTS["upload_begin_request"].struct.pack(len(model), digest)
    slot = ask(Type.UPLOAD_BEGIN, begin)[0]
    for offset in range(0, len(model), 248):
        piece = bytes(model[offset : offset + 248])
        ask(Type.UPLOAD_DATA, LAYOUTS["upload_data_request"].struct.pack(offset) + piece)
    with pytest.raises(tflm_wasm.DeviceRefusedError) as caught:
        device.activate(slot)
    assert caught.value.code == "digest"
    assert device.slots()[slot].state == "empty"
    assert answers(device, OLD)


@pytest.mark.parametrize("payload", [512, 1024, 2048])
def test_at_least_90_percent_of_the_line_carry_the_model(board: Board, payload: int) -> None:
    board.new(payload=payload)
    transport = BoardTransport(board)
    device = Device(transport)
    model = zoo_model("bearing_int8")
    before = transport.sent + transport.returned
    device.upload(model, activate=False)
    # Stop-and-wait: both directions take their turn on the line.
    assert len(model) / (transport.sent + transport.returned - before) >= 0.90


def test_a_board_that_restarts_all_the_time_ends_in_an_upload_error(board: Board) -> None:
    transport = BoardTransport(board)
    faulty = FaultyTransport(
        transport, seed=1, rate=0, reset=transport.reset, resets=range(3, 100_000, 2)
    )
    device = Device(faulty)
    with pytest.raises(tflm_wasm.UploadError) as caught:
        device.upload(zoo_model(NEW))
    assert caught.value.size == len(zoo_model(NEW))
