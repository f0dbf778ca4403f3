"""What tests build models with, and random inputs for them."""

from __future__ import annotations

import numpy as np

from tflm_wasm.conformance import Graph as Graph
from tflm_wasm.conformance import Model as Model
from tflm_wasm.conformance import Op as Op
from tflm_wasm.conformance import Tensor as Tensor
from tflm_wasm.conformance import flexbuffer as flexbuffer
from tflm_wasm.conformance import single_op as single_op
from tflm_wasm.conformance._writer import TYPES as TYPES


def random_input(rng: np.random.Generator, tensor: Tensor) -> np.ndarray:
    """Return random values over the whole range of the type; floats are normal, times 4."""
    if tensor.dtype == "float32":
        return (4 * rng.standard_normal(tensor.shape)).astype(np.float32)
    if tensor.dtype == "bool":
        return rng.integers(0, 2, tensor.shape).astype(bool)
    info = np.iinfo(tensor.dtype)
    return rng.integers(info.min, info.max, tensor.shape, dtype=tensor.dtype, endpoint=True)
