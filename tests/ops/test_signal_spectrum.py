"""The Signal ops from a window to channels of energy equal TFLM bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.custom import (
    OPTIONS,
    CustomLayer,
    CustomRefusals,
    assert_fails,
    both,
    check_refused,
    spread,
    vector,
)
from tests.support.engine import assert_equal_to_tflm
from tests.support.models import Tensor

INT16, UINT32 = np.iinfo(np.int16), np.iinfo(np.uint32)


# ---- SignalWindow ----


def window(shape: tuple[int, ...] = (2, 6), size: int = 3, shift: int = 12) -> CustomLayer:
    weights = np.random.default_rng(size).integers(INT16.min, INT16.max, size, endpoint=True)
    weights[0] = INT16.min
    inputs = [Tensor(shape, "int16"), vector(size, data=weights)]
    return CustomLayer("SignalWindow", inputs, [Tensor(shape, "int16")], {"shift": shift})


@pytest.mark.parametrize("shift", [0, 1, 12, 15, 30, 31])
@pytest.mark.parametrize(("shape", "size"), [((6,), 6), ((2, 6), 3), ((3, 1, 4), 1), ((480,), 480)])
def test_every_window_equals_tflm(shape: tuple[int, ...], size: int, shift: int) -> None:
    rng = np.random.default_rng(shift)
    frames = [
        [rng.integers(INT16.min, INT16.max, shape, np.int16, endpoint=True)],
        [rng.choice(np.array([INT16.min, INT16.max], np.int16), shape)],
    ]
    assert_equal_to_tflm(window(shape, size, shift).to_bytes(), frames)


WINDOW_REFUSED: CustomRefusals = {
    **OPTIONS,
    "negative shift": ("param", lambda c: c.with_options(shift=-1)),
    "shift 32": ("param", lambda c: c.with_options(shift=32)),
    "weights don't repeat": ("shape", lambda c: c.with_input(1, shape=[5], data=[1] * 5)),
    "no weights": ("shape", lambda c: c.with_input(1, shape=[0], data=None)),
    "weights of rank 2": ("shape", lambda c: c.with_input(1, shape=[1, 3])),
    "output of another rank": ("shape", lambda c: c.with_output(0, shape=[12])),
    "output too small": ("shape", lambda c: c.with_output(0, shape=[2, 5])),
    "rank 0": ("shape", lambda c: c.with_input(0, shape=[]).with_output(0, shape=[])),
    "int8": ("type", lambda c: c.with_input(0, dtype="int8")),
    "int8 weights": ("type", lambda c: c.with_input(1, dtype="int8", data=[1, 2, 3])),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
}


@pytest.mark.parametrize("case", WINDOW_REFUSED)
def test_a_wrong_window_is_refused(case: str) -> None:
    check_refused(window(), WINDOW_REFUSED, case)


# ---- SignalFftAutoScale ----


def auto_scale(size: int = 12, out: int | None = None) -> CustomLayer:
    outputs = [vector(size if out is None else out), Tensor([], "int32")]
    return CustomLayer("SignalFftAutoScale", [vector(size)], outputs)


@pytest.mark.parametrize("largest", [0, 1, 2, 3, 100, 255, 256, 16383, 16384, 32767])
def test_every_magnitude_is_scaled_as_in_tflm(largest: int) -> None:
    rng = np.random.default_rng(largest)
    x = rng.integers(-largest, largest, 12, np.int16, endpoint=True)
    frames = []
    for value in (largest, -largest):
        x = x.copy()
        x[5] = value
        frames.append([x])
    assert_equal_to_tflm(auto_scale().to_bytes(), frames)


@pytest.mark.parametrize("last", [5, -5, 0, 16384])
def test_the_largest_magnitude_is_sought_anew_behind_minus_32768_as_in_tflm(last: int) -> None:
    frames = [
        [np.array([*start, -32768, *[0] * (10 - len(start)), last], np.int16)]
        for start in ([], [32767], [-3, 7, 100])
    ]
    assert_equal_to_tflm(auto_scale().to_bytes(), frames)


def test_auto_scale_looks_at_no_more_than_it_writes() -> None:
    x = np.array([1, 2, 3, -4, 5, 6, 7, 30000], np.int16)
    assert_equal_to_tflm(auto_scale(8, 5).to_bytes(), [[x]])


AUTO_SCALE_REFUSED: CustomRefusals = {
    "output longer than input": ("shape", lambda c: c.with_output(0, shape=[13])),
    "input of rank 2": ("shape", lambda c: c.with_input(0, shape=[1, 12])),
    "output of rank 2": ("shape", lambda c: c.with_output(0, shape=[1, 12])),
    "scale of rank 1": ("shape", lambda c: c.with_output(1, shape=[1])),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
    "int16 scale": ("type", lambda c: c.with_output(1, dtype="int16")),
    "one output": ("model", lambda c: replace(c, outputs=c.outputs[:1])),
}


@pytest.mark.parametrize("case", AUTO_SCALE_REFUSED)
def test_a_wrong_auto_scale_is_refused(case: str) -> None:
    check_refused(auto_scale(), AUTO_SCALE_REFUSED, case)


# ---- SignalEnergy ----


def energy(start: int = 2, end: int = 7, size: int = 16, out: int = 8) -> CustomLayer:
    options = {"start_index": start, "end_index": end}
    return CustomLayer("SignalEnergy", [vector(size)], [vector(out, "uint32")], options)


@pytest.mark.parametrize(
    ("start", "end", "size", "out"),
    [(0, 8, 16, 8), (2, 7, 16, 8), (0, 1, 2, 1), (5, 241, 514, 257), (3, 8, 17, 12), (4, 4, 16, 8)],
)
def test_every_range_of_energies_equals_tflm_and_the_rest_is_0(
    start: int, end: int, size: int, out: int
) -> None:
    rng = np.random.default_rng(size)
    layer = energy(start, end, size, out)
    frames = [
        [rng.integers(INT16.min, INT16.max, size, np.int16, endpoint=True)],
        [np.full(size, INT16.min, np.int16)],
    ]
    for [got], [want] in both(layer, frames):
        np.testing.assert_array_equal(got[start:end], want[start:end])
        assert not got[:start].any()
        assert not got[end:].any()


ENERGY_REFUSED: CustomRefusals = {
    **OPTIONS,
    "negative start": ("param", lambda c: c.with_options(start_index=-1)),
    "end beyond the input": ("param", lambda c: c.with_options(end_index=9)),
    "end beyond the output": ("param", lambda c: c.with_output(0, shape=[6])),
    "input of rank 2": ("shape", lambda c: c.with_input(0, shape=[1, 16])),
    "output of rank 2": ("shape", lambda c: c.with_output(0, shape=[1, 8])),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int32 output": ("type", lambda c: c.with_output(0, dtype="int32")),
}


@pytest.mark.parametrize("case", ENERGY_REFUSED)
def test_a_wrong_energy_is_refused(case: str) -> None:
    check_refused(energy(), ENERGY_REFUSED, case)


# ---- SignalFilterBank ----

WIDTHS = [3, 0, 5, 2, -1, 4]


def filter_bank(*, constant: bool = True, out: int = 5) -> CustomLayer:
    """Return a layer of 5 channels over 20 samples."""
    rng = np.random.default_rng(11)
    weights = rng.integers(INT16.min, INT16.max, (2, 30), endpoint=True)
    starts, weight_starts = [0, -7, 15, 1, 30000, 4], [26, 30000, 0, 12, -1, 26]
    tables = [
        vector(len(data), data=np.array(data) if constant else None)
        for data in (*weights, starts, weight_starts, WIDTHS)
    ]
    inputs = [vector(20, "uint32"), *tables]
    return CustomLayer("SignalFilterBank", inputs, [vector(out, "uint64")], {"num_channels": 5})


def bank_frames(layer: CustomLayer) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(3)
    full = filter_bank()
    tables = [
        np.asarray(given.data, np.int16)
        for given, own in zip(full.inputs[1:], layer.inputs[1:], strict=True)
        if own.data is None
    ]
    signals = [spread(rng, 20, 32, "uint32"), np.full(20, UINT32.max, np.uint32)]
    return [[signal, *tables] for signal in signals]


@pytest.mark.parametrize("out", [5, 3, 1])
@pytest.mark.parametrize("constant", [True, False], ids=["constant", "computed"])
def test_every_filter_bank_equals_tflm(constant: bool, out: int) -> None:  # noqa: FBT001
    layer = filter_bank(constant=constant, out=out)
    assert_equal_to_tflm(layer.to_bytes(), bank_frames(layer))


BANK_REFUSED: CustomRefusals = {
    **OPTIONS,
    "fewer channels than the output": ("param", lambda c: c.with_options(num_channels=4)),
    "more channels than the tables": ("shape", lambda c: c.with_options(num_channels=6)),
    "negative channels": ("param", lambda c: c.with_options(num_channels=-1)),
    "a range beyond the input": ("param", lambda c: c.with_input(0, shape=[19])),
    "a range beyond the weights": ("param", lambda c: c.with_input(1, shape=[29], data=[0] * 29)),
    "a range beyond the unweights": ("param", lambda c: c.with_input(2, shape=[29], data=[0] * 29)),
    "a negative start": ("param", lambda c: c.with_input(3, data=[-1, 0, 0, 0, 0, 0])),
    "a negative weight start": ("param", lambda c: c.with_input(4, data=[-1, 0, 0, 0, 0, 0])),
    "a wide range": ("param", lambda c: c.with_input(5, data=[32767, 0, 0, 0, 0, 0])),
    "too few starts": ("shape", lambda c: c.with_input(3, shape=[5], data=[0] * 5)),
    "too few widths": ("shape", lambda c: c.with_input(5, shape=[5], data=[0] * 5)),
    "input of rank 2": ("shape", lambda c: c.with_input(0, shape=[1, 20])),
    "int32 input": ("type", lambda c: c.with_input(0, dtype="int32")),
    "int32 weights": ("type", lambda c: c.with_input(1, dtype="int32")),
    "int32 starts": ("type", lambda c: c.with_input(3, dtype="int32")),
    "uint32 output": ("type", lambda c: c.with_output(0, dtype="uint32")),
}


@pytest.mark.parametrize("case", BANK_REFUSED)
def test_a_wrong_filter_bank_is_refused(case: str) -> None:
    check_refused(filter_bank(), BANK_REFUSED, case)


@pytest.mark.parametrize("table", [3, 4, 5])
@pytest.mark.parametrize("value", [-1, 30, 32767])
def test_computed_tables_that_leave_the_spectrum_fail_when_they_are_used(
    table: int, value: int
) -> None:
    layer = filter_bank(constant=False)
    [inputs, _] = bank_frames(layer)
    inputs[table] = inputs[table].copy()
    inputs[table][2] = value
    if table == 5 and value < 0:
        assert_equal_to_tflm(layer.to_bytes(), [inputs])  # no samples
    else:
        assert_fails(layer, inputs, "channel 2 leaves its tables")
