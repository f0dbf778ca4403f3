"""The engine's arena: its plan, offline plans in the model, its exact size, variable tensors."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest

from tests.support.engine import (
    Engine,
    EngineError,
    assert_equal_to_tflm,
    assert_refused,
    oracle,
)
from tests.support.files import WAKEWORDS, wakeword_model
from tests.support.models import Graph, Model, Op, Tensor
from tests.support.nests import Nest
from tests.support.stateful import copy, delay, frames, setter
from tflm_wasm import OracleError
from tflm_wasm._abi import Status

ONLINE = -1
NAME = "OfflineMemoryAllocation"


def bytes_tensor(size: int, *, variable: bool = False) -> Tensor:
    return Tensor([size], "int8", variable=variable)


def concatenation(inputs: list[int], output: int) -> Op:
    return Op("CONCATENATION", inputs, [output], ("ConcatenationOptions", {"axis": 0}))


# ---- the plan, over random graphs ----


def random_graph(seed: int) -> Model:
    """Return a model of copies, joins and splits of vectors, some of them results."""
    rng = np.random.default_rng(seed)
    tensors = [bytes_tensor(int(n)) for n in rng.integers(1, 120, rng.integers(1, 4))]
    inputs = list(range(len(tensors)))
    ops: list[Op] = []

    def add(size: int) -> int:
        tensors.append(bytes_tensor(size))
        return len(tensors) - 1

    axis = add(0)
    tensors[axis] = Tensor([], "int32", data=0)
    made = list(inputs)
    for _ in range(int(rng.integers(3, 25))):
        a, b = (int(x) for x in rng.choice(made, 2))
        size = tensors[a].shape[0]
        kind = rng.integers(0, 3)
        if kind == 0 and size + tensors[b].shape[0] < 2000:
            made.append(add(size + tensors[b].shape[0]))
            ops.append(concatenation([a, b], made[-1]))
        elif kind == 1 and size > 1:
            first = int(rng.integers(1, size))
            parts = [add(first), add(size - first)]
            ops.append(Op("SPLIT_V", [a, axis, axis], parts, ("SplitVOptions", {"num_splits": 2})))
            made += parts
        else:
            made.append(add(size))
            ops.append(copy(a, made[-1]))
    results = sorted({made[-1], *(int(x) for x in rng.choice(made[len(inputs) :], 3))})
    return Model([Graph(tensors, ops, inputs, results)])


def random_frames(model: Model, seed: int) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    shapes = [model.graphs[0].tensors[i].shape for i in model.graphs[0].inputs]
    return [[rng.integers(-128, 128, s).astype(np.int8) for s in shapes] for _ in range(2)]


@pytest.mark.parametrize("seed", range(60))
def test_no_live_buffer_is_overwritten(seed: int) -> None:
    model = random_graph(seed)
    assert_equal_to_tflm(model.to_bytes(), random_frames(model, seed))


def needed_bytes(model: bytes, arena_bytes: int) -> int:
    """Return what a failing init says it needs; for lack of an arena it must fail."""
    with pytest.raises(EngineError) as caught:
        Engine(model, arena_bytes=arena_bytes)
    assert caught.value.status is Status.ARENA
    match = re.search(r"needs (at least )?(\d+) bytes", caught.value.text)
    assert match is not None
    return int(match[2])


def models_of_all_kinds() -> dict[str, bytes]:
    models = {f"random {seed}": random_graph(seed).to_bytes() for seed in range(0, 60, 6)}
    models["variables"] = delay(init=[[1, 2]] * 3).to_bytes()
    models["one copy"] = Model([Graph([bytes_tensor(5)] * 2, [copy(0, 1)], [0], [1])]).to_bytes()
    models["variable tensor"] = accumulator("int8").to_bytes()
    models["loops"] = Nest(3).model.to_bytes()
    return models


@pytest.mark.parametrize("name", [*(f"random {i}" for i in range(0, 60, 6)), "variables",
                                  "one copy", "variable tensor", "loops"])  # fmt: skip
def test_exactly_the_bytes_needed_are_enough_and_16_less_are_not(name: str) -> None:
    model = models_of_all_kinds()[name]
    roomy = Engine(model)
    needed = roomy.get("arena_needed")
    assert roomy.get("arena_used") <= needed
    exact = Engine(model, arena_bytes=needed)
    assert exact.get("arena_needed") == needed
    assert needed_bytes(model, needed - 16) == needed
    inputs = roomy.random_inputs(np.random.default_rng(5))
    for _ in range(3):
        assert [y.tobytes() for y in roomy.run(inputs)] == [y.tobytes() for y in exact.run(inputs)]


@pytest.mark.parametrize("name", WAKEWORDS)
def test_a_wake_word_needs_exactly_what_it_says(name: str) -> None:
    model = wakeword_model(name).read_bytes()
    needed = Engine(model).get("arena_needed")
    Engine(model, arena_bytes=needed)
    assert needed_bytes(model, needed - 16) == needed
    tflm = oracle()
    tflm.open(model)
    used = tflm.arena_used()
    assert used is not None
    assert needed <= used


@pytest.mark.parametrize("name", ["random 6", "variables", "one copy", "variable tensor"])
def test_growing_the_arena_to_what_is_asked_for_ends_soon(name: str) -> None:
    model = models_of_all_kinds()[name]
    enough = Engine(model).get("arena_needed")
    size = 0
    for _ in range(12):
        if size >= enough:
            break
        asked = needed_bytes(model, size)
        assert size < asked <= enough
        size = asked
    assert size == enough
    Engine(model, arena_bytes=size)


def test_every_smaller_arena_is_refused_with_the_status_arena() -> None:
    model = delay(init=[[1, 2]] * 3).to_bytes()
    enough = Engine(model).get("arena_needed")
    for size in range(0, enough, 4):
        assert size < needed_bytes(model, size) <= enough


@pytest.mark.parametrize("size", [1 << 30, (1 << 30) + 6, (1 << 31) - 1])
@pytest.mark.parametrize("count", [1, 3])
def test_a_variable_larger_than_any_arena_is_refused(size: int, count: int) -> None:
    variables = [bytes_tensor(size, variable=True)] * count
    model = Model([Graph([bytes_tensor(1), *variables], [], [0], [1])]).to_bytes()
    assert needed_bytes(model, 4096) >= min(count * size, 1 << 31)


# ---- offline plans ----


def planned(model: Model, offsets: list[int], version: int = 1, subgraphs: int = 1) -> bytes:
    """Return the model with an offline plan; its bytes are aligned as all buffers are."""
    model.metadata[NAME] = struct.pack(
        f"<{3 + len(offsets)}i", version, subgraphs, len(offsets), *offsets
    )
    return model.to_bytes()


def three_copies() -> Model:
    """Return a model of x -> a -> b -> y, 32 bytes each, whose results are a and y."""
    ops = [copy(0, 1), copy(1, 2), copy(2, 3)]
    return Model([Graph([bytes_tensor(32)] * 4, ops, [0], [1, 3])])


def addresses(engine: Engine) -> list[int]:
    """Return where inputs and outputs are, from the arena's start."""
    return [
        tensor.address - engine.get("arena_ptr") for tensor in [*engine.inputs, *engine.outputs]
    ]


@pytest.mark.parametrize(
    "offsets", [[0, 32, 64, 96], [96, 64, 32, 0], [1024, 0, 512, 16384], [0, 64, 32, 0]]
)
def test_the_offsets_of_an_offline_plan_are_honoured(offsets: list[int]) -> None:
    model = planned(three_copies(), offsets)
    assert addresses(Engine(model)) == [offsets[0], offsets[1], offsets[3]]
    assert_equal_to_tflm(model, frames(2, [32], "int8"))


@pytest.mark.parametrize(
    "offsets",
    [[0, 0, 0, 0], [0, 16, 32, 48], [48, 32, 16, 0], [0, 16, 0, 16], [0, 32, 32, 48]],
)
def test_buffers_that_a_plan_overlaps_overwrite_each_other_as_in_tflm(offsets: list[int]) -> None:
    assert_equal_to_tflm(planned(three_copies(), offsets), frames(2, [32], "int8"))


@pytest.mark.parametrize(
    "offsets",
    [
        [ONLINE] * 4,
        [0, ONLINE, ONLINE, ONLINE],
        [ONLINE, 0, ONLINE, ONLINE],
        [ONLINE, ONLINE, 64, ONLINE],
        [ONLINE, 16, ONLINE, 80],
    ],
)
def test_what_the_plan_leaves_out_is_planned_around_it(offsets: list[int]) -> None:
    assert_equal_to_tflm(planned(three_copies(), offsets), frames(2, [32], "int8"))


def test_offsets_of_constants_and_unused_tensors_are_passed_over() -> None:
    model = three_copies()
    constant = Tensor([4], "int8", data=[1, 2, 3, 4])
    model.graphs[0].tensors += [constant, bytes_tensor(1000)]
    assert_equal_to_tflm(planned(model, [0, 32, 64, 96, ONLINE, ONLINE]), frames(2, [32], "int8"))


def test_the_plan_goes_through_all_subgraphs_in_order() -> None:
    model = delay(init=[[1, 2], [3, 4], [5, 6]])
    count = sum(len(graph.tensors) for graph in model.graphs)
    offsets = [ONLINE] * count
    offsets[0], offsets[2], offsets[3], offsets[4] = 256, 0, 64, 128
    data = planned(model, offsets, subgraphs=2)
    assert addresses(Engine(data)) == [256, 64]
    assert_equal_to_tflm(data, frames(4, [1, 2], "int8"), resets=(3,))


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_a_plan_for_another_number_of_tensors_is_refused(count: int) -> None:
    model = planned(three_copies(), [ONLINE] * count)
    assert_refused(model, "model", f"{count} entries for 4 tensors")
    tflm = oracle()
    with pytest.raises(OracleError):
        tflm.open(model)


@pytest.mark.parametrize("offset", [-2, -16, -(2**31), 1, 8, 2**31 - 1])
def test_offsets_that_are_negative_or_unaligned_are_refused(offset: int) -> None:
    model = planned(three_copies(), [0, 32, offset, ONLINE])
    assert_refused(model, "model", f"puts tensor 2 at {offset}")


def test_an_offset_that_would_overflow_is_refused() -> None:
    assert_refused(planned(three_copies(), [0, 32, 2**31 - 16, ONLINE]), "model", "tensor 2")


@pytest.mark.parametrize("size", [0, 1, 4, 8, 11, 12, 27])
def test_a_plan_that_is_cut_off_is_refused(size: int) -> None:
    model = three_copies()
    planned(model, [0, 32, 64, 96])
    model.metadata[NAME] = model.metadata[NAME][:size]
    assert_refused(model.to_bytes(), "model", "offline memory plan")


@pytest.mark.parametrize("name", ["OfflineMemoryAllocatio", "OfflineMemoryAllocation2", "x", ""])
def test_metadata_of_another_name_is_no_plan(name: str) -> None:
    model = three_copies()
    model.metadata[name] = b"not a plan"
    assert_equal_to_tflm(model.to_bytes(), frames(1, [32], "int8"))


def test_an_offset_far_out_needs_a_large_arena() -> None:
    model = planned(three_copies(), [0, 32, 1 << 20, ONLINE])
    needed = Engine(model).get("arena_needed")
    assert needed >= (1 << 20) + 32
    Engine(model, arena_bytes=needed)
    assert needed_bytes(model, needed - 16) == needed
    assert needed_bytes(planned(three_copies(), [0, 32, 1 << 30, ONLINE]), 4096) > 1 << 30


# ---- variable tensors ----


def accumulator(dtype: str, zero_point: int = 0) -> Model:
    """Return a model whose result is the last three inputs, the oldest two in a variable tensor."""
    more = {} if dtype == "float32" else {"scale": 0.5, "zero_point": zero_point}
    x, state = Tensor([2], dtype, **more), Tensor([4], dtype, variable=True, **more)
    joined, dropped = Tensor([6], dtype, **more), Tensor([2], dtype, **more)
    axis = Tensor([], "int32", data=0)
    ops = [
        concatenation([1, 0], 2),
        Op("SPLIT_V", [2, 4, 4], [3, 1], ("SplitVOptions", {"num_splits": 2})),
    ]
    return Model([Graph([x, state, joined, dropped, axis], ops, [0], [2])])


@pytest.mark.parametrize(
    ("dtype", "zero_point"),
    [("float32", 0), ("int8", 0), ("int8", -128), ("int8", 9), ("int16", 0)],
)
@pytest.mark.parametrize("resets", [(), (0,), (1, 5), (3, 4)])
def test_a_variable_tensor_keeps_its_value_until_a_reset(
    dtype: str, zero_point: int, resets: tuple[int, ...]
) -> None:
    model = accumulator(dtype, zero_point).to_bytes()
    assert_equal_to_tflm(model, frames(8, [2], dtype, zero_point + 128), resets=resets)


def test_a_variable_tensor_may_be_planned_offline() -> None:
    model = planned(accumulator("int8", 3), [32, 0, 64, 96, ONLINE])
    assert_equal_to_tflm(model, frames(6, [2], "int8"), resets=(4,))


def test_nothing_else_is_placed_on_an_offline_variable_tensor() -> None:
    """TFLM plans other buffers onto it outside of its uses, so that it loses its value."""
    engine = Engine(planned(accumulator("int8", 3), [ONLINE, 0, ONLINE, ONLINE, ONLINE]))
    kept = [3, 3, 3, 3]
    for [x] in frames(6, [2], "int8"):
        kept = [*kept[-4:], *x.tolist()]
        assert engine.run([x])[0].tolist() == kept


def test_a_variable_tensor_with_data_is_refused() -> None:
    model = accumulator("int8")
    model.graphs[0].tensors[1].data = [1, 2, 3, 4]
    assert_refused(model.to_bytes(), "model", "tensor 1 has constant data")


def test_a_variable_tensor_of_a_called_subgraph_is_filled_too() -> None:
    model = delay(init=[[1, 2]] * 3)
    called = setter("line", Tensor([3, 2], "int8", variable=True, scale=0.5, zero_point=77))
    model.graphs[1] = called
    assert_equal_to_tflm(model.to_bytes(), frames(3, [1, 2], "int8"))
