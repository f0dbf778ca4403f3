"""The zoo's models are the recorded ones, and a module computes what TFLM computes for them."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tflite

import tflm_wasm
from tflm_wasm.oracles import Oracle, installed

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "firmware_models"))

from zoo import catalog, golden  # noqa: E402

ENTRIES = {entry.name: entry for entry in catalog.entries()}
MODEL_LIMIT_BYTES = 60 * 1024
ZOO_LIMIT_BYTES = 300 * 1024

every_model = pytest.mark.parametrize("name", ENTRIES)
needs_tflm = pytest.mark.skipif(
    not installed("tflite_micro"),
    reason="tflite_micro is missing: pip install 'tflm-wasm[oracles]' on x86-64 Linux",
)


def ops_in(model: bytes) -> set[str]:
    names = {code: name for name, code in vars(tflite.BuiltinOperator).items() if name.isupper()}
    table = tflite.Model.GetRootAs(model, 0)
    codes = range(table.OperatorCodesLength())
    return {names[table.OperatorCodes(index).BuiltinCode()] for index in codes}


def module_outputs(entry: catalog.Entry, inputs: np.ndarray) -> np.ndarray:
    """Run the sequences through one session, with a reset before each."""
    rows = []
    with tflm_wasm.build(entry.model).open() as session:
        for sequence in inputs:
            session.reset()
            rows.append([session.run(step)[0] for step in sequence])
    return np.array(rows)


def assert_same_bytes(outputs: np.ndarray, expected: np.ndarray) -> None:
    assert outputs.dtype == expected.dtype
    np.testing.assert_array_equal(outputs, expected)
    assert outputs.tobytes() == expected.tobytes()


@every_model
def test_the_file_is_the_recorded_one(name: str) -> None:
    entry = ENTRIES[name]
    assert entry.digest == entry.sha256
    assert len(entry.model) == entry.size_bytes <= MODEL_LIMIT_BYTES


@every_model
def test_the_recorded_ops_are_the_ones_in_the_file(name: str) -> None:
    entry = ENTRIES[name]
    assert set(entry.ops) == ops_in(entry.model)
    assert entry.stateful == ("VAR_HANDLE" in entry.ops)


@every_model
def test_the_readme_states_what_zoo_toml_records(name: str) -> None:
    entry = ENTRIES[name]
    readme = (entry.folder / "README.md").read_text(encoding="utf-8")
    assert entry.sha256 in readme
    assert f"{entry.size_bytes:,} bytes" in readme
    assert f"{entry.tflm_arena_bytes:,} bytes" in readme
    assert f"{entry.keras_score:.4f}" in readme
    assert f"{entry.tflm_score:.4f}" in readme
    assert all(op in readme for op in entry.ops)


@every_model
def test_the_reference_page_states_what_zoo_toml_records(name: str) -> None:
    entry = ENTRIES[name]
    page = (ROOT / "docs" / "reference" / "zoo.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    assert f"| {entry.size_bytes:,} |" in row
    assert f"{entry.tflm_score:.4f}" in row


def test_the_zoo_is_small_and_lists_every_model() -> None:
    files = [path for path in catalog.ZOO.rglob("*") if "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files if path.is_file()) <= ZOO_LIMIT_BYTES
    assert {path.stem for path in files if path.suffix == ".tflite"} == set(ENTRIES)


@pytest.mark.oracle
@needs_tflm
@every_model
def test_the_oracle_reproduces_the_golden_outputs_and_the_figures(name: str) -> None:
    with Oracle("tflite_micro") as oracle:
        oracle.open(ENTRIES[name].model)
        assert golden.complaints(ENTRIES[name], oracle) == []


@pytest.mark.oracle
@needs_tflm
def test_a_wrong_golden_file_and_a_wrong_figure_are_complained_about(tmp_path: Path) -> None:
    original = ENTRIES["sine_int8"]

    shutil.copytree(original.folder, tmp_path / original.name)
    copy = replace(original, zoo=tmp_path, tflm_arena_bytes=2 * original.tflm_arena_bytes)
    with np.load(original.folder / "golden.npz") as data:
        arrays = dict(data)
    arrays["output_0"].flat[0] ^= 1
    np.savez(copy.folder / "golden.npz", **arrays)
    with Oracle("tflite_micro") as oracle:
        oracle.open(copy.model)
        generated, arena = golden.complaints(copy, oracle)
    assert "generated outputs" in generated
    assert "tflm_arena_bytes" in arena


@every_model
def test_the_module_describes_its_tensors_as_recorded(name: str) -> None:
    entry = ENTRIES[name]
    with tflm_wasm.build(entry.model).open() as session:
        pairs = ((session.inputs, entry.input), (session.outputs, entry.output))
        for tensors, recorded in pairs:
            (tensor,) = tensors
            assert tuple(tensor.shape) == recorded.shape
            assert tensor.dtype == recorded.dtype
            if recorded.scale:
                assert tensor.scale == np.float32(recorded.scale)
                assert tensor.zero_point == recorded.zero_point


@pytest.mark.parametrize("runs", ["generated", "heldout"])
@every_model
def test_the_module_gives_the_golden_bytes(name: str, runs: str) -> None:
    golden = ENTRIES[name].golden()[runs]
    assert_same_bytes(module_outputs(ENTRIES[name], golden.inputs), golden.outputs)


@every_model
def test_the_score_through_the_module_is_the_one_of_tflm_and_good_enough(name: str) -> None:
    entry = ENTRIES[name]
    score = entry.score(module_outputs(entry, entry.heldout()[0]))
    assert score == entry.tflm_score
    assert entry.good_enough(score)


def test_the_digit_model_is_right_on_at_least_97_percent() -> None:
    entry = ENTRIES["digits_int8"]
    inputs, labels = entry.heldout()
    digits = module_outputs(entry, inputs).argmax(-1).reshape(labels.shape)
    assert (digits == labels).mean() >= 0.97


def test_a_stateful_model_repeats_itself_after_a_reset_and_only_then() -> None:
    entry = ENTRIES["bearing_int8"]
    sequence = entry.heldout()[0][0]
    with tflm_wasm.build(entry.model).open() as session:
        first = np.array([session.run(step)[0] for step in sequence])
        going_on = np.array([session.run(step)[0] for step in sequence])
        session.reset()
        again = np.array([session.run(step)[0] for step in sequence])
    assert_same_bytes(again, first)
    assert going_on.tobytes() != first.tobytes()


def test_the_bearing_model_needs_its_state() -> None:
    entry = ENTRIES["bearing_int8"]
    inputs, labels = entry.heldout()
    forgetful = inputs.reshape(-1, 1, *inputs.shape[2:])  # a reset before every chunk
    outputs = module_outputs(entry, forgetful)
    always_healthy = (labels[labels != catalog.UNSCORED] == 0).mean()
    assert entry.score(outputs) <= round(float(always_healthy), 4) < entry.limit
