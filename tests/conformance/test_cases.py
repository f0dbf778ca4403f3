"""A case is what its id says, on every machine and whatever else runs."""

from __future__ import annotations

import hashlib
from itertools import islice

import numpy as np
import pytest
import tflite

from tflm_wasm.conformance import (
    CaseError,
    case_ids,
    find,
    generators,
    pairs,
    sample,
)
from tflm_wasm.conformance._case import is_spoiled
from tflm_wasm.conformance._draw import FLOATS, INTEGERS, Draw
from tflm_wasm.conformance._writer import content

BUILTINS, CUSTOM_OPS = 100, 17  # of TFLM, without the driver of an NPU
OF_SEVERAL_OPS = {"CHAIN"}
SOME = ["CONV_2D/int8/4", "ADD/float32/0", "TFLM_DECODE/huffman-int16/1", "WHILE/int32/2"]


def contents(case_id: str) -> tuple[bytes, list[list[bytes]], tuple[int, ...]]:
    case = find(case_id)
    return case.data, [[one.tobytes() for one in frame] for frame in case.frames], case.resets


def test_every_op_of_tflm_has_a_generator() -> None:
    ops = set(generators()) - OF_SEVERAL_OPS
    builtins = {op for op in ops if hasattr(tflite.BuiltinOperator, op)}
    assert len(builtins) == BUILTINS
    assert len(ops - builtins) == CUSTOM_OPS


@pytest.mark.parametrize("op", generators())
def test_an_op_has_cases_in_each_of_its_types(op: str) -> None:
    for kind in generators()[op].kinds:
        models = set()
        for number in range(10):
            case = find(f"{op}/{kind}/{number}")
            model = tflite.Model.GetRootAs(case.data, 0)
            assert model.SubgraphsLength() == len(case.model.graphs)
            assert len(case.data) < 1 << 17
            assert all(len(frame) == len(case.model.graphs[0].inputs) for frame in case.frames)
            models.add(case.data)
        assert len(models) > 5, f"{op}/{kind}: nearly all cases are the same"


@pytest.mark.parametrize("case_id", SOME)
def test_a_case_does_not_depend_on_others(case_id: str) -> None:
    alone = contents(case_id)
    for other in SOME:
        contents(other)
    assert contents(case_id) == alone


@pytest.mark.parametrize("case_id", [*SOME, "SVDF/int8-int16/3"])
def test_a_case_of_all_its_choices_is_itself(case_id: str) -> None:
    case = find(case_id)
    text = ",".join(f"{name}={value}" for name, value in case.choices.items() if value)
    assert contents(f"{case_id}~{text}") == contents(case_id)


def test_a_case_without_choices_is_the_simplest() -> None:
    case = find("CONV_2D/int8/3~")
    assert [list(tensor.shape) for tensor in case.model.graphs[0].tensors] == [[1, 1, 1, 1]] * 3
    assert case.frames[0][0].tolist() == [[[[0]]]]
    assert case.id == "CONV_2D/int8/3~"


@pytest.mark.parametrize(
    "case_id",
    [
        *("", "ADD", "ADD/int8", "ADD/int8/x", "NOPE/int8/1", "ADD/int4/1", "ADD/int8/1~x"),
        *("ADD/int8/-1", "ADD/int8/1~x=-1", "ADD/int8/1:x=1"),
    ],
)
def test_an_id_that_is_none_is_refused(case_id: str) -> None:
    with pytest.raises(CaseError):
        find(case_id)


def test_one_in_five_is_spoiled_and_the_others_are_not() -> None:
    ids = list(case_ids(400, ["MUL", "PAD"]))
    spoiled = [one for one in ids if is_spoiled(int(one.split("/")[-1]))]
    assert len(spoiled) * 5 == len(ids)
    changed = [one for one in spoiled if find(one).spoiled]
    assert len(changed) > len(spoiled) * 0.6
    assert not any(find(one).spoiled for one in ids if one not in spoiled)


def test_cases_are_spread_over_ops_and_types() -> None:
    ids = list(case_ids(2 * len(pairs()) + 1))
    counts = [sum(one.startswith(f"{op}/{kind}/") for one in ids) for op, kind in pairs()]
    assert sorted(set(counts)) == [2, 3]
    assert list(case_ids(3, ["ADD/int8"], start=7)) == ["ADD/int8/7", "ADD/int8/8", "ADD/int8/9"]


def test_an_op_that_does_not_exist_is_refused() -> None:
    with pytest.raises(CaseError, match="NOPE"):
        pairs(["NOPE"])
    with pytest.raises(CaseError, match="ADD/int4"):
        pairs(["ADD/int4"])


def test_a_sample_is_the_same_every_time_and_nothing_is_wrong_with_it() -> None:
    first, second = list(sample(20)), list(sample(20))
    assert [(name, model) for name, model, _ in first] == [(n, m) for n, m, _ in second]
    assert len({name.split("/")[0] for name, _, _ in first}) > 10
    for name, model, frames in first:
        case = find(name)
        assert not case.spoiled
        assert model == case.data
        assert len(frames) == len(case.frames)


def test_choices_are_the_same_on_every_machine() -> None:
    d = Draw("ADD/int8/17")
    assert [d.below(f"x.{i}", 1000) for i in range(6)] == [565, 653, 427, 8, 117, 212]
    words = d.words("noise", 1000)
    digest = hashlib.sha256(words.tobytes()).hexdigest()
    assert digest[:16] == "c2aca08834f1ee6d"
    floats = [FLOATS[name](words).astype(np.float32).tobytes() for name in sorted(FLOATS)]
    assert hashlib.sha256(b"".join(floats)).hexdigest()[:16] == "e2b8c2b21f03874a"
    whole = [INTEGERS[name](words, "int16").astype(np.int16).tobytes() for name in sorted(INTEGERS)]
    assert hashlib.sha256(b"".join(whole)).hexdigest()[:16] == "daa5be800597e490"


def test_a_choice_depends_on_its_name_alone() -> None:
    one, other = Draw("key"), Draw("key")
    assert one.below("a", 1 << 30) != one.below("b", 1 << 30)
    assert other.below("b", 1 << 30) == one.below("b", 1 << 30)
    assert Draw("other key").below("b", 1 << 30) != one.below("b", 1 << 30)


def test_a_name_is_one_choice() -> None:
    d = Draw("key")
    d.below("a", 3)
    assert d.below("a", 3) == d.made["a"]
    with pytest.raises(ValueError, match="a is a choice of 3 and of 4"):
        d.below("a", 4)


def test_every_option_is_drawn() -> None:
    drawn = [Draw(f"key {i}").pick("x", "abcdef") for i in range(300)]
    assert set(drawn) == set("abcdef")
    some = [tuple(Draw(f"key {i}").some("x", [1, 2, 3], 2)) for i in range(300)]
    assert len(set(some)) == 6


@pytest.mark.parametrize("dtype", ["int4", "int8", "uint8", "int16", "int32", "int64"])
@pytest.mark.parametrize("mode", INTEGERS)
def test_integers_are_in_the_range_of_their_type(dtype: str, mode: str) -> None:
    values = INTEGERS[mode](Draw("key").words(mode, 5000), dtype)
    info = np.iinfo("int8" if dtype == "int4" else dtype)
    low, high = (-8, 7) if dtype == "int4" else (info.min, info.max)
    assert low <= values.min()
    assert values.max() <= high


def test_int4_is_packed_with_the_first_in_the_lower_bits() -> None:
    case = find("CONV_2D/int8-int4/0")
    weights = case.model.graphs[0].tensors[1]
    assert weights.dtype == "int4"
    packed = content(weights)
    values = np.asarray(weights.data).reshape(-1)
    assert len(packed) == -(-values.size // 2)
    for i, value in enumerate(islice(values, 9)):
        assert packed[i // 2] >> 4 * (i % 2) & 15 == value & 15


def test_variables_of_one_name_in_two_containers_are_two() -> None:
    assert find("CALL_ONCE/int32/99~boxed=3,spoil=8,spoil.graph=1").variable_count == 2
    assert find("CALL_ONCE/int32/99~boxed=3").variable_count == 1


def test_an_empty_constant_can_be_given_a_smaller_shape() -> None:
    case = find("REDUCE_MAX/int8/324")
    assert case.spoiled == "another shape: shape of input 1, smaller"
    assert -1 in case.model.graphs[0].tensors[1].shape
