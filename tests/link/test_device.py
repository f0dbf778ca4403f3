"""`Device` has the interface of `Session`, and gives the same bytes."""

from __future__ import annotations

import numpy as np
import pytest

import tflm_wasm
from tests.support.board import Board, BoardTransport, host, random_frames, zoo_model
from tflm_wasm import Device, Session, _abi
from tflm_wasm._link._defs import FaultKind
from tflm_wasm.link import LogRecord

MODELS = ["sine_float", "sine_int8", "digits_int8", "bearing_int8"]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_the_bytes_of_the_host(device: Device, name: str) -> None:
    device.upload(zoo_model(name))
    session = host(name)
    session.reset()
    for frame in random_frames(session, 50):
        for got, want in zip(device.run(*frame), session.run(*frame), strict=True):
            assert got.dtype == want.dtype
            assert got.shape == want.shape
            assert got.tobytes() == want.tobytes()


def test_a_reset_starts_a_stateful_stream_over(device: Device) -> None:
    device.upload(zoo_model("bearing_int8"))
    frames = random_frames(host("bearing_int8"), 8)
    first = [device.run(*frame)[0].tobytes() for frame in frames]
    device.reset()
    assert [device.run(*frame)[0].tobytes() for frame in frames] == first
    assert device.stateful


@pytest.mark.parametrize("name", MODELS)
def test_the_tensors_are_described_as_in_a_session(device: Device, name: str) -> None:
    device.upload(zoo_model(name))
    session = host(name)
    for ours, theirs in ((device.inputs, session.inputs), (device.outputs, session.outputs)):
        assert [(t.name, t.index, t.shape, t.dtype, t.scale, t.zero_point) for t in ours] == [
            (t.name, t.index, t.shape, t.dtype, t.scale, t.zero_point) for t in theirs
        ]
    assert device.arena_used <= device.arena_needed


def test_a_tensor_of_a_model_that_was_not_uploaded_here_is_named_by_its_index(
    device: Device, transport: BoardTransport
) -> None:
    device.upload(zoo_model("sine_int8"))
    (tensor,) = Device(transport).inputs
    assert tensor.name == f"tensor_{tensor.index}"
    assert tensor.name != device.inputs[0].name == host("sine_int8").inputs[0].name


def test_names_are_those_of_the_model_that_runs(device: Device) -> None:
    first, second = (device.upload(zoo_model(name)) for name in ("sine_int8", "digits_int8"))
    assert first != second
    assert device.inputs[0].name == host("digits_int8").inputs[0].name
    device.activate(first)
    assert device.inputs[0].name == host("sine_int8").inputs[0].name


def test_the_public_methods_of_a_session_are_there_too() -> None:
    only_on_the_host = {"module", "reopen"}
    of_session = {name for name in vars(Session) if not name.startswith("_")}
    assert of_session - only_on_the_host <= set(vars(Device))


def test_views_are_sent_by_invoke_and_outputs_can_only_be_read(device: Device) -> None:
    device.upload(zoo_model("sine_int8"))
    session = host("sine_int8")
    for value in (-128, 0, 77):
        device.inputs[0].view[...] = value
        device.invoke()
        (want,) = session.run(np.full((1, 1), value, np.int8))
        assert np.array_equal(device.outputs[0].view, want)
    with pytest.raises(ValueError, match="read-only"):
        device.outputs[0].view[...] = 0


def test_an_input_larger_than_a_frame_goes_in_pieces(board: Board) -> None:
    from tests.support.files import shared_model

    board.new(payload=256, flash=512 * 1024, arena=256 * 1024)
    model = shared_model("kws_ref_model").read_bytes()
    device = Device(BoardTransport(board))
    device.upload(model)
    session = tflm_wasm.build(model).open()
    assert session.inputs[0].view.nbytes > 256
    for frame in random_frames(session, 3):
        assert device.run(*frame)[0].tobytes() == session.run(*frame)[0].tobytes()


def test_an_array_of_the_wrong_type_is_refused_before_anything_is_sent(
    device: Device, transport: BoardTransport
) -> None:
    device.upload(zoo_model("sine_int8"))
    assert device.inputs
    before = transport.writes
    with pytest.raises(tflm_wasm.InputError, match="int8"):
        device.run(np.zeros((1, 1), np.float32))
    with pytest.raises(tflm_wasm.InputError, match="1 inputs; 2 were given"):
        device.run(np.zeros((1, 1), np.int8), np.zeros((1, 1), np.int8))
    assert transport.writes == before


def test_bytes_give_the_bytes_of_the_host(device: Device, transport: BoardTransport) -> None:
    device.upload(zoo_model("digits_int8"))
    session = host("digits_int8")
    for frame in random_frames(session, 3):
        assert device.run_bytes(*frame) == session.run_bytes(*frame)
    before = transport.writes
    with pytest.raises(tflm_wasm.InputError, match="64 bytes, not 1"):
        device.run_bytes(b"x")
    assert transport.writes == before


def test_a_board_says_what_it_is(device: Device) -> None:
    identity = device.identify()
    assert identity.board == "native"
    assert identity.unique_id == b"native".ljust(16, b"\0").hex()
    assert identity.firmware_digest.startswith("f19e")
    assert identity.abi == (_abi.ABI_MAJOR, _abi.ABI_MINOR)
    assert (identity.max_payload, identity.write_unit, identity.slots) == (256, 8, 2)
    assert identity.active is None
    device.upload(zoo_model("sine_int8"))
    assert device.identify().active == 0


def test_a_board_without_a_model_says_so(device: Device) -> None:
    for use in (device.invoke, device.reset, lambda: device.inputs):
        with pytest.raises(tflm_wasm.NoActiveModelError, match="No model runs"):
            use()


def test_ticks_come_with_each_invoke(device: Device) -> None:
    device.upload(zoo_model("sine_int8"))
    device.run(np.zeros((1, 1), np.int8))
    assert device.last_ticks > 0


def test_logs_come_as_records_and_text_before_the_session_as_the_boot_log(board: Board) -> None:
    records: list[LogRecord] = []
    transport = BoardTransport(board)
    transport.reset()
    device = Device(transport, on_log=records.append)
    assert "native board ready" in device.boot_log
    transport.hear(board.log("temperature 21"))
    transport.hear(board.log("y" * 500))
    stats = device.stats()
    assert records == [LogRecord("info", "temperature 21"), LogRecord("info", "y" * 120)]
    assert stats.device["cut_logs"] == 1
    assert stats.host["lost_logs"] == 0


def test_a_lost_log_line_is_counted(device: Device, transport: BoardTransport) -> None:
    transport.hear(transport.board.log("one"))
    transport.board.log("lost")
    transport.hear(transport.board.log("three"))
    assert device.stats().host["lost_logs"] == 1


@pytest.mark.parametrize("kind", FaultKind, ids=str)
def test_a_fault_of_the_guest_is_typed_and_the_board_goes_on(
    device: Device, board: Board, kind: FaultKind
) -> None:
    device.upload(zoo_model("sine_int8"))
    session, zero = host("sine_int8"), np.zeros((1, 1), np.int8)
    board.fault_next(kind, 0xDEADBEEF)
    with pytest.raises(tflm_wasm.SandboxFault) as caught:
        device.run(zero)
    assert caught.value.kind == kind.name.lower()
    assert caught.value.address == 0xDEADBEEF
    assert device.run(zero)[0].tobytes() == session.run(zero)[0].tobytes()
    assert device.stats().device["faults"] == 1


def test_a_stateful_model_is_not_run_on_after_a_fault_without_a_reset(
    device: Device, board: Board
) -> None:
    device.upload(zoo_model("bearing_int8"))
    (frame,) = random_frames(host("bearing_int8"), 1)
    first = device.run(*frame)[0].tobytes()
    board.fault_next(FaultKind.WRITE, 4)
    with pytest.raises(tflm_wasm.SandboxFault):
        device.run(*frame)
    with pytest.raises(tflm_wasm.DeviceStateError, match="sandbox"):
        device.run(*frame)
    device.reset()
    assert device.run(*frame)[0].tobytes() == first


def test_closing_closes_the_transport_and_later_calls_say_so(transport: BoardTransport) -> None:
    with Device(transport) as device:
        assert not transport.closed
    device.close()
    assert transport.closed
    with pytest.raises(tflm_wasm.SessionClosedError, match="closed"):
        device.stats()


def test_every_drop_is_counted_on_the_board(device: Device, transport: BoardTransport) -> None:
    before = device.stats().device
    for damage in (b"\0\x05ab\0", b"\0\x03ab\0", b"\0" + b"\x09junkjunk" * 100 + b"\0"):
        transport.board.feed(damage)
    transport.board.feed(b"\0" + b"\x0cjunkjunkjun\0")
    after = device.stats().device
    grown = {name for name in after if name.startswith("drop") and after[name] > before[name]}
    assert grown == {"drop_cobs", "drop_length", "drop_long", "drop_crc"}


def test_many_frames_go_one_after_the_other(device: Device) -> None:
    device.upload(zoo_model("bearing_int8"))
    session = host("bearing_int8")
    session.reset()
    frames = [np.stack(arrays) for arrays in zip(*random_frames(session, 5), strict=True)]
    found, wanted = device.invoke_many(*frames), session.invoke_many(*frames)
    for one, other in zip(found, wanted, strict=True):
        assert one.tobytes() == other.tobytes()
    with pytest.raises(tflm_wasm.InputError):
        device.invoke_many(*frames, *frames)
