"""A boot block: what a chip's boot ROM checks and runs before the firmware."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.files import ROOT
from tests.support.firmware import CACHE, firmware, needs_tools
from tflm_wasm import aot, build
from tflm_wasm.aot._image import crc32_mpeg2
from tflm_wasm.flash._image import read_image
from tflm_wasm.flash._uf2 import encode, pages_of

PICO = "raspberry-pi-pico"
FLASH = 0x1000_0000
FILE = ROOT / "firmware_models" / "boards" / PICO / "board.toml"


def changed(tmp_path: Path, good: str, bad: str) -> Path:
    text = FILE.read_text()
    assert good in text
    path = tmp_path / "board.toml"
    path.write_text(text.replace(good, bad))
    return path


def sine(board: str | Path) -> aot.Firmware:
    model = ROOT / "firmware_models" / "zoo" / "sine_int8" / "sine_int8.tflite"
    if board == PICO:
        return firmware(build(model), PICO)
    return aot.compile(build(model), board, cache=CACHE)


def test_the_checksum_is_that_of_its_name():
    """Its check value, as catalogues of CRCs have it, and that zeros count."""
    assert crc32_mpeg2(b"123456789") == (0x0376E6E7).to_bytes(4, "little")
    assert crc32_mpeg2(bytes(4)) == (0xC704DD7B).to_bytes(4, "little")


@needs_tools
def test_the_block_ends_with_its_checksum_and_the_vectors_lie_behind_it():
    built = sine(PICO)
    block, behind = built.image[:256], built.image[256:]
    assert block[-4:] == crc32_mpeg2(block[:-4])
    assert built.symbols["tw_vectors"] == FLASH + 256
    reset = built.symbols["Reset_Handler"] | 1
    assert behind[4:8] == reset.to_bytes(4, "little")
    assert built.report.flash_bytes == len(built.image)


@needs_tools
def test_the_block_does_not_depend_on_where_it_runs():
    """Its code reads addresses of chip and vectors only, never of itself."""
    built = sine(PICO)
    code = built.image[: built.symbols["tw_boot_block_code_end"] - FLASH]
    words = [int.from_bytes(code[at : at + 4], "little") for at in range(0, len(code) - 3, 4)]
    own = range(FLASH, FLASH + 256)
    assert not [word for word in words if word in own]
    assert FLASH + 256 in words


@needs_tools
def test_the_boot_loaders_drive_gets_the_block_as_its_first_page(tmp_path: Path):
    built = sine(PICO)
    (tmp_path / "firmware.elf").write_bytes(built.elf)
    image = read_image(tmp_path / "firmware.elf", built.board)
    pages = pages_of(encode(image.segments, built.board.runners["uf2"]["family"]))
    memory = b"".join(pages[at] for at in sorted(pages))
    assert min(pages) == FLASH
    assert sorted(pages) == list(range(FLASH, FLASH + len(memory), 256))
    for address, data in image.segments:
        assert memory[address - FLASH :].startswith(data)


@needs_tools
def test_a_block_without_a_checksum_is_left_as_it_is(tmp_path: Path):
    built = sine(changed(tmp_path, 'checksum = "crc32-mpeg2"\n', ""))
    block, usual = built.image[:256], sine(PICO).image[:256]
    assert block[:-4] == usual[:-4]
    assert block[-4:] != usual[-4:]


@needs_tools
def test_code_that_is_too_long_for_the_block_is_refused(tmp_path: Path):
    with pytest.raises(aot.ToolFailedError, match="boot block is too long"):
        sine(changed(tmp_path, "bytes = 256", "bytes = 32"))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('checksum = "crc32-mpeg2"', 'checksum = "parity"'),
        ("bytes = 256", "bytes = 255"),
        ("bytes = 256", "bytes = 0"),
        ("bytes = 256", "size = 256"),
        ('code = "rp2040"', 'code = "telex"'),
    ],
)
def test_a_wrong_boot_block_is_refused_with_the_files_path(tmp_path: Path, good: str, bad: str):
    path = changed(tmp_path, good, bad)
    with pytest.raises(aot.BoardError, match=re.escape(str(path))):
        aot.load_board(path)
