"""Firmware gives the host's bytes, fits, and says what it takes."""

from __future__ import annotations

import hashlib
import re
import tempfile

import numpy as np
import pytest

from tests.support import front_end
from tests.support.files import ROOT
from tests.support.firmware import CACHE, firmware, needs_qemu, needs_tools, running
from tests.support.models import Graph, Model, Op, Tensor
from tflm_wasm import Module, NoActiveModelError, Session, aot, build
from tflm_wasm._inspect_ops import builtin_names
from tflm_wasm._selection import file_stem
from tflm_wasm.aot import _engine, _wasm2c

pytestmark = needs_tools
ZOO = ROOT / "firmware_models" / "zoo"
EMULATED = [name for name in aot.board_names() if aot.load_board(name).qemu is not None]
OTHERS = [name for name in aot.board_names() if name not in EMULATED]


def zoo(name: str) -> Module:
    return build(ZOO / name / f"{name}.tflite")


def random_inputs(session: Session, count: int) -> list[list[np.ndarray]]:
    random = np.random.default_rng(7)
    return [
        [
            random.integers(-128, 128, one.shape).astype(one.dtype)
            if one.dtype.kind == "i"
            else random.normal(size=one.shape).astype(one.dtype)
            for one in session.inputs
        ]
        for _ in range(count)
    ]


def outputs_of(runner, inputs) -> list[bytes]:
    return [b"".join(one.tobytes() for one in runner.run(*arrays)) for arrays in inputs]


@needs_qemu
@pytest.mark.parametrize("board", EMULATED)
def test_every_board_gives_the_hosts_bytes(board: str):
    module = zoo("sine_int8")
    with module.open() as session, running(firmware(module, board)) as device:
        inputs = random_inputs(session, 10)
        assert outputs_of(device, inputs) == outputs_of(session, inputs)


@pytest.mark.parametrize("board", OTHERS)
def test_boards_without_an_emulator_build(board: str):
    built = firmware(zoo("sine_int8"), board)
    vectors = built.image[built.symbols["tw_vectors"] - built.board.flash.base :]
    assert vectors[:4] == built.symbols["tw_main_stack_top"].to_bytes(4, "little")


def test_a_folder_that_is_called_like_a_part_changes_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "agent-of-guest-firmware-boot-x"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    again = aot.compile(zoo("sine_int8"), "raspberry-pi-pico", cache=CACHE)
    assert again.report == firmware(zoo("sine_int8"), "raspberry-pi-pico").report


@needs_qemu
def test_firmware_without_a_model_takes_one_over_the_link():
    module = zoo("digits_int8")
    with (
        module.open() as session,
        running(aot.compile(None, "mps3-an547", cache=CACHE)) as board,
    ):
        board.upload(module.model)
        inputs = random_inputs(session, 3)
        assert outputs_of(board, inputs) == outputs_of(session, inputs)


@needs_qemu
@pytest.mark.parametrize("name", ["digits_int8", "bearing_int8", "sine_float"])
@pytest.mark.parametrize("sandbox", ["mpu", "checked"])
@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_every_zoo_model_gives_the_hosts_bytes_in_both_sandboxes(
    name: str, board: str, sandbox: str
):
    module = zoo(name)
    built = firmware(module, board, aot.Options(sandbox=sandbox))
    with module.open() as session, running(built) as device:
        inputs = random_inputs(session, 10)  # in one sequence: bearing_int8 has a state
        assert outputs_of(device, inputs) == outputs_of(session, inputs)


def hybrid_with_gelu() -> bytes:
    """Return a model beyond TFLM: float32 with int8 weights, and an operator that TFLM lacks."""
    random = np.random.default_rng(8)
    filters = Tensor([4, 3, 3, 2], "int8", random.integers(-127, 128, [4, 3, 3, 2]), [0.02] * 4)
    weights = Tensor([3, 144], "int8", random.integers(-127, 128, [3, 144]), 0.01)
    images = [Tensor([1, 6, 6, channels]) for channels in (2, 4, 4)]
    tensors = [*images, Tensor([1, 3]), filters, Tensor([4], data=[1, 2, 3, 4]), weights]
    ops = [
        Op("CONV_2D", [0, 4, 5], [1], ("Conv2DOptions", {"stride_h": 1, "stride_w": 1})),
        Op("GELU", [1], [2], ("GeluOptions", {})),
        Op("FULLY_CONNECTED", [2, 6], [3], ("FullyConnectedOptions", {})),
    ]
    return Model([Graph(tensors, ops, [0], [3])]).to_bytes()


@needs_qemu
def test_a_model_beyond_tflm_gives_the_hosts_bytes():
    module = build(hybrid_with_gelu(), profile="extended")
    with module.open() as session, running(firmware(module, "mps2-an386")) as device:
        inputs = random_inputs(session, 10)
        assert outputs_of(device, inputs) == outputs_of(session, inputs)


def test_an_op_is_found_in_its_file_by_its_name():
    for name in builtin_names().values():
        assert file_stem(name) == name.lower()
    assert file_stem("SignalFftAutoScale") == "signal_fft_auto_scale"
    digits = "conv_2d depthwise_conv_2d fully_connected max_pool_2d reshape softmax"
    assert " ".join(_engine.selection_of(zoo("digits_int8").model).ops) == digits


def test_every_custom_op_is_in_the_file_of_its_name():
    found = {
        name: path.stem
        for path in (ROOT / "firmware_models" / "engine" / "ops").glob("*.c")
        for name in re.findall(r'\.custom = "([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(found) >= 17
    assert found == {name: file_stem(name) for name in found}


@needs_qemu
def test_custom_ops_with_states_and_an_early_end_give_the_hosts_bytes_on_a_board():
    module = build(front_end.every_custom_op().to_bytes())
    built = firmware(module, "mps2-an386")
    with module.open() as session, running(built) as device:
        for _ in range(2):
            inputs = random_inputs(session, 7)
            session.reset()
            device.reset()
            assert outputs_of(device, inputs) == outputs_of(session, inputs)


def test_weights_take_no_ram_and_all_parts_add_up():
    module = zoo("digits_int8")
    built = firmware(module, "mps2-an386")
    assert built.report.ram["model"] == 0
    assert built.report.flash["model"] == len(module.model)
    assert min(*built.report.ram.values(), *built.report.flash.values()) >= 0
    assert built.report.flash_bytes == len(built.image)


@needs_qemu
@pytest.mark.parametrize("board", ["mps2-an505", "riscv32-virt"])
def test_the_arena_is_the_smallest_that_the_boards_own_kernels_can_do_with(board: str):
    """They take other scratch memory than the host's. These boards' protection is fine-grained."""
    module = zoo("bearing_int8")
    arena = firmware(module, board).report.ram["arena"]
    with module.open() as session:
        assert session.arena_needed < arena < module.arena_bytes  # which has room to pack weights
        inputs = [np.zeros(one.shape, one.dtype) for one in session.inputs]
    with running(firmware(module, board, aot.Options(arena_bytes=arena))) as device:
        device.run(*inputs)
    with (
        running(firmware(module, board, aot.Options(arena_bytes=arena - 64))) as device,
        pytest.raises(NoActiveModelError),
    ):
        device.run(*inputs)


def test_the_firmware_carries_the_digest_of_its_image():
    built = firmware(zoo("sine_int8"), "mps2-an386")
    image = bytearray(built.image)
    at = built.symbols["tw_firmware_digest"] - built.board.flash.base
    digest, image[at : at + 32] = bytes(image[at : at + 32]), bytes(32)
    assert digest == hashlib.sha256(image).digest()


def test_the_same_module_gives_the_same_firmware():
    module = zoo("sine_int8")
    again = aot.compile(module, "mps2-an386", cache=CACHE)
    assert again.elf == firmware(module, "mps2-an386").elf


def test_ram_that_is_short_by_some_bytes_is_refused_with_both_sizes():
    """The guest alone fits, and the firmware beside it does not."""
    small, step = zoo("sine_int8"), 16
    report = firmware(small, "microbit").report
    left = aot.load_board("microbit").ram.bytes - sum(report.ram.values())
    fits = report.ram["arena"] + left // step * step - step
    firmware(small, "microbit", aot.Options(arena_bytes=fits))
    with pytest.raises(aot.DoesNotFitError) as caught:
        firmware(small, "microbit", aot.Options(arena_bytes=fits + 2 * step))
    assert caught.value.what == "ram"
    assert 0 < caught.value.needed - caught.value.available <= 2 * step


def test_what_does_not_fit_is_refused_with_both_sizes():
    with pytest.raises(aot.DoesNotFitError) as caught:
        aot.compile(zoo("digits_int8"), "microbit", aot.Options(arena_bytes=20_000), cache=CACHE)
    assert caught.value.what == "ram"
    assert caught.value.available == 16_384 < caught.value.needed


def test_another_wasm2c_is_refused_by_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_wasm2c, "_BLOCK_SHA256", "0" * 64)
    with pytest.raises(aot.Wasm2cChangedError) as caught:
        aot.compile(zoo("sine_int8"), "mps2-an386", cache=CACHE)
    assert caught.value.version == "1.0.42"
