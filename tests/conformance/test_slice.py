"""A slice of the cases of every op: `tflm-wasm conformance` and `make conformance` run more.

A failure names a case: `tflm-wasm conformance --case ID` runs it alone. What exceptions.toml marks
as open, a fault to be mended, does not fail here.
"""

from __future__ import annotations

import functools

import pytest

from tflm_wasm.conformance import Bench, case_ids, find, generators

CASES_PER_OP = 13


@functools.cache
def bench() -> Bench:
    """Return both sides, shared by the tests of one process."""
    pytest.importorskip("tflite_micro", reason="pip install 'tflm-wasm[oracles]'")
    return Bench()


@pytest.mark.parametrize("op", generators())
def test_an_op_agrees_with_tflm(op: str) -> None:
    count = max(CASES_PER_OP, len(generators()[op].kinds))
    failed = []
    for one in case_ids(count, [op]):
        result = bench().run(find(one))
        if not (result.passed or result.is_known):
            failed.append(f"{one}: {result.outcome.value}; {result.ours}; {result.theirs}")
    assert not failed, "\n".join(failed)
