"""Damaged models: a status with a sentence or a valid run, never a crash, a hang or a trap.

A bounded slice; `make fuzz` runs 100,000 mutations a model (TFLM_WASM_FUZZ says how many), and
`make fuzz-engine` a million models that are found by their coverage.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support import front_end
from tests.support.engine import Engine, EngineError
from tests.support.files import ROOT, ZOO, shared_model, wakeword_model
from tests.support.native import native_program
from tests.support.nests import Nest
from tflm_wasm import _abi

MUTATIONS = int(os.environ.get("TFLM_WASM_FUZZ", "300"))
GUIDED_RUNS = 4000
ARENA_BYTES = 256 * 1024
MODELS: dict[str, Callable[[], bytes]] = {
    "okay_nabu": lambda: wakeword_model("okay_nabu").read_bytes(),
    "digits": lambda: (ZOO / "digits_int8" / "digits_int8.tflite").read_bytes(),
    "kws": lambda: shared_model("kws_ref_model").read_bytes(),
    "loops": lambda: Nest(1).model.to_bytes(),
    "custom_ops": lambda: front_end.every_custom_op().to_bytes(),
}
STATUSES = {status.name for status in _abi.Status}
WORDS = [0, 1, 2, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFF, 0x10000, 0x3F800000, 0x7F800000]


@pytest.fixture(scope="module", params=sorted(MODELS))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / f"{request.param}.tflite"
    path.write_bytes(MODELS[request.param]())
    return path


@pytest.fixture(scope="session")
def native_engine() -> Path:
    return native_program("engine_native")


def mutate(data: bytes, seed: int) -> bytes:
    """Return the model with 1 to 4 changes, three quarters of them in the tables at its end."""
    rng = np.random.default_rng(seed)
    mutant = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        start = 0 if rng.integers(4) == 0 else len(mutant) - len(mutant) // 8
        position = int(rng.integers(start, len(mutant) - 4))
        kind = rng.integers(4)
        if kind == 0:
            mutant[position] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            mutant[position] = int(rng.integers(256))
        else:
            word = WORDS[rng.integers(len(WORDS))] if kind == 2 else int(rng.integers(1 << 32))
            mutant[position & ~3 : (position & ~3) + 4] = word.to_bytes(4, "little")
    return bytes(mutant)


def run_damaged(data: bytes, seed: int) -> str:
    """Load and, where that works, run a damaged model; return the status' name."""
    rng = np.random.default_rng(seed)
    try:
        engine = Engine(data, arena_bytes=ARENA_BYTES, time_limit_s=20)
        engine.run_random(rng)
        engine.reset()
    except EngineError as error:
        return error.status.name if error.text else f"{error.status.name} without a sentence"
    return "OK"


def test_a_mutated_model_ends_in_a_status_or_a_valid_run(model: Path) -> None:
    data = model.read_bytes()
    seen = {run_damaged(mutate(data, seed), seed): seed for seed in range(MUTATIONS)}
    assert not [f"{name}: seed {seen[name]}" for name in seen if name not in STATUSES]
    assert {"OK", "MODEL"} <= seen.keys(), "the mutations are too weak or too strong"


def test_a_model_truncated_anywhere_is_refused_or_runs(model: Path) -> None:
    data = model.read_bytes()
    step = 1 if MUTATIONS > 10_000 else 97
    lengths = [*range(1, 64), *range(64, len(data), step), len(data)]
    seen = {run_damaged(data[:length], length): length for length in lengths}
    assert not [f"{name}: length {seen[name]}" for name in seen if name not in STATUSES]
    assert {"OK", "MODEL"} <= seen.keys()


def test_the_sanitizers_find_nothing_in_mutated_models(native_engine: Path, model: Path) -> None:
    command = [native_engine, "mutate", model, "0", str(MUTATIONS)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"mutation {result.stderr[-3000:]}"
    assert sum(int(line.split()[1]) for line in result.stdout.splitlines()) == MUTATIONS


def test_the_sanitizers_find_nothing_in_truncated_models(native_engine: Path, model: Path) -> None:
    command = [native_engine, "truncate", model]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    counts = dict(map(int, line.split()) for line in result.stdout.splitlines())
    assert sum(counts.values()) == model.stat().st_size + 1


def test_the_native_engine_gives_the_same_bytes(native_engine: Path, model: Path) -> None:
    rng = np.random.default_rng(7)
    engine = Engine(model.read_bytes())
    frames = [engine.random_inputs(rng) for _ in range(10)]
    expected = b"".join(out.tobytes() for frame in frames for out in engine.run(frame))
    sent = b"".join(array.tobytes() for frame in frames for array in frame)
    command = [native_engine, "run", model, str(len(frames))]
    result = subprocess.run(command, input=sent, capture_output=True, check=True)
    assert result.stdout == expected


@pytest.mark.slow
def test_a_fuzzer_that_coverage_guides_finds_nothing(tmp_path: Path) -> None:
    script = ROOT / "firmware_models" / "engine" / "fuzz.py"
    command = [sys.executable, script, tmp_path, "--runs", str(GUIDED_RUNS), "--seed", "1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 2:
        pytest.skip(result.stderr.strip())
    assert result.returncode == 0, result.stderr[-5000:]
    assert f"stat::number_of_executed_units: {GUIDED_RUNS}" in result.stderr
    assert not list((tmp_path / "findings").iterdir())
