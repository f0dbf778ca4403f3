"""SVDF equals TFLM bit for bit over many invokes, and refuses what does not fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import Layer, Refusals, activations, assert_refused, frames, weights
from tests.support.models import Tensor

# batches, inputs, units, rank, memory
SIZES: dict[str, tuple[int, int, int, int, int]] = {
    "of one": (1, 1, 1, 1, 1),
    "one step": (1, 5, 4, 1, 1),
    "keyword": (1, 20, 12, 1, 10),
    "rank 2": (1, 7, 5, 2, 3),
    "batches": (3, 6, 4, 1, 5),
    "batches of rank 3": (2, 9, 3, 3, 4),
    "long memory": (1, 3, 2, 2, 40),
}
ACTIVATIONS = {"none": 0, "relu": 1, "relu_n1_to_1": 2, "relu6": 3, "tanh": 4, "sign_bit": 5}


def svdf(
    seed: int,
    state: str = "int16",
    size: str = "keyword",
    *,
    activation: str = "none",
    gain: float = 1.0,
    zero_points: tuple[int, int, int] = (3, 0, -5),
) -> Layer:
    """Return a layer; zero points of input, state, output."""
    rng = np.random.default_rng(seed)
    batches, inputs, units, rank, memory = SIZES[size]
    filters = units * rank
    real = state == "float32"
    dtype = "float32" if real else "int8"
    x = activations((batches, inputs), dtype, float(np.exp(rng.uniform(-5, -2))), zero_points[0])
    feature = weights(rng, (filters, inputs), dtype, 0, per_channel=False)
    time = weights(rng, (filters, memory), dtype, 0, per_channel=False)
    if state == "int16":
        time = replace(time, dtype="int16", data=np.asarray(time.data) * 200, scale=2e-5)
    biases = Tensor([units], data=rng.standard_normal(units))
    kept = Tensor((batches, filters * memory), state, variable=True)
    out = activations((batches, units), dtype)
    if not real:
        x_scale, w_scale = float(x.scale), float(np.asarray(feature.scale)[0])  # type: ignore[arg-type]
        limit = 127 if state == "int8" else 32767
        state_scale = x_scale * w_scale * 100 * 60 * np.sqrt(inputs) / limit * 2
        product = np.float32(state_scale) * np.float32(np.asarray(time.scale))
        spread = limit / 3 * (50 if state == "int8" else 1e4) * np.sqrt(rank * memory)
        kept = replace(kept, scale=state_scale, zero_point=zero_points[1])
        data = np.round(rng.normal(0, spread / 4, units))
        biases = Tensor([units], "int32", data, scale=product)
        out_scale = float(np.asarray(product).ravel()[0]) * spread / 60 / gain
        out = replace(out, scale=out_scale, zero_point=zero_points[2])
    options = {"rank": rank, "fused_activation_function": ACTIVATIONS[activation]}
    return Layer("SVDF", [x, feature, time, biases, kept], out, "SVDFOptions", options)


def check(layer: Layer, seed: int, *, ulps: int = 0) -> None:
    """Outputs must be TFLM's over 24 invokes, with a reset between."""
    rng = np.random.default_rng(seed)
    quiet = [*frames(rng, layer.inputs[0])[2:5] * 4, *frames(rng, layer.inputs[0]) * 2]
    assert_equal_to_tflm(layer.to_bytes(), quiet, resets=[5], ulps=ulps)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", ["int8", "int16", "float32"])
def test_every_size_equals_tflm(state: str, size: str, seed: int) -> None:
    check(svdf(seed, state, size), seed)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("state", ["int8", "int16", "float32"])
def test_every_activation_counts_as_in_tflm(state: str, activation: str) -> None:
    check(svdf(3, state, activation=activation), 3, ulps=1 if activation == "tanh" else 0)


@pytest.mark.parametrize("seed", range(10, 34))
def test_the_multipliers_of_random_scales_equal_tflm(seed: int) -> None:
    check(svdf(seed, ["int8", "int16"][seed % 2], gain=float(1 + seed % 5)), seed)


@pytest.mark.parametrize("gain", [1e-4, 0.1, 30.0, 1e5])
@pytest.mark.parametrize("state", ["int8", "int16"])
def test_saturated_outputs_equal_tflm(state: str, gain: float) -> None:
    check(svdf(4, state, gain=gain), 4)


@pytest.mark.parametrize(
    "zero_points", [(-128, -128, -128), (127, 127, 127), (0, 100, 0), (-128, -7, 127)]
)
@pytest.mark.parametrize("state", ["int8", "int16"])
def test_zero_points_at_the_ends_equal_tflm(state: str, zero_points: tuple[int, int, int]) -> None:
    check(svdf(5, state, zero_points=zero_points), 5)


def test_saturated_states_equal_tflm() -> None:
    layer = svdf(6)
    scale = float(layer.inputs[4].scale) / 300  # type: ignore[arg-type]
    product = np.float32(scale) * np.float32(layer.inputs[2].scale)
    check(layer.with_input(4, scale=scale).with_input(3, scale=product), 6)


REFUSED: Refusals = {
    "uint8": ("type", lambda c: c.with_input(0, dtype="uint8")),
    "int16 input": ("type", lambda c: c.with_input(0, dtype="int16")),
    "float features (hybrid)": ("type", lambda c: c.with_input(1, dtype="float32")),
    "float input (hybrid)": ("type", lambda c: c.with_input(0, dtype="float32")),
    "float time weights": ("type", lambda c: c.with_input(2, dtype="float32")),
    "state of another type than the time weights": (
        "type",
        lambda c: c.with_input(4, dtype="int8"),
    ),
    "int64 bias": ("type", lambda c: c.with_input(3, dtype="int64")),
    "int16 output": ("type", lambda c: c.with_output(dtype="int16")),
    "rank 0": ("param", lambda c: c.with_options(rank=0)),
    "rank -1": ("param", lambda c: c.with_options(rank=-1)),
    "rank that does not divide": ("param", lambda c: c.with_options(rank=5)),
    "another rank": ("shape", lambda c: c.with_options(rank=2)),
    "no options": ("param", lambda c: replace(c, table=None)),
    "options of another op": ("model", lambda c: replace(c, table="GatherOptions", options={})),
    "fused activation 6": ("param", lambda c: c.with_options(fused_activation_function=6)),
    "state that is no variable": ("param", lambda c: c.with_input(4, variable=False)),
    "state too small": ("shape", lambda c: c.with_input(4, shape=[1, 119])),
    "state of other batches": ("shape", lambda c: c.with_input(4, shape=[2, 120])),
    "state of rank 3": ("shape", lambda c: c.with_input(4, shape=[1, 12, 10])),
    "no memory": (
        "shape",
        lambda c: c.with_input(2, shape=[12, 0], data=None).with_input(4, shape=[1, 0]),
    ),
    "no batches": (
        "shape",
        lambda c: (
            c.with_input(0, shape=[0, 20]).with_input(4, shape=[0, 120]).with_output(shape=[0, 12])
        ),
    ),
    "features of other depth": ("shape", lambda c: c.with_input(0, shape=[1, 19])),
    "features of rank 3": ("shape", lambda c: c.with_input(1, shape=[12, 20, 1])),
    "input of rank 1": ("shape", lambda c: c.with_input(0, shape=[20])),
    "time weights of other filters": ("shape", lambda c: c.with_input(2, shape=[10, 12])),
    "biases too few": ("shape", lambda c: c.with_input(3, shape=[11], data=None)),
    "outputs too many": ("shape", lambda c: c.with_output(shape=[1, 13])),
    "output of rank 3": ("shape", lambda c: c.with_output(shape=[1, 12, 1])),
    "output of other batches": ("shape", lambda c: c.with_output(shape=[2, 12])),
    "four inputs": ("model", lambda c: replace(c, inputs=c.inputs[:4])),
    "bias scale that does not fit": ("param", lambda c: c.with_input(3, scale=0.1)),
    "state not quantized": ("param", lambda c: c.with_input(4, scale=None)),
    "features not quantized": ("param", lambda c: c.with_input(1, scale=None)),
    "time weights not quantized": ("param", lambda c: c.with_input(2, scale=None)),
    "input scale NaN": ("param", lambda c: c.with_input(0, scale=np.nan)),
    "output scale 0": ("param", lambda c: c.with_output(scale=0.0)),
    "output scale too small": ("param", lambda c: c.with_output(scale=1e-30)),
    "input scale too large": ("param", lambda c: c.with_input(0, scale=1e30)),
    "output zero point 128": ("param", lambda c: c.with_output(zero_point=128)),
    "state zero point 40000": ("param", lambda c: c.with_input(4, zero_point=40000)),
}


@pytest.mark.parametrize("change", REFUSED)
def test_malformed_layers_are_refused(change: str) -> None:
    status, apply = REFUSED[change]
    assert_refused(apply(svdf(20)), status)


@pytest.mark.parametrize("seed", range(40, 52))
def test_the_state_s_multiplier_equals_tflm_to_the_last_bit(seed: int) -> None:
    """Two filters whose sums differ by one subtract: what is left shows where rounding steps."""
    rng = np.random.default_rng(seed)
    rows = 4000
    scales = [float(x) for x in np.exp(rng.uniform(-4, -3, 2))]
    state_scale = scales[0] * scales[1] / 1.7
    layer = Layer(
        "SVDF",
        [
            Tensor((rows, 3), "int8", scale=scales[0]),
            Tensor((2, 3), "int8", [[127, 1, 1], [127, 1, 0]], scale=scales[1]),
            Tensor((2, 1), "int16", [[32767], [-32767]], scale=1e-6),
            Tensor([1], "int32", [0], scale=np.float32(state_scale) * np.float32(1e-6)),
            Tensor((rows, 2), "int16", scale=state_scale, variable=True),
        ],
        Tensor((rows, 1), "int8", scale=state_scale * 1e-6 * 1000),
        "SVDFOptions",
        {"rank": 2},
    )
    x = rng.integers(-120, 120, (rows, 3))
    x[:, 2] = 1
    assert_equal_to_tflm(layer.to_bytes(), [[x.astype(np.int8)]])
