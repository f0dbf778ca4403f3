"""What goes to which address; nothing else than sound ELF files for the board is accepted."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.boards import board
from tflm_wasm._errors import FileError, ImageError
from tflm_wasm.aot._board import load_board
from tflm_wasm.flash._image import Segment, read_image


def elf(*segments: tuple[int, bytes], machine: int = 40, kind: int = 1) -> bytes:
    """Return an ELF file that loads the segments."""
    table, at = b"", 52 + 32 * len(segments)
    for address, data in segments:
        table += struct.pack("<8I", 1, at, 0, address, len(data), len(data), 5, 4)
        at += len(data)
    head = struct.pack(
        "<4s5B7xHHIIIIIHHHHHH",
        *(b"\x7fELF", kind, 1, 1, 0, 0, 2, machine, 1, 0x41, 52, 0, 0, 52, 32, len(segments)),
        *(0, 0, 0),
    )
    return head + table + b"".join(data for _, data in segments)


def refusal(tmp_path, content: bytes, wanted=None) -> str:
    path = tmp_path / "image.elf"
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_image(path, wanted or board())
    assert caught.value.path == str(path)
    return str(caught.value)


def test_a_compiled_image_loads_data_where_flash_has_it(image):
    found = read_image(image, board())
    assert found.segments[0].address == 0
    assert all(one.end < 0x1000 for one in found.segments)
    assert found.family == "cortexm"


def test_images_that_differ_have_different_digests(image, other_image):
    assert read_image(image, board()).digest != read_image(other_image, board()).digest
    assert read_image(image, board()).digest == read_image(image, board()).digest


def test_segments_are_in_order_and_empty_ones_left_out(tmp_path):
    path = tmp_path / "image.elf"
    path.write_bytes(elf((0x200, b"two"), (0x100, b"one"), (0x150, b"")))
    found = read_image(path, board())
    assert found.segments == (Segment(0x100, b"one"), Segment(0x200, b"two"))
    assert found.size == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an ELF file"),
        (b"MZ" + bytes(100), "not an ELF file"),
        (elf((0, b"x"), kind=2), "not a 32-bit"),
        (elf((0, b"x"), machine=62), "machine 62"),
        (elf((0, b"x"), machine=243), "another kind of processor"),
        (elf((0, b"data"))[:-1], "cut off"),
        (elf((0, b"data"))[:60], "cut off"),
        (elf(), "loads nothing"),
        (elf((0, b"four"), (2, b"x")), "overlap at 0x00000002"),
        (elf((0x10000000, b"x")), "neither flash nor RAM"),
        (elf((0x3FFFFF, b"xx")), "neither flash nor RAM"),
        (elf((0xFFFFFFFF, b"xx")), "neither flash nor RAM"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_image_that_can_not_be_used_is_refused_with_the_reason(tmp_path, content, message):
    assert message in refusal(tmp_path, content)


def test_a_file_that_is_not_there_is_a_typed_error(tmp_path):
    with pytest.raises(FileError):
        read_image(tmp_path / "nothing.elf", board())


@given(st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_image_is_refused_or_read_and_nothing_else(tmp_path, data):
    content = bytearray(elf((0, b"one"), (0x100, b"two")))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "image.elf"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert read_image(path, board()).segments
    except ImageError as error:
        assert error.hint  # noqa: PT017 - either way is right


def test_boards_are_read_by_name():
    assert load_board("mps2-an386").name == "mps2-an386"
