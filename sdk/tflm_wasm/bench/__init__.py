"""Measuring: benchmarks of engines side by side, their results, and comparing two of them.

from tflm_wasm import bench

results = bench.run(bench.read_config("quick"), ["model.tflite"])
results.write("results.jsonl")
"""

from __future__ import annotations

from tflm_wasm.bench._benchmark import Benchmark as Benchmark
from tflm_wasm.bench._benchmark import Part as Part
from tflm_wasm.bench._benchmark import Setting as Setting
from tflm_wasm.bench._board import NATIVE as NATIVE
from tflm_wasm.bench._board import instructions as instructions
from tflm_wasm.bench._compare import Change as Change
from tflm_wasm.bench._compare import Comparison as Comparison
from tflm_wasm.bench._compare import compare as compare
from tflm_wasm.bench._config import Config as Config
from tflm_wasm.bench._config import names as config_names
from tflm_wasm.bench._config import read as read_config
from tflm_wasm.bench._engines import Engine as Engine
from tflm_wasm.bench._engines import find as find_engine
from tflm_wasm.bench._errors import BenchmarkError as BenchmarkError
from tflm_wasm.bench._errors import ConfigError as ConfigError
from tflm_wasm.bench._errors import EngineAbsentError as EngineAbsentError
from tflm_wasm.bench._errors import EngineDiedError as EngineDiedError
from tflm_wasm.bench._errors import EngineError as EngineError
from tflm_wasm.bench._errors import EngineRefusedError as EngineRefusedError
from tflm_wasm.bench._errors import NotOfferedError as NotOfferedError
from tflm_wasm.bench._errors import ResultsError as ResultsError
from tflm_wasm.bench._markdown import markdown as markdown
from tflm_wasm.bench._markdown import tables as tables
from tflm_wasm.bench._page import render as render
from tflm_wasm.bench._plots import charts as charts
from tflm_wasm.bench._registry import BENCHMARKS as BENCHMARKS
from tflm_wasm.bench._results import Result as Result
from tflm_wasm.bench._results import Results as Results
from tflm_wasm.bench._run import run as run

__all__ = [
    "BENCHMARKS",
    "NATIVE",
    "Benchmark",
    "BenchmarkError",
    "Change",
    "Comparison",
    "Config",
    "ConfigError",
    "Engine",
    "EngineAbsentError",
    "EngineDiedError",
    "EngineError",
    "EngineRefusedError",
    "NotOfferedError",
    "Part",
    "Result",
    "Results",
    "ResultsError",
    "Setting",
    "charts",
    "compare",
    "config_names",
    "find_engine",
    "instructions",
    "markdown",
    "read_config",
    "render",
    "run",
    "tables",
]
