"""What is attached, by names that stay; and which port is meant."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from serial.tools import list_ports as pyserial

from tflm_wasm import _ports
from tflm_wasm._errors import PortNotFoundError, WrongDeviceError
from tflm_wasm._lock import BoardLock
from tflm_wasm._ports import find_port, list_ports, stable_id_of
from tflm_wasm.aot import _board


def usb(device: str, serial: str | None = "E660", location: str = "1-1.2:1.0", pid: int = 0x0A):
    """Return a port as pyserial describes it."""
    return SimpleNamespace(
        device=device,
        description="Pico",
        vid=0x2E8A,
        pid=pid,
        serial_number=serial,
        location=location,
    )


@pytest.fixture
def attach(tmp_path, monkeypatch):
    """Return a function that says what is attached; a board's file then names Pico's identity."""
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    load = _board.load_board

    def with_usb(name):
        board = load(name)
        ours = name == "microbit"
        return replace(board, usb=({"vid": 0x2E8A, "pid": 0x0A},)) if ours else board

    monkeypatch.setattr(_board, "load_board", with_usb)
    return lambda *ports: monkeypatch.setattr(pyserial, "comports", lambda: list(ports))


def test_a_port_is_named_by_its_usb_identity_and_serial_number(attach):
    attach(usb("/dev/ttyACM0"))
    (one,) = list_ports()
    assert one.stable_id == "usb:2e8a:000a:E660"
    assert one.boards == ("microbit",)
    assert (one.port, one.holder, one.problem) == ("/dev/ttyACM0", None, "")


def test_the_stable_id_stays_when_the_port_changes(attach):
    attach(usb("/dev/ttyACM0"))
    before = list_ports()[0].stable_id
    attach(usb("/dev/ttyACM7", location="3-1:1.0"))
    assert list_ports()[0].stable_id == before
    assert find_port(port=before).port == "/dev/ttyACM7"


def test_two_ports_of_one_device_have_two_ids(attach):
    attach(usb("/dev/ttyACM0"), usb("/dev/ttyACM1", location="1-1.2:1.2"))
    ids = [one.stable_id for one in list_ports()]
    assert ids == ["usb:2e8a:000a:E660:1.0", "usb:2e8a:000a:E660:1.2"]


def test_without_a_serial_number_the_socket_counts(attach):
    attach(usb("/dev/ttyUSB0", serial=None))
    assert list_ports()[0].stable_id == "usb:2e8a:000a@1-1.2"


def test_a_port_that_is_not_usb_is_named_by_itself(attach):
    plain = SimpleNamespace(
        device="/dev/ttyS9", description=None, vid=None, pid=None, serial_number=None, location=None
    )
    attach(plain)
    assert list_ports()[0].stable_id == "port:/dev/ttyS9"
    assert list_ports()[0].boards == ()


def test_who_holds_a_board_is_shown(attach):
    attach(usb("/dev/ttyACM0"))
    with BoardLock("usb:2e8a:000a:E660", "nightly run"):
        assert "nightly run" in list_ports()[0].holder


def test_a_port_without_permission_comes_with_the_command_that_helps(attach, tmp_path, monkeypatch):
    port = tmp_path / "ttyACM0"
    port.touch()
    attach(usb(str(port)))
    monkeypatch.setattr(_ports.os, "access", lambda *_: False)
    assert f"sudo usermod -aG {port.group()} $USER" in list_ports()[0].problem


def test_the_only_board_of_its_kind_is_found(attach):
    attach(usb("/dev/ttyACM0"), usb("/dev/ttyACM1", serial="X", pid=0x0B))
    assert find_port(board="microbit").port == "/dev/ttyACM0"


def test_of_two_boards_none_is_guessed(attach):
    attach(usb("/dev/ttyACM0", serial="A"), usb("/dev/ttyACM1", serial="B"))
    with pytest.raises(WrongDeviceError, match="/dev/ttyACM0, /dev/ttyACM1") as caught:
        find_port(board="microbit")
    assert "--port usb:2e8a:000a:A" in caught.value.hint


def test_a_board_that_is_not_attached_is_a_typed_error(attach):
    attach()
    with pytest.raises(PortNotFoundError, match="microbit"):
        find_port(board="microbit")
    with pytest.raises(PortNotFoundError):
        find_port()


def test_a_url_is_taken_as_it_is(attach):
    attach()
    assert find_port(port="rfc2217://host:2217").port == "rfc2217://host:2217"


def test_a_probes_serial_number_leads_to_its_stable_id(attach):
    attach(usb("/dev/ttyACM0"))
    assert stable_id_of("E660") == stable_id_of("/dev/ttyACM0") == "usb:2e8a:000a:E660"
    assert stable_id_of("F00") == "port:F00"
