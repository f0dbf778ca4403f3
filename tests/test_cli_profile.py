"""`tflm-wasm profile`, here and on an emulated board."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

from tests.support.boards import needs_qemu
from tests.support.cli import answer, refused, tflm_wasm
from tests.support.files import ZOO
from tests.support.firmware import needs_tools
from tflm_wasm import emulator

MODEL = ZOO / "bearing_int8" / "bearing_int8.tflite"
BOARD = "mps2-an386"


def test_the_slowest_operators_come_first_and_the_rest_is_told():
    lines = tflm_wasm("profile", MODEL, "--runs", 5).stdout.splitlines()
    head = next(number for number, line in enumerate(lines) if line.split()[:2] == ["op", "name"])
    assert lines[head].split() == ["op", "name", "output", "MACs", "µs", "share", "MAC/µs"]
    rows = [re.split("  +", line.strip()) for line in lines[head + 1 : head + 13]]
    times = [float(row[-2 if row[-1].endswith("%") else -3].replace(",", "")) for row in rows]
    assert times == sorted(times, reverse=True)
    assert lines[head + 13].startswith("12 more (--all): ")
    assert re.fullmatch(r"24 operators: [\d,.]+ µs, 13,832 MACs", lines[head + 14])


def test_all_operators_are_listed_when_asked_for():
    output = tflm_wasm("profile", MODEL, "--runs", 9, "--all").stdout
    rows = [line.split() for line in output.splitlines() if "%" in line]
    assert sorted(int(row[0]) for row in rows) == list(range(24))
    (conv,) = (row for row in rows if row[0] == "10")
    assert conv[1:4] == ["CONV_2D", "1x1x1x24", "12,288"]
    time, rate = float(conv[4]), float(conv[6].replace(",", ""))
    assert rate == pytest.approx(12_288 / time, rel=0.02)
    assert "--all" not in output


def test_json_has_every_operator_in_the_order_of_the_model(tmp_path):
    trace = tmp_path / "trace.json"
    report = answer("profile", MODEL, "--runs", 2, "--trace", trace)
    assert [op["index"] for op in report["ops"]] == list(range(24))
    assert report["ops"][0]["name"] == "CALL_ONCE"
    assert report["ops"][10]["shape"] == [1, 1, 1, 24]
    assert report["ops"][10]["macs"] == 12_288
    assert report["total"] == sum(op["ticks"] for op in report["ops"])
    events = json.loads(trace.read_text())["traceEvents"]
    assert [event["name"] for event in events] == [op["name"] for op in report["ops"]]


def test_flame_writes_what_its_suffix_says(tmp_path):
    svg, folded = tmp_path / "flame.svg", tmp_path / "flame.folded"
    report = answer("profile", MODEL, "--runs", 9, "--flame", svg)
    titles = [one.text for one in ET.parse(svg).iter("{http://www.w3.org/2000/svg}title")]  # noqa: S314 - our own
    name, total, unit = titles[0].split(" ")
    assert (name, unit) == ("bearing_int8:", "µs")
    assert float(total.replace(",", "")) == pytest.approx(report["total"] / 1e3, abs=0.01)
    assert titles[1] == f"{titles[0]}, 100.0%"
    assert any(title.startswith("10 CONV_2D 1x1x1x24: ") for title in titles)
    report = answer("profile", MODEL, "--runs", 2, "--flame", folded)
    ticks = {}
    for line in folded.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        model, kind, op = stack.split(";")
        assert model == "bearing_int8"
        assert op.split()[1] == kind
        ticks[int(op.split()[0])] = int(count)
    assert ticks == {op["index"]: op["ticks"] for op in report["ops"] if op["ticks"]}


def test_a_flame_graph_of_another_suffix_is_wrong_usage_before_anything_runs(tmp_path):
    path = tmp_path / "flame.png"
    assert (
        "neither in .svg nor in .folded"
        in tflm_wasm("profile", tmp_path / "absent.tflite", "--flame", path, code=2).stderr
    )
    assert not path.exists()


def test_the_models_file_is_for_a_board():
    assert "--port or --board" in tflm_wasm("profile", MODEL, "--model", MODEL, code=2).stderr


def test_a_models_file_that_is_not_there_is_told_before_the_board_is_opened(tmp_path):
    assert "absent" in refused("profile", "--port", "x", "--model", tmp_path / "absent.tflite")


@pytest.mark.parametrize("arguments", [(), (MODEL, "--port", "x"), (MODEL, "--board", BOARD)])
def test_a_model_and_a_board_or_neither_is_wrong_usage(arguments):
    assert "Name a MODEL" in tflm_wasm("profile", *arguments, code=2).stderr


def test_a_board_that_is_not_there_is_exit_code_3():
    refused("profile", "--port", "/dev/ttyNONE", code=3)


@needs_tools
@needs_qemu
def test_the_model_that_runs_on_a_board_is_timed_there(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    try:
        tflm_wasm("flash", "--board", BOARD, MODEL)
        flame = tmp_path / "flame.folded"
        report = answer("profile", "--board", BOARD, "--runs", 3, "--flame", flame)
        plain = tflm_wasm("profile", "--board", BOARD, "--runs", 1).stdout
        told = tflm_wasm("profile", "--board", BOARD, "--all", "--model", MODEL).stdout
        other = ZOO / "sine_int8" / "sine_int8.tflite"
        wrong = refused("profile", "--board", BOARD, "--runs", 1, "--model", other)
    finally:
        for one in emulator.find_all():
            one.end()
    assert [op["index"] for op in report["ops"]] == list(range(24))
    assert report["tick_hz"] == 25_000_000
    assert report["total"] > 0
    assert {op["macs"] for op in report["ops"]} == {None}
    counted = [int(line.rsplit(" ", 1)[1]) for line in flame.read_text().splitlines()]
    assert sum(counted) == report["total"]
    assert all(line.startswith(f"{BOARD};") for line in flame.read_text().splitlines())
    assert "MAC" not in plain
    assert re.search(r"1x1x1x24 +12,288 ", told)
    assert told.rstrip().endswith(" 13,832 MACs")
    assert "other operators" in wrong
