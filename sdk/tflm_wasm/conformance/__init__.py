"""Models of every op, made at random from a seed, on this package's engine and on TFLM.

    report = check(case_ids(1000, ["CONV_2D/int8"]))
    assert report.passed

A case has an id, such as ``CONV_2D/int8/17``, that says all there is to say: `find` makes the same
model and the same inputs from it on every machine.
"""

from __future__ import annotations

from tflm_wasm.conformance._case import Case as Case
from tflm_wasm.conformance._case import CaseError as CaseError
from tflm_wasm.conformance._case import find as find
from tflm_wasm.conformance._describe import describe as describe
from tflm_wasm.conformance._engine import Engine as Engine
from tflm_wasm.conformance._engine import EngineError as EngineError
from tflm_wasm.conformance._judge import Outcome as Outcome
from tflm_wasm.conformance._judge import Result as Result
from tflm_wasm.conformance._judge import tolerance as tolerance
from tflm_wasm.conformance._registry import generators as generators
from tflm_wasm.conformance._report import Report as Report
from tflm_wasm.conformance._report import check as check
from tflm_wasm.conformance._run import Bench as Bench
from tflm_wasm.conformance._save import save as save
from tflm_wasm.conformance._save import save_case as save_case
from tflm_wasm.conformance._select import case_ids as case_ids
from tflm_wasm.conformance._select import pairs as pairs
from tflm_wasm.conformance._select import sample as sample
from tflm_wasm.conformance._writer import Graph as Graph
from tflm_wasm.conformance._writer import Model as Model
from tflm_wasm.conformance._writer import Op as Op
from tflm_wasm.conformance._writer import Tensor as Tensor
from tflm_wasm.conformance._writer import flexbuffer as flexbuffer
from tflm_wasm.conformance._writer import single_op as single_op
