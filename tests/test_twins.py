"""The kernels for WebAssembly SIMD and for boards give the bytes of the plain loops."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.ops import test_conv_2d, test_depthwise_conv_2d
from tests.support import byte_layers
from tests.support.files import ROOT, ZOO, shared_model, wakeword_model
from tests.support.layers import Layer, activations, bias, weights, with_int4_weights
from tests.support.models import Tensor, single_op
from tflm_wasm._block import Block
from tflm_wasm._wasm import parse
from tflm_wasm.conformance import Engine
from tflm_wasm.conformance._engine import engine_bytes

SHAPES = [
    *(("conv", name) for name in test_conv_2d.SHAPES),
    *(("depthwise", name) for name in test_depthwise_conv_2d.SHAPES),
]
DEPTHS = (1, 7, 8, 9, 16, 63, 64, 65, 100, 128, 200, 700)
COUNTS = (1, 3, 4, 5, 10)


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Compile the engine with each set of kernels; the package's has those for SIMD."""
    folder = tmp_path_factory.mktemp("engines")
    script = ROOT / "firmware_models" / "engine" / "build.py"
    made = {"wasm128": engine_bytes()}
    for kernels in ("plain", "scalar", "scalar8", "dsp", "mve"):
        output = folder / f"{kernels}.wasm"
        subprocess.run([sys.executable, script, "--kernels", kernels, output], check=True)
        made[kernels] = output.read_bytes()
    return made


def compare(
    model: bytes, engines: dict[str, bytes], count: int = 4, value: int | None = None
) -> None:
    """Run with random inputs, or with all elements of one `value`.

    A first run packs nothing, the second one does, the third one finds it packed.
    """
    rng = np.random.default_rng(7)
    runs = {name: Engine(model, engine=engine) for name, engine in engines.items()}
    for _ in range(max(count, 3)):
        inputs = runs["plain"].random_inputs(rng)
        if value is not None:
            inputs = [np.full_like(one, value) for one in inputs]
        outputs = {name: [one.tobytes() for one in run.run(inputs)] for name, run in runs.items()}
        for name, output in outputs.items():
            assert output == outputs["plain"], name


def plain_and_simd(engines: dict[str, bytes]) -> dict[str, bytes]:
    """Return the two that differ in layers of bytes."""
    return {name: engines[name] for name in ("plain", "wasm128")}


def features(engine: bytes) -> int:
    return Block(parse(engine).initial_bytes(0, 4096)).features


def test_only_the_packages_engine_says_that_it_uses_simd(engines: dict[str, bytes]) -> None:
    said = {name: features(engine) for name, engine in engines.items()}
    assert said == {"wasm128": 1, "plain": 0, "scalar": 0, "scalar8": 0, "dsp": 0, "mve": 0}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("op", "shape"), SHAPES)
def test_a_window_gives_the_same_bytes(
    op: str, shape: str, seed: int, engines: dict[str, bytes]
) -> None:
    make = test_conv_2d.conv if op == "conv" else test_depthwise_conv_2d.depthwise
    compare(make(seed, "int8", shape, per_channel=seed % 2 == 0).to_bytes(), engines)


@pytest.mark.parametrize(("op", "shape"), SHAPES)
def test_a_window_over_int16_gives_the_same_bytes(
    op: str, shape: str, engines: dict[str, bytes]
) -> None:
    make = test_conv_2d.conv if op == "conv" else test_depthwise_conv_2d.depthwise
    compare(make(5, "int16", shape, per_channel=True).to_bytes(), engines)


@pytest.mark.parametrize(("op", "shape"), SHAPES)
def test_a_window_with_int4_weights_gives_the_same_bytes(
    op: str, shape: str, engines: dict[str, bytes]
) -> None:
    make = test_conv_2d.conv if op == "conv" else test_depthwise_conv_2d.depthwise
    layer = make(6, "int8", shape, per_channel=True)
    compare(with_int4_weights(layer, 6).to_bytes(), engines)


# Sums of up to 511 terms fit into an int32, whatever they are of.
@pytest.mark.parametrize("depth", [511, 512, 1024, 2000])
@pytest.mark.parametrize("taps", [(1, 1), (1, 3)])
def test_sums_of_int16_at_their_ends_give_the_same_bytes(
    taps: tuple[int, int], depth: int, engines: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = ((1, 1, 4), depth // (taps[0] * taps[1]), 5, taps, (1, 1), (1, 1), "valid")
    monkeypatch.setitem(test_conv_2d.SHAPES, "ends", shape)
    layer = test_conv_2d.conv(1, "int16", "ends")
    w = np.where(np.arange(5) % 2 == 0, -127, 127).astype(np.int8)
    ends = np.broadcast_to(w[:, None, None, None], layer.inputs[1].shape)
    model = layer.with_input(1, data=np.ascontiguousarray(ends)).to_bytes()
    for value in (-32768, 32767):
        compare(model, engines, 1, value)


@pytest.mark.parametrize("scale", [0.9, 0.2, 0.02, 0.004])
def test_sums_with_no_room_to_shift_by_more_give_the_same_bytes(
    scale: float, engines: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels are brought to a larger shift by multiplying, where sums leave room for that."""
    shape = ((1, 4, 4), 4096, 6, (1, 1), (1, 1), (1, 1), "valid")
    monkeypatch.setitem(test_conv_2d.SHAPES, "large", shape)
    layer = test_conv_2d.conv(1, "int8", "large")
    w = np.where(np.arange(6) % 2 == 0, -127, 127).astype(np.int8)
    ends = np.ascontiguousarray(np.broadcast_to(w[:, None, None, None], layer.inputs[1].shape))
    layer = layer.with_input(0, scale=1.0).with_input(1, data=ends, scale=1.0)
    model = layer.with_input(2, scale=1.0).with_output(scale=1.0 / scale).to_bytes()
    for value in (-128, 127):
        compare(model, engines, 1, value)


def drawn(rng: np.random.Generator, op: str) -> tuple[object, ...]:
    """Return a geometry as the tests of both ops have it, with channels that twins like."""

    def pair(low: int, high: int) -> tuple[int, int]:
        return int(rng.integers(low, high)), int(rng.integers(low, high))

    image, strides, dilations = pair(1, 10), pair(1, 4), pair(1, 3)
    padding = str(rng.choice(["same", "valid"]))
    if op == "depthwise":
        depth, multiplier = map(
            int, rng.choice([(4, 1), (12, 1), (16, 1), (1, 4), (2, 8), (3, 12)])
        )
        channels, dilations = multiplier, (1, 1)
    else:
        depth, channels = int(rng.choice([1, 3, 4, 8, 16])), int(rng.choice([1, 2, 3, 4, 7, 8]))
    room = [(size - 1) // step + 1 for size, step in zip(image, dilations, strict=True)]
    taps = tuple(int(rng.integers(1, (most if padding == "valid" else 5) + 1)) for most in room)
    batches = int(rng.integers(1, 3))
    return (batches, *image), depth, channels, taps, strides, dilations, padding


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("op", ["conv", "depthwise"])
def test_a_drawn_window_gives_the_same_bytes(
    op: str, seed: int, engines: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    tests = test_conv_2d if op == "conv" else test_depthwise_conv_2d
    make = test_conv_2d.conv if op == "conv" else test_depthwise_conv_2d.depthwise
    monkeypatch.setitem(tests.SHAPES, "drawn", drawn(rng, op))
    has_bias = bool(rng.integers(2))
    options = {"with_bias": has_bias} if op == "depthwise" else {}
    if op == "conv" and not has_bias:
        options = {"bias_type": None}
    layer = make(
        seed,
        "int8",
        "drawn",
        activation=str(rng.choice(["none", "relu", "relu6"])),
        per_channel=bool(rng.integers(2)),
        **options,
    )
    compare(layer.to_bytes(), engines, 2)


# The last ones need about all the memory that twins have, and more.
@pytest.mark.parametrize("depth", [9, 40, 64, 72, 130, 2304, 2600, 2800, 4096, 5000])
def test_a_convolution_of_many_terms_gives_the_same_bytes(
    depth: int, engines: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = ((1, 3, 5), depth, 6, (1, 1 + depth % 2), (1, 1), (1, 1), "same")
    monkeypatch.setitem(test_conv_2d.SHAPES, "deep", shape)
    compare(test_conv_2d.conv(depth, "int8", "deep", per_channel=True).to_bytes(), engines)


@pytest.mark.parametrize("channels", [1, 4, 11, 64, 1030])
@pytest.mark.parametrize("taps", [(1, 1), (3, 3)])
def test_channels_without_weights_give_the_same_bytes(
    taps: tuple[int, int],
    channels: int,
    engines: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(
        test_conv_2d.SHAPES, "sparse", ((1, 5, 3), 19, channels, taps, (1, 1), (1, 1), "same")
    )
    layer = test_conv_2d.conv(1, "int8", "sparse", per_channel=True)
    rng = np.random.default_rng(channels)
    kept = rng.integers(3, size=channels) == 0
    w, b = np.array(layer.inputs[1].data), np.array(layer.inputs[2].data)
    w[~kept] = 0
    w[-1, ..., -1] = 1  # the last weight of all is the only one of its channel
    b[~kept] = rng.choice([0, 1 << 30, -(1 << 30), 2**31 - 1], np.count_nonzero(~kept))
    compare(layer.with_input(1, data=w).with_input(2, data=b).to_bytes(), engines)


@pytest.mark.parametrize("taps", [1, 2, 3, 9, 10, 11, 15, 21])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("channels", [8, 12])
def test_a_column_under_depthwise_filters_gives_the_same_bytes(
    channels: int,
    stride: int,
    taps: int,
    engines: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    padding = "same" if taps % 2 else "valid"
    # Long ones do not fit into the memory of the twins as a row.
    rows = 2100 if taps in {2, 3} else 25
    shape = ((2, rows, 1), channels, 1, (taps, 1), (stride, 1), (1, 1), padding)
    monkeypatch.setitem(test_depthwise_conv_2d.SHAPES, "column", shape)
    layer = test_depthwise_conv_2d.depthwise(taps, "int8", "column", per_channel=True)
    compare(layer.to_bytes(), engines, 2)


@pytest.mark.parametrize("output_scale", [1e-6, 1e-3, 0.9, 40.0, 1e9])
@pytest.mark.parametrize("op", ["conv", "depthwise"])
def test_scales_of_any_size_give_the_same_bytes(
    op: str, output_scale: float, engines: dict[str, bytes]
) -> None:
    make = test_conv_2d.conv if op == "conv" else test_depthwise_conv_2d.depthwise
    layer = make(5, "int8", "3x3 same").with_output(scale=output_scale)
    ends = np.resize([2**31 - 1, -(2**31), 0, 1 << 30], layer.output.shape[-1])
    compare(layer.with_input(2, data=ends).to_bytes(), engines)


# Of weights, a channel: powers of two tie often; one that learned nothing has almost no scale.
SPREADS = {
    "powers of two": 2.0 ** -np.arange(3, 11),
    # Weights of the larger one would not be int16 any more, times what brings both to one shift.
    "two sizes": np.resize([2.0**-3, 2.0**-11], 8),
    "three decades": np.geomspace(1e-4, 0.1, 8),
    "some learned nothing": np.array([0.01, 1e-9, 0.02, 1e-12, 1e-10, 0.005, 1e-8, 0.013]),
    "nothing learned": np.full(8, 1e-11),
    "every size": np.geomspace(1e-9, 1.0, 8),
}


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize(
    ("op", "shape"),
    [
        ("conv", "rows of whole vectors"),
        ("conv", "two pixels"),
        ("depthwise", "whole image, whole vectors"),
        ("depthwise", "wide row"),
    ],
)
def test_scales_that_differ_give_the_same_bytes(
    op: str, shape: str, spread: str, engines: dict[str, bytes]
) -> None:
    make = test_conv_2d.conv if op == "conv" else test_depthwise_conv_2d.depthwise
    layer = make(3, "int8", shape, per_channel=True)
    channels = layer.output.shape[-1]
    scales = np.resize(SPREADS[spread], channels).astype(np.float32)
    layer = layer.with_input(0, scale=0.0625).with_input(1, scale=scales)
    layer = layer.with_input(2, scale=scales * np.float32(0.0625)).with_output(scale=0.125)
    compare(layer.to_bytes(), engines, count=12)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("channels", COUNTS)
def test_a_dense_layer_gives_the_same_bytes(
    channels: int, depth: int, dtype: str, engines: dict[str, bytes]
) -> None:
    rng = np.random.default_rng(depth)
    zero_points = rng.integers(-128, 128, 2) if dtype == "int8" else (0, 0)
    x = activations((3, depth), dtype, 0.05, int(zero_points[0]))
    w = weights(rng, (channels, depth), "int8", 0, per_channel=channels % 2 == 0)
    out = activations((3, channels), dtype, 0.02 * np.sqrt(depth), int(zero_points[1]))
    inputs = [x, w, bias(rng, channels, "int32" if dtype == "int8" else "int64", x, w)]
    compare(Layer("FULLY_CONNECTED", inputs, out, "FullyConnectedOptions").to_bytes(), engines)


def test_a_dense_layer_of_int16_at_its_ends_gives_the_same_bytes(
    engines: dict[str, bytes],
) -> None:
    rng = np.random.default_rng(0)
    x, out = (activations((1, size), "int16", 0.05, 0) for size in (1500, 5))
    w = weights(rng, (5, 1500), "int8", 0, per_channel=True)
    w = replace(w, data=np.resize(np.array([[-127], [127]], np.int8).repeat(1500, 1), (5, 1500)))
    inputs = [x, w, bias(rng, 5, "int64", x, w)]
    model = Layer("FULLY_CONNECTED", inputs, out, "FullyConnectedOptions").to_bytes()
    for value in (-32768, 32767):
        compare(model, engines, 1, value)


@pytest.mark.parametrize(
    ("channels", "depth", "rows", "zero_point", "per_channel"), byte_layers.SHAPES
)
@pytest.mark.parametrize("kind", byte_layers.KINDS)
def test_a_dense_layer_of_bytes_gives_the_same_bytes(
    kind: str,
    channels: int,
    depth: int,
    rows: int,
    zero_point: int,
    per_channel: bool,  # noqa: FBT001
    engines: dict[str, bytes],
) -> None:
    make, _ = byte_layers.KINDS[kind]
    w = make(np.random.default_rng(depth), channels, depth)
    layer = byte_layers.layer(w, rows=rows, zero_point=zero_point, per_channel=per_channel)
    compare(layer.to_bytes(), plain_and_simd(engines), 1)


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("zero_point", [-128, 127, 0])
@pytest.mark.parametrize("value", [-128, 127])
def test_weights_at_the_bounds_of_bytes_give_the_same_bytes(
    value: int,
    zero_point: int,
    two: bool,  # noqa: FBT001
    engines: dict[str, bytes],
) -> None:
    w = byte_layers.at_bounds(two=two)
    layer = byte_layers.layer(w, rows=2, zero_point=zero_point, expected=value, step=8)
    compare(layer.to_bytes(), plain_and_simd(engines), 1, value)


def test_many_dense_layers_give_the_same_bytes(engines: dict[str, bytes]) -> None:
    """More than there is room to keep what is known of their weights."""
    rng = np.random.default_rng(0)
    layers = [
        byte_layers.layer(byte_layers.few(rng, 150, 96), zero_point=9, step=500) for _ in range(15)
    ]
    compare(byte_layers.side_by_side(layers), plain_and_simd(engines), 1)


@pytest.mark.parametrize("channels", [3, 8, 11, 16, 35])
@pytest.mark.parametrize("window", [(1, 1), (2, 3), (7, 9)])
@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_a_pool_gives_the_same_bytes(
    op: str, window: tuple[int, int], channels: int, engines: dict[str, bytes]
) -> None:
    shape = (2, 7, 9, channels)
    same = {"scale": 0.1, "zero_point": 4}
    fields = {"filter_height": window[0], "filter_width": window[1], "stride_h": 1, "stride_w": 1}
    options = ("Pool2DOptions", {**fields, "padding": 0, "fused_activation_function": 3})
    ends = [Tensor(shape, "int8", **same), Tensor(shape, "int8", **same)]
    compare(single_op(op, ends[:1], ends[1:], options), engines)


@pytest.mark.parametrize("op", ["ADD", "SUB"])
@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 37), (3, 37)),
        ((2, 5, 9), (9,)),
        ((1,), (4, 8)),
        ((7, 1), (7, 3)),
        ((41, 27), (41, 27)),
        ((1,), (1033,)),
    ],
)
def test_a_sum_gives_the_same_bytes(
    op: str, shapes: tuple[tuple[int, ...], ...], engines: dict[str, bytes]
) -> None:
    a, b = (
        Tensor(shape, "int8", scale=0.1 * (i + 1), zero_point=9 * i - 5)
        for i, shape in enumerate(shapes)
    )
    out = Tensor(np.broadcast_shapes(*shapes), "int8", scale=0.17, zero_point=11)
    options = (f"{op.title()}Options", {"fused_activation_function": 0})
    compare(single_op(op, [a, b], [out], options), engines)


@pytest.mark.parametrize("scales", [(1e-12, 1.0, 0.5), (1.0, 1e-12, 0.5), (0.1, 0.2, 1e12)])
@pytest.mark.parametrize("count", [37, 400])
def test_a_sum_of_scales_far_apart_gives_the_same_bytes(
    scales: tuple[float, float, float], count: int, engines: dict[str, bytes]
) -> None:
    a, b, out = (Tensor((3, count), "int8", scale=scale, zero_point=5) for scale in scales)
    compare(single_op("ADD", [a, b], [out], ("AddOptions", {})), engines)


# Scales of both inputs and of the output: drawn; such that many sums lie between two outputs; far
# from what a layer has.
SUM_SCALES = {
    **{f"drawn {seed}": np.exp(np.random.default_rng(seed).normal(-3, 1, 3)) for seed in range(24)},
    "halves": (0.5, 0.5, 1.0),
    "quarters": (0.25, 0.75, 1.0),
    "equal": (0.1, 0.1, 0.1),
    "large": (8.0, 8.0, 0.001),
    "nearly six": (2.9, 2.9, 1.0),
    "six": (3.0, 3.0, 1.0),
    "unequal": (1.0, 1e-6, 1.0),
}


@pytest.mark.parametrize("op", ["ADD", "SUB"])
@pytest.mark.parametrize("name", SUM_SCALES)
def test_a_sum_of_all_pairs_gives_the_same_bytes(
    name: str, op: str, engines: dict[str, bytes]
) -> None:
    rng = np.random.default_rng(len(name))
    zero_points, activation = rng.integers(-128, 128, 3), int(rng.choice([0, 1, 3]))
    a, b, out = (
        Tensor((65536,), "int8", scale=float(scale), zero_point=int(zero_point))
        for scale, zero_point in zip(SUM_SCALES[name], zero_points, strict=True)
    )
    options = (f"{op.title()}Options", {"fused_activation_function": activation})
    model = single_op(op, [a, b], [out], options)
    x, y = (one.ravel() for one in np.meshgrid(*[np.arange(-128, 128, dtype=np.int8)] * 2))
    order = rng.permutation(65536)  # rare ones among others
    runs = [
        Engine(model, engine=engines[name]).run([x[order], y[order]])
        for name in ("wasm128", "plain")
    ]
    assert runs[0][0].tobytes() == runs[1][0].tobytes()


def models() -> list[Path]:
    return [ZOO / name / f"{name}.tflite" for name in ("digits_int8", "bearing_int8", "sine_int8")]


@pytest.mark.parametrize("path", models(), ids=lambda path: path.stem)
def test_a_zoo_model_gives_the_same_bytes(path: Path, engines: dict[str, bytes]) -> None:
    compare(path.read_bytes(), engines, count=20)


@pytest.mark.parametrize("name", ["okay_nabu", "alexa", "hey_jarvis", "hey_mycroft"])
def test_a_wake_word_model_gives_the_same_bytes(name: str, engines: dict[str, bytes]) -> None:
    compare(wakeword_model(name).read_bytes(), engines, count=30)


@pytest.mark.parametrize(
    "name",
    ["kws_ref_model", "pretrainedResnet_quant", "str_ww_ref_model", "vww_96_int8", "ad01_int8"],
)
def test_a_public_model_gives_the_same_bytes(name: str, engines: dict[str, bytes]) -> None:
    compare(shared_model(name).read_bytes(), engines)
