"""`tflm-wasm profile`, here and on an emulated board."""

from __future__ import annotations

import json

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
    assert lines[head].split() == ["op", "name", "µs", "share"]
    rows = [line.split() for line in lines[head + 1 : head + 13]]
    times = [float(row[2].replace(",", "")) for row in rows]
    assert times == sorted(times, reverse=True)
    assert lines[head + 13].startswith("12 more (--all): ")
    assert lines[head + 14].startswith("24 operators: ")


def test_all_operators_are_listed_when_asked_for():
    output = tflm_wasm("profile", MODEL, "--runs", 1, "--all").stdout
    rows = [line.split() for line in output.splitlines() if line.endswith("%")]
    assert sorted(int(row[0]) for row in rows) == list(range(24))
    assert "--all" not in output


def test_json_has_every_operator_in_the_order_of_the_model(tmp_path):
    trace = tmp_path / "trace.json"
    report = answer("profile", MODEL, "--runs", 2, "--trace", trace)
    assert [op["index"] for op in report["ops"]] == list(range(24))
    assert report["ops"][0]["name"] == "CALL_ONCE"
    assert report["total"] == sum(op["ticks"] for op in report["ops"])
    events = json.loads(trace.read_text())["traceEvents"]
    assert [event["name"] for event in events] == [op["name"] for op in report["ops"]]


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
        report = answer("profile", "--board", BOARD, "--runs", 3)
    finally:
        for one in emulator.find_all():
            one.end()
    assert [op["index"] for op in report["ops"]] == list(range(24))
    assert report["tick_hz"] == 25_000_000
    assert report["total"] > 0
