"""Reading .tflite files in Python: everything a damaged one can do is a typed error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.files import ZOO
from tests.support.models import Graph, Model, Op, Tensor
from tflm_wasm import ModelError, TensorIndexError
from tflm_wasm._model import Model as ReadModel

DIGITS = (ZOO / "digits_int8" / "digits_int8.tflite").read_bytes()


def read_everything(data: bytes) -> None:
    model = ReadModel(data)
    for index in range(model.tensor_count()):
        try:
            model.tensor(index)
            model.constant(index)
        except ModelError:
            continue
    assert isinstance(model.input_bytes, int)
    assert isinstance(model.signatures, dict)


def test_a_file_cut_anywhere_is_read_or_refused():
    refused = 0
    for length in [*range(200), *range(200, len(DIGITS), 97)]:
        try:
            read_everything(DIGITS[:length])
        except ModelError:
            refused += 1
    assert refused > 100


def test_mutated_files_are_read_or_refused():
    random = np.random.default_rng(30_001)
    whole = np.frombuffer(DIGITS, np.uint8)
    words = np.array([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000], np.uint32)
    refused = 0
    for _ in range(1000):
        mutant = whole.copy()
        for where in random.integers(0, len(mutant) - 4, random.integers(1, 4)):
            mutant[where : where + 4] = random.choice(words, 1).view(np.uint8)
        try:
            read_everything(mutant.tobytes())
        except ModelError:
            refused += 1
    assert 0 < refused < 1000


@given(st.binary(max_size=200))
def test_random_bytes_with_the_right_identifier_are_read_or_refused(noise):
    with pytest.raises(ModelError):
        read_everything(b"\x10\0\0\0TFL3" + noise[:2])
    try:
        read_everything(b"\x10\0\0\0TFL3" + noise)
    except ModelError as error:
        assert error.hint  # noqa: PT017


def test_tensors_that_share_a_huge_name_do_not_multiply_it():
    name = "n" * 50_000
    tensors = [Tensor([1], "int8", name=name) for _ in range(2)]
    data = bytearray(Model([Graph(tensors, [Op("RELU", [0], [1])], [0], [1])]).to_bytes())
    model = ReadModel(bytes(data))
    for index in (0, 1) * 100:
        assert len(model.tensor(index).name) == 4096
    model._bytes_left = 0
    model._tensors.clear()
    with pytest.raises(ModelError, match="more bytes than the file has"):
        model.tensor(0)


def test_a_tensor_that_is_not_there_is_an_index_error():
    model = ReadModel(DIGITS)
    for index in (-1, model.tensor_count()):
        with pytest.raises(TensorIndexError):
            model.tensor(index)


def test_constants_are_views_into_the_file():
    model = ReadModel(DIGITS)
    found = [model.constant(i) for i in range(model.tensor_count())]
    constants = [array for array in found if array is not None]
    assert constants
    assert not any(array.flags.owndata or array.flags.writeable for array in constants)
    for index, array in enumerate(found):
        assert array is None or array.shape == model.tensor(index).shape
