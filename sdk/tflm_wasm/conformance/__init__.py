"""Models of single ops, made at random, on this package's engine and on TFLM."""

from __future__ import annotations

from tflm_wasm.conformance._engine import Engine as Engine
from tflm_wasm.conformance._engine import EngineError as EngineError
from tflm_wasm.conformance._writer import Graph as Graph
from tflm_wasm.conformance._writer import Model as Model
from tflm_wasm.conformance._writer import Op as Op
from tflm_wasm.conformance._writer import Tensor as Tensor
from tflm_wasm.conformance._writer import flexbuffer as flexbuffer
from tflm_wasm.conformance._writer import single_op as single_op
