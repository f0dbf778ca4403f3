"""What the engine refuses TFLM refuses as well, or it is written down what TFLM does instead.

The cases are those of the tests of the operators, which hold the engine to its status for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.ops import (
    test_conv_2d,
    test_depthwise_conv_2d,
    test_fully_connected,
    test_if,
    test_pool_2d,
    test_svdf,
    test_transpose_conv,
    test_unidirectional_sequence_lstm,
    test_while,
)
from tests.support.control import count, truth
from tests.support.engine import oracle
from tests.support.layers import Layer, SupportsBytes, frames
from tests.support.models import Model
from tflm_wasm import OracleError

# Why TFLM takes a model that the engine refuses.
BOUNDS = "reads or writes outside of a tensor, or leaves an output unwritten"
BYTES = "takes the bytes of one type for those of another"
NUMBERS = "computes with a scale that is no positive number, or with what is out of its range"
UNSET = "computes with what it never set"
SENSELESS = "computes with options that have no meaning"
IGNORED = "leaves out what the model asks for"
SIZES = "computes an output of another size than input and options give"
CONSTANT = "writes into a constant of the model"
NO_LIMIT = "has no such limit"
AGREES = ""

# By a case's name or, in front of that, the operator's.
DIFFERENT = {
    "types differ": BYTES,
    "DEPTHWISE_CONV_2D: types of input and output differ": BYTES,
    "float bias": BYTES,
    "int64 bias for int8": BYTES,
    "int16 bias for int8": BYTES,
    "int32 bias for int16": BYTES,
    "state of another type than the time weights": BYTES,
    "bias too short": BOUNDS,
    "input of rank 3": BOUNDS,
    "output of rank 3": BOUNDS,
    "filter of rank 3": BOUNDS,
    "batches differ": BOUNDS,
    "output of other channels": BOUNDS,
    "channels no multiple of groups": BOUNDS,
    "depth less than the filter's": BOUNDS,
    "depth that makes other channels": BOUNDS,
    "multiplier 0": BOUNDS,
    "negative multiplier": BOUNDS,
    "multiplier that does not fit": BOUNDS,
    "multiplier that overflows": BOUNDS,
    "filter of other depth": BOUNDS,
    "weights of other depth": BOUNDS,
    "more outputs than rows": BOUNDS,
    "more batches out than in": BOUNDS,
    "scalar output": BOUNDS,
    "window height 0": BOUNDS,
    "no memory": BOUNDS,
    "negative window width": SENSELESS,
    "window over 65535": NO_LIMIT,
    "window that overflows": NO_LIMIT,
    "window larger than image, valid": SIZES,
    "stride over 65535": NO_LIMIT,
    "output of another height": SIZES,
    "output of another width": SIZES,
    "empty input": SIZES,
    "empty filter": SIZES,
    "filter without depth": SIZES,
    "weights without depth": SIZES,
    "several filters": SIZES,
    "depth no multiple of the filter's": SIZES,
    "fewer outputs than rows": SIZES,
    "weights of rank 3 with too few rows": SIZES,
    "fused tanh": IGNORED,
    "fused activation 6": IGNORED,
    "fused activation 99": IGNORED,
    "shuffled weights": IGNORED,
    "two inputs": IGNORED,
    "TRANSPOSE_CONV: two inputs": AGREES,
    "FULLY_CONNECTED: four inputs": IGNORED,
    "no activation": UNSET,
    "weights quantized per channel": UNSET,
    "stride 0": SENSELESS,
    "negative stride": SENSELESS,
    "dilation 0": SENSELESS,
    "negative dilation": SENSELESS,
    "dilation that overflows": SENSELESS,
    "padding 2": SENSELESS,
    "options of another op": SENSELESS,
    "SVDF: options of another op": AGREES,
    "SVDF: output of rank 3": AGREES,
    "UNIDIRECTIONAL_SEQUENCE_LSTM: weights of other depth": AGREES,
    "UNIDIRECTIONAL_SEQUENCE_LSTM: bias too short": AGREES,
    "IF: options of another op": AGREES,
    "TRANSPOSE_CONV: no options": SENSELESS,
    "output not quantized": NUMBERS,
    "FULLY_CONNECTED: input not quantized": NUMBERS,
    "UNIDIRECTIONAL_SEQUENCE_LSTM: input not quantized": NUMBERS,
    "FULLY_CONNECTED: weights not quantized": NUMBERS,
    "UNIDIRECTIONAL_SEQUENCE_LSTM: weights not quantized": NUMBERS,
    "state not quantized": NUMBERS,
    "features not quantized": NUMBERS,
    "time weights not quantized": NUMBERS,
    "output scale 0": NUMBERS,
    "output scale infinite": NUMBERS,
    "output scale too small": NUMBERS,
    "input scale NaN": NUMBERS,
    "input scale too large": NUMBERS,
    "negative input scale": NUMBERS,
    "negative weight scale": NUMBERS,
    "NaN weight scale": NUMBERS,
    "weight scale too large": NUMBERS,
    "hidden scale 0": NUMBERS,
    "cell scale 8": NUMBERS,
    "cell scale 2^-50": NUMBERS,
    "cell scale NaN": NUMBERS,
    "multiplier over 2^30": NUMBERS,
    "input zero point 128": NUMBERS,
    "output zero point -129": NUMBERS,
    "output zero point 128": NUMBERS,
    "hidden zero point 128": NUMBERS,
    "state zero point 40000": NUMBERS,
    "zero point 128 and an activation": NUMBERS,
    "an activation but no quantization": NUMBERS,
    "FULLY_CONNECTED: negative weight scale": AGREES,
    "FULLY_CONNECTED: NaN weight scale": AGREES,
    "a constant for an input": CONSTANT,
    "condition takes a constant": CONSTANT,
    "an output that nothing writes": UNSET,
    "else gives nothing": BOUNDS,
    "condition gives a handle": BYTES,
    "a body that reads before it writes": UNSET,
}

Frames = list[list[np.ndarray]]


def layers() -> Iterator[tuple[str, str, Callable[[], tuple[SupportsBytes, Frames]]]]:
    """Give operator, case, and what makes the model and inputs for it."""
    rng = np.random.default_rng(0)

    def of(layer: Layer) -> tuple[SupportsBytes, Frames]:
        computed = [t for t in layer.inputs if t.data is None and not t.variable]
        return layer, frames(rng, *computed)

    def of_model(model: Model) -> tuple[SupportsBytes, Frames]:
        return model, [[truth(value), test_if.INPUT] for value in (0, 1)]

    for table, base in (
        (test_conv_2d.REFUSED, test_conv_2d.conv(20)),
        (test_depthwise_conv_2d.REFUSED, test_depthwise_conv_2d.depthwise(20)),
        (test_fully_connected.REFUSED, test_fully_connected.dense(20, per_channel=True)),
        (test_transpose_conv.REFUSED, test_transpose_conv.transpose_conv(20)),
        (test_svdf.REFUSED, test_svdf.svdf(20)),
        *((test_pool_2d.REFUSED, test_pool_2d.pool(op)) for op in test_pool_2d.OPS),
    ):
        for case, (_, change) in table.items():
            yield base.code, case, lambda change=change, base=base: of(change(base))
    for case, (_, change_lstm) in test_unidirectional_sequence_lstm.REFUSED.items():

        def of_lstm(change: Callable = change_lstm) -> tuple[SupportsBytes, Frames]:
            layer = change(test_unidirectional_sequence_lstm.lstm(20))
            return layer, frames(rng, layer.inputs[0])

        yield "UNIDIRECTIONAL_SEQUENCE_LSTM", case, of_lstm
    for case, (_, _, make) in test_if.REFUSED.items():
        yield "IF", case, lambda make=make: of_model(make())
    for case, (_, _, make) in test_while.REFUSED.items():
        yield "WHILE", case, lambda make=make: (make(), [[count(0), test_while.START]])


CASES = {f"{op}: {case}": make for op, case, make in layers()}


def _run(model: bytes, inputs: Frames) -> None:
    oracle().open(model)
    oracle().run_many(inputs)


def difference(case: str) -> str:
    return DIFFERENT.get(case, DIFFERENT.get(case.split(": ", 1)[1], AGREES))


@pytest.mark.parametrize("case", [case for case in CASES if not difference(case)])
def test_tflm_refuses_or_dies_of_what_the_engine_refuses(case: str) -> None:
    model, inputs = CASES[case]()
    with pytest.raises(OracleError):
        _run(model.to_bytes(), inputs)


@pytest.mark.parametrize("case", [case for case in CASES if difference(case)])
def test_tflm_takes_what_the_list_of_differences_says(case: str) -> None:
    """It is not run: where it leaves its tensors, it would damage itself."""
    model, _ = CASES[case]()
    oracle().open(model.to_bytes())


def test_the_list_of_differences_names_cases_that_there_are() -> None:
    names = {name for case in CASES for name in (case, case.split(": ", 1)[1])}
    assert DIFFERENT.keys() <= names
