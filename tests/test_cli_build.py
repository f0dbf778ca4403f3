"""`tflm-wasm build`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tflm_wasm as package
from tests.support.cli import refused, reshape, saved, tflm_wasm
from tests.support.files import ZOO


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path, reshape())


def test_the_module_goes_beside_the_model_and_runs(model):
    output = tflm_wasm("build", model).stdout
    module = package.Module.read(model.with_suffix(".wasm"))
    assert module.digest in output
    assert f"{module.arena_bytes:,} bytes" in output
    x = np.arange(6, dtype=np.int8).reshape(2, 3)
    with module.open() as session:
        np.testing.assert_array_equal(session.run(x)[0], x.reshape(3, 2))


def test_it_says_what_of_the_arena_the_model_needs(tmp_path):
    path = tmp_path / "digits.wasm"
    output = tflm_wasm("build", ZOO / "digits_int8" / "digits_int8.tflite", "-o", path).stdout
    with package.load(path) as session:
        needed, whole = session.arena_needed, session.module.arena_bytes
    assert needed < whole
    assert f"{whole:,} bytes, of which the model needs {needed:,}" in output


def test_a_module_may_be_left_to_initialise_when_it_is_opened(model, tmp_path):
    output = tmp_path / "plain.wasm"
    assert "init" not in tflm_wasm("build", model, "-o", output, "--no-snapshot").stdout
    assert output.read_bytes() == package.build(model, snapshot=False).wasm
    grown = len(package.build(model).wasm) - len(output.read_bytes())
    assert f"{grown:+,} bytes" in tflm_wasm("build", model).stdout


def test_the_command_writes_what_the_library_builds(model, tmp_path):
    output = tmp_path / "other.wasm"
    tflm_wasm("build", model, "-o", output, "--profile", "extended", "--arena-bytes", 4096)
    expected = package.build(model, profile="extended", arena_bytes=4096)
    assert output.read_bytes() == expected.wasm


def test_a_model_over_the_strict_limit_needs_the_extended_profile(tmp_path):
    big = saved(tmp_path, reshape() + bytes(140_000))
    assert "131,072" in refused("build", big)
    tflm_wasm("build", big, "--profile", "extended")


def test_an_arena_that_is_too_small_is_refused_with_what_is_needed(model):
    needed = package.build(model).arena_bytes
    assert f"{needed:,} bytes" in refused("build", model, "--arena-bytes", 16)
    assert not model.with_suffix(".wasm").exists()


def test_an_arena_of_no_bytes_is_wrong_usage(model):
    assert "--arena-bytes" in tflm_wasm("build", model, "--arena-bytes", 0, code=2).stderr


def test_an_unknown_profile_is_wrong_usage(model):
    assert "strict" in tflm_wasm("build", model, "--profile", "large", code=2).stderr


def test_the_model_is_never_overwritten(model, tmp_path):
    before = model.read_bytes()
    link = tmp_path / "link.wasm"
    link.symlink_to(model)
    for output in (model, link):
        assert "overwrite" in tflm_wasm("build", model, "-o", output, code=2).stderr
    assert model.read_bytes() == before


def test_a_folder_that_does_not_exist_is_an_error(model, tmp_path):
    assert "No such file" in refused("build", model, "-o", tmp_path / "no" / "x.wasm")


def test_a_folder_as_the_output_is_an_error(model, tmp_path):
    assert "directory" in refused("build", model, "-o", tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is missing: run on Linux")
def test_a_full_disk_is_an_error_and_the_device_stays_a_device(model):
    assert "No space left" in refused("build", model, "-o", "/dev/full")
    assert Path("/dev/full").is_char_device()


def test_a_module_can_not_be_built_from_a_module(model, tmp_path):
    tflm_wasm("build", model)
    refused("build", model.with_suffix(".wasm"), "-o", tmp_path / "twice.wasm")
