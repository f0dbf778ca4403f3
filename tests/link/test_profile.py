"""A board times each operator: in pieces, once each, over any line."""

from __future__ import annotations

import struct

import numpy as np
import pytest

import tflm_wasm
from tests.support.board import Board, BoardTransport, host, random_frames, zoo_model
from tflm_wasm import Device, _abi
from tflm_wasm._inspect_ops import read_ops
from tflm_wasm._link._client import Client
from tflm_wasm._link._codec import Decoder, encode
from tflm_wasm._link._defs import REPLY_BIT, FaultKind, Type
from tflm_wasm._link._messages import pack

TICKS_PER_OP = 1000  # of the native agent, besides what each call costs
MODELS = ["sine_float", "sine_int8", "digits_int8", "bearing_int8"]


@pytest.mark.parametrize("name", MODELS)
def test_a_profile_names_every_operator_and_gives_the_bytes_of_the_host(device, name):
    device.upload(zoo_model(name))
    session = host(name)
    session.reset()
    for number, frame in enumerate(random_frames(session, 6)):
        want = [one.tobytes() for one in session.run(*frame)]
        if number == 3:  # the state is shared with whole runs
            assert [one.tobytes() for one in device.run(*frame)] == want
            continue
        profile = device.profile(*frame)
        assert [one.view.tobytes() for one in device.outputs] == want
    ops = [(op.index, op.name, op.macs) for op in read_ops(zoo_model(name)) if op.subgraph == 0]
    assert [(op.index, op.name, op.macs) for op in profile.ops] == ops
    assert {op.ticks for op in profile.ops} == {TICKS_PER_OP}
    assert profile.tick_hz == device.identify().tick_hz
    assert profile.overhead > 0


def test_operators_that_do_not_fit_into_one_reply_come_in_several(board: Board) -> None:
    replies = {}
    for payload in (256, 1024):
        board.new(payload=payload)
        device = Device(BoardTransport(board))
        device.upload(zoo_model("bearing_int8"))
        (frame,) = random_frames(host("bearing_int8"), 1)
        before = device.stats().device["requests"]
        assert len(device.profile(*frame).ops) == 24
        replies[payload] = device.stats().device["requests"] - before
    assert replies[256] > replies[1024]


def test_a_profile_counts_as_one_run(device: Device) -> None:
    device.upload(zoo_model("bearing_int8"))
    (frame,) = random_frames(host("bearing_int8"), 1)
    device.profile(*frame)
    assert device.stats().device["invokes"] == 1


def test_a_reply_that_is_lost_does_not_run_an_operator_twice(board: Board) -> None:
    class Lossy(BoardTransport):
        heard = 0

        def hear(self, data: bytes) -> None:
            self.heard += 1
            super().hear(b"" if self.heard % 2 else data)

    device = Device(BoardTransport(board))
    device.upload(zoo_model("bearing_int8"))
    session = host("bearing_int8")
    session.reset()
    device.reset()
    lossy = Device(Lossy(board))
    for frame in random_frames(session, 4):
        lossy.profile(*frame)
        (want,) = session.run(*frame)
        assert lossy.outputs[0].view.tobytes() == want.tobytes()
    assert lossy.stats().device["repeats"] > 0


def test_a_fault_in_an_operator_is_told_and_the_next_call_works(device, board) -> None:
    device.upload(zoo_model("sine_int8"))
    zero = np.zeros((1, 1), np.int8)
    board.fault_next(FaultKind.READ, 0x40)
    with pytest.raises(tflm_wasm.SandboxFault):
        device.profile(zero)
    assert len(device.profile(zero).ops) == 3


def test_a_cut_off_profile_of_a_stateful_model_is_not_gone_on_with(board: Board) -> None:
    class Deaf(BoardTransport):
        deaf = False

        def hear(self, data: bytes) -> None:
            super().hear(b"" if self.deaf else data)

    line = Deaf(board)
    device = Device(line)
    device.upload(zoo_model("bearing_int8"))
    (frame,) = random_frames(host("bearing_int8"), 1)
    first = device.run(*frame)[0].tobytes()
    line.deaf = True
    with pytest.raises(tflm_wasm.LinkTimeoutError):
        device.profile(*frame)
    line.deaf = False
    for use in (device.run, device.profile):
        with pytest.raises(tflm_wasm.DeviceStateError):
            use(*frame)
    device.reset()
    assert device.run(*frame)[0].tobytes() == first


def request(line: BoardTransport, kind: Type, payload: bytes) -> bytes:
    client = Client(line)
    client.open(client.deadline(1))
    return client.request(kind, payload, client.deadline(1))


def test_operators_out_of_order_are_refused_and_the_next_run_is_whole(device, transport) -> None:
    device.upload(zoo_model("sine_int8"))
    zero = np.zeros((1, 1), np.int8)
    (want,) = host("sine_int8").run(zero)
    for first, error in [
        (1, tflm_wasm.GuestStatusError),
        (3, tflm_wasm.DeviceRefusedError),
        (2**32 - 1, tflm_wasm.DeviceRefusedError),
    ]:
        with pytest.raises(error):
            request(transport, Type.PROFILE, pack("profile_request", first))
        assert device.run(zero)[0] == want


class Dated(BoardTransport):
    """A line on which the guest seems to have another version of the ABI."""

    def __init__(self, board: Board, field: str, value: int) -> None:
        super().__init__(board)
        self._change = (_abi.FIELDS[field].offset, struct.pack("<H", value))

    def hear(self, data: bytes) -> None:
        for frame in Decoder().feed(data):
            payload = frame.payload
            if frame.type == Type.BLOCK | REPLY_BIT and payload[24:28] == _abi.MAGIC:
                at, new = self._change
                payload = payload[:at] + new + payload[at + len(new) :]
            super().hear(encode(frame.type, frame.seq, payload))


def test_a_guest_of_abi_1_0_is_not_profiled(board: Board, device: Device) -> None:
    device.upload(zoo_model("sine_int8"))
    before = device.stats().device["invokes"]
    old = Device(Dated(board, "abi_minor", 0))
    with pytest.raises(tflm_wasm.NotProfilableError, match=r"The module speaks ABI 1\.0"):
        old.profile(np.zeros((1, 1), np.int8))
    assert old.stats().device["invokes"] == before


def test_a_board_that_sends_less_of_its_block_than_asked_is_an_error(board, device) -> None:
    class Short(BoardTransport):
        def hear(self, data: bytes) -> None:
            for frame in Decoder().feed(data):
                cut = frame.payload[: 100 if frame.type == Type.BLOCK | REPLY_BIT else None]
                super().hear(encode(frame.type, frame.seq, cut))

    device.upload(zoo_model("sine_int8"))
    with pytest.raises(tflm_wasm.LinkProtocolError, match="100 bytes of the block"):
        Device(Short(board)).profile(np.zeros((1, 1), np.int8))


def test_a_board_that_runs_other_operators_than_it_was_asked_for_is_an_error(board, device) -> None:
    device.upload(zoo_model("sine_int8"))
    liar = Device(Dated(board, "op_count", 7))
    with pytest.raises(tflm_wasm.LinkProtocolError, match="other operators"):
        liar.profile(np.zeros((1, 1), np.int8))
