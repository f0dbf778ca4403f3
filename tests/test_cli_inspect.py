"""`tflm-wasm inspect`."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import tflite

import tflm_wasm as package
from tests.support.cli import Q8, answer, refused, reshape, saved, tflm_wasm, two_inputs
from tests.support.files import ROOT, shared_model
from tests.support.models import Graph, Model, Op, Tensor, single_op
from tflm_wasm._inspect_ops import builtin_names, supported_ops, unsupported
from tflm_wasm.boards import known_boards

CONV = ("Conv2DOptions", {"padding": 0, "stride_w": 1, "stride_h": 1})


def conv() -> bytes:
    tensors = [
        Tensor([1, 6, 5, 3], **Q8),
        Tensor([4, 3, 2, 3], "int8", np.zeros((4, 3, 2, 3)), scale=[0.1] * 4, zero_point=[0] * 4),
    ]
    return single_op("CONV_2D", tensors, [Tensor([1, 6, 5, 4], **Q8)], CONV)


def with_unsupported_ops() -> bytes:
    """Return a model of five ops, of which the engine has the middle one only."""
    floats = [Tensor([2, 3], "float32", name=f"f{i}") for i in range(5)]
    tensors = [*floats, Tensor([3, 2], "int8"), Tensor([6], "float32")]
    ops = [
        Op("RANDOM_UNIFORM", [0], [1]),
        Op("CUSTOM", [1], [2], custom="Fancy\x1b[31mOp"),
        Op("RESHAPE", [2], [3]),
        Op("RESHAPE", [3], [5]),
        Op("RANDOM_UNIFORM", [3], [6]),
    ]
    return Model([Graph(tensors, ops, [0], [6])]).to_bytes()


def test_an_op_for_another_processor_is_refused_with_what_it_needs(tmp_path):
    x = Tensor([2, 3], "int8")
    ops = [Op("CUSTOM", [0], [1], custom="ethos-u"), Op("RESHAPE", [1], [2])]
    model = Model([Graph([x, x, x], ops, [0], [2])]).to_bytes()
    (problem,) = answer("inspect", saved(tmp_path, model))["problems"]
    assert problem["reason"].startswith(
        "op 0: ethos-u is not supported, with INT8 -> INT8: it needs"
    )


def test_tensors_ops_and_costs_are_shown(tmp_path):
    output = tflm_wasm("inspect", saved(tmp_path, conv())).stdout
    assert "CONV_2D" in output
    assert "int8 1x6x5x3, int8 4x3x2x3" in output
    assert "2,160" in output
    assert "0.5 * (q + 3)" in output
    assert "Everything in it is supported." in output


def test_json_says_the_same_in_numbers(tmp_path):
    path = saved(tmp_path, conv())
    found = answer("inspect", path)
    (op,) = found["ops"]
    assert (op["name"], op["macs"]) == ("CONV_2D", 6 * 5 * 4 * 3 * 2 * 3)
    assert op["input_shapes"] == [[1, 6, 5, 3], [4, 3, 2, 3]]
    assert op["output_types"] == ["INT8"]
    assert found["inputs"][0]["scales"] == [0.5]
    assert found["tensors"][1]["channels"] == 4
    assert found["problems"] == []
    with package.load(path) as session:
        assert found["arena_bytes"] == session.arena_needed
        assert found["stateful"] is session.stateful is False
    assert found["ram_bytes"] > found["arena_bytes"] + 8192


def test_a_module_is_described_like_its_model(tmp_path):
    path = saved(tmp_path, conv())
    tflm_wasm("build", path)
    model, module = answer("inspect", path), answer("inspect", path.with_suffix(".wasm"))
    assert (model["kind"], module["kind"]) == ("model", "module")
    assert module["file_bytes"] > module["model_bytes"] == model["file_bytes"]
    differing = {"file", "file_bytes", "kind", "sha256"}
    assert {key for key in model if model[key] != module[key]} == differing


def test_every_unsupported_op_is_named_with_its_index_and_types(tmp_path):
    path = saved(tmp_path, with_unsupported_ops())
    found = answer("inspect", path)
    problems = {one["op_index"]: one for one in found["problems"]}
    assert {index: one["kind"] for index, one in problems.items()} == {
        0: "UnsupportedOpError",
        1: "UnsupportedOpError",
        3: "UnsupportedTypeError",
        4: "UnsupportedOpError",
    }
    assert problems[0]["op"] == "RANDOM_UNIFORM"
    assert "FLOAT32 -> FLOAT32" in problems[0]["reason"]
    assert problems[3]["reason"].startswith("op 3 RESHAPE: ")
    assert found["arena_bytes"] is None
    assert found["boards"] == []
    output = tflm_wasm("inspect", path).stdout
    assert "4 not supported" in output
    assert "\x1b" not in output
    assert "op 0" in refused("build", path)


def test_an_unsupported_op_of_another_subgraph_is_named_too():
    inner = Graph([Tensor([1]), Tensor([1])], [Op("RANDOM_UNIFORM", [0], [1])], [0], [1])
    outer = Graph([Tensor([1]), Tensor([1])], [Op("RESHAPE", [0], [1])], [0], [1])
    (problem,) = unsupported(Model([outer, inner]).to_bytes())
    assert (problem.subgraph, problem.op_index, problem.op) == (1, 0, "RANDOM_UNIFORM")


def test_a_model_with_nothing_wrong_has_no_problems():
    assert unsupported(conv()) == []


def test_a_problem_of_the_whole_model_names_no_op():
    dynamic = single_op("RESHAPE", [Tensor([-1, 3])], [Tensor([3, 2])])
    (problem,) = unsupported(dynamic)
    assert problem.op is None
    assert "dynamic" in problem.reason


def test_the_engine_says_which_ops_it_has():
    ops = supported_ops()
    assert {"RESHAPE", "CONV_2D", "VAR_HANDLE", "SignalRfft", "CIRCULAR_BUFFER"} <= set(ops)
    assert "RANDOM_UNIFORM" not in ops
    assert list(ops) == sorted(ops)
    custom = {name for name in ops if name not in builtin_names().values()}
    sources = (ROOT / "firmware_models" / "engine" / "ops").glob("*.c")
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert custom == set(re.findall(r'\.custom = "([^"]+)"', text))
    assert builtin_names()[tflite.BuiltinOperator.RESHAPE] == "RESHAPE"


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("kws_ref_model", 2_656_768),
        ("pretrainedResnet_quant", 12_501_632),
        ("str_ww_ref_model", 826_368),
        ("vww_96_int8", 7_489_664),
        ("ad01_int8", 264_192),
    ],
)
def test_macs_are_those_that_mlperf_tiny_counts(name, macs):
    assert answer("inspect", shared_model(name))["macs"] == macs


def test_a_model_over_the_strict_limits_is_described(tmp_path):
    path = saved(tmp_path, reshape() + bytes(140_000))
    found = answer("inspect", path)
    assert found["profile"] == "extended"
    (size,) = found["needs_extended"]
    assert (size["kind"], size["op"]) == ("ModelTooLargeError", None)
    assert answer("inspect", saved(tmp_path, reshape()))["profile"] == "strict"


def beyond_tflm() -> bytes:
    """Return a model whose middle ops TFLM lacks: GELU, and int8 weights of a float input."""
    floats = [Tensor([2, 3], name=f"f{i}") for i in range(4)]
    weights = Tensor([3, 3], "int8", np.ones((3, 3)), scale=0.5)
    ops = [
        Op("ABS", [0], [1]),
        Op("GELU", [1], [2]),
        Op("FULLY_CONNECTED", [2, 4], [3], ("FullyConnectedOptions", {})),
    ]
    return Model([Graph([*floats, weights], ops, [0], [3])]).to_bytes()


def test_what_needs_the_extended_profile_is_named_with_the_reason(tmp_path):
    path = saved(tmp_path, beyond_tflm())
    found = answer("inspect", path)
    assert found["problems"] == []
    assert found["profile"] == "extended"
    assert [(one["op_index"], one["op"], one["kind"]) for one in found["needs_extended"]] == [
        (1, "GELU", "UnsupportedOpError"),
        (2, "FULLY_CONNECTED", "UnsupportedTypeError"),
    ]
    reasons = [one["reason"] for one in found["needs_extended"]]
    assert reasons[0] == "op 1: TFLM lacks GELU; the extended profile has it"
    assert reasons[1].startswith("op 2 FULLY_CONNECTED: TFLM lacks INT8 weights for FLOAT32")
    output = tflm_wasm("inspect", path).stdout
    assert "It needs the extended profile:" in output
    assert reasons[0] in output
    assert "the extended profile has it" in refused("build", path)
    tflm_wasm("build", path, "--profile", "extended")
    module = answer("inspect", path.with_suffix(".wasm"))
    assert module["needs_extended"] == found["needs_extended"]


def test_ops_beyond_tflm_are_listed_apart(tmp_path):
    found = answer("inspect", saved(tmp_path, reshape()))
    assert "GELU" in found["extended_ops"]
    assert "GELU" not in found["supported_ops"]
    assert not set(found["extended_ops"]) & set(found["supported_ops"])
    assert found["needs_extended"] == []


def test_a_model_over_all_limits_is_described_and_its_size_is_the_problem(tmp_path):
    found = answer("inspect", saved(tmp_path, reshape() + bytes(5 << 20)))
    assert found["profile"] is None
    assert [one["kind"] for one in found["problems"]] == ["ModelTooLargeError"]


def test_boards_are_compared_with_what_the_model_needs(tmp_path):
    found = answer("inspect", saved(tmp_path, reshape()))
    boards = {one["name"]: one for one in found["boards"]}
    assert len(boards) == len(known_boards())
    for board in known_boards():
        one = boards[board.name]
        assert one["ram_left"] == board.ram_bytes - found["ram_bytes"]
        assert one["flash_left"] == board.flash_bytes - found["model_bytes"]
        assert one["fits"] == (one["ram_left"] >= 0 and one["flash_left"] >= 0)
    assert not boards["microbit"]["fits"]
    assert boards["netduinoplus2"]["fits"]


def test_all_tensors_are_listed_on_request(tmp_path):
    path = saved(tmp_path, two_inputs())
    assert "\nTensors" not in tflm_wasm("inspect", path).stdout
    assert "\nTensors" in tflm_wasm("inspect", path, "--tensors").stdout


def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path):
    name = "evil\x1b]0;title\x07\nline"
    path = saved(tmp_path, single_op("RESHAPE", [Tensor([2], name=name)], [Tensor([1, 2])]))
    output = tflm_wasm("inspect", path).stdout
    assert "\x1b" not in output
    assert "\x07" not in output
    assert "evil\N{REPLACEMENT CHARACTER}]0" in output
    assert json.loads(tflm_wasm("inspect", path, "--json").stdout)["inputs"][0]["name"] == name


def test_every_truncation_is_refused_or_described(tmp_path):
    whole = with_unsupported_ops()
    for size in range(0, len(whole), 7):
        path = saved(tmp_path, whole[:size])
        try:
            package.load(path)
        except package.TflmWasmError:
            pass
        else:
            pytest.fail(f"{size} bytes of {len(whole)} were loaded")
        result = tflm_wasm("inspect", path, code=1 if size < 8 else None)
        assert result.exit_code in (0, 1)


def test_a_file_of_another_kind_is_refused(tmp_path):
    assert "neither" in refused("inspect", saved(tmp_path, b"GIF89a and more"))


def test_a_foreign_module_without_a_tflite_is_refused(tmp_path):
    tflm_wasm("build", saved(tmp_path, reshape()))
    wasm = (tmp_path / "model.wasm").read_bytes().replace(b"TFL3", b"XXXX")
    assert "no .tflite" in refused("inspect", saved(tmp_path, wasm, "other.wasm"))
