"""Who has a turn when, and what happens when one fails."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.bench import fakes
from tests.bench.fakes import Scripted, config, named, program
from tests.support.cli import reshape, saved
from tests.support.files import ZOO
from tflm_wasm import bench
from tflm_wasm._errors import UnknownFormatError
from tflm_wasm.bench import (
    BENCHMARKS,
    EngineAbsentError,
    EngineDiedError,
    EngineRefusedError,
    NotOfferedError,
    find_engine,
)
from tflm_wasm.bench._engines import Engine
from tflm_wasm.bench._process import EngineProcess, processors
from tflm_wasm.oracles._process import WorkerProcess

SINE = ZOO / "sine_int8" / "sine_int8.tflite"


@pytest.fixture(autouse=True)
def log():
    Scripted.log.clear()
    return Scripted.log


def did(log, what):
    return [name for found, name in log if found == what]


def test_engines_take_turns_and_each_time_another_is_first(log):
    bench.run(config(named("a", "b", "c"), Scripted, turns=3), [SINE])
    assert "".join(did(log, "run")) == "abcbcacababc"
    assert did(log, "teardown") == ["c", "b", "a"]


def test_turns_that_warm_up_do_not_count(log):
    results = bench.run(config(named("a"), Scripted, turns=3, warm_up=2), [SINE])
    assert results.results[0].turns == (3.0, 4.0, 5.0)
    assert len(did(log, "run")) == 5


def test_an_engine_that_fails_is_a_result_and_the_others_go_on(log):
    results = bench.run(config(named("a", "late", "never"), Scripted, turns=3), [SINE])
    by_engine = {one.engine: one for one in results.results}
    assert by_engine["a"].turns == (2.0, 3.0, 4.0)
    assert by_engine["late"].error == "late fails"
    assert by_engine["never"].error == "never starts"
    assert by_engine["late"].p50 is None
    assert did(log, "run").count("late") == 2
    assert did(log, "run").count("never") == 0


def test_what_failed_is_torn_down_before_the_next_turn(log):
    bench.run(config(named("a", "late"), Scripted, turns=3), [SINE])
    second_failure = [i for i, one in enumerate(log) if one == ("run", "late")][1]
    assert log[second_failure + 1] == ("teardown", "late")


def test_everything_is_torn_down_when_a_benchmark_has_a_bug(log):
    with pytest.raises(ZeroDivisionError):
        bench.run(config(named("a", "bug", "b"), Scripted, turns=3), [SINE])
    assert set(did(log, "teardown")) == {"a", "bug", "b"}


def test_results_are_kept_as_they_come():
    kept = []
    told = config(named("a", "bug"), Scripted, turns=1, warm_up=0)
    told = replace(told, plans=(told.plans[0], replace(told.plans[0], turns=3)))
    with pytest.raises(ZeroDivisionError):
        bench.run(told, [SINE], keep=kept.append)
    (so_far,) = kept
    assert [one.engine for one in so_far.results] == ["a", "bug"]
    assert list(so_far.run["models"]) == ["sine_int8"]


def test_progress_counts_every_turn_of_every_engine():
    seen = []
    told = config(named("a", "late", "never"), Scripted, turns=2)
    bench.run(told, [SINE, SINE], progress=lambda *now: seen.append(now))
    assert [done for _, done, _ in seen] == list(range(1, 19))
    assert {total for *_, total in seen} == {18}


def test_two_models_of_one_name_stay_apart():
    results = bench.run(config(named("a"), Scripted, turns=1), [SINE, SINE])
    assert [one.model for one in results.results] == ["sine_int8", "sine_int8-2"]


def test_a_run_says_where_it_was_and_of_what():
    run = bench.run(config(named("a"), Scripted, turns=1), [SINE]).run
    where = {"cpu", "cpu_count", "python", "wasmtime", "engine_sha256", "oracles", "git_revision"}
    assert where <= set(run["provenance"])
    assert len(run["models"]["sine_int8"]["sha256"]) == 64
    assert run["plans"] == [{"name": "scripted", "turns": 1, "warm_up": 1, "frames": 3}]


def test_a_file_that_is_no_model_is_refused_before_anything_runs(log, tmp_path):
    with pytest.raises(UnknownFormatError):
        bench.run(config(named("a"), Scripted), [SINE, saved(tmp_path, b"nothing at all")])
    assert log == []


# --- processes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "kind", "said"),
    [
        (fakes.DIES, EngineDiedError, "other died with signal 9 at 'invoke'"),
        (fakes.COMPLAINS, EngineDiedError, "exit code 3 at 'invoke': out of ideas"),
        (fakes.HANGS, EngineDiedError, "timed out"),
        (fakes.REFUSES, EngineRefusedError, "other: no such tensor"),
        (fakes.OFFERS_NOT, NotOfferedError, "never heard of it"),
    ],
)
def test_a_worker_that_gives_no_times_is_a_typed_error(bad, kind, said):
    process = EngineProcess(program("other", bad), cpus=(), timeout_s=60)
    try:
        assert process.times("run", 3) == [1000.0] * 3
        if bad == fakes.HANGS:
            process._worker._timeout_s = 0.2
        with pytest.raises(kind, match=said) as caught:
            process.times("invoke", 3)
        assert type(caught.value) is kind
        assert caught.value.engine == "other"
    finally:
        process.close()
    with pytest.raises(EngineDiedError, match="is closed"):
        process.times("run", 3)


def test_a_worker_that_dies_in_a_run_is_a_result_beside_ours(tmp_path):
    engines = [find_engine("tflm-wasm"), program("other", fakes.DIES), program("third")]
    results = bench.run(config(engines, BENCHMARKS["invoke"]), [saved(tmp_path, reshape())])
    by_engine = {one.engine: one for one in results.results}
    assert "died with signal 9" in by_engine["other"].error
    assert by_engine["tflm-wasm"].samples == 6
    assert by_engine["third"].p50 == 1.0


def test_a_model_that_our_engine_can_not_open_again_is_told(tmp_path):
    process = EngineProcess(find_engine("tflm-wasm"), cpus=(), timeout_s=60)
    try:
        with pytest.raises(EngineRefusedError, match="FileError"):
            process.ask("open", path=str(tmp_path / "nothing.wasm"))
        with pytest.raises(EngineRefusedError, match="no model is open"):
            process.times("invoke", 1)
        with pytest.raises(NotOfferedError):
            process.ask("fly")
    finally:
        process.close()


def test_no_process_is_left_when_a_benchmark_ends_or_can_not_start(monkeypatch):
    started = []
    start = WorkerProcess._start

    def noting(self):
        started.append(start(self))
        return started[-1]

    monkeypatch.setattr(WorkerProcess, "_start", noting)
    engines = [find_engine("tflm-wasm"), program("other", fakes.REFUSES)]
    for name in ("invoke", "memory"):
        bench.run(config(engines, BENCHMARKS[name]), [SINE])
    assert len(started) == 2 + 2 * 3
    assert all(one.returncode is not None for one in started)


def test_an_engine_that_is_not_installed_is_a_result():
    absent = Engine("other", "", command=("no-such-program",))
    engines = [find_engine("tflm-wasm"), absent]
    for name in ("invoke", "process", "memory"):
        results = bench.run(config(engines, BENCHMARKS[name], turns=1), [SINE])
        errors = [one.error for one in results.results if one.engine == "other"]
        assert errors == ["other is not installed here"]
    with pytest.raises(EngineAbsentError):
        EngineProcess(absent, cpus=(), timeout_s=1)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux tells processors")
def test_a_process_is_pinned_and_this_one_is_not():
    before = os.sched_getaffinity(0)
    (cpu,) = processors(1)
    process = EngineProcess(program("other"), cpus=(cpu,), timeout_s=60)
    try:
        assert os.sched_getaffinity(process.pid) == {cpu}
        assert os.sched_getaffinity(0) == before
    finally:
        process.close()


def test_two_threads_on_one_processor_are_not_measured(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    results = bench.run(config([find_engine("tflm-wasm")], BENCHMARKS["threads"]), [SINE])
    assert [one.error for one in results.results] == [
        "2 processors are needed, and this machine has one"
    ]
