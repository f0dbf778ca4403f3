"""bench.toml, the choice of boards, and what a board is capable of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tflm_wasm.hil import BenchError, BoardSpec, Capabilities, read_bench
from tflm_wasm.hil._bench import choose
from tflm_wasm.hil._xdist import board_in

pytest.importorskip("xdist", reason="pip install 'tflm-wasm[test]'")


def written(folder: Path, text: str) -> Path:
    path = folder / "bench.toml"
    path.write_text(text)
    return path


def test_a_bench_lists_boards_by_id_by_port_and_emulated_ones(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [[board]]
        name = "left"
        board = "mine/board.toml"
        id = "usb:0483:374b:066B"
        unique_id = "00ff"
        baudrate = 921600
        timeout_s = 5
        reset = ["st-flash", "reset"]

        [[board]]
        name = "right"
        port = "socket://rack:4000"

        [[board]]
        board = "mps2-an386"
        emulated = true
        """,
    )
    assert read_bench(path) == (
        BoardSpec(
            name="left",
            board=str(tmp_path / "mine" / "board.toml"),
            stable_id="usb:0483:374b:066B",
            unique_id="00ff",
            baudrate=921_600,
            timeout_s=5,
            reset=("st-flash", "reset"),
        ),
        BoardSpec(name="right", port="socket://rack:4000"),
        BoardSpec(name="mps2-an386", board="mps2-an386"),
    )
    assert [one.is_emulated for one in read_bench(path)] == [False, False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("board = 1", "list of"),
        ("", "list of"),
        ("[[board]]\nname = 'a'", "needs an id, a port, or emulated"),
        ("[[board]]\nport = 'x'", "needs a name"),
        ("[[board]]\nname = 'a'\nemulated = true", "which board is emulated"),
        ("[[board]]\nname = 'a'\nport = 'x'\nemulated = true\nboard = 'b'", "needs an id, a port"),
        ("[[board]]\nname = 'a'\nport = 3", "port = 3 is not of type str"),
        ("[[board]]\nname = 'a'\nport = 'x'\nspeed = 3", "no key 'speed'"),
        ("[[board]]\nname='a'\nport='x'\n[[board]]\nname='a'\nport='y'", "two boards 'a'"),
        ("[[board]]\nname='a'\nport='x'\n[[board]]\nname='b'\nport='x'", "two boards 'x'"),
        ("[[board]", "is not TOML"),
    ],
)
def test_a_bench_that_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BenchError, match=message) as caught:
        read_bench(path)
    assert caught.value.path == str(path)


def test_without_options_every_emulated_board_is_chosen_and_none_was_asked_for() -> None:
    specs = choose((), None, None)
    assert {"mps2-an386", "riscv32-virt"} <= {one.name for one in specs}
    assert all(one.is_emulated and not one.asked_for for one in specs)


def test_names_choose_from_the_bench_in_their_order(tmp_path: Path) -> None:
    text = "".join(f"[[board]]\nname = '{one}'\nport = '/dev/{one}'\n" for one in "abc")
    specs = choose(("c", "a"), None, written(tmp_path, text))
    assert [one.name for one in specs] == ["c", "a"]


def test_a_port_without_a_board_takes_whatever_is_there() -> None:
    (spec,) = choose((), "/dev/ttyACM0", None)
    assert (spec.board, spec.place) == (None, "/dev/ttyACM0")


@pytest.mark.parametrize(
    ("needs", "lacks"),
    [
        ({"ram_kib": 64, "flash_kib": 256, "mpu": True, "fpu": False}, None),
        ({"ram_kib": 65}, "has 64 of 65 KiB of RAM"),
        ({"flash_kib": 1024}, "has 256 of 1,024 KiB of flash"),
        ({"mpu": False}, "has an MPU sandbox"),
        ({"fpu": True}, "has no FPU"),
    ],
)
def test_a_board_says_what_it_lacks(needs: dict[str, object], lacks: str | None) -> None:
    board = Capabilities(ram_kib=64, flash_kib=256, mpu=True, fpu=False)
    assert board.lacks(needs) == lacks


def test_what_is_not_known_of_a_board_is_taken_for_absent() -> None:
    unknown = Capabilities()
    assert unknown.lacks({"ram_kib": 1}) == "has an unknown number of 1 KiB of RAM"
    assert unknown.lacks({"mpu": True}) == "may have no MPU sandbox"


@pytest.mark.parametrize(
    ("test", "board"),
    [
        ("a.py::test_it[m4]", "m4"),
        ("a.py::test_it[m4-digits]", "m4"),
        ("a.py::test_it[digits-m4-2]", "m4"),
        ("a.py::test_it[m4-left-digits]", "m4-left"),
        ("a.py::test_it[m44]", None),
        ("a.py::test_m4", None),
    ],
)
def test_the_board_of_a_test_is_found_in_its_id(test: str, board: str | None) -> None:
    assert board_in(test, ["m4", "m4-left"]) == board
