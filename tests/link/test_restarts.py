"""When a board restarts or a call is cut off, nobody goes on with a state that is not there."""

from __future__ import annotations

import pytest

import tflm_wasm
from tests.support.board import Board, BoardTransport, host, random_frames, zoo_model
from tflm_wasm import Device

STATEFUL, STATELESS = "bearing_int8", "sine_int8"


class Deaf(BoardTransport):
    """A line that passes requests, and no answers while `deaf`."""

    deaf = False

    def hear(self, data: bytes) -> None:
        super().hear(b"" if self.deaf else data)


def start(board: Board, name: str) -> tuple[Deaf, Device, list]:
    board.new()
    line = Deaf(board)
    device = Device(line)
    device.upload(zoo_model(name))
    host(name).reset()
    return line, device, random_frames(host(name), 4)


def same(device: Device, name: str, frame: tuple) -> bool:
    return device.run(*frame)[0].tobytes() == host(name).run(*frame)[0].tobytes()


def cut_off(line: Deaf, work) -> None:
    line.deaf = True
    with pytest.raises(tflm_wasm.LinkTimeoutError):
        work()
    line.deaf = False


def test_a_restart_between_runs_of_a_stateful_model_is_an_error_until_the_reset(board):
    line, device, (first, second, *_) = start(board, STATEFUL)
    assert same(device, STATEFUL, first)
    line.reset()
    for _ in range(2):
        with pytest.raises(tflm_wasm.DeviceStateError, match="restarted"):
            device.run(*second)
    device.reset()
    host(STATEFUL).reset()
    assert same(device, STATEFUL, second)


def test_a_restart_between_runs_of_a_stateless_model_does_not_matter(board):
    line, device, frames = start(board, STATELESS)
    for frame in frames:
        assert same(device, STATELESS, frame)
        line.reset()


def test_views_of_the_inputs_stay_the_inputs_after_a_restart(board):
    line, device, _ = start(board, STATELESS)
    (tensor,) = device.inputs
    line.reset()
    tensor.view[...] = 42
    device.invoke()
    want = host(STATELESS).run(tensor.view)[0]
    assert device.outputs[0].view.tobytes() == want.tobytes()
    assert device.inputs == (tensor,)


def test_a_restart_that_another_call_noticed_is_not_forgotten(board):
    line, device, (first, *_) = start(board, STATEFUL)
    assert same(device, STATEFUL, first)
    line.reset()
    assert device.stats().device["invokes"] == 0
    assert device.identify().sessions > 1
    with pytest.raises(tflm_wasm.DeviceStateError, match="restarted"):
        device.run(*first)


def test_a_restart_that_identify_noticed_is_not_forgotten(board):
    line, device, (first, *_) = start(board, STATEFUL)
    assert same(device, STATEFUL, first)
    line.reset()
    device.identify()
    with pytest.raises(tflm_wasm.DeviceStateError, match="restarted"):
        device.run(*first)


def test_a_run_that_was_cut_off_leaves_a_stateful_model_in_doubt_until_the_reset(board):
    line, device, (first, second, *_) = start(board, STATEFUL)
    assert same(device, STATEFUL, first)
    cut_off(line, lambda: device.run(*second))
    with pytest.raises(tflm_wasm.DeviceStateError, match="cut off"):
        device.run(*second)
    device.reset()
    host(STATEFUL).reset()
    assert same(device, STATEFUL, second)


def test_after_a_run_that_was_cut_off_a_stateless_model_just_runs(board):
    line, device, (first, second, *_) = start(board, STATELESS)
    cut_off(line, lambda: device.run(*first))
    assert same(device, STATELESS, second)


def test_a_restart_is_noticed_though_the_answers_to_open_were_lost(board):
    line, device, (first, second, *_) = start(board, STATEFUL)
    assert same(device, STATEFUL, first)
    cut_off(line, device.stats)
    line.reset()
    cut_off(line, device.stats)  # the board has handled `open` by now
    device.stats()
    with pytest.raises(tflm_wasm.DeviceStateError, match="restarted"):
        device.run(*second)


def test_a_request_is_handled_once_however_often_it_is_sent(board):
    line, device, (first, *_) = start(board, STATEFUL)
    device.run(*first)
    before = device.stats().device
    cut_off(line, lambda: device.run(*first))
    after = device.stats().device
    assert after["invokes"] == before["invokes"] + 1
    assert after["repeats"] > before["repeats"]


def test_a_board_that_falls_back_to_another_model_of_the_same_shape_says_so(board):
    line, device, (first, *_) = start(board, STATELESS)
    old = zoo_model(STATELESS)
    position = old.index(b"main")  # a name: the same model to run, another to its digest
    device.upload(old[:position] + b"niam" + old[position + 4 :], activate=True)
    assert device.run(*first)
    board.new()
    Device(BoardTransport(board)).upload(old)
    line.reset()
    with pytest.raises(tflm_wasm.DeviceStateError, match="another model"):
        device.run(*first)
    assert same(device, STATELESS, first)


def test_a_board_that_restarts_all_the_time_ends_in_an_error(board):
    line, device, (first, *_) = start(board, STATELESS)
    write = line.write

    def restart_and_write(data: bytes, timeout_s: float) -> None:
        line.reset()
        write(data, timeout_s)

    line.write = restart_and_write
    with pytest.raises(tflm_wasm.LinkError):
        device.run(*first)
    line.write = write
    assert same(device, STATELESS, first)
