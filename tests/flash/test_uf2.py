"""Runner `uf2`, on a folder that plays the drive."""

from __future__ import annotations

import shutil
import struct
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.boards import DEADLINE_S, board
from tflm_wasm._deadline import Deadline
from tflm_wasm._errors import (
    FlashWriteError,
    PortPermissionError,
    ProbeNotFoundError,
    RunnerOptionError,
    VerifyError,
    WrongDeviceError,
)
from tflm_wasm.flash import flash
from tflm_wasm.flash._image import Segment, read_image
from tflm_wasm.flash._uf2 import Uf2Runner, encode, pages_of

INFO = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n"
RP2040 = 0xE48BFF56


class Drive:
    """A folder that takes a UF2 file and then goes away, as the boot loader's drive does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.received = b""
        path.mkdir()
        (path / "INFO_UF2.TXT").write_text(INFO)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def _play(self) -> None:
        while not self._stop.wait(0.01):
            try:
                content = (self.path / "NEW.UF2").read_bytes()
            except OSError:
                continue
            if not content:
                continue
            total = struct.unpack_from("<I", content, 24)[0] if len(content) > 28 else 0
            if total and len(content) == 512 * total:
                self.received = content
                shutil.rmtree(self.path)
                return

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def drive(tmp_path):
    one = Drive(tmp_path / "RPI-RP2")
    yield one
    one.close()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a drive that does nothing by itself."""
    path = tmp_path / "drive"
    path.mkdir()
    (path / "INFO_UF2.TXT").write_text(INFO)
    return path


def uf2(place: Path, image: Path, **options):
    return flash(
        board(),
        image,
        runner="uf2",
        options={"drive": str(place), "timeout_s": DEADLINE_S, **options},
    )


def test_the_drive_gets_every_byte_and_restarts(drive, image):
    result = uf2(drive.path, image, board_id="RPI-RP2")
    assert (result.state, result.verified) == ("written", False)
    pages = pages_of(drive.received)
    for address, data in read_image(image, board()).segments:
        for at, byte in enumerate(data, address):
            assert pages[at // 256 * 256][at % 256] == byte


def test_a_block_is_as_the_format_says():
    content = encode((Segment(0x10000010, b"abc"), Segment(0x10000100, b"d")), RP2040)
    assert len(content) == 2 * 512
    assert struct.unpack_from("<8I", content) == (
        *(0x0A324655, 0x9E5D5157, 0x2000),
        *(0x10000000, 256, 0, 2, RP2040),
    )
    assert content[32:288] == bytes(16) + b"abc" + bytes(237)
    assert content[508:512] == (0x0AB16F30).to_bytes(4, "little")
    assert struct.unpack_from("<8I", content, 512)[3:7] == (0x10000100, 256, 1, 2)


@given(st.lists(st.integers(0, 63), min_size=1, max_size=6, unique=True))
def test_every_sector_but_the_last_is_written_whole(pages):
    content = encode(tuple(Segment(page * 256, b"x") for page in sorted(pages)), RP2040)
    found = pages_of(content)
    for page in found:
        sector = page // 4096 * 4096
        assert set(range(sector, min(sector + 4096, max(pages) * 256), 256)) <= set(found)
    assert max(found) == max(pages) * 256
    assert {at // 4096 for at in found} == {page // 16 for page in pages}


@given(
    st.lists(st.binary(min_size=1, max_size=700), min_size=1, max_size=5),
    st.integers(0, 2000),
)
def test_what_is_encoded_comes_back(parts, start):
    segments, at = [], start
    for part in parts:
        segments.append(Segment(at, part))
        at += len(part) + 3
    pages = pages_of(encode(tuple(segments), RP2040))
    memory = {address + i: byte for address, page in pages.items() for i, byte in enumerate(page)}
    for address, data in segments:
        assert bytes(memory[address + i] for i in range(len(data))) == data


def test_an_image_that_the_drive_shows_is_not_written_again(folder, image):
    content = encode(read_image(image, board()).segments, RP2040)
    (folder / "CURRENT.UF2").write_bytes(content)
    assert uf2(folder, image).state == "identical"
    assert not (folder / "NEW.UF2").exists()


def test_another_board_on_the_drive_is_refused(folder, image):
    with pytest.raises(WrongDeviceError, match="'RPI-RP2', not a 'SAMD51") as caught:
        uf2(folder, image, board_id="SAMD51-Metro")
    assert caught.value.found == "RPI-RP2"
    assert not (folder / "NEW.UF2").exists()


@pytest.mark.parametrize("what", ["nothing there", "an ordinary folder"])
def test_a_folder_that_is_no_drive_is_refused(tmp_path, image, what):
    place = tmp_path / "place"
    if what == "an ordinary folder":
        place.mkdir()
    with pytest.raises(ProbeNotFoundError) as caught:
        uf2(place, image)
    assert "BOOTSEL" in caught.value.hint


def test_a_full_drive_is_a_typed_error(folder, image):
    (folder / "NEW.UF2").symlink_to("/dev/full")
    with pytest.raises(FlashWriteError, match="is full after 0 of") as caught:
        uf2(folder, image)
    assert caught.value.written == 0
    assert caught.value.size > 0


def test_a_drive_that_vanishes_before_the_copy_is_a_typed_error(folder, image, monkeypatch):
    real = Uf2Runner._drive

    def found_then_unplugged(self):
        drive = real(self)
        shutil.rmtree(drive)
        return drive

    monkeypatch.setattr(Uf2Runner, "_drive", found_then_unplugged)
    with pytest.raises(FlashWriteError, match="went away after 0 of"):
        uf2(folder, image)


def test_a_read_only_drive_is_a_typed_error(folder, image):
    (folder / "NEW.UF2").symlink_to("/proc/version")
    with pytest.raises((PortPermissionError, FlashWriteError)) as caught:
        uf2(folder, image)
    assert str(folder) in str(caught.value)


def test_a_boot_loader_that_does_not_take_the_image_is_noticed(folder, image):
    deadline = Deadline(DEADLINE_S)
    with pytest.raises(VerifyError, match="did not take") as caught:
        uf2(folder, image, timeout_s=0.5)
    assert "family" in caught.value.hint
    assert not deadline.passed


def test_two_drives_are_not_guessed_between(tmp_path, image, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "INFO_UF2.TXT").write_text(INFO)
    drives = [tmp_path / "one", tmp_path / "two"]
    monkeypatch.setattr(Uf2Runner, "_candidates", lambda _: drives)
    with pytest.raises(RunnerOptionError, match="several drives") as caught:
        flash(board(), image, runner="uf2")
    assert caught.value.option == "drive"


def test_a_dry_run_copies_nothing(folder, image):
    result = flash(board(), image, runner="uf2", options={"drive": str(folder)}, dry_run=True)
    assert result.steps[0].endswith(f"bytes of UF2 to {folder}/NEW.UF2")
    assert [path.name for path in folder.iterdir()] == ["INFO_UF2.TXT"]
