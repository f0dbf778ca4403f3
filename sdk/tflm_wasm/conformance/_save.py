"""Writing reports and cases to files."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tflm_wasm._files import write_file
from tflm_wasm.conformance._case import Case
from tflm_wasm.conformance._describe import describe
from tflm_wasm.conformance._page import render
from tflm_wasm.conformance._report import Failure, Report
from tflm_wasm.conformance._run import Bench, run_ours
from tflm_wasm.conformance._writer import Array


def save(report: Report, folder: Path) -> None:
    """Write report.json, report.html and the smallest form of each failure into a folder.

    Raises:
        FileError: A file can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "report.json", json.dumps(report.to_dict(), indent=1).encode())
    write_file(folder / "report.html", render(report).encode())
    for failure in report.failures.values():
        if failure.smallest is not None:
            save_case(failure.smallest[0], folder / folder_of(failure))


def folder_of(failure: Failure) -> str:
    """Return the name of a failure's folder in the report's."""
    return "failures/" + re.sub(r"[^\w-]", "_", failure.first.id)


def save_case(case: Case, folder: Path) -> None:
    """Write a case's model, its inputs, both sides' outputs and its description into a folder.

    Raises:
        FileError: A file can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Bench() as bench:
        answers = {"ours": run_ours(case).outputs, "tflm": bench.run_theirs(case).outputs}
    write_file(folder / "model.tflite", case.data)
    write_file(folder / "case.txt", describe(case).encode())
    for name, frames in {"inputs": case.frames, **answers}.items():
        write_file(folder / f"{name}.npz", _npz(frames))


def _npz(frames: Sequence[Sequence[Array]]) -> bytes:
    arrays = {
        f"frame_{number}_{i}": array
        for number, frame in enumerate(frames)
        for i, array in enumerate(frame)
    }
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()
