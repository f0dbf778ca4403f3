"""The Signal ops from channels of energy to features equal TFLM bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.custom import (
    OPTIONS,
    CustomLayer,
    CustomRefusals,
    assert_fails,
    check_refused,
    spread,
    vector,
)
from tests.support.engine import Engine, assert_equal_to_tflm
from tests.support.models import Tensor
from tflm_wasm._abi import Feature

INT16 = np.iinfo(np.int16)


# ---- SignalFilterBankSquareRoot ----


def square_root(size: int = 50) -> CustomLayer:
    inputs = [vector(size, "uint64"), Tensor([], "int32")]
    return CustomLayer("SignalFilterBankSquareRoot", inputs, [vector(size, "uint32")])


@pytest.mark.parametrize("bits", [0, 1, 7, 31])
def test_every_square_root_equals_tflm(bits: int) -> None:
    rng = np.random.default_rng(bits)
    roots = [int(r) for r in spread(rng, 2000, 32, "uint64")]
    around = [r * r + d for r in roots for d in (-1, 0, 1, r, r + 1) if 0 <= r * r + d < 1 << 64]
    near_32_bits = [(1 << 32) + d for d in range(-70_000, 70_000, 777)]
    x = np.array([*around, *near_32_bits, *spread(rng, 2000, 64, "uint64")], np.uint64)
    layer = square_root(len(x))
    assert_equal_to_tflm(layer.to_bytes(), [[x, np.array(bits, np.int32)]])


@pytest.mark.parametrize("bits", [-1, 32, 1 << 30])
def test_scale_bits_out_of_range_fail_when_they_come(bits: int) -> None:
    inputs = [np.zeros(50, np.uint64), np.array(bits, np.int32)]
    assert_fails(square_root(), inputs, "scale bits are")


SQUARE_ROOT_REFUSED: CustomRefusals = {
    "output shorter": ("shape", lambda c: c.with_output(0, shape=[49])),
    "output longer": ("shape", lambda c: c.with_output(0, shape=[51])),
    "input of rank 2": ("shape", lambda c: c.with_input(0, shape=[1, 50])),
    "scale of rank 1": ("shape", lambda c: c.with_input(1, shape=[1])),
    "int64 input": ("type", lambda c: c.with_input(0, dtype="int64")),
    "int16 scale": ("type", lambda c: c.with_input(1, dtype="int16")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
    "one input": ("model", lambda c: replace(c, inputs=c.inputs[:1])),
}


@pytest.mark.parametrize("case", SQUARE_ROOT_REFUSED)
def test_a_wrong_square_root_is_refused(case: str) -> None:
    check_refused(square_root(), SQUARE_ROOT_REFUSED, case)


# ---- SignalFilterBankLog ----


def log(size: int = 40, scale: int = 64, bits: int = 3) -> CustomLayer:
    options = {"input_correction_bits": bits, "output_scale": scale}
    inputs = [vector(size, "uint32")]
    return CustomLayer("SignalFilterBankLog", inputs, [vector(size, "int16")], options)


@pytest.mark.parametrize(
    ("scale", "bits"), [(64, 3), (1600, 0), (65535, 0), (1, 7), (-5, 3), (1 << 30, 2), (64, 31)]
)
def test_every_logarithm_equals_tflm(scale: int, bits: int) -> None:
    rng = np.random.default_rng(bits)
    dense = [*range(3000), *((1 << 32) - 1 - np.arange(500))]
    powers = [(1 << k) + d for k in range(2, 32) for d in (-1, 0, 1, (1 << k) // 3, (1 << k) - 2)]
    x = np.array([*dense, *powers, *spread(rng, 20_000, 32, "uint64")], np.uint64)
    x = x.astype(np.uint32)
    assert_equal_to_tflm(log(len(x), scale, bits).to_bytes(), [[x]])


LOG_REFUSED: CustomRefusals = {
    **OPTIONS,
    "negative correction": ("param", lambda c: c.with_options(input_correction_bits=-1)),
    "correction of 32": ("param", lambda c: c.with_options(input_correction_bits=32)),
    "output shorter": ("shape", lambda c: c.with_output(0, shape=[39])),
    "output longer": ("shape", lambda c: c.with_output(0, shape=[41])),
    "input of rank 2": ("shape", lambda c: c.with_input(0, shape=[1, 40])),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
}


@pytest.mark.parametrize("case", LOG_REFUSED)
def test_a_wrong_logarithm_is_refused(case: str) -> None:
    check_refused(log(), LOG_REFUSED, case)


# ---- SignalPCAN ----


def pcan(size: int = 40, shift: int = 6, entries: int = 125, seed: int = 0) -> CustomLayer:
    lut = np.random.default_rng(seed).integers(INT16.min, INT16.max, entries, endpoint=True)
    inputs = [vector(size, "uint32"), vector(size, "uint32"), vector(entries, data=lut)]
    return CustomLayer("SignalPCAN", inputs, [vector(size, "uint32")], {"snr_shift": shift})


@pytest.mark.parametrize("shift", [0, 6, 20, 63])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_gain_equals_tflm(seed: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    frames = [
        [spread(rng, 3000, 32, "uint32"), rng.permutation(spread(rng, 3000, 32, "uint32"))],
        [spread(rng, 3000, 20, "uint32"), np.arange(3000, dtype=np.uint32)],
    ]
    assert_equal_to_tflm(pcan(3000, shift, seed=seed).to_bytes(), frames)


def test_a_shorter_gain_table_serves_small_noise() -> None:
    layer = pcan(8, entries=29)  # 29 entries: up to 8 bits
    x = np.arange(8, dtype=np.uint32) * 1000
    noise = np.array([0, 1, 2, 3, 4, 100, 254, 255], np.uint32)
    assert_equal_to_tflm(layer.to_bytes(), [[x, noise]])
    noise[3] = 256
    assert_fails(layer, [x, noise], "the gain table of 29 has no entry for noise 256")


def test_a_longer_noise_estimate_is_used_as_far_as_needed() -> None:
    layer = pcan(8).with_input(1, shape=[12])
    rng = np.random.default_rng(4)
    assert_equal_to_tflm(
        layer.to_bytes(), [[spread(rng, 8, 32, "uint32"), spread(rng, 12, 32, "uint32")]]
    )


PCAN_REFUSED: CustomRefusals = {
    **OPTIONS,
    "negative shift": ("param", lambda c: c.with_options(snr_shift=-1)),
    "shift 64": ("param", lambda c: c.with_options(snr_shift=64)),
    "noise too short": ("shape", lambda c: c.with_input(1, shape=[39])),
    "output shorter": ("shape", lambda c: c.with_output(0, shape=[39])),
    "output longer": ("shape", lambda c: c.with_output(0, shape=[41])),
    "input of rank 2": ("shape", lambda c: c.with_input(0, shape=[1, 40])),
    "table of rank 2": ("shape", lambda c: c.with_input(2, shape=[1, 125])),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int32 noise": ("type", lambda c: c.with_input(1, dtype="int32")),
    "int32 table": ("type", lambda c: c.with_input(2, dtype="int32")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
}


@pytest.mark.parametrize("case", PCAN_REFUSED)
def test_a_wrong_gain_is_refused(case: str) -> None:
    check_refused(pcan(), PCAN_REFUSED, case)


# ---- SignalFilterBankSpectralSubtraction ----


def subtraction(size: int = 40, **changes: Any) -> CustomLayer:
    options = {
        "alternate_one_minus_smoothing": 15401,
        "alternate_smoothing": 983,
        "clamping": False,
        "min_signal_remaining": 819,
        "num_channels": size,
        "one_minus_smoothing": 15975,
        "smoothing": 409,
        "smoothing_bits": 10,
        "spectral_subtraction_bits": 14,
    }
    outputs = [vector(size, "uint32"), vector(size, "uint32")]
    return CustomLayer(
        "SignalFilterBankSpectralSubtraction",
        [vector(size, "uint32")],
        outputs,
        {**options, **changes},
    )


SUBTRACTIONS: dict[str, dict[str, Any]] = {
    "as in micro_speech": {},
    "clamping": {"clamping": True},
    "nothing shifted": {"smoothing_bits": 0, "spectral_subtraction_bits": 0},
    "all shifted out": {"smoothing_bits": 31, "spectral_subtraction_bits": 63},
    "over 32 bits": {"spectral_subtraction_bits": 40, "smoothing": -1, "one_minus_smoothing": -2},
    "all remains": {"min_signal_remaining": 1 << 14},
    "slow": {"smoothing": 1, "one_minus_smoothing": 16383, "clamping": True},
}


@pytest.mark.parametrize("case", SUBTRACTIONS)
def test_every_subtraction_equals_tflm_over_time(case: str) -> None:
    rng = np.random.default_rng(1)
    loud = [[spread(rng, 40, 32, "uint32")] for _ in range(8)]
    quiet = [[spread(rng, 40, 18, "uint32")] for _ in range(20)]
    layer = subtraction(**SUBTRACTIONS[case])
    assert_equal_to_tflm(layer.to_bytes(), loud + quiet + loud, resets=(3, 17))
    assert Engine(layer.to_bytes()).get("features") & Feature.STATEFUL


def test_a_longer_input_and_a_shorter_noise_output_are_used_as_far_as_needed() -> None:
    layer = subtraction().with_input(0, shape=[50]).with_output(1, shape=[30])
    rng = np.random.default_rng(2)
    assert_equal_to_tflm(layer.to_bytes(), [[spread(rng, 50, 20, "uint32")] for _ in range(5)])


SUBTRACTION_REFUSED: CustomRefusals = {
    **OPTIONS,
    "smoothing bits 32": ("param", lambda c: c.with_options(smoothing_bits=32)),
    "negative smoothing bits": ("param", lambda c: c.with_options(smoothing_bits=-1)),
    "bits 64": ("param", lambda c: c.with_options(spectral_subtraction_bits=64)),
    "negative bits": ("param", lambda c: c.with_options(spectral_subtraction_bits=-1)),
    "channels of more than the output": ("shape", lambda c: c.with_options(num_channels=41)),
    "channels of less than the output": ("shape", lambda c: c.with_options(num_channels=39)),
    "negative channels": ("shape", lambda c: c.with_options(num_channels=-40)),
    "input too short": ("shape", lambda c: c.with_input(0, shape=[39])),
    "noise too long": ("shape", lambda c: c.with_output(1, shape=[41])),
    "input of rank 2": ("shape", lambda c: c.with_input(0, shape=[1, 40])),
    "output of rank 2": ("shape", lambda c: c.with_output(0, shape=[1, 40])),
    "noise of rank 2": ("shape", lambda c: c.with_output(1, shape=[1, 40])),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
    "int32 noise": ("type", lambda c: c.with_output(1, dtype="int32")),
    "one output": ("model", lambda c: replace(c, outputs=c.outputs[:1])),
}


@pytest.mark.parametrize("case", SUBTRACTION_REFUSED)
def test_a_wrong_subtraction_is_refused(case: str) -> None:
    check_refused(subtraction(), SUBTRACTION_REFUSED, case)
