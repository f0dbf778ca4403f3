"""Runners that call a program, with programs that play the tools."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.boards import board, fake_tool
from tflm_wasm._errors import (
    FlashTimeoutError,
    PortBusyError,
    PortPermissionError,
    ProbeNotFoundError,
    RunnerFailedError,
    RunnerMissingError,
    RunnerOptionError,
    VerifyError,
    WrongDeviceError,
)
from tflm_wasm.aot._board import board_names, load_board
from tflm_wasm.emulator._process import is_running, wait_until_gone
from tflm_wasm.flash import FlashResult, flash, runners
from tflm_wasm.flash._options import resolve

# Plays a board: `written` beside the tool is its flash.
BOARD = """\
    from pathlib import Path
    flash = Path(__file__).with_name("written")
"""
PYOCD = (
    BOARD
    + """\
    from struct import unpack_from
    if arguments[0] == "flash":
        flash.write_text(arguments[-1])
    elif flash.exists():
        elf = Path(flash.read_text()).read_bytes()
        (table,), (count,) = unpack_from("<I", elf, 28), unpack_from("<H", elf, 44)
        for save in arguments[arguments.index("-c") + 1 :: 2]:
            _, address, size, name = save.split()
            for at in range(table, table + 32 * count, 32):
                kind, offset, _, start, _ = unpack_from("<5I", elf, at)
                if kind == 1 and start == int(address, 0):
                    Path(name).write_bytes(elf[offset : offset + int(size)])
"""
)
OPENOCD = (
    BOARD
    + """\
    script = arguments[-1]
    if script.startswith("program"):
        flash.write_text(script)
    elif not flash.exists():
        print("Error: checksum mismatch - attempting binary compare")
        sys.exit(1)
"""
)
ESPTOOL = (
    BOARD
    + """\
    if "elf2image" in arguments:
        Path("image.bin").write_bytes(b"image")
    elif "write-flash" in arguments:
        flash.write_bytes(Path("image.bin").read_bytes())
    elif not flash.exists():
        print("Verification failed (digest mismatch).")
        sys.exit(2)
"""
)
CUSTOM = (
    BOARD
    + """\
    if arguments[0] == "write":
        flash.write_text(arguments[1])
    else:
        sys.exit(0 if flash.exists() else 1)
"""
)
OPTIONS = {
    "pyocd": {"target": "stm32f446re"},
    "openocd": {"config": "board/st_nucleo_f4.cfg"},
    "esptool": {"chip": "esp32c3"},
    "custom": {"command": "custom write {image} {port}", "compare": ["custom", "compare"]},
}
TOOLS = {"pyocd": PYOCD, "openocd": OPENOCD, "esptool": ESPTOOL, "custom": CUSTOM}
each_tool = pytest.mark.parametrize("name", sorted(TOOLS))


@pytest.fixture
def bin_folder(tmp_path, monkeypatch) -> Path:
    """Return the only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def run(name: str, image: Path, **arguments) -> FlashResult:
    """Flash with a runner, its needed options set."""
    options = {**OPTIONS[name], **arguments.pop("options", {})}
    arguments.setdefault("port", "/dev/ttyX")
    return flash(board(), image, runner=name, options=options, **arguments)


def calls(log: Path) -> list[list[str]]:
    """Return the arguments of every call of a tool."""
    return [json.loads(line) for line in log.read_text().splitlines()]


@each_tool
def test_a_tool_compares_writes_and_compares_again(name, bin_folder, image):
    log = fake_tool(bin_folder, name, TOOLS[name])
    result = run(name, image)
    assert (result.state, result.verified, result.runner) == ("written", True, name)
    assert [" ".join([name, *one]) for one in calls(log)] == [
        step.replace("'", "") for step in result.steps
    ]


@each_tool
def test_the_same_image_is_not_written_again(name, bin_folder, image):
    log = fake_tool(bin_folder, name, TOOLS[name])
    written = len(run(name, image).steps)
    assert run(name, image).state == "identical"
    assert len(calls(log)) < 2 * written


@each_tool
def test_forced_the_image_is_written_without_comparing_first(name, bin_folder, image):
    fake_tool(bin_folder, name, TOOLS[name])
    run(name, image)
    result = run(name, image, force=True)
    assert (result.state, result.verified) == ("written", True)


@each_tool
def test_a_dry_run_calls_nothing_and_gives_the_commands(name, bin_folder, image):
    log = fake_tool(bin_folder, name, TOOLS[name])
    planned = run(name, image, dry_run=True)
    assert planned.state == "planned"
    assert not log.exists()
    assert planned.steps == run(name, image).steps


@each_tool
def test_a_missing_tool_comes_with_the_command_that_installs_it(name, bin_folder, image):
    assert bin_folder.exists()
    with pytest.raises(RunnerMissingError, match=name) as caught:
        run(name, image)
    assert caught.value.tool == name
    assert runners()[name].install in caught.value.hint


@each_tool
def test_a_tool_that_fails_is_told_with_its_last_words(name, bin_folder, image):
    fake_tool(bin_folder, name, "    print('Something broke')\n    sys.exit(7)\n")
    with pytest.raises(RunnerFailedError, match="Something broke") as caught:
        run(name, image)
    error = caught.value
    assert (error.returncode, error.command[0], error.output) == (7, name, "Something broke")


@each_tool
def test_a_tool_that_hangs_is_ended_with_what_it_started(name, bin_folder, image):
    pids = bin_folder / "pids"
    body = f"""\
        import os, subprocess
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open({str(pids)!r}, "w") as file:
            file.write(f"{{os.getpid()}} {{child.pid}}")
        time.sleep(600)
    """
    fake_tool(bin_folder, name, body)
    with pytest.raises(FlashTimeoutError) as caught:
        run(name, image, options={"timeout_s": 1.0})
    assert caught.value.time_s == 1.0
    for pid in map(int, pids.read_text().split()):
        assert wait_until_gone(pid, 10.0)
        assert not is_running(pid)


@each_tool
def test_a_tool_that_lies_about_success_is_found_out(name, bin_folder, image):
    never = TOOLS[name].replace("flash.exists()", "False")
    fake_tool(bin_folder, name, never)
    with pytest.raises(VerifyError):
        run(name, image)


SAYS = [
    ("pyocd", "No available debug probes are connected", ProbeNotFoundError),
    ("openocd", "Error: unable to find a matching CMSIS-DAP device", ProbeNotFoundError),
    ("openocd", "Error: open failed", ProbeNotFoundError),
    ("esptool", "could not open port /dev/ttyX: [Errno 2] No such file", ProbeNotFoundError),
    ("esptool", "could not open port /dev/ttyX: [Errno 13] Permission denied", PortPermissionError),
    ("openocd", "Error: libusb_open() failed with LIBUSB_ERROR_ACCESS", PortPermissionError),
    ("openocd", "Error: libusb_claim_interface: LIBUSB_ERROR_BUSY", PortBusyError),
    ("custom", "Could not exclusively lock port /dev/ttyX", PortBusyError),
    ("openocd", "Warn: UNEXPECTED: 0x2ba01477", WrongDeviceError),
    ("esptool", "This chip is ESP32, not ESP32-C3. Wrong --chip argument?", WrongDeviceError),
]


@pytest.mark.parametrize(("name", "words", "error"), SAYS, ids=[one[1] for one in SAYS])
def test_what_a_tool_says_becomes_a_typed_error(name, words, error, bin_folder, image):
    fake_tool(bin_folder, name, f"    print({words!r}); print('bye'); sys.exit(1)\n")
    with pytest.raises(error, match=name) as caught:
        run(name, image)
    assert words in str(caught.value)
    assert caught.value.hint.endswith(".")


@pytest.mark.parametrize(
    ("name", "arguments", "option"),
    [
        ("pyocd", {"options": {"target": ""}}, "target"),
        ("openocd", {"options": {"config": []}}, "config"),
        ("esptool", {"options": {"chip": ""}}, "chip"),
        ("esptool", {"port": None}, "port"),
        ("custom", {"options": {"command": []}}, "command"),
        ("custom", {"port": None}, "command"),
        ("custom", {"options": {"colour": "red"}}, "colour"),
        ("pyocd", {"options": {"targt": "x"}}, "targt"),
        ("pyocd", {"options": {"timeout_s": "soon"}}, "timeout_s"),
        ("pyocd", {"options": {"timeout_s": -1}}, "timeout_s"),
        ("pyocd", {"options": {"arguments": 3}}, "arguments"),
        ("esptool", {"options": {"address": "here"}}, "address"),
    ],
)
def test_an_option_that_is_missing_or_wrong_is_refused(name, arguments, option, bin_folder, image):
    fake_tool(bin_folder, name, TOOLS[name])
    with pytest.raises(RunnerOptionError) as caught:
        run(name, image, **arguments)
    assert caught.value.option == option


def test_a_misspelt_option_comes_with_the_right_one(image):
    with pytest.raises(RunnerOptionError, match="did you mean 'target'"):
        run("pyocd", image, options={"targt": "x"})


def test_an_unknown_runner_comes_with_those_there_are(image):
    with pytest.raises(RunnerOptionError, match="qemu, gdb, pyocd, openocd, uf2, esptool, custom"):
        flash(board(), image, runner="jtag")


def test_a_board_without_any_runner_says_so(image):
    with pytest.raises(RunnerOptionError, match="names no runner"):
        flash(replace(board(), qemu=None), image)


def test_the_board_file_names_the_runner_and_its_options(bin_folder, image):
    log = fake_tool(bin_folder, "pyocd", PYOCD)
    described = replace(board(), runners={"pyocd": {"target": "rp2040", "frequency_hz": 1000}})
    flash(described, image, probe="E660", options={"frequency_hz": "0x10"})
    first = " ".join(calls(log)[0])
    assert "--no-wait --target rp2040 --uid E660 --frequency 16" in first


def test_openocd_gets_the_probes_serial_number(bin_folder, image):
    log = fake_tool(bin_folder, "openocd", OPENOCD)
    run("openocd", image, probe="066BFF")
    assert "adapter serial 066BFF" in calls(log)[0]
    assert calls(log)[0][:2] == ["-f", "board/st_nucleo_f4.cfg"]


def test_an_image_with_spaces_and_quotes_in_its_path_is_one_word(bin_folder, image, tmp_path):
    log = fake_tool(bin_folder, "custom", CUSTOM)
    odd = tmp_path / "a b'c $d.elf"
    odd.write_bytes(image.read_bytes())
    run("custom", odd)
    assert ["write", str(odd), "/dev/ttyX"] in calls(log)


def test_time_grows_with_the_size():
    for one in runners().values():
        assert one.bytes_per_s > 0
        assert any(option.name == "timeout_s" for option in one.options)


def test_every_option_is_documented():
    for one in runners().values():
        assert one.doc
        for option in one.options:
            assert option.doc.endswith(".")


@pytest.mark.parametrize("name", board_names())
def test_a_board_file_names_runners_and_options_that_there_are(name):
    described = load_board(name)
    for runner, options in described.runners.items():
        resolve(runners()[runner].options, options, board=name, runner=runner)
    for usb in described.usb:
        assert {"vid", "pid"} <= set(usb)
        assert all(0 < usb[key] < 0x10000 for key in ("vid", "pid"))
