"""GATHER, GATHER_ND, CAST, SHAPE, FILL and ZEROS_LIKE equal TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.engine import Engine, EngineError, assert_equal_to_tflm
from tests.support.layers import Layer, assert_refused
from tests.support.models import Tensor, single_op
from tests.support.moves import (
    assert_both_refuse,
    assert_moves_as_tflm,
    assert_op_refused,
    constant,
    tensor,
)
from tests.support.unary import FLOATS
from tflm_wasm import _abi

# shape of the input, of the indices, axis, batch dimensions
GATHERS: dict[str, tuple[Sequence[int], Sequence[int], int, int]] = {
    "a vector": ((7,), (4,), 0, 0),
    "a scalar index": ((7,), (), 0, 0),
    "rows": ((5, 3), (4,), 0, 0),
    "columns": ((5, 3), (4,), 1, 0),
    "the middle": ((2, 5, 3), (2, 2), 1, 0),
    "from the end": ((2, 5, 3), (6,), -2, 0),
    "batches": ((3, 5, 2), (3, 4), 1, 1),
    "batches and more": ((2, 3, 4, 2), (2, 3, 5), 2, 2),
    "batches before the axis": ((2, 3, 4), (2, 5), 2, 1),
    "batches from the end": ((2, 5, 3), (2, 4), 1, -1),
}


def gather(dtype: str, case: str, *, const: bool, seed: int = 0) -> tuple[bytes, list[np.ndarray]]:
    """Return a model, and inputs if the indices are computed."""
    shape, index_shape, axis, batch = GATHERS[case]
    positive = axis % len(shape)
    count = batch % len(index_shape) if index_shape else 0
    out = [*shape[:positive], *index_shape[count:], *shape[positive + 1 :]]
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, shape[positive], index_shape).astype(np.int32)
    listed = Tensor(index_shape, "int32", indices if const else None)
    options = ("GatherOptions", {"axis": axis, "batch_dims": batch})
    model = single_op("GATHER", [tensor(dtype, shape), listed], [tensor(dtype, out)], options)
    values = rng.integers(-128, 128, shape).astype(dtype)
    return model, [values] if const else [values, indices]


@pytest.mark.parametrize("const", [True, False], ids=["constant", "computed"])
@pytest.mark.parametrize("case", GATHERS)
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_every_gather_equals_tflm(dtype: str, case: str, const: bool) -> None:  # noqa: FBT001
    model, inputs = gather(dtype, case, const=const)
    assert_equal_to_tflm(model, [inputs])


ND: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    "elements of a vector": ((7,), (4, 1)),
    "elements": ((5, 3), (6, 2)),
    "rows": ((5, 3), (4, 1)),
    "slices": ((4, 3, 5), (2, 3, 2)),
    "one": ((4, 3, 5), (3,)),
    "five indices": ((2, 3, 2, 3, 2), (4, 5)),
}


def gather_nd(dtype: str, case: str) -> tuple[bytes, np.ndarray, np.ndarray]:
    shape, index_shape = ND[case]
    rng = np.random.default_rng(1)
    depth = index_shape[-1]
    out = [*index_shape[:-1], *shape[depth:]]
    columns = [rng.integers(0, shape[i], index_shape[:-1]) for i in range(depth)]
    indices = np.stack(columns, -1).astype(np.int32)
    inputs = [tensor(dtype, shape), Tensor(index_shape, "int32")]
    model = single_op("GATHER_ND", inputs, [tensor(dtype, out)], ("GatherNdOptions", {}))
    return model, rng.integers(-128, 128, shape).astype(dtype), indices


@pytest.mark.parametrize("case", ND)
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_every_gather_nd_equals_tflm(dtype: str, case: str) -> None:
    model, values, indices = gather_nd(dtype, case)
    assert_equal_to_tflm(model, [[values, indices]])


def test_negative_indices_of_gather_nd_inside_the_whole_equal_tflm() -> None:
    model, values, _ = gather_nd("int8", "elements")
    indices = np.asarray([[1, -1], [0, 2], [2, -6], [4, 2], [0, 14], [3, 3]], np.int32)
    assert_equal_to_tflm(model, [[values, indices]])


@pytest.mark.parametrize("index", [7, -1, 2**31 - 1, -(2**31)])
def test_an_index_out_of_range_is_an_error_at_run_time(index: int) -> None:
    model, [values, indices] = gather("int8", "a vector", const=False)
    engine = Engine(model)
    engine.run([values, indices])
    indices[2] = index
    with pytest.raises(EngineError) as caught:
        engine.run([values, indices])
    assert caught.value.status is _abi.Status.RUNTIME
    nd, values, places = gather_nd("float32", "rows")
    places[1, 0] = index
    with pytest.raises(EngineError) as caught:
        Engine(nd).run([values, places])
    assert caught.value.status is _abi.Status.RUNTIME


BATCHED = {"axis": 1, "batch_dims": 1}


@pytest.mark.parametrize(
    ("dtypes", "shapes", "options", "status"),
    [
        (("int16", "int32", "int16"), ((5, 3), (4,), (4, 3)), {}, "type"),
        (("int8", "int64", "int8"), ((5, 3), (4,), (4, 3)), {}, "type"),
        (("int8", "int32", "float32"), ((5, 3), (4,), (4, 3)), {}, "type"),
        (("int8", "int32", "int8"), ((5, 3), (4,), (4, 4)), {}, "shape"),
        (("int8", "int32", "int8"), ((5, 3), (4,), (4, 3, 1)), {}, "shape"),
        (("int8", "int32", "int8"), ((5, 3), (4,), (4,)), {}, "shape"),
        (("int8", "int32", "int8"), ((5, 0), (4,), (4, 0)), {}, "shape"),
        (("int8", "int32", "int8"), ((5, 3), (4,), (4, 3)), {"axis": 2}, "param"),
        (("int8", "int32", "int8"), ((5, 3), (4,), (4, 3)), {"axis": -3}, "param"),
        (("int8", "int32", "int8"), ((5, 3), (4,), (4, 3)), {"batch_dims": 1}, "param"),
        (("int8", "int32", "int8"), ((5, 3), (4,), (4, 3)), {"batch_dims": -2}, "param"),
        (
            ("int8", "int32", "int8"),
            ((5, 3), (4, 2), (5, 2)),
            {"axis": 1, "batch_dims": 1},
            "shape",
        ),
    ],
)
def test_malformed_gathers_are_refused(
    dtypes: Sequence[str], shapes: Sequence[Sequence[int]], options: dict[str, int], status: str
) -> None:
    first, second, out = (tensor(d, s) for d, s in zip(dtypes, shapes, strict=True))
    assert_op_refused("GATHER", [first, second], [out], ("GatherOptions", options), status=status)


@pytest.mark.parametrize(
    ("shapes", "status"),
    [
        (((5, 3), (4, 3), (4,)), "shape"),
        (((5, 3), (4, 2), (5,)), "shape"),
        (((5, 3), (4, 1), (4,)), "shape"),
        (((), (4, 0), (4,)), "shape"),
        (((5, 3), (), (3,)), "shape"),
        (((1, 1, 1, 1, 1, 1), (4, 6), (4,)), "shape"),
    ],
)
def test_malformed_gathers_nd_are_refused(shapes: Sequence[Sequence[int]], status: str) -> None:
    first, out = tensor("int8", shapes[0]), tensor("int8", shapes[2])
    assert_op_refused("GATHER_ND", [first, tensor("int32", shapes[1])], [out], status=status)


FROM = ["int8", "int16", "int32", "uint32", "float32", "bool"]
TO = ["int8", "int16", "int32", "uint32", "float32", "bool"]


@pytest.mark.parametrize("to", TO)
@pytest.mark.parametrize("source", FROM)
def test_every_cast_equals_tflm(source: str, to: str) -> None:
    plain = [Tensor([4, 33], source)], [Tensor([4, 33], to)]
    model = single_op("CAST", *plain, ("CastOptions", {}))
    rng = np.random.default_rng(1)
    if source == "float32":
        limit = np.iinfo(to).max if to not in {"float32", "bool"} else 3e38
        low = 0 if to == "uint32" else -limit
        frames = [rng.uniform(low, limit * 0.999, (4, 33)), rng.uniform(max(low, -99), 99, (4, 33))]
        frames.append(rng.choice(FLOATS, (4, 33)))
        frames.append(rng.choice(FLOATS[-60:], (4, 33)))
    elif source == "bool":
        frames = [rng.random((4, 33)) < 0.5]
    else:
        info = np.iinfo(source)
        frames = [rng.integers(info.min, info.max, (4, 33), endpoint=True) for _ in range(3)]
        frames.append(rng.choice([info.min, info.max], (4, 33)))
    assert_equal_to_tflm(model, [[frame.astype(source)] for frame in frames])


@pytest.mark.parametrize(
    ("source", "to"), [("int64", "int8"), ("uint8", "int32"), ("int8", "uint8"), ("int8", "int64")]
)
def test_casts_that_tflm_lacks_are_refused(source: str, to: str) -> None:
    assert_op_refused("CAST", [Tensor([3], source)], [Tensor([3], to)], status="type")


def test_a_cast_to_another_size_is_refused() -> None:
    assert_op_refused("CAST", [Tensor([3], "int8")], [Tensor([4], "int32")], status="shape")


@pytest.mark.parametrize("shape", [(1,), (3, 4), (2, 1, 5, 3)], ids=str)
@pytest.mark.parametrize("dtype", ["int8", "float32", "int64"])
def test_every_shape_equals_tflm(dtype: str, shape: Sequence[int]) -> None:
    output = Tensor([len(shape)], "int32")
    options = ("ShapeOptions", {"out_type": 2})
    assert_moves_as_tflm("SHAPE", [tensor(dtype, shape)], [output], options)


def test_a_malformed_shape_is_refused() -> None:
    one = [Tensor([3, 4])]
    assert_op_refused("SHAPE", one, [Tensor([2], "int64")], status="type")
    assert_op_refused("SHAPE", one, [Tensor([3], "int32")], status="shape")
    assert_op_refused("SHAPE", one, [Tensor([2, 1], "int32")], status="shape")
    assert_op_refused("SHAPE", one * 2, [Tensor([2], "int32")], status="model")


@pytest.mark.parametrize("dims", ["int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("dtype", ["int8", "int32", "float32"])
def test_every_fill_equals_tflm(dtype: str, dims: str) -> None:
    inputs = [constant([3, 1, 5], dims), tensor(dtype, ())]
    assert_moves_as_tflm("FILL", inputs, [tensor(dtype, (3, 1, 5))])


def test_a_malformed_fill_is_refused() -> None:
    value, out = tensor("int8", ()), [tensor("int8", (3, 5))]
    assert_op_refused("FILL", [constant([3, 4]), value], out, status="shape")
    assert_op_refused("FILL", [constant([3, 5, 1]), value], out, status="shape")
    assert_op_refused("FILL", [constant([[3, 5]]), value], out, status="shape")
    assert_op_refused("FILL", [constant([3, 5]), tensor("int8", (1,))], out, status="shape")
    assert_op_refused("FILL", [constant([3, 5]), tensor("int32", ())], out, status="type")
    assert_op_refused("FILL", [constant([3, 5], "float32"), value], out, status="type")
    assert_op_refused("FILL", [tensor("int32", (2,)), value], out, status="param")
    scalar = [tensor("int8", ())]
    assert_both_refuse("FILL", [Tensor([0], "int32"), value], scalar, status="param")
    wide = [constant([3, 5]), tensor("int16", ())]
    assert_op_refused("FILL", wide, [tensor("int16", (3, 5))], status="type")


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "float32"])
def test_every_zeros_like_equals_tflm(dtype: str) -> None:
    for shape in [(), (7,), (2, 3, 5)]:
        assert_moves_as_tflm("ZEROS_LIKE", [tensor(dtype, shape)], [tensor(dtype, shape)])


def test_a_malformed_zeros_like_is_refused() -> None:
    made = Layer("ZEROS_LIKE", [Tensor([3])], Tensor([3]))
    assert_refused(made.with_output(shape=[4]), "shape")
    assert_refused(made.with_output(dtype="int32"), "type")
    assert_refused(made.with_input(0, dtype="int16").with_output(dtype="int16"), "type")
