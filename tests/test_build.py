"""Building modules from models, and reading them back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import tflm_wasm
from tests.support.files import WAKEWORDS, wakeword_model
from tests.support.models import Graph, Model, Op, Tensor, single_op
from tests.support.wat_guests import guest
from tflm_wasm import Module, _abi, _build, _engine, build, load
from tflm_wasm._abi import PROFILES, Status
from tflm_wasm._engine import packaged_engine
from tflm_wasm._wasm import parse
from tflm_wasm._wasm_rewrite import rewrite


def reshape(elements: int = 6, padding: int = 0) -> bytes:
    """Return a model that reshapes `elements` int8 to a column, with `padding` bytes behind it."""
    shape = Tensor([2], "int32", data=[elements, 1])
    source = Tensor([1, elements], "int8", scale=0.25, zero_point=-7, name="source")
    target = Tensor([elements, 1], "int8", scale=0.25, zero_point=-7, name="target")
    options = ("ReshapeOptions", {"new_shape": [elements, 1]})
    return single_op("RESHAPE", [source, shape], [target], options) + bytes(padding)


MODEL = reshape()
X = np.arange(-3, 3, dtype=np.int8)[None]


def test_a_built_module_runs():
    with build(MODEL).open() as session:
        (y,) = session.run(X)
        np.testing.assert_array_equal(y, X.T)
        assert [t.name for t in (*session.inputs, *session.outputs)] == ["source", "target"]
        assert (session.outputs[0].scale, session.outputs[0].zero_point) == (0.25, -7)
        assert session.arena_used <= session.arena_needed


def test_the_same_model_gives_the_same_bytes():
    assert build(MODEL).wasm == build(MODEL).wasm
    assert build(MODEL).digest == hashlib.sha256(build(MODEL).wasm).hexdigest()
    assert build(MODEL).wasm != build(reshape(7)).wasm


def test_a_module_says_what_is_in_it():
    module = build(MODEL)
    assert module.model == MODEL
    assert module.profile == "strict"
    said = json.loads(parse(module.wasm).custom["tflm-wasm"])
    assert said == {
        "abi": f"{_abi.ABI_MAJOR}.{_abi.ABI_MINOR}",
        "engine_sha256": hashlib.sha256(packaged_engine()).hexdigest(),
        "model_sha256": hashlib.sha256(MODEL).hexdigest(),
        "profile": "strict",
        "sdk": tflm_wasm.__version__,
    }


def test_the_memory_is_as_many_pages_as_needed_and_can_not_grow():
    module = build(MODEL)
    (memory,) = parse(module.wasm).memories
    assert memory.minimum == memory.maximum
    with module.open() as session:
        raw = session._live().block
        end = raw["arena_ptr"] + raw["scratch_size"]
        assert memory.minimum == -(-end // 65_536)


def test_a_saved_module_is_read_back(tmp_path: Path):
    module = build(MODEL)
    path = tmp_path / "model.wasm"
    module.save(path)
    assert Module.read(path).wasm == path.read_bytes() == module.wasm
    assert [p.name for p in tmp_path.iterdir()] == ["model.wasm"]
    with load(path) as session:
        np.testing.assert_array_equal(session.run(X)[0], X.T)


def test_a_save_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch):
    path = tmp_path / "model.wasm"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(tflm_wasm.FileError, match="No space left"):
        build(MODEL).save(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.wasm"]


def test_the_arena_is_exactly_what_the_model_needs_unless_told_otherwise():
    needed = build(MODEL).arena_bytes
    assert build(MODEL, arena_bytes=needed).wasm == build(MODEL).wasm
    assert build(MODEL, arena_bytes=needed + 1000).arena_bytes == needed + 1000
    with pytest.raises(tflm_wasm.ArenaTooSmallError) as caught:
        build(MODEL, arena_bytes=needed - 1)
    assert (caught.value.needed, caught.value.available) == (needed, needed - 1)


def test_an_arena_over_a_megabyte_is_measured_too():
    # Two inputs and two outputs of 400,000 bytes live at the same time.
    shape = Tensor([1], "int32", data=[400_000])
    long, column = Tensor([400_000], "int8"), Tensor([1, 400_000], "int8")
    tensors = [column, shape, long, column, long]
    ops = [Op("RESHAPE", [0, 1], [2]), Op("RESHAPE", [3, 1], [4])]
    model = Model([Graph(tensors, ops, [0, 3], [2, 4])]).to_bytes()
    module = build(model, profile="extended")
    assert module.arena_bytes > 1024 * 1024
    with module.open() as session:
        x = np.arange(400_000).astype(np.int8)
        np.testing.assert_array_equal(session.run(x[None], x[None])[1], x)


def test_a_model_over_the_strict_limit_says_both_sizes(tmp_path: Path):
    limit = PROFILES["strict"]["model_bytes"]
    fits = reshape(padding=limit - len(MODEL))
    build(fits).open().close()
    path = tmp_path / "big.tflite"
    path.write_bytes(fits + b"\0")
    for model in (path, path.read_bytes()):
        with pytest.raises(tflm_wasm.ModelTooLargeError) as caught:
            build(model)
        assert (caught.value.size, caught.value.limit) == (limit + 1, limit)
        assert "--profile extended" in caught.value.hint
    module = build(path, profile="extended")
    assert module.profile == "extended"
    module.open().close()
    with pytest.raises(tflm_wasm.ProfileError):
        Module.read(module.wasm)
    with pytest.raises(tflm_wasm.ProfileError):
        load(module.wasm)
    load(module.wasm, profile="extended").close()


def test_a_model_over_the_extended_limit_is_refused():
    limit = PROFILES["extended"]["model_bytes"]
    with pytest.raises(tflm_wasm.ModelTooLargeError) as caught:
        build(bytes(limit + 1), profile="extended")
    assert (caught.value.size, caught.value.limit) == (limit + 1, limit)
    assert "extended" not in caught.value.hint


def test_inputs_over_the_limit_say_how_large_they_are():
    limit = PROFILES["strict"]["input_bytes"]
    build(reshape(limit)).open().close()
    with pytest.raises(tflm_wasm.InputTooLargeError) as caught:
        build(reshape(limit + 1))
    assert (caught.value.size, caught.value.limit) == (limit + 1, limit)
    build(reshape(limit + 1), profile="extended").open().close()


def test_an_unsupported_op_is_named_with_its_place():
    shape = Tensor([2], "int32", data=[6, 1])
    tensors = [Tensor([1, 6], "int8"), shape, Tensor([6, 1], "int8"), Tensor([6, 1], "int8")]
    ops = [Op("RESHAPE", [0, 1], [2]), Op("CUSTOM", [2], [3], custom="MyOwnOp")]
    with pytest.raises(tflm_wasm.UnsupportedOpError, match="CUSTOM MyOwnOp") as caught:
        build(Model([Graph(tensors, ops, [0], [3])]).to_bytes())
    assert (caught.value.op_index, caught.value.subgraph_index) == (1, 0)
    assert caught.value.status is Status.OP


def test_a_model_cut_anywhere_is_a_typed_error_or_runs():
    ran = []
    for length in range(len(MODEL)):
        try:
            module = build(MODEL[:length])
        except tflm_wasm.ModelError:
            continue
        with module.open() as session:
            np.testing.assert_array_equal(session.run(X)[0], X.T)
        ran.append(length)
    # The file ends with a name and padding, which nothing needs to run.
    assert all(length > len(MODEL) - 16 for length in ran)


def test_another_identifier_is_a_version_error():
    with pytest.raises(tflm_wasm.ModelVersionError):
        build(MODEL[:4] + b"TFL9" + MODEL[8:])


def test_a_file_that_is_not_there_is_a_file_error(tmp_path: Path):
    with pytest.raises(tflm_wasm.FileError) as caught:
        build(tmp_path / "none.tflite")
    assert caught.value.path == str(tmp_path / "none.tflite")


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(tflm_wasm.ProfileError) as caught:
        build(MODEL, profile="large")
    assert "'strict', 'extended'" in caught.value.hint


def test_a_package_without_its_engine_says_how_to_get_it(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(_engine, "_PATH", tmp_path / "engine.wasm")
    with pytest.raises(tflm_wasm.EngineMissingError) as caught:
        build(MODEL)
    assert "pip install" in caught.value.hint


def test_an_engine_with_imports_is_refused():
    with pytest.raises(tflm_wasm.ImportsError):
        build(MODEL, engine=guest(imports='(import "a" "b" (func))'))


def test_an_engine_that_never_returns_is_stopped(monkeypatch):
    monkeypatch.setattr(_build, "Limits", lambda: tflm_wasm.Limits(time_s=0.05))
    with pytest.raises(tflm_wasm.GuestTimeout):
        build(MODEL, engine=guest(init="(loop $l (br $l)) unreachable"))


def test_the_engine_alone_has_no_model_to_run():
    with pytest.raises(tflm_wasm.NoModelError):
        load(packaged_engine())


def test_the_engine_fits_its_budget_and_imports_nothing():
    engine = packaged_engine()
    assert len(engine) <= 260_000
    assert parse(engine).imports == ()


def test_a_module_whose_model_was_exchanged_for_garbage_does_not_open():
    module = build(MODEL, snapshot=False)
    broken = rewrite(
        module.wasm,
        memory=module.parsed.memories[0],
        segments=[(module._block["model_ptr"] + 8, b"\xff" * 40)],
    )
    with pytest.raises(tflm_wasm.MalformedModelError):
        load(broken)


@pytest.mark.parametrize("name", WAKEWORDS)
def test_a_production_wake_word_model_builds_and_runs(name: str):
    with build(wakeword_model(name)).open() as session:
        assert session.stateful
        (x,) = session.inputs
        (y,) = session.outputs
        assert (x.shape[-1], x.dtype, y.dtype) == (40, np.int8, np.uint8)
        frames = np.random.default_rng(7).integers(-128, 128, (30, *x.shape)).astype(np.int8)
        first = [session.run(frame)[0].copy() for frame in frames]
        session.reset()
        second = [session.run(frame)[0].copy() for frame in frames]
        np.testing.assert_array_equal(first, second)
