"""The inputs that `tflm-wasm verify` makes, and how it measures a difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tflm_wasm as package
from tests.support.cli import Q8, reshape
from tflm_wasm._verify_compare import distance
from tflm_wasm._verify_inputs import make


def test_the_first_inputs_are_the_extremes_of_the_type():
    with package.load(reshape(**Q8)) as session:
        cases = [make(session.inputs, index, 0) for index in range(8)]
    flat = {case.kind: case.frame[0].reshape(-1).tolist() for case in cases}
    assert flat == {
        "all-min": [-128] * 6,
        "all-max": [127] * 6,
        "zero": [0] * 6,
        "zero-point": [-3] * 6,
        "alternating": [-128, 127] * 3,
        "one-hot first": [127, *[-128] * 5],
        "one-hot middle": [-128, -128, -128, 127, -128, -128],
        "one-hot last": [*[-128] * 5, 127],
    }


DTYPES = ["int8", "uint8", "int16", "int32", "int64", "uint32", "float32", "bool"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_generated_inputs_fit_every_type_and_depend_on_seed_and_index_only(dtype):
    tensor = package.Tensor(
        index=0,
        shape=(3, 50),
        typestr=np.dtype(dtype).str,
        scale=0.0,
        zero_point=0,
        data=memoryview(bytes(150 * np.dtype(dtype).itemsize)),
        name_of=str,
    )
    for index in range(40):
        (values,) = make([tensor], index, 7).frame
        assert values.shape == (3, 50)
        assert values.dtype == dtype
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values, make([tensor], index, 7).frame[0])
    random = [make([tensor], index, seed).frame[0].tobytes() for index in (8, 9) for seed in (0, 1)]
    assert len(set(random)) == 4


@given(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False))
def test_the_distance_of_floats_is_symmetric_and_zero_for_the_same_bits(a, b):
    x, y = np.array([a], np.float32), np.array([b], np.float32)
    assert distance(x, y) == distance(y, x)
    assert (distance(x, y) == 0) == (x.tobytes() == y.tobytes())


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_neighbouring_floats_are_one_ulp_apart(value):
    x = np.array([value], np.float32)
    with np.errstate(all="ignore"):
        above = np.nextafter(x, np.float32(np.inf))
    minus_zero = x.tobytes() == np.array([-0.0], np.float32).tobytes()  # 0.0 lies between
    assert distance(x, above) == (2 if minus_zero else 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (np.array([-128], np.int8), np.array([127], np.int8), 255),
        (np.array([0], np.uint8), np.array([255], np.uint8), 255),
        (np.array([np.nan], np.float32), np.array([-np.nan], np.float32), 0),
        (np.array([-0.0], np.float32), np.array([0.0], np.float32), 1),
        (np.array([-(2**63)]), np.array([2**63 - 1]), 2**63 - 1),
        (np.array([True]), np.array([False]), 1),
        (np.zeros(2, np.int8), np.zeros(3, np.int8), 2**63 - 1),
        (np.zeros(2, np.int8), np.zeros(2, np.int16), 2**63 - 1),
        (np.zeros((2, 1), np.int8), np.zeros(2, np.int8), 0),
    ],
)
def test_the_distance_of_outputs(ours, theirs, expected):
    assert distance(ours, theirs) == expected
