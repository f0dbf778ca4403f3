"""The engine in node that comes with the package, over a stand-in for the package it needs."""

from __future__ import annotations

import shutil

import pytest

from tests.bench.fakes import config
from tests.support.cli import reshape, saved
from tflm_wasm import bench
from tflm_wasm.bench import BENCHMARKS, EngineRefusedError, find_engine, read_config
from tflm_wasm.bench._model import prepare
from tflm_wasm.bench._process import EngineProcess

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None, reason="node is not installed: apt-get install nodejs"
)
# As much as the real one has of what is used: it copies inputs to outputs, and takes 1,000 steps.
STAND_IN = """
const heap = new ArrayBuffer(4096);
const vector = (address) => ({
  size: () => 1, get: () => ({ data: () => new Int8Array(heap, address, 6) }),
});
module.exports = async () => ({
  HEAPU8: new Uint8Array(heap),
  _malloc: () => 2048,
  TFLiteWebModelRunner: {
    CreateFromBufferAndOptions: (address, size, options) => ({
      ok: () => Buffer.from(heap, address + 4, 4).toString() === "TFL3" && options.numThreads === 1,
      errorMessage: () => "no model",
      value: () => ({
        GetInputs: () => vector(0),
        GetOutputs: () => vector(64),
        Infer: () => { new Uint8Array(heap).copyWithin(64, 0, 6); return true; },
      }),
    }),
  },
});
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    package = tmp_path / "node_modules" / "@tensorflow" / "tfjs-tflite"
    (package / "wasm").mkdir(parents=True)
    (package / "package.json").write_text("{}")
    (package / "wasm" / "tflite_web_api_cc_simd.js").write_text(STAND_IN)
    (package / "wasm" / "tflite_web_api_cc_simd.wasm").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return next(one for one in read_config("browser").engines if one.command)


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path, reshape())


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("invoke", {"invoke": 6}),
        ("set-invoke-get", {"set-invoke-get": 6}),
        ("stream", {"loop": 2}),
        ("memory", {"process": 2, "model": 2, "linear memory": 2}),
    ],
)
def test_the_program_is_measured_beside_ours(engine, model, name, samples):
    engines = [find_engine("tflm-wasm"), engine]
    results = bench.run(config(engines, BENCHMARKS[name]), [model]).results
    theirs = [one for one in results if one.engine == engine.name]
    assert [one.error for one in theirs] == [""] * len(samples)
    assert {one.part: one.samples for one in theirs} == samples


def test_what_the_program_has_not_or_can_not_is_told(engine, model, tmp_path):
    engines = [find_engine("tflm-wasm"), engine]
    results = bench.run(config(engines, BENCHMARKS["open"]), [model]).results
    assert [one.error for one in results if one.engine == engine.name] == [
        "xnnpack-wasm: reopen is not offered"
    ]
    prepared = prepare(model, tmp_path, frames=1, seed=0, taken=["model"])
    prepared.tflite.write_bytes(b"nothing")
    process = EngineProcess(engine, cpus=(), timeout_s=60)
    try:
        with pytest.raises(EngineRefusedError, match="no model"):
            process.open(prepared)
    finally:
        process.close()


def test_without_the_package_the_reason_is_told(engine, model, tmp_path):
    shutil.rmtree(tmp_path / "node_modules")
    results = bench.run(config([find_engine("tflm-wasm"), engine], BENCHMARKS["invoke"]), [model])
    (error,) = [one.error for one in results.results if one.engine == engine.name]
    assert "tfjs-tflite" in error
