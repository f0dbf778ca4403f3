"""An engine with only what a model needs computes what the whole one does, in a fraction of it.

Each set of types is an engine to compile. A bounded slice; `make fuzz` takes all of them, and all
public models (TFLM_WASM_MINIMAL=all).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
from functools import cache, reduce
from operator import or_

import numpy as np
import pytest

from tests.support.cli import refused, tflm_wasm
from tests.support.files import WAKEWORDS, ZOO, shared_model, wakeword_model
from tests.support.firmware import CACHE
from tflm_wasm import Module, UnsupportedTypeError, aot, build
from tflm_wasm._block import Block
from tflm_wasm._errors import ContractError, ModelError
from tflm_wasm._minimal import check_same, minimal_engine
from tflm_wasm._selection import PARTS, Selection, select
from tflm_wasm.aot import _engine
from tflm_wasm.conformance import Engine, EngineError, Graph, Model, Op, Tensor, pairs, sample

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None,
    reason='no compiler: pip install "tflm-wasm[firmware]"',
)
ALL = os.environ.get("TFLM_WASM_MINIMAL") == "all"
RUNS = 8
ZOO_MODELS = sorted(path.parent.name for path in ZOO.glob("*/*.tflite"))
SHARED_MODELS = [
    *("ad01_int8", "add0", "audio_preprocessor_int8", "conv0", "hello_world_int8"),
    *("keyword_scrambled", "kws_ref_model", "leaky_relu0", "micro_speech_quantized", "pad0"),
    *("person_detect", "pretrainedResnet_quant", "quantize0", "sine_float", "str_ww_ref_model"),
    *("strided_slice0", "sub0", "trained_lstm", "trained_lstm_int8", "transpose_conv4"),
    "vww_96_int8",
]
OF_THE_SLICE = ("hello_world_int8", "keyword_scrambled", "kws_ref_model", "trained_lstm_int8")
# Types that most cases need: the slice.
COMMON_TYPES = {0x1, 0x200, 0x204, 0x80}
FIELDS = ("arena_used", "arena_needed", "input_count", "output_count", "op_count", "features")
SIMD = 1


@pytest.fixture(autouse=True)
def kept_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines are kept in the folder of the tests, not in the user's."""
    monkeypatch.setattr("tflm_wasm.aot._cache.Cache", lambda: CACHE)


def expect_equal(model: bytes, engine: bytes, seed: str) -> None:
    """Both engines plan the same arena and give the same bytes, also after a reset."""
    whole, small = (Engine(model, engine=one, extended=True) for one in (None, engine))
    for field in FIELDS[:-1]:
        assert small.get(field) == whole.get(field), field
    assert small.get("features") == whole.get("features") & ~SIMD
    for _ in range(2):
        whole.reset()
        small.reset()
        for run in range(RUNS):
            rng = np.random.default_rng([run, *seed.encode()])
            inputs = whole.random_inputs(rng)
            expected, outputs = whole.run(inputs), small.run(inputs)
            assert [one.tobytes() for one in outputs] == [one.tobytes() for one in expected]


@pytest.mark.parametrize("name", ZOO_MODELS)
def test_a_model_of_the_zoo_gives_the_same_bytes(name: str) -> None:
    model = (ZOO / name / f"{name}.tflite").read_bytes()
    expect_equal(model, minimal_engine(model), name)


@pytest.mark.parametrize("name", WAKEWORDS)
def test_a_wake_word_gives_the_same_bytes(name: str) -> None:
    model = wakeword_model(name).read_bytes()
    expect_equal(model, minimal_engine(model), name)


@pytest.mark.parametrize("name", SHARED_MODELS if ALL else OF_THE_SLICE)
def test_a_public_model_gives_the_same_bytes(name: str) -> None:
    model = shared_model(name).read_bytes()
    expect_equal(model, minimal_engine(model), name)


# ---- every op and type ----


@cache
def cases_by_types() -> dict[int, list[tuple[str, bytes, list, Selection]]]:
    """Return three cases of each op and type, those with the same set of types together."""
    found: dict[int, list] = {}
    for name, data, frames in sample(3 * len(pairs())):
        selection = _engine.selection_of(data)
        found.setdefault(selection.types, []).append((name, data, frames, selection))
    return found


@pytest.mark.parametrize("types", sorted(cases_by_types() if ALL else COMMON_TYPES), ids=hex)
def test_ops_with_these_types_only_give_the_same_bytes(types: int) -> None:
    cases = cases_by_types()[types]
    ops = tuple(sorted({op for *_, selection in cases for op in selection.ops}))
    parts = {part for *_, selection in cases for part in selection.parts}
    engine = _engine.build(Selection(ops, types, tuple(sorted(parts))), _engine.MODULE, CACHE)
    ran = 0
    for name, data, frames, _ in cases:
        whole, small = answers(data, frames, None), answers(data, frames, engine)
        assert small == whole, name
        ran += bool(whole[1])
    assert ran > 0


def answers(data: bytes, frames: list, engine: bytes | None) -> tuple[object, list[list[bytes]]]:
    """Return why a model is refused, None if it isn't, and its outputs."""
    outputs: list[list[bytes]] = []
    try:
        one = Engine(data, arena_bytes=1 << 20, engine=engine)
        outputs.extend([output.tobytes() for output in one.run(frame)] for frame in frames)
    except EngineError as error:
        return error.status, outputs
    return None, outputs


def test_together_the_cases_have_every_part_and_every_op() -> None:
    chosen = [selection for cases in cases_by_types().values() for *_, selection in cases]
    assert {part for one in chosen for part in one.parts} == set(PARTS) - {"OFFLINE_PLAN"}
    beyond_tflm = {"gelu", "one_hot", "pow", "range", "tile", "topk_v2", "where"}
    assert {op for one in chosen for op in one.ops} == set(_engine.all_ops()) - beyond_tflm


# ---- sizes ----


@pytest.mark.parametrize(("name", "most_bytes"), [("hello_world_int8", 12 << 10)])
def test_a_minimal_engine_is_small(name: str, most_bytes: int) -> None:
    assert len(minimal_engine(shared_model(name).read_bytes())) <= most_bytes


def test_the_minimal_engine_of_okay_nabu_is_small() -> None:
    assert len(minimal_engine(wakeword_model("okay_nabu").read_bytes())) <= 30 << 10


def test_types_that_a_model_lacks_make_its_firmware_smaller() -> None:
    model = (ZOO / "sine_int8" / "sine_int8.tflite").read_bytes()
    selection = _engine.selection_of(model)
    every_type = Selection(selection.ops, 0x3FFFF, PARTS)
    sizes = [len(_engine.build(one, _engine.BOARD, CACHE)) for one in (selection, every_type)]
    assert sizes[0] < 0.85 * sizes[1]


# ---- what it refuses ----


def sum_of(dtype: str, op: str = "ADD") -> bytes:
    tensors = [Tensor((4,), dtype) for _ in range(3)]
    return Model([Graph(tensors, [Op(op, [0, 1], [2])], [0, 1], [2])]).to_bytes()


def status_of(model: bytes, engine: bytes) -> str:
    with pytest.raises(EngineError) as caught:
        Engine(model, engine=engine)
    return caught.value.status.name


def test_another_models_types_and_ops_are_refused() -> None:
    engine = minimal_engine(sum_of("float32"))
    Engine(sum_of("float32"), engine=engine)
    assert status_of(sum_of("int32"), engine) == "TYPE"
    assert status_of(sum_of("float32", "SUB"), engine) == "OP"


def test_no_model_of_another_selection_is_run_wrong() -> None:
    """A minimal engine runs a case as the whole one does, or refuses it."""
    engine = minimal_engine((ZOO / "digits_int8" / "digits_int8.tflite").read_bytes())
    ran = 0
    for cases in cases_by_types().values():
        for name, data, frames, _ in cases:
            reason, outputs = answers(data, frames, engine)
            if reason is None:
                assert answers(data, frames, None) == (None, outputs), name
                ran += 1
    assert ran > 0


def test_the_error_is_typed_and_has_a_sentence_without_texts() -> None:
    engine = minimal_engine(sum_of("float32"))
    with pytest.raises(UnsupportedTypeError) as caught:
        build(sum_of("int32"), engine=engine)
    assert str(caught.value).strip()
    assert caught.value.hint


def test_an_operator_that_fails_is_named_without_texts() -> None:
    wrong = [Tensor((4,), "float32"), Tensor((3,), "float32"), Tensor((4,), "float32")]
    model = Model([Graph(wrong, [Op("ADD", [0, 1], [2])], [0, 1], [2])]).to_bytes()
    with pytest.raises(ModelError) as whole:
        build(model)
    with pytest.raises(type(whole.value)) as small:
        build(model, engine=minimal_engine(sum_of("float32")))
    assert small.value.op_index == whole.value.op_index == 0


# ---- building ----


def test_the_module_runs_as_the_usual_one_and_is_smaller() -> None:
    model = (ZOO / "digits_int8" / "digits_int8.tflite").read_bytes()
    usual, small = build(model), build(model, minimal=True)
    with small.open() as one, usual.open() as other:
        assert small.arena_bytes == one.arena_needed == other.arena_needed
    assert len(small.wasm) < len(usual.wasm) - 150_000
    assert small.model == model
    with usual.open() as one, small.open() as other:
        data = np.random.default_rng(0).integers(-128, 128, one.inputs[0].shape, np.int8)
        assert one.run(data)[0].tobytes() == other.run(data)[0].tobytes()


def test_the_same_model_gives_the_same_bytes(tmp_path) -> None:
    selection = _engine.selection_of(sum_of("float32"))
    caches = [aot.Cache(tmp_path / name) for name in ("one", "other")]
    one, other = (_engine.build(selection, _engine.MODULE, cache) for cache in caches)
    assert one == other


def test_another_arena_than_the_whole_engines_is_an_error() -> None:
    models = sum_of("float32"), (ZOO / "sine_int8" / "sine_int8.tflite").read_bytes()
    one, other = (Block(Engine(model).memory) for model in models)
    check_same(one, one)
    with pytest.raises(ContractError, match="arena_used"):
        check_same(one, other)


def test_a_given_engine_is_not_made_minimal() -> None:
    with pytest.raises(ValueError, match="minimal"):
        build(sum_of("float32"), engine=b"", minimal=True)


def test_without_a_compiler_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(aot.ToolMissingError) as caught:
        build(sum_of("float32"), minimal=True)
    assert caught.value.tool == "ziglang"
    assert "pip install" in caught.value.hint


def test_the_command_reports_sizes_with_and_without(tmp_path) -> None:
    model = tmp_path / "digits.tflite"
    model.write_bytes((ZOO / "digits_int8" / "digits_int8.tflite").read_bytes())
    report = json.loads(tflm_wasm("build", model, "--minimal", "--json").stdout)
    sizes = report["bytes"]
    assert sizes["engine"] < 30_000 < 150_000 < sizes["whole_engine"]
    assert sizes["module"] == model.with_suffix(".wasm").stat().st_size
    assert Module.read(model.with_suffix(".wasm")).digest == report["sha256"]
    text = tflm_wasm("build", model, "--minimal").stdout
    assert f"engine  {sizes['engine']:,} bytes; with everything {sizes['whole_engine']:,}" in text


def test_a_model_that_is_none_is_refused_as_ever(tmp_path) -> None:
    path = tmp_path / "no.tflite"
    path.write_bytes(b"no model at all, but long enough")
    assert "TFL3" in refused("build", path, "--minimal")


def test_a_selection_is_read_from_the_model() -> None:
    model = wakeword_model("okay_nabu").read_bytes()
    chosen = select(model, _engine.all_ops())
    assert {"call_once", "conv_2d", "var_handle"} <= set(chosen.ops)
    assert chosen.parts == ("CALLS", "OVERWRITE", "RESHAPE")
    assert chosen.types == reduce(or_, (1 << n for n in (2, 3, 9, 13)))
