"""Running cases on both sides, in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from itertools import islice
from types import TracebackType
from typing import Final

from tflm_wasm._errors import GuestError, TflmWasmError
from tflm_wasm.conformance._case import Case, find
from tflm_wasm.conformance._engine import Engine, EngineError
from tflm_wasm.conformance._judge import Outcome, Result, judge
from tflm_wasm.conformance._writer import Array
from tflm_wasm.oracles._cases import Answer, CaseOracle

Progress = Callable[[int, int], None]  # cases done, cases in all

_ARENA_BYTES: Final = 1 << 20
_TIME_LIMIT_S: Final = 10
# What memory holds before anything is written to it: no output may depend on that.
_OUR_FILL: Final = 0x3C
_FILLS: Final = (0xA5, 0x5A)
_CHUNK: Final = 50
ORACLE: Final = "tflite_micro"


def run_ours(case: Case) -> Answer:
    """Run a case on a fresh instance of the engine."""
    outputs: list[tuple[Array, ...]] = []
    step = "open"
    try:
        engine = Engine(
            case.data, arena_bytes=_ARENA_BYTES, time_limit_s=_TIME_LIMIT_S, fill=_OUR_FILL
        )
        for number, frame in enumerate(case.frames):
            step = "invoke"
            if number in case.resets:
                engine.reset()
            outputs.append(tuple(engine.run(frame)))
    except EngineError as error:
        return Answer(tuple(outputs), "open" if step == "open" else "invoke", str(error))
    except GuestError as error:
        return Answer(tuple(outputs), "died", f"{type(error).__name__}: {error}")
    except ValueError as error:  # an input or output that NumPy has no type for
        return Answer(tuple(outputs), "input", str(error))
    return Answer(tuple(outputs))


class Bench:
    """Both sides, ready to run cases one after another."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._oracles: dict[int, CaseOracle] = {}

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the oracles' processes; may be called twice."""
        self._stack.close()
        self._oracles.clear()

    def run(self, case: Case) -> Result:
        """Run a case; a disagreement is reported only if it is there in fresh processes, too."""
        ours = run_ours(case)
        result = judge(case, ours, self.run_theirs(case))
        if result.outcome.is_agreement:
            return result
        self._oracle(_FILLS[0]).renew()
        theirs = self.run_theirs(case)
        result = judge(case, ours, theirs)
        if result.outcome is not Outcome.DIFFERS:
            return result
        return judge(case, ours, theirs, self.run_theirs(case, _FILLS[1]))

    def run_theirs(self, case: Case, fill: int = _FILLS[0]) -> Answer:
        """Return the oracle's answer to a case."""
        return self._oracle(fill).answer(
            case.data,
            case.frames,
            resets=case.resets,
            outputs=case.output_count,
            variables=case.variable_count,
            arena_bytes=_ARENA_BYTES,
        )

    def _oracle(self, fill: int) -> CaseOracle:
        if fill not in self._oracles:
            oracle = CaseOracle(ORACLE, timeout_s=_TIME_LIMIT_S, fill=fill)
            self._oracles[fill] = oracle
            self._stack.callback(oracle.close)
        return self._oracles[fill]


def run(
    case_ids: Sequence[str], *, jobs: int = 1, progress: Progress | None = None
) -> Iterator[Result]:
    """Run cases in `jobs` processes; results come in any order.

    Raises:
        OracleMissing: TFLM is not installed.
        CaseError: An id is not that of a case.
    """
    if jobs == 1:
        with Bench() as bench:
            for done, one in enumerate(case_ids, 1):
                yield _run_one(bench, one)
                if progress is not None:
                    progress(done, len(case_ids))
        return
    chunks = iter([case_ids[i : i + _CHUNK] for i in range(0, len(case_ids), _CHUNK)])
    context = multiprocessing.get_context("spawn")
    done = 0
    with ProcessPoolExecutor(jobs, context) as pool:
        waiting: set[Future[list[Result]]] = {
            pool.submit(_run_chunk, one) for one in islice(chunks, 2 * jobs)
        }
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(_run_chunk, one) for one in islice(chunks, len(finished))}
            for future in finished:
                results = future.result()
                yield from results
                done += len(results)
                if progress is not None:
                    progress(done, len(case_ids))


_bench: Bench | None = None  # of this process, one of the pool's


def _run_chunk(case_ids: Sequence[str]) -> list[Result]:
    global _bench
    if _bench is None:
        _bench = Bench()
    return [_run_one(_bench, one) for one in case_ids]


def _run_one(bench: Bench, case_id: str) -> Result:
    try:
        return bench.run(find(case_id))
    except TflmWasmError:
        raise
    except Exception as error:
        raise RuntimeError(f"{case_id}: {type(error).__name__}: {error}") from error
