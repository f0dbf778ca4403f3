"""LEAKY_RELU and PRELU equal TFLM bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support import binary
from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused
from tests.support.models import Tensor
from tests.support.unary import (
    FLOATS,
    OUTPUT_PARAMS,
    UNARY_I8,
    check,
    check_every_value,
    unary,
)

ALPHAS = [0.1, 0.3, 0.0, 1.0, 2.5, -0.2, -1.5]


def leaky(dtype: str, shape: Sequence[int], alpha: float = 0.1, **changes: object) -> Layer:
    layer = unary("LEAKY_RELU", dtype, shape, **changes)  # type: ignore[arg-type]
    return replace(layer, table="LeakyReluOptions", options={"alpha": alpha})


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3, 5), (2, 1, 3, 1, 2, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_every_shape_equals_tflm(dtype: str, shape: Sequence[int]) -> None:
    check(leaky(dtype, shape), 1)


@pytest.mark.parametrize("alpha", [*ALPHAS, np.inf, np.nan])
def test_every_kind_of_float_equals_tflm(alpha: float) -> None:
    assert_equal_to_tflm(leaky("float32", FLOATS.shape, alpha).to_bytes(), [[FLOATS]])


@pytest.mark.parametrize("output", [(0.02, -128), (0.3, 127), (0.05, 3)])
@pytest.mark.parametrize("zero_point", [-128, -7, 127])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_every_int8_value_equals_tflm(
    alpha: float, zero_point: int, output: tuple[float, int]
) -> None:
    layer = leaky("int8", (1,), alpha, outputs={"int8": output}, scale=0.05, zero_point=zero_point)
    check_every_value(layer)


@pytest.mark.parametrize("seed", range(30))
def test_every_int16_value_equals_tflm_at_random_scales(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = np.exp(rng.uniform(-9, -3, 2))
    points = rng.integers(-300, 300, 2)
    layer = leaky(
        "int16",
        (1,),
        float(np.float32(rng.uniform(-0.2, 1.2) if seed % 2 else 0.01 * seed)),
        outputs={"int16": (float(scales[0]), int(points[0]))},
        scale=float(scales[1]),
        zero_point=int(points[1]),
    )
    check_every_value(layer)


REFUSED: Refusals = {
    **UNARY_I8,
    **OUTPUT_PARAMS,
    "options of another op": ("model", lambda c: replace(c, table="GatherOptions", options={})),
    "alpha NaN": ("param", lambda c: c.with_options(alpha=np.nan)),
    "alpha infinite": ("param", lambda c: c.with_options(alpha=np.inf)),
    "alpha too large": ("param", lambda c: c.with_options(alpha=1e12)),
    "output scale too small": ("param", lambda c: c.with_output(scale=1e-20)),
}


@pytest.mark.parametrize("change", REFUSED)
def test_a_malformed_leaky_relu_is_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(leaky("int8", (7,))), status)


def prelu(dtype: str, shapes: binary.Shapes = ((2, 3), (2, 3)), seed: int | None = None) -> Layer:
    """Return a layer; with a seed at random scales and zero points."""
    shape = np.broadcast_shapes(*(tuple(shape) for shape in shapes))
    scales, points = [0.05, 0.01, 0.04], np.asarray([3, -5, 7])
    if seed is not None:
        rng = np.random.default_rng(seed)
        scales = [float(x) for x in np.exp(rng.uniform(-6, -2, 3))]
        points = rng.integers(-128, 128, 3)
    dtypes = [dtype, "int8" if dtype == "int16" else dtype, dtype]
    tensors = [
        activations(s, d, scale, int(point))
        for s, d, scale, point in zip([*shapes, shape], dtypes, scales, points, strict=True)
    ]
    return Layer("PRELU", tensors[:2], tensors[2])


@pytest.mark.parametrize("shapes", binary.SHAPES)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_alpha_broadcasts_as_in_tflm(dtype: str, shapes: str) -> None:
    layer = prelu(dtype, binary.SHAPES[shapes])
    if dtype == "float32" and max(map(len, binary.SHAPES[shapes])) > 4:
        assert_refused(layer, "shape")  # TFLM aborts
    else:
        binary.check(layer, 1)


@pytest.mark.parametrize("seed", range(12))
def test_every_pair_of_int8_values_equals_tflm(seed: int) -> None:
    binary.check_every_pair(prelu("int8", seed=seed))


@pytest.mark.parametrize("seed", range(12))
def test_int16_values_times_every_alpha_equal_tflm(seed: int) -> None:
    layer = prelu("int16", ((4096, 1), (256,)), seed)
    values = np.arange(-32768, 32768, 16).astype(np.int16).reshape(-1, 1)
    alphas = np.arange(-128, 128).astype(np.int8)
    assert_equal_to_tflm(layer.to_bytes(), [[values, alphas]])


PRELU_REFUSED: Refusals = {
    **binary.SHAPE_REFUSALS,
    **binary.TYPE_REFUSALS,
    **binary.QUANTIZED_REFUSALS,
    "int32": (
        "type",
        lambda c: (
            c.with_input(0, dtype="int32").with_input(1, dtype="int32").with_output(dtype="int32")
        ),
    ),
    "int16 alpha of int16": (
        "type",
        lambda c: (
            c.with_input(0, dtype="int16").with_input(1, dtype="int16").with_output(dtype="int16")
        ),
    ),
    "a third input": ("model", lambda c: replace(c, inputs=[*c.inputs, Tensor([1])])),
}


@pytest.mark.parametrize("change", PRELU_REFUSED)
def test_a_malformed_prelu_is_refused(change: str) -> None:
    status, apply = PRELU_REFUSED[change]
    assert_refused(apply(prelu("int8")), status)
