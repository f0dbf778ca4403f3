"""What all commands have in common."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import refused, reshape, saved, tflm_wasm
from tflm_wasm import __version__, oracles
from tflm_wasm.cli import _options, main
from tflm_wasm.cli._group import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"ai_edge_litert", "numpy", "tflite", "tflite_micro", "tflite_runtime", "wasmtime"}


def command(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tflm_wasm", *map(str, arguments)]
    return subprocess.run(words, check=False, text=True, **{"capture_output": True, **options})


def test_help_names_every_command():
    output = tflm_wasm("--help").stdout
    assert all(f"\n  {name} " in output for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    output = tflm_wasm(name, "-h").stdout
    assert output.startswith(f"Usage: main {name} ")
    assert "--json" in output


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"], ["--version"]])
def test_help_loads_neither_the_runtime_nor_an_oracle(arguments):
    code = (
        "import json, sys\nfrom tflm_wasm.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "print(json.dumps([name.split('.')[0] for name in sys.modules]), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    loaded = set(json.loads(result.stderr))
    assert not loaded & HEAVY
    assert "tflm_wasm" in loaded


def test_the_oracles_to_choose_from_are_those_there_are():
    assert list(oracles.NAMES) == list(_options.ORACLES)


def test_the_version_is_the_packages():
    assert tflm_wasm("--version").stdout.strip() == f"tflm-wasm, version {__version__}"


def test_the_package_runs_as_a_module():
    result = command("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("tflm-wasm, version")


def test_an_unknown_command_is_wrong_usage_and_lists_those_there_are():
    result = command("flahs")
    assert result.returncode == 2
    assert "There are: build, inspect" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["build", "inspect", "verify", "check", "bench"])
def test_a_missing_argument_is_wrong_usage(name):
    assert "Usage:" in tflm_wasm(name, code=2).stderr


@pytest.mark.parametrize("name", ["build", "inspect", "run", "verify", "check", "bench"])
def test_a_missing_file_is_one_line_and_a_hint(name, tmp_path):
    message = refused(name, tmp_path / "nothing.tflite")
    assert "nothing.tflite" in message
    assert "No such file" in message


@pytest.mark.parametrize("name", ["build", "inspect", "run", "verify", "bench"])
@pytest.mark.parametrize("size", [0, 3, 8, 40, 200])
def test_a_truncated_model_is_one_line_and_a_hint(name, size, tmp_path):
    path = saved(tmp_path, reshape()[:size])
    output = ["-o", tmp_path / "out.wasm"] if name == "build" else []
    refused(name, path, *output)
    assert not (tmp_path / "out.wasm").exists()


def test_debug_adds_the_traceback(tmp_path):
    result = command("--debug", "inspect", tmp_path / "nothing.tflite")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "FileError" in result.stderr


def test_an_error_in_a_process_of_its_own_has_no_traceback_and_no_output(tmp_path):
    result = command("inspect", tmp_path / "nothing.tflite")
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 2


def test_a_bug_of_ours_says_that_it_is_one(tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("tflm_wasm._inspect.inspect", broken)
    result = tflm_wasm("inspect", tmp_path / "x", code=1)
    assert result.stderr.startswith("Error: ZeroDivisionError: oh\nHint: This is a bug")


def test_control_characters_of_a_message_do_not_reach_the_terminal():
    assert "\x1b" not in refused("inspect", "no\x1b[31mthing")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is missing: run on Linux")
@pytest.mark.parametrize("name", ["inspect", "verify", "doctor"])
def test_a_full_disk_behind_standard_output_is_an_error(name, tmp_path):
    model = [] if name == "doctor" else [saved(tmp_path, reshape())]
    with Path("/dev/full").open("w") as full:
        result = command(name, *model, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: No space left on device\nHint: ")
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


def test_a_reader_that_stops_reading_causes_no_traceback(tmp_path):
    model = saved(tmp_path, reshape())
    words = [sys.executable, "-m", "tflm_wasm", "inspect", str(model), "--json"]
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(words, check=False, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert result.returncode == 1
    assert result.stderr == ""


def test_there_is_no_progress_bar_where_there_is_no_terminal(tmp_path):
    result = command("verify", saved(tmp_path, reshape()), "--count", 3)
    assert result.stderr == ""


def test_the_reference_page_is_fresh():
    script = ROOT / "docs" / "reference" / "generate_cli.py"
    spec = importlib.util.spec_from_file_location("generate_cli", script)
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    text = generator.PAGE.read_text(encoding="utf-8")
    assert generator.page(text) == text, "run: python docs/reference/generate_cli.py"
    assert f"## tflm-wasm {main.list_commands(None)[0]}" in text
