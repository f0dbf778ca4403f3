"""FULLY_CONNECTED equals TFLM bit for bit, and refuses what does not fit together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.layers import (
    ACTIVATIONS,
    WEIGHTED_REFUSALS,
    Layer,
    Refusals,
    activations,
    assert_arena_at_most_tflms,
    assert_refused,
    bias,
    compare,
    output_scale,
    weights,
    with_int4_weights,
)

# shape of input, channels, shape of output
SHAPES: dict[str, tuple[Sequence[int], int, Sequence[int]]] = {
    "1 to 1": ((1, 1), 1, (1, 1)),
    "1 to 16": ((1, 1), 16, (1, 16)),
    "16 to 1": ((1, 16), 1, (1, 1)),
    "odd sizes": ((1, 37), 11, (1, 11)),
    "batches": ((5, 24), 7, (5, 7)),
    "an image taken as a row": ((1, 4, 5, 3), 10, (1, 10)),
    "kept dimensions": ((2, 3, 4, 6), 5, (2, 3, 4, 5)),
    "an input that is split in rows": ((2, 12), 3, (6, 3)),
    "output of rank 1": ((1, 9), 4, (4,)),
    "deep": ((2, 1100), 3, (2, 3)),
    "wide": ((1, 640), 128, (1, 128)),
}
DEPTHS = {"an image taken as a row": 60, "an input that is split in rows": 4}


def dense(
    seed: int,
    dtype: str = "int8",
    shape: str = "odd sizes",
    *,
    activation: str = "none",
    per_channel: bool = False,
    bias_type: str | None = "default",
    gain: float = 1.5,
    zero_points: tuple[int, int, int] | None = None,
) -> Layer:
    """Return a layer; zero points of input, weights, output; bias_type None leaves the bias out."""
    rng = np.random.default_rng(seed)
    x_shape, channels, out_shape = SHAPES[shape]
    depth = DEPTHS.get(shape, x_shape[-1])
    if zero_points is None:
        zero_points = (int(rng.integers(-40, 40)), 0, int(rng.integers(-40, 40)))
    x = activations(x_shape, dtype, zero_point=zero_points[0])
    w = weights(rng, (channels, depth), dtype, 0, per_channel=per_channel)
    w.zero_point = zero_points[1]
    if bias_type == "default":
        bias_type = {"int8": "int32", "int16": "int64", "float32": "float32"}[dtype]
    return Layer(
        "FULLY_CONNECTED",
        [x, w] if bias_type is None else [x, w, bias(rng, channels, bias_type, x, w)],
        activations(out_shape, dtype, output_scale(x, w, depth, gain), zero_points[2]),
        "FullyConnectedOptions",
        {"fused_activation_function": ACTIVATIONS[activation]},
    )


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_every_shape_equals_tflm(dtype: str, shape: str, per_channel: bool, seed: int) -> None:  # noqa: FBT001
    compare(dense(seed, dtype, shape, per_channel=per_channel), seed)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
@pytest.mark.parametrize("gain", [0.05, 1.0, 300.0])
def test_every_fused_activation_and_saturation_equals_tflm(
    dtype: str, activation: str, gain: float
) -> None:
    compare(dense(3, dtype, activation=activation, gain=gain), 3)


@pytest.mark.parametrize("seed", range(40, 50))
def test_scales_are_multiplied_in_double_precision_as_in_tflm(seed: int) -> None:
    compare(dense(seed, "int16", "wide", bias_type="int32", gain=1.0), seed)


@pytest.mark.parametrize("seed", range(10, 30))
def test_the_multiplier_of_random_scales_equals_tflm(seed: int) -> None:
    layer = dense(seed)
    scale = float(np.float32(np.exp(np.random.default_rng(seed).uniform(-5, 1))))
    factor = scale / 0.05
    scaled = layer.with_input(0, scale=scale).with_input(
        2, scale=np.asarray(layer.inputs[2].scale) * np.float32(factor)
    )
    compare(scaled.with_output(scale=np.float32(np.asarray(layer.output.scale) * factor)), seed)


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_a_layer_without_bias_equals_tflm(dtype: str, per_channel: bool) -> None:  # noqa: FBT001
    compare(dense(4, dtype, bias_type=None, per_channel=per_channel), 4)


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize("gain", [0.5, 4.0, 5000.0])
def test_an_int16_layer_with_an_int32_bias_rounds_twice_as_tflm_does(
    gain: float,
    per_channel: bool,  # noqa: FBT001
) -> None:
    compare(dense(5, "int16", bias_type="int32", gain=gain, per_channel=per_channel), 5)


@pytest.mark.parametrize("bias_type", [0, 2, 4], ids=["float", "int32", "int64"])
def test_quantized_bias_type_chooses_the_accumulator_when_there_is_no_bias(bias_type: int) -> None:
    layer = dense(6, "int16", "wide", bias_type=None)
    compare(layer.with_options(quantized_bias_type=bias_type), 6)


@pytest.mark.parametrize("weight", [-128, 0, 127])
@pytest.mark.parametrize("output", [-128, 127])
@pytest.mark.parametrize("input", [-128, 127])
def test_zero_points_at_the_ends_equal_tflm(input: int, output: int, weight: int) -> None:  # noqa: A002
    compare(dense(7, activation="relu6", zero_points=(input, weight, output)), 7)


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize("points", [(300, 0, -77), (-32768, 5, 32767), (32767, -128, -32768)])
def test_zero_points_of_int16_count_as_in_tflm(
    points: tuple[int, int, int],
    per_channel: bool,  # noqa: FBT001
) -> None:
    compare(dense(8, "int16", zero_points=points, per_channel=per_channel), 8)


@pytest.mark.parametrize(
    ("dtype", "gain"),
    [("int8", 1e-8), ("int8", 1e-4), ("int8", 1e3), ("int8", 1e6), ("int16", 1e-8), ("int16", 100)],
)
def test_extreme_scales_equal_tflm(dtype: str, gain: float) -> None:
    compare(dense(9, dtype, bias_type=None, gain=gain), 9)


def test_accumulators_wrap_as_in_tflm() -> None:
    biases = np.asarray([2**31 - 1, -(2**31), 2**31 - 40000, 0, 5, 2**31 - 9, *[7] * 5])
    compare(dense(30).with_input(2, data=biases), 30)


@pytest.mark.parametrize("bias_type", ["int32", "int64"])
def test_int16_sums_over_32_bits_equal_tflm(bias_type: str) -> None:
    layer = dense(33, "int16", "deep", bias_type=bias_type, gain=0.01)
    compare(layer.with_input(1, data=np.full((3, 1100), -128)), 33)


def test_weights_and_bias_may_be_computed() -> None:
    compare(dense(31).with_input(1, data=None).with_input(2, data=None), 31)


def test_a_layer_without_options_table_has_no_activation() -> None:
    layer = dense(32)
    compare(Layer(layer.code, layer.inputs, layer.output, layer.table), 32)


@pytest.mark.parametrize("seed", [40, 41])
@pytest.mark.parametrize("shape", SHAPES)
def test_int4_weights_equal_tflm(shape: str, seed: int) -> None:
    compare(with_int4_weights(dense(seed, shape=shape), seed), seed)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("points", [(-128, 0, 127), (127, -128, -128), (3, 7, 2)])
def test_int4_weights_with_zero_points_equal_tflm(
    points: tuple[int, int, int], activation: str
) -> None:
    layer = dense(42, shape="batches", zero_points=points, activation=activation)
    compare(with_int4_weights(layer, 42), 42)


def test_a_layer_with_int4_weights_and_no_bias_equals_tflm() -> None:
    compare(with_int4_weights(dense(43, bias_type=None), 43), 43)


def test_int4_weights_take_no_more_arena_than_in_tflm() -> None:
    assert_arena_at_most_tflms(with_int4_weights(dense(44, shape="wide"), 44))


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
@pytest.mark.parametrize("front", [(1,), (1, 1)])
def test_weights_may_have_dimensions_of_1_in_front(dtype: str, front: tuple[int, ...]) -> None:
    layer = dense(45, dtype, "batches", per_channel=dtype != "float32")
    compare(layer.with_input(1, shape=(*front, 7, 24), axis=len(front)), 45)


REFUSED: Refusals = {
    **WEIGHTED_REFUSALS,
    "weights of rank 1": ("shape", lambda c: c.with_input(1, shape=[407])),
    "weights of rank 3 with too few rows": ("shape", lambda c: c.with_input(1, shape=[11, 1, 37])),
    "weights of rank 3 without an element": (
        "shape",
        lambda c: c.with_input(1, shape=[0, 11, 37], axis=1, data=None),
    ),
    "scales along a dimension of 1": ("param", lambda c: c.with_input(1, shape=[1, 11, 37])),
    "int4 weights with scales per channel": ("param", lambda c: with_int4_weights(c, 1)),
    "int4 weights for int16": (
        "type",
        lambda c: with_int4_weights(c.with_input(0, dtype="int16").with_output(dtype="int16"), 1),
    ),
    "weights without depth": ("shape", lambda c: c.with_input(1, shape=[11, 0], data=None)),
    "weights of other depth": ("shape", lambda c: c.with_input(0, shape=[1, 36])),
    "more outputs than rows": ("shape", lambda c: c.with_output(shape=[1, 12])),
    "fewer outputs than rows": ("shape", lambda c: c.with_output(shape=[1, 10])),
    "more batches out than in": ("shape", lambda c: c.with_output(shape=[2, 11])),
    "scalar output": ("shape", lambda c: c.with_output(shape=[])),
    "shuffled weights": ("param", lambda c: c.with_options(weights_format=1)),
    "scales along the depth": ("param", lambda c: c.with_input(1, axis=1)),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_layers_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(dense(20, per_channel=True)), status)


def test_weights_whose_size_overflows_are_refused() -> None:
    layer = dense(24, bias_type=None).with_output(shape=[1, 1 << 16])
    huge = layer.with_input(1, shape=[0, 1 << 16, 1 << 16], data=None)
    assert_refused(huge.with_input(0, shape=[1, 1 << 16]), "shape")


def test_a_weight_zero_point_outside_int8_is_refused() -> None:
    assert_refused(dense(21, zero_points=(0, 128, 0)), "param")


@pytest.mark.parametrize(("off", "fits"), [(-0.0199, True), (0.0199, True), (0.0201, False)])
def test_a_bias_scale_may_be_off_by_a_fiftieth_of_the_output_scale(off: float, fits: bool) -> None:  # noqa: FBT001
    layer = dense(23)
    product = float(np.float32(layer.inputs[0].scale)) * float(np.asarray(layer.inputs[1].scale)[0])
    changed = layer.with_input(2, scale=product + off * float(np.asarray(layer.output.scale)))
    if fits:
        compare(changed, 23)
    else:
        assert_refused(changed, "param")


def test_an_int64_accumulator_refuses_a_shift_it_cannot_make() -> None:
    assert_refused(dense(22, "int16", gain=1e9), "param")
