"""SignalRfft and SignalIrfft equal TFLM bit for bit in three types, and so do their factors."""

from __future__ import annotations

import math
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from tests.support.custom import OPTIONS, CustomLayer, CustomRefusals
from tests.support.engine import assert_equal_to_tflm
from tests.support.layers import assert_refused
from tests.support.models import TYPES, Tensor
from tests.support.native import native_program

INVERSE = pytest.mark.parametrize("inverse", [False, True], ids=["rfft", "irfft"])
DTYPE = pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])


def lengths(end: int) -> list[int]:
    """Return the lengths up to `end` that TFLM has: twice the products of 2, 3 and 5, but not 2."""

    def is_product(n: int) -> bool:
        for radix in (2, 3, 5):
            while n % radix == 0:
                n //= radix
        return n == 1

    return [2 * n for n in range(2, end // 2 + 1) if is_product(n)]


def fft(
    dtype: str,
    length: int,
    *,
    inverse: bool = False,
    rows: tuple[int, ...] = (2,),
    samples: int | None = None,
    scalars: int | None = None,
) -> CustomLayer:
    """Return a layer; `samples` and `scalars` are the last dimensions, complete unless given."""
    time = Tensor([*rows, length if samples is None else samples], dtype)
    spectrum = Tensor([*rows, length + 2 if scalars is None else scalars], dtype)
    tensors = [[spectrum], [time]] if inverse else [[time], [spectrum]]
    name = "SignalIrfft" if inverse else "SignalRfft"
    return CustomLayer(name, *tensors, {"T": int(TYPES[dtype]), "fft_length": length})


def frames(layer: CustomLayer, seed: int) -> list[list[np.ndarray]]:
    """Return uniform noise, the extremes alone and mixed, a quiet signal, zeros."""
    rng = np.random.default_rng(seed)
    shape, dtype = layer.inputs[0].shape, np.dtype(layer.inputs[0].dtype)
    if dtype == np.float32:
        arrays = [rng.standard_normal(shape) * 10.0**power for power in (-20, 0, 4, 37)]
        arrays.append(rng.choice([np.inf, -np.inf, np.nan, -0.0, 1e-40, 1.0], shape))
        return [[array.astype(dtype)] for array in [*arrays, np.zeros(shape)]]
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    arrays = [
        rng.integers(low, high, shape, dtype, endpoint=True),
        rng.choice(np.array([low, high], dtype), shape),
        np.full(shape, low),
        np.full(shape, high),
        rng.normal(0, high / 300, shape),
        np.zeros(shape),
    ]
    return [[array.astype(dtype)] for array in arrays]


@INVERSE
@DTYPE
def test_every_length_equals_tflm(dtype: str, inverse: bool) -> None:  # noqa: FBT001
    for length in [*lengths(300), 384, 480, 512, 640, 750, 1000, 1024, 2048, 4096]:
        layer = fft(dtype, length, inverse=inverse)
        assert_equal_to_tflm(layer.to_bytes(), frames(layer, length))


@pytest.mark.parametrize("samples", [1, 2, 7, 30, 63, 64])
@DTYPE
def test_a_signal_shorter_than_the_transform_is_padded_with_zeros(dtype: str, samples: int) -> None:
    layer = fft(dtype, 64, samples=samples, rows=(3, 2))
    assert_equal_to_tflm(layer.to_bytes(), frames(layer, samples))


@pytest.mark.parametrize("scalars", [68, 100])
@DTYPE
def test_what_a_spectrum_has_beyond_the_transform_is_ignored(dtype: str, scalars: int) -> None:
    layer = fft(dtype, 64, inverse=True, scalars=scalars)
    assert_equal_to_tflm(layer.to_bytes(), frames(layer, scalars))


@INVERSE
def test_a_signal_without_rows_is_one(inverse: bool) -> None:  # noqa: FBT001
    layer = fft("int16", 60, inverse=inverse, rows=())
    assert_equal_to_tflm(layer.to_bytes(), frames(layer, 1))


def test_shapes_count_by_their_last_dimension_as_in_tflm() -> None:
    one_more = fft("int16", 64, inverse=True, rows=(1,), scalars=67)
    column = fft("int16", 64, rows=(1,)).with_output(0, shape=[66, 1])
    for layer in (one_more, column):
        assert_equal_to_tflm(layer.to_bytes(), frames(layer, 3))


def test_without_an_option_t_numbers_are_floats_as_in_tflm() -> None:
    layer = replace(fft("float32", 16), options={"A": 0, "fft_length": 16})
    assert_equal_to_tflm(layer.to_bytes(), frames(layer, 2))


def factors(dtype: str, points: int, *, inverse: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the engine's factors as [points, 2] and [points / 2, 2]: real, imaginary."""
    numbers = (str(int(TYPES[dtype])), str(points), str(int(inverse)))
    command = [native_program("probe"), "factors", *numbers]
    result = subprocess.run(command, capture_output=True, check=True)
    values = np.frombuffer(result.stdout, dtype).reshape(-1, 2)
    return values[:points], values[points:]


def kissfft_factors(dtype: str, points: int, *, inverse: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return what kissfft has there, by its formulas and this machine's sine and cosine."""
    sign = -1.0 if inverse else 1.0
    pi = math.pi
    twiddles = [sign * (-2.0 * pi * k / points) for k in range(points)]
    turns = [sign * (-pi * ((k + 1) / points + 0.5)) for k in range(points // 2)]
    pairs = [[(math.cos(x), math.sin(x)) for x in phases] for phases in (twiddles, turns)]
    both = [np.array(listed).reshape(-1, 2) for listed in pairs]
    if dtype != "float32":
        both = [np.floor(0.5 + np.iinfo(dtype).max * values) for values in both]
    return both[0].astype(dtype), both[1].astype(dtype)


@INVERSE
@DTYPE
def test_every_factor_is_kissffts(dtype: str, inverse: bool) -> None:  # noqa: FBT001
    for length in lengths(2500):
        ours = factors(dtype, length // 2, inverse=inverse)
        wanted = kissfft_factors(dtype, length // 2, inverse=inverse)
        for got, want in zip(ours, wanted, strict=True):
            np.testing.assert_array_equal(got, want, err_msg=f"fft_length {length}")


REFUSED: CustomRefusals = {
    **OPTIONS,
    "length 0": ("param", lambda c: c.with_options(fft_length=0)),
    "length 2": ("param", lambda c: c.with_options(fft_length=2)),
    "negative length": ("param", lambda c: c.with_options(fft_length=-64)),
    "odd length": ("param", lambda c: c.with_options(fft_length=63)),
    "length of a radix that TFLM crashes on": ("param", lambda c: c.with_options(fft_length=14)),
    "length of more than the tensors": ("shape", lambda c: c.with_options(fft_length=128)),
    "length of less than the tensors": ("shape", lambda c: c.with_options(fft_length=32)),
    "length of 2 GiB": ("shape", lambda c: c.with_options(fft_length=1 << 30)),
    "type int8": ("type", lambda c: c.with_options(T=9)),
    "type unknown": ("type", lambda c: c.with_options(T=-1)),
    "type of other tensors": ("type", lambda c: c.with_options(T=2)),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
    "ranks differ": ("shape", lambda c: c.with_output(0, shape=[132])),
    "rows differ": ("shape", lambda c: c.with_output(0, shape=[3, c.outputs[0].shape[1]])),
    "output too long": ("shape", lambda c: c.with_output(0, shape=[2, 68])),
    "output too short": ("shape", lambda c: c.with_output(0, shape=[2, 62])),
    "rank 0": (
        "shape",
        lambda c: c.with_input(0, shape=[]).with_output(0, shape=[]),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@INVERSE
def test_what_does_not_fit_is_refused(inverse: bool, case: str) -> None:  # noqa: FBT001
    status, change = REFUSED[case]
    assert_refused(change(fft("int16", 64, inverse=inverse)), status)


def test_a_signal_longer_than_the_transform_is_refused() -> None:
    assert_refused(fft("int16", 64, samples=65), "shape")


@pytest.mark.parametrize("scalars", [65, 67])
def test_a_spectrum_of_half_complex_numbers_is_refused(scalars: int) -> None:
    assert_refused(fft("int16", 64, inverse=True, scalars=scalars), "shape")
