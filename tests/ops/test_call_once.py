"""CALL_ONCE runs its subgraph once, before what follows, and never again, as in TFLM."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm, assert_refused
from tests.support.models import Graph, Model, Op, Tensor
from tests.support.stateful import (
    RESOURCE,
    assign,
    call_once,
    copy,
    delay,
    frames,
    handle,
    read,
    setter,
)
from tflm_wasm._abi import Status

X = Tensor([1, 2], "int8")


@pytest.mark.parametrize("resets", [(), (1,), (3, 4), (0,)])
def test_a_called_subgraph_initialises_once_also_after_a_reset(resets: tuple[int, ...]) -> None:
    model = delay("int8", init=[[1, 2], [3, 4], [5, 6]], scale=0.5, zero_point=-4).to_bytes()
    assert_equal_to_tflm(model, frames(6, [1, 2], "int8"), resets=resets)


def test_a_new_start_runs_it_again() -> None:
    model = delay("int8", init=[[1, 2], [3, 4], [5, 6]], scale=0.5).to_bytes()
    x = np.zeros([1, 2], np.int8)
    for _ in range(2):
        assert Engine(model).run([x])[0][:3].tolist() == [[1, 2], [3, 4], [5, 6]]


def chain(depth: int) -> Model:
    """Return a model whose subgraphs each call the next and then add to a variable."""
    tensors = [X, RESOURCE, X]
    main = Graph(tensors, [call_once(1), handle(1, "v"), read(1, 2)], [0], [2])
    graphs = [main]
    for i in range(1, depth + 1):
        value = Tensor([1, 2], "int8", data=[[i, -i]])
        graph = setter("v", value)
        if i < depth:  # before its own assignment on odd ones, after it on even ones
            graph.ops.insert(0 if i % 2 else 2, call_once(i + 1))
        graphs.append(graph)
    return Model(graphs)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_calls_nest(depth: int) -> None:
    assert_equal_to_tflm(chain(depth).to_bytes(), frames(3, [1, 2], "int8"), resets=(2,))


def test_calls_that_nest_too_deep_are_refused() -> None:
    assert_refused(chain(5).to_bytes(), "limit", "nested more than 4 deep")


@pytest.mark.parametrize("callee", [-1, 2, 2**31 - 1, -(2**31)])
def test_a_call_of_a_subgraph_that_is_not_there_is_refused(callee: int) -> None:
    model = chain(1)
    model.graphs[0].ops[0] = call_once(callee)
    assert_refused(model.to_bytes(), "model", f"op 0 CALL_ONCE: subgraph {callee} of 2")


def test_a_call_of_the_main_subgraph_is_refused() -> None:
    model = chain(1)
    model.graphs[0].ops[0] = call_once(0)
    assert_refused(model.to_bytes(), "model", "subgraph 0 of 2")


def test_a_subgraph_that_calls_itself_is_refused() -> None:
    model = chain(1)
    model.graphs[1].ops.append(call_once(1))
    assert_refused(model.to_bytes(), "limit", "subgraph 1 op 2 CALL_ONCE")


def test_subgraphs_that_call_each_other_are_refused() -> None:
    model = chain(2)
    model.graphs[2].ops.append(call_once(1))
    assert_refused(model.to_bytes(), "limit", "nested more than")


def test_calls_with_inputs_or_outputs_are_refused() -> None:
    model = chain(1)
    for inputs, outputs in (([0], []), ([], [2])):
        model.graphs[0].ops[0] = Op("CALL_ONCE", inputs, outputs, call_once(1).options)
        assert_refused(model.to_bytes(), "model", "op 0 CALL_ONCE")


def test_a_subgraph_with_inputs_is_refused() -> None:
    model = chain(1)
    model.graphs[1].inputs.append(0)
    assert_refused(model.to_bytes(), "model", "subgraph 1 has inputs, which nothing gives it")


def test_a_failing_subgraph_is_called_again_the_next_time() -> None:
    """Reading a variable that only the main subgraph sizes, too late, fails each time."""
    broken = Graph([RESOURCE, X], [handle(0, "v"), read(0, 1)], [], [1])
    main = Graph([X, X], [call_once(1), copy(0, 1)], [0], [1])
    engine = Engine(Model([main, broken]).to_bytes())
    for _ in range(2):
        with pytest.raises(EngineError, match="subgraph 1 op 1 READ_VARIABLE") as caught:
            engine.run([np.zeros([1, 2], np.int8)])
        assert caught.value.status is Status.RUNTIME


def test_what_the_main_subgraph_holds_survives_a_call() -> None:
    """The called subgraph's buffers must not overlap those alive around the call."""
    big = Tensor([64, 2], "int8")
    main_ops = [copy(0, 1), call_once(1), copy(1, 2), copy(2, 3)]
    main = Graph([big] * 4, main_ops, [0], [1, 3])
    constant = Tensor([64, 2], "int8", data=np.full([64, 2], 77))
    called = Graph(
        [RESOURCE, constant, big, big],
        [handle(0, "v"), copy(1, 2), copy(2, 3), assign(0, 3)],
        [],
        [],
    )
    assert_equal_to_tflm(Model([main, called]).to_bytes(), frames(3, [64, 2], "int8"))
