"""Results of a test run about boards: collected while it runs, kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tflm_wasm._errors import TflmWasmError
from tflm_wasm._files import write_file
from tflm_wasm.hil._errors import ResultsError

FORMAT: Final = 1
_FACTS: Final = (
    *("board_description", "board_unique_id", "firmware_digest", "sandbox", "git_revision"),
    "link_stats",
)
_REASON_BYTES: Final = 20_000


class Collector:
    """The part of the plugin that follows a whole run; with pytest-xdist, in its controller.

    Args:
        config: Of the run; its options name the files to write.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._report = config.option.hil_report
        self._file = config.option.hil_results
        self._tests: dict[str, dict[str, Any]] = {}
        self._boards: dict[str, dict[str, Any]] = {}
        self._figures: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what one phase of a test gave."""
        test = self._tests.setdefault(
            report.nodeid, {"test": report.nodeid, "board": "", "outcome": "passed", "reason": ""}
        )
        if report.outcome != "passed" and test["outcome"] == "passed":
            test["outcome"], test["reason"] = report.outcome, _reason(report)
        if report.when != "teardown":
            return
        facts = dict(report.user_properties)
        if "board" in facts:
            test["board"] = str(facts["board"])
            known = self._boards.setdefault(test["board"], {})
            known |= {name: str(facts[name]) for name in _FACTS if name in facts}
        for name, value in report.user_properties:
            if name == "hil_figures":
                self._figures.append(json.loads(str(value)))

    def results(self) -> dict[str, Any]:
        """Return everything, JSON-ready."""
        return {
            "format": FORMAT,
            "boards": self._boards,
            "tests": [test for test in self._tests.values() if test["board"] or _about(test)],
            "figures": self._figures,
        }

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the files, also when the run was cut short."""
        from tflm_wasm.hil._report import render

        results = self.results()
        try:
            if self._file:
                write_file(self._file, json.dumps(results, indent=1).encode())
            if self._report:
                write_file(self._report, render(results).encode())
        except TflmWasmError as error:
            raise pytest.UsageError(f"{error}. {error.hint}") from error
        session.config.stash[_WRITTEN] = True

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Say where the files are."""
        if config.stash.get(_WRITTEN, False):
            for path in filter(None, (self._file, self._report)):
                terminalreporter.write_line(f"boards: {path}")


_WRITTEN: Final = pytest.StashKey[bool]()


def _about(test: Mapping[str, Any]) -> bool:
    """Return whether a test is about a board that it never got hold of."""
    return bool(test["reason"].startswith("board '"))


def _reason(report: pytest.TestReport) -> str:
    """Return why a test did not pass, with what was attached to it."""
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    attached = [f"{title}:\n{text}" for title, text in report.sections if "board" in title.lower()]
    return "\n\n".join([report.longreprtext, *attached])[:_REASON_BYTES]


def read_results(path: str | Path) -> dict[str, Any]:
    """Return what a results file holds.

    Raises:
        ResultsError: It can't be read, or is no results file of this version.
    """
    try:
        results = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"Could not read {path}: {error}", path=str(path)) from error
    if not isinstance(results, dict) or results.get("format") != FORMAT:
        raise ResultsError(f"{path} holds no results of format {FORMAT}", path=str(path))
    return results
