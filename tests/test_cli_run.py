"""`tflm-wasm run`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

import tflm_wasm as package
from tests.support.cli import Q8, answer, refused, reshape, saved, tflm_wasm, two_inputs
from tests.support.files import ZOO

X = np.array([[1, -2, 3], [4, 5, -128]], np.int8)


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path, reshape())


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.fixture
def x_npy(tmp_path):
    return saved(tmp_path, npy(X), "x.npy")


def values(result):
    return [np.array(one["values"], one["dtype"]) for one in result["outputs"]]


def test_a_npy_goes_in_and_json_comes_out(model, x_npy):
    (output,) = answer("run", model, x_npy)["outputs"]
    assert output["dtype"] == "int8"
    assert output["shape"] == [3, 2]
    np.testing.assert_array_equal(output["values"], X.reshape(3, 2))


def test_without_an_output_the_values_are_shown(model, x_npy):
    assert "1 -2 3 4 5 -128" in tflm_wasm("run", model, x_npy).stdout


def test_a_module_runs_like_its_model(model, x_npy):
    tflm_wasm("build", model)
    assert answer("run", model.with_suffix(".wasm"), x_npy) == answer("run", model, x_npy)


@pytest.mark.parametrize("content", [npy(X), X.tobytes()], ids=["npy", "raw"])
def test_standard_input_is_told_apart_by_content(model, content):
    output = tflm_wasm("run", model, "-", "--json", stdin=content).stdout
    assert json.loads(output)["outputs"][0]["values"] == X.reshape(3, 2).tolist()


def test_raw_bytes_go_in_and_out(model, tmp_path):
    raw = saved(tmp_path, X.tobytes(), "x.bin")
    tflm_wasm("run", model, raw, "-o", tmp_path / "y.bin")
    assert (tmp_path / "y.bin").read_bytes() == X.tobytes()


def test_a_raw_file_of_several_inputs_is_several_frames(model, tmp_path):
    raw = saved(tmp_path, X.tobytes() * 4, "x.bin")
    (output,) = answer("run", model, raw)["outputs"]
    assert output["shape"] == [4, 3, 2]


@pytest.mark.parametrize("leading", [(), (1,), (5,), (2, 3)])
def test_dimensions_in_front_come_back_in_front(model, tmp_path, leading):
    x = np.broadcast_to(X, (*leading, 2, 3)) + np.arange(3, dtype=np.int8)
    path = saved(tmp_path, npy(x), "x.npy")
    tflm_wasm("run", model, path, "-o", tmp_path / "y.npy")
    y = np.load(tmp_path / "y.npy")
    assert y.dtype == np.int8
    np.testing.assert_array_equal(y, x.reshape((*leading, 3, 2)))


@pytest.mark.parametrize(
    "names", [("left", "right"), ("input_0", "input_1"), ("arr_0", "arr_1")], ids=str
)
def test_a_npz_holds_all_inputs_by_name(tmp_path, names):
    model = saved(tmp_path, two_inputs())
    arrays = [np.array([1, 2], np.int8), np.array([300, -4, 5], np.int16)]
    np.savez(tmp_path / "x.npz", **dict(zip(names, arrays, strict=True)), unrelated=X)
    for got, want in zip(values(answer("run", model, tmp_path / "x.npz")), arrays, strict=True):
        np.testing.assert_array_equal(got[0], want)


def test_several_files_are_the_inputs_in_order(tmp_path):
    model = saved(tmp_path, two_inputs())
    left = saved(tmp_path, bytes([1, 2]), "left.bin")
    right = saved(tmp_path, npy(np.array([300, -4, 5], np.int16)), "right.npy")
    got = values(answer("run", model, left, right))
    assert [one.tolist() for one in got] == [[[1, 2]], [[300, -4, 5]]]


def test_one_raw_file_holds_all_inputs_packed(tmp_path):
    model = saved(tmp_path, two_inputs())
    frame = bytes([1, 2]) + np.array([300, -4, 5], "<i2").tobytes()
    got = values(answer("run", model, saved(tmp_path, frame * 2, "x.bin")))
    assert [one.tolist() for one in got] == [[[[1, 2]]] * 2, [[[300, -4, 5]]] * 2]


def test_several_outputs_go_into_a_npz_but_not_into_a_npy(tmp_path):
    model = saved(tmp_path, two_inputs())
    raw = saved(tmp_path, bytes(8), "x.bin")
    tflm_wasm("run", model, raw, "-o", tmp_path / "y.npz")
    with np.load(tmp_path / "y.npz") as outputs:
        assert {name: outputs[name].shape for name in outputs} == {
            "output_0": (1, 2),
            "output_1": (1, 3),
        }
    assert "2 outputs" in refused("run", model, raw, "-o", tmp_path / "y.npy")
    tflm_wasm("run", model, raw, "-o", tmp_path / "y", "--format", "raw")
    assert (tmp_path / "y").stat().st_size == 8


def test_a_float_model_gives_nan_as_a_string_in_json(tmp_path):
    model = saved(tmp_path, reshape("float32"))
    x = np.array([[np.nan, np.inf, -np.inf], [1.5, 0, -1]], np.float32)
    output = tflm_wasm("run", model, saved(tmp_path, npy(x), "x.npy"), "--json").stdout
    expected = [["nan", "inf"], ["-inf", 1.5], [0.0, -1.0]]
    assert json.loads(output)["outputs"][0]["values"] == expected


def test_quantize_takes_and_gives_floats(tmp_path):
    model = saved(tmp_path, reshape(**Q8))
    # scale 0.5, zero point -3; 0.25 is half a step and rounds away from zero, and the rest clamps.
    x = np.array([[0.0, 0.25, -0.25], [1.0, 1000.0, -1000.0]], np.float32)
    path = saved(tmp_path, npy(x), "x.npy")
    (got,) = values(answer("run", model, path, "--quantize"))
    assert got.dtype == np.float32
    assert got.reshape(-1).tolist() == [0.0, 0.5, -0.5, 1.0, 65.0, -62.5]


def test_quantize_refuses_nan(tmp_path):
    model = saved(tmp_path, reshape(**Q8))
    path = saved(tmp_path, npy(np.full((2, 3), np.nan, np.float32)), "x.npy")
    assert "NaN" in refused("run", model, path, "--quantize")


def test_floats_for_a_quantized_input_get_a_hint_to_quantize(tmp_path):
    model = saved(tmp_path, reshape(**Q8))
    path = saved(tmp_path, npy(np.zeros((2, 3), np.float32)), "x.npy")
    assert "--quantize" in tflm_wasm("run", model, path, code=1).stderr


def test_the_zoos_golden_inputs_give_its_golden_outputs(tmp_path):
    for name in ("digits_int8", "bearing_int8"):
        golden = ZOO / name / "golden.npz"
        output = tmp_path / "y.npy"
        tflm_wasm("run", ZOO / name / f"{name}.tflite", golden, "-o", output)
        with np.load(golden) as expected:
            np.testing.assert_array_equal(np.load(output), expected["output_0"])


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (X.astype(np.int16), "int16"),
        (X.reshape(3, 2), "(3, 2)"),
        (np.zeros((1, 1, 1, 2, 3), np.int8), "(1, 1, 1, 2, 3)"),
        (np.zeros((0, 2, 3), np.int8), "no frames"),
        (np.int8(1), "()"),
    ],
    ids=["dtype", "shape", "rank", "empty", "scalar"],
)
def test_an_array_that_does_not_fit_is_refused(model, tmp_path, array, what):
    assert what in refused("run", model, saved(tmp_path, npy(np.asarray(array)), "x.npy"))


@pytest.mark.parametrize("size", [0, 5, 7])
def test_raw_bytes_that_are_no_whole_input_are_refused(model, tmp_path, size):
    assert f"{size} raw bytes" in refused("run", model, saved(tmp_path, bytes(size), "x.bin"))


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 nothing",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\x10\x00not a dictionary",
        npy(X)[:-3],
        npy(X).replace(b"(2, 3)", b"(9, 9)"),
    ],
    ids=["npz", "magic", "header", "short", "shape"],
)
def test_an_unreadable_array_file_is_refused(model, tmp_path, content):
    assert "can be read" in refused("run", model, saved(tmp_path, content, "x.npz"))


def test_a_pickle_in_an_array_file_is_not_opened(model, tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert "Object arrays" in refused("run", model, tmp_path / "x.npy")


def test_a_npz_without_the_inputs_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=X, b=X)
    message = refused("run", saved(tmp_path, two_inputs()), tmp_path / "x.npz")
    assert "'left'" in message


def test_inputs_with_different_numbers_of_frames_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", left=np.zeros((3, 2), np.int8), right=np.zeros((2, 3), np.int16))
    message = refused("run", saved(tmp_path, two_inputs()), tmp_path / "x.npz")
    assert "different numbers of frames" in message


def test_a_wrong_number_of_files_is_refused(model, x_npy):
    assert "1 inputs; 2 files" in refused("run", model, x_npy, x_npy)
    assert "1 inputs; 0 files" in refused("run", model)


def test_standard_input_can_be_only_one_input(tmp_path):
    model = saved(tmp_path, two_inputs())
    assert "Only one" in tflm_wasm("run", model, "-", "-", code=2).stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is missing: run on Linux")
def test_a_full_disk_is_an_error(model, x_npy):
    assert "No space left" in refused("run", model, x_npy, "-o", "/dev/full")


def test_a_file_of_neither_kind_is_refused(tmp_path, x_npy):
    message = refused("run", saved(tmp_path, b"hello, this is text"), x_npy)
    assert "neither" in message


def test_an_extended_module_needs_the_profile(model, x_npy):
    package.build(model, profile="extended").save(model.with_suffix(".wasm"))
    assert "extended" in refused("run", model.with_suffix(".wasm"), x_npy)
    tflm_wasm("run", model.with_suffix(".wasm"), x_npy, "--profile", "extended")
