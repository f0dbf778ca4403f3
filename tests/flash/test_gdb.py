"""Runner `gdb`: against QEMU's server, and against one that plays a board with flash."""

from __future__ import annotations

import shutil
import socket
import zlib

import pytest

from tests.support.boards import GREETING, board, needs_qemu, read_until
from tests.support.gdb_server import GdbServer
from tflm_wasm._deadline import Deadline
from tflm_wasm._errors import (
    FlashTimeoutError,
    FlashWriteError,
    PortLostError,
    ProbeNotFoundError,
    RunnerFailedError,
    RunnerOptionError,
    VerifyError,
    WrongDeviceError,
)
from tflm_wasm._link._serial import SerialTransport
from tflm_wasm.aot._board import load_board
from tflm_wasm.emulator import Emulator
from tflm_wasm.flash import flash
from tflm_wasm.flash._image import read_image
from tflm_wasm.flash._rsp import Rsp, crc_of


@pytest.fixture
def server():
    with GdbServer() as one:
        yield one


def gdb(address: str, image, **arguments):
    """Flash through a GDB server."""
    options = {"server": address, "timeout_s": 20.0, **arguments.pop("options", {})}
    return flash(board(), image, runner="gdb", options=options, **arguments)


# --- QEMU --------------------------------------------------------------------------------------


@needs_qemu
def test_an_empty_board_is_loaded_compared_and_started(image):
    with Emulator(board(), None, gdb=True) as emulator:
        transport = SerialTransport(emulator.port)
        result = gdb(emulator.gdb_server, image, options={"kind": "qemu"})
        assert (result.state, result.verified) == ("written", True)
        assert read_until(transport, GREETING).endswith(GREETING)
        for address, data in read_image(image, board()).segments:
            assert emulator.read_memory(address, len(data)) == data
        transport.close()


@needs_qemu
def test_a_board_with_the_image_is_left_alone_and_runs_on(image):
    with Emulator(board(), image, gdb=True) as emulator:
        transport = emulator.connect()
        read_until(transport, GREETING)
        assert gdb(emulator.gdb_server, image, options={"kind": "qemu"}).state == "identical"
        transport.write(b"alive", 5.0)
        assert read_until(transport, b"alive") == b"alive"
        transport.close()


@needs_qemu
def test_another_image_is_written_over_the_first(image, other_image):
    with Emulator(board(), None, gdb=True) as emulator:
        gdb(emulator.gdb_server, image, options={"kind": "qemu"})
        assert gdb(emulator.gdb_server, other_image, options={"kind": "qemu"}).state == "written"
        at, data = read_image(other_image, board()).segments[-1]
        assert emulator.read_memory(at, len(data)) == data


@needs_qemu
def test_another_processor_than_the_boards_is_refused(image):
    with Emulator(load_board("mps2-an385"), image, gdb=True) as emulator:
        with pytest.raises(WrongDeviceError, match="cortex_m3, but mps2-an386") as caught:
            gdb(emulator.gdb_server, image)
        assert caught.value.found == "cortex_m3"


@needs_qemu
@pytest.mark.skipif(
    shutil.which("qemu-system-riscv32") is None,
    reason="qemu-system-riscv32 is missing: apt-get install qemu-system-misc",
)
def test_another_kind_of_processor_is_refused(image):
    with (
        Emulator(load_board("riscv32-virt"), None, gdb=True) as emulator,
        pytest.raises(WrongDeviceError, match="RISC-V, but mps2-an386 has cortex_m4"),
    ):
        gdb(emulator.gdb_server, image)


@needs_qemu
def test_an_emulator_killed_while_connected_is_a_typed_error(image):
    with Emulator(board(), image, gdb=True) as emulator:
        rsp = Rsp(emulator.gdb_server, Deadline(20.0))
        emulator.close()
        with pytest.raises(PortLostError):
            rsp.read(0, 4)
        rsp.close()


# --- a server with flash and qCRC -------------------------------------------------------------


def test_flash_is_erased_once_written_and_compared_by_crc(server, image):
    result = gdb(server.address, image)
    assert (result.state, result.verified) == ("written", True)
    erases = [one for one in server.packets if one.startswith(b"vFlashErase")]
    assert len(erases) == len(set(erases)) >= 1
    for address, data in read_image(image, board()).segments:
        assert server.flash[address : address + len(data)] == data
    assert not any(one.startswith(b"M") for one in server.packets)


def test_monitor_commands_come_before_and_after(server, image):
    gdb(server.address, image, options={"before": "halt", "after": ["go", "now please"]})
    asked = [one[6:] for one in server.packets if one.startswith(b"qRcmd,")]
    assert [bytes.fromhex(one.decode()) for one in asked] == [b"halt", b"go", b"now please"]


def test_the_same_image_is_not_written_again(server, image):
    gdb(server.address, image)
    server.packets.clear()
    assert gdb(server.address, image).state == "identical"
    assert not any(one.startswith((b"vFlash", b"qRcmd")) for one in server.packets)
    assert server.packets[-1] == b"D"


def test_without_crc_the_memory_is_read_back(server, image):
    server.crc = False
    assert gdb(server.address, image).verified
    assert any(one.startswith(b"m0") for one in server.packets)


def test_a_damaged_answer_is_not_believed(server, image):
    server.damage = rb"qCRC"
    with pytest.raises(RunnerFailedError, match="damaged"):
        gdb(server.address, image)


def test_flash_that_does_not_take_the_image_is_noticed(server, image):
    server.refuse = rb"vFlashWrite"
    with pytest.raises(FlashWriteError, match="'E0E'") as caught:
        gdb(server.address, image)
    assert (caught.value.written, caught.value.size) == (0, read_image(image, board()).size)


def test_flash_that_keeps_something_else_is_noticed(server, image, monkeypatch):
    monkeypatch.setattr(server, "_program", lambda rest: b"OK" if rest else b"")
    with pytest.raises(VerifyError):
        gdb(server.address, image)


@pytest.mark.parametrize("where", [rb"qSupported", rb"qCRC", rb"vFlashErase", rb"vFlashDone"])
def test_a_server_that_hangs_is_given_up_at_the_deadline(server, image, where):
    server.hang_at = where
    with pytest.raises(FlashTimeoutError) as caught:
        gdb(server.address, image, options={"timeout_s": 0.3})
    assert caught.value.time_s == 0.3


@pytest.mark.parametrize("where", [rb"qSupported", rb"qCRC", rb"vFlashErase", rb"vFlashDone"])
def test_a_server_that_goes_away_is_a_typed_error(server, image, where):
    server.drop_at = where
    with pytest.raises(PortLostError):
        gdb(server.address, image)
    server.drop_at = rb"(?!)"
    assert gdb(server.address, image).verified


def test_the_wrong_part_is_refused_before_anything_is_written(server, image):
    server.cpuid = 0x410CC601
    with pytest.raises(WrongDeviceError, match="cortex_m0plus"):
        gdb(server.address, image)
    assert not any(one.startswith(b"vFlash") for one in server.packets)


def test_no_server_is_a_typed_error_with_a_hint(image):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ProbeNotFoundError) as caught:
        gdb(address, image)
    assert caught.value.probe == address
    assert "openocd" in caught.value.hint


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:99999", "127.0.0.1:"])
def test_an_address_that_is_none_is_a_typed_error(image, address):
    with pytest.raises(ProbeNotFoundError):
        gdb(address, image)


def test_an_unknown_kind_of_server_is_refused(image):
    with pytest.raises(RunnerOptionError, match="openocd, jlink"):
        gdb("127.0.0.1:1", image, options={"kind": "x"})


def test_a_dry_run_connects_to_nobody_and_lists_the_steps(image):
    result = gdb("127.0.0.1:1", image, dry_run=True)
    assert result.state == "planned"
    text = "\n".join(result.steps)
    assert "monitor reset halt" in text
    assert "load " in text
    assert result.steps[-1].endswith("monitor reset run")


def test_the_crc_is_the_one_of_gdb():
    # The CRC-32 of "123456789" without reflection is the check value of CRC-32/MPEG-2.
    assert crc_of(b"123456789") == 0x0376E6E7
    assert crc_of(b"") == 0xFFFFFFFF
    assert crc_of(b"123456789") != zlib.crc32(b"123456789")
