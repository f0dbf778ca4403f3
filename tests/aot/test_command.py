"""`tflm-wasm aot`, its three kinds of file, and the other compiler."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.cli import answer, refused, tflm_wasm
from tests.support.files import ROOT
from tests.support.firmware import firmware, needs_qemu, needs_tools, running
from tflm_wasm import aot, build

pytestmark = needs_tools
SINE = ROOT / "firmware_models" / "zoo" / "sine_int8" / "sine_int8.tflite"
SINE_FLOAT = ROOT / "firmware_models" / "zoo" / "sine_float" / "sine_float.tflite"
GCC = "arm-none-eabi-gcc"
needs_gcc = pytest.mark.skipif(
    shutil.which(GCC) is None, reason=f"no {GCC}: apt-get install gcc-arm-none-eabi"
)


def memory_of(hex_file: bytes) -> dict[int, int]:
    """Read Intel HEX: the bytes by address."""
    found, upper, ended = {}, 0, False
    for line in hex_file.decode().splitlines():
        assert line[0] == ":"
        assert not ended
        record = bytes.fromhex(line[1:])
        assert sum(record) % 256 == 0
        count, address, kind = record[0], int.from_bytes(record[1:3], "big"), record[3]
        data = record[4:-1]
        assert len(data) == count
        if kind == 4:
            upper = int.from_bytes(data, "big") << 16
        elif kind == 0:
            found |= {upper + address + i: byte for i, byte in enumerate(data)}
        else:
            assert kind == 1
            ended = True
    assert ended
    return found


def test_the_command_writes_what_the_library_compiles(tmp_path: Path):
    outputs = [tmp_path / f"firmware.{suffix}" for suffix in ("elf", "bin", "hex")]
    arguments = [one for output in outputs for one in ("-o", output)]
    said = answer("aot", SINE, "--board", "nucleo-f446re", *arguments)
    built = firmware(build(SINE), "nucleo-f446re")
    assert outputs[0].read_bytes() == built.elf
    assert outputs[1].read_bytes() == built.image
    base = 0x0800_0000
    assert memory_of(outputs[2].read_bytes()) == {
        base + i: byte for i, byte in enumerate(built.image)
    }
    assert said["board"] == "nucleo-f446re"
    assert said["sandbox"] == "mpu"
    assert said["files"] == [str(one) for one in outputs]
    assert said["flash"]["parts"] == built.report.flash
    assert sum(said["ram"]["parts"].values()) == said["ram"]["bytes"] == built.report.ram_bytes
    assert (said["flash"]["of"], said["ram"]["of"]) == (512 * 1024, 128 * 1024)


@pytest.mark.parametrize(("base", "size"), [(0, 17), (0x0800_0000, 70_000), (0xFFF8, 24)])
def test_intel_hex_has_every_byte_at_its_address(base: int, size: int):
    from tflm_wasm.aot._hex import intel_hex

    image = np.random.default_rng(3).integers(0, 256, size, np.uint8).tobytes()
    assert memory_of(intel_hex(image, base)) == {base + i: one for i, one in enumerate(image)}


def test_the_table_names_every_part_and_a_module_will_do_too(tmp_path: Path):
    module = tmp_path / "sine.wasm"
    build(SINE).save(module)
    said = tflm_wasm("aot", module, "--board", "microbit").stdout
    assert module.with_suffix(".elf").read_bytes()[:4] == b"\x7fELF"
    report = firmware(build(SINE), "microbit").report
    for name, size in (*report.flash.items(), *report.ram.items()):
        assert name in said
        assert f"{size:,}" in said


def test_another_sandbox_is_another_firmware(tmp_path: Path):
    output = tmp_path / "checked.elf"
    said = answer("aot", SINE, "--board", "mps2-an386", "--sandbox", "checked", "-o", output)
    assert said["sandbox"] == "checked"
    plain = firmware(build(SINE), "mps2-an386")
    assert said["flash"]["parts"]["engine"] > plain.report.flash["engine"]


def test_a_sandbox_that_would_not_hold_is_refused(tmp_path: Path):
    output = tmp_path / "firmware.elf"
    wrong = ("aot", SINE, "--board", "microbit", "--sandbox", "mpu", "-o", output)
    assert "no memory protection" in refused(*wrong)
    assert not output.exists()


def test_a_board_whose_loads_would_reach_peripherals_needs_the_mpu(tmp_path: Path):
    text = (ROOT / "firmware_models" / "boards" / "mps2-an386" / "board.toml").read_text()
    for old, new in (("base = 0x4000_4000", "base = 0x1000_4000"), ('"mpu"', '"checked"')):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "board.toml"
    path.write_text(text)
    with pytest.raises(aot.BoardError, match="peripherals between"):
        aot.load_board(path)


def test_a_file_of_no_known_kind_is_wrong_usage(tmp_path: Path):
    said = tflm_wasm("aot", SINE, "--board", "microbit", "-o", tmp_path / "a.uf2", code=2)
    assert ".hex" in said.stderr


def test_an_unknown_board_is_refused():
    assert "enigma" in refused("aot", SINE, "--board", "enigma")


# ---- GCC ----


def test_gcc_that_is_not_installed_is_refused_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(aot.ToolMissingError) as caught:
        aot.compile(build(SINE), "mps2-an386", aot.Options(compiler=GCC))
    assert caught.value.tool == GCC
    assert "apt-get install gcc-arm-none-eabi" in caught.value.hint


def test_gcc_for_arm_is_refused_for_another_family():
    with pytest.raises(aot.ToolMissingError, match="rv32imac"):
        aot.compile(build(SINE), "riscv32-virt", aot.Options(compiler=GCC))


@needs_gcc
@needs_qemu
@pytest.mark.parametrize("model", [SINE, SINE_FLOAT], ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("board", "sandbox"),
    [("mps2-an386", "mpu"), ("mps2-an386", "checked"), ("mps3-an547", "mpu"), ("microbit", None)],
)
def test_firmware_by_gcc_gives_the_hosts_bytes(model: Path, board: str, sandbox: str | None):
    module = build(model)
    built = firmware(module, board, aot.Options(sandbox=sandbox, compiler=GCC))
    with module.open() as session, running(built) as device:
        (tensor,) = session.inputs
        for value in np.linspace(-4, 4, 9):
            x = np.full(tensor.shape, value * (30 if tensor.dtype == np.int8 else 1), tensor.dtype)
            assert device.run(x)[0].tobytes() == session.run(x)[0].tobytes()
