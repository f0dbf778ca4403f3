"""Every benchmark, on this package's engine: what it gives, not how much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.fakes import config
from tests.support.files import ZOO
from tests.support.firmware import needs_qemu, needs_tools
from tflm_wasm import bench, build, oracles
from tflm_wasm._inspect import inspect
from tflm_wasm.aot import BoardError
from tflm_wasm.bench import BENCHMARKS, Results, find_engine
from tflm_wasm.bench._engines import NAMES

SINE = ZOO / "sine_int8" / "sine_int8.tflite"
OPTIONS = {"stream": {"batch": 4}, "threads": {"invokes": 5}, "endurance": {"invokes": 40}}
ON_HOST = [name for name in BENCHMARKS if name != "board"]
TURNS, FRAMES = 2, 3
SAMPLES = {  # of each part, in all turns together
    "invoke": {"invoke": 6, "speed": 2},
    "peak": {"peak": 2, "reached": 2},
    "set-invoke-get": {"set-invoke-get": 6},
    "stream": {"loop": 2, "many": 2, "gain": 2},
    "open": {"open": 6, "beside": 6},
    "process": {"total": 2, "python": 2, "import": 2, "open": 2, "first output": 2},
    "acquire": {"acquire": 6},
    "memory": {"process": 2, "model": 2, "linear memory": 2, "arena": 2},
    "threads": {"1 thread": 2, "2 threads": 2, "scaling": 2},
    "endurance": {"latency": 40, "rss": 2, "drift": 1, "growth": 1},
}


def measured(name: str, engine: str = "tflm-wasm") -> Results:
    kind, options = BENCHMARKS[name], OPTIONS.get(name, {})
    engines = [find_engine("tflm-wasm")]
    engines += [find_engine(engine)] if engine != "tflm-wasm" else []
    return bench.run(config(engines, kind, turns=TURNS, frames=FRAMES, **options), [SINE])


@pytest.mark.parametrize("name", ON_HOST)
def test_a_benchmark_gives_each_of_its_figures_with_unit_and_percentiles(name: str):
    results = measured(name).results
    assert {one.part: one.samples for one in results} == SAMPLES[name]
    for one in results:
        part = BENCHMARKS[name].parts[one.part]
        assert (one.benchmark, one.model, one.engine, one.own) == (
            name,
            SINE.stem,
            "tflm-wasm",
            True,
        )
        assert (one.unit, one.better, one.error) == (part.unit, part.better, "")
        assert one.least <= one.p50 <= one.p90 <= one.p99 <= one.p999 <= one.most
        assert one.metadata["version"]
        if one.part != "growth":
            assert one.most > 0


@pytest.mark.parametrize("name", ON_HOST)
def test_the_values_of_turns_are_kept_in_order(name: str):
    for one in measured(name).results:
        is_of_all_turns = one.part in {"drift", "growth"}
        assert len(one.turns) == (0 if is_of_all_turns else TURNS)


def test_a_turn_can_be_measured_by_the_processor_s_clock():
    own = [find_engine("tflm-wasm")]
    told = replace(config(own, BENCHMARKS["invoke"], turns=1), clock="cpu")
    (invoke, _) = bench.run(told, [SINE]).results
    assert invoke.metadata["clock"] == "cpu"
    assert invoke.least > 0


def test_what_the_engine_says_of_its_memory_is_what_inspect_says():
    by_part = {one.part: one.p50 for one in measured("memory").results}
    assert by_part["linear memory"] * 1024 == build(SINE, profile="extended").memory_bytes
    assert by_part["arena"] * 1024 == inspect(SINE).arena_bytes
    assert by_part["process"] * 1024 > by_part["model"]


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("engine", [name for name in NAMES if name != "tflm-wasm"])
def test_every_engine_is_measured_beside_ours(engine: str):
    runtime = find_engine(engine).runtime
    if runtime != "tflm-wasm" and not oracles.installed(runtime):
        pytest.skip(f"{runtime} is not installed: pip install 'tflm-wasm[oracles]'")
    engines = [find_engine("tflm-wasm"), find_engine(engine)]
    for name in ("set-invoke-get", "open", "process"):
        told = config(engines, BENCHMARKS[name], turns=1, warm_up=0, frames=1)
        results = bench.run(told, [SINE])
        found = [one for one in results.results if one.engine == engine]
        assert [one.part for one in found] == list(BENCHMARKS[name].parts)
        for one in found:
            assert one.error == ""
            assert results.ratio(one) == pytest.approx(one.p50 / base(results, one).p50)


def base(results: Results, wanted):
    key = (*wanted.key[:3], "tflm-wasm")
    return next(one for one in results.results if one.key == key)


def test_an_engine_without_a_call_for_many_frames_has_its_loop():
    if not oracles.installed("ai_edge_litert"):
        pytest.skip("ai_edge_litert is not installed: pip install 'tflm-wasm[oracles]'")
    results = measured("stream", "ai_edge_litert").results
    assert [one.part for one in results if one.engine == "ai_edge_litert"] == ["loop"]


def test_a_pool_is_measured_of_ours_alone():
    if not oracles.installed("ai_edge_litert"):
        pytest.skip("ai_edge_litert is not installed: pip install 'tflm-wasm[oracles]'")
    assert {one.engine for one in measured("acquire", "ai_edge_litert").results} == {"tflm-wasm"}


def test_a_board_is_measured_in_the_sandboxes_that_it_can_have():
    options = {"boards": ["mps2-an386", "microbit"], "sandboxes": ["native", "mpu", "checked"]}
    found = [one.name for one in BENCHMARKS["board"].engines([], options)]
    assert found == [
        *("mps2-an386:native", "mps2-an386:mpu", "mps2-an386:checked"),
        *("microbit:native", "microbit:checked"),
    ]
    with pytest.raises(BoardError, match="no-such-board"):
        BENCHMARKS["board"].engines([], {**options, "boards": ["no-such-board"]})


@needs_qemu
@needs_tools
@pytest.mark.slow
def test_a_board_counts_the_same_instructions_every_time():
    engines = [find_engine("tflm-wasm")]
    told = config(engines, BENCHMARKS["board"], turns=1, warm_up=0, sandboxes=["native", "mpu"])
    first, second = (bench.run(told, [SINE]) for _ in range(2))
    assert [one.p50 for one in first.results] == [one.p50 for one in second.results]
    by_key = {(one.engine, one.part): one for one in first.results}
    assert {engine for engine, _ in by_key} == {"mps2-an386:native", "mps2-an386:mpu"}
    for one in first.results:
        assert one.baseline == "mps2-an386:native"
        assert one.p50 > 0
    macs = first.run["models"][SINE.stem]["macs"]
    count, per_mac = (by_key["mps2-an386:mpu", part].p50 for part in ("instructions", "per MAC"))
    assert per_mac == count / macs
    assert first.ratio(by_key["mps2-an386:mpu", "instructions"]) > 1
