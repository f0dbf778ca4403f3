"""The pytest plugin: options, the fixtures `board` and `device`, the mark `needs`, the report.

It is loaded in every pytest run of an environment that has this package, so it imports nothing,
prints nothing and does nothing until a test asks for a board or an option is given.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from tflm_wasm._device import Device
    from tflm_wasm.hil._board import Board
    from tflm_wasm.hil._run import Run
    from tflm_wasm.hil._spec import BoardSpec

_RUN: Final = pytest.StashKey["Run"]()
_NEEDS: Final = (
    "needs(ram_kib=..., flash_kib=..., mpu=..., fpu=...): skip the test on a board that has less"
)
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "board": {
        "action": "append",
        "metavar": "NAME",
        "help": "Run tests on this board, of the bench or emulated; may be repeated. "
        "Default: every board of the bench, or every emulated one",
    },
    "port": {"metavar": "URL", "help": "The board is on this serial port or URL of pyserial"},
    "bench": {"metavar": "FILE", "help": "Boards are those of this bench.toml"},
}
_FILES: Final = {
    "--hil-report": "Write a report about the boards to this file, one page of HTML",
    "--hil-results": "Write the results that the report is made of to this file, as JSON",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options under names that nobody else has."""
    group = parser.getgroup("hil", "hardware in the loop (tflm-wasm)")
    for name, details in _OPTIONS.items():
        group.addoption(f"--hil-{name}", dest=f"hil_{name}", **details)
    for name, text in _FILES.items():
        group.addoption(name, metavar="FILE", help=text)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Generator[None, object, object]:
    """Add the short names of the options, where the project's own plugins left them free."""
    result = yield
    group = parser.getgroup("hil")
    for name, details in _OPTIONS.items():
        with suppress(ValueError, argparse.ArgumentError):
            group.addoption(f"--{name}", dest=f"hil_{name}", **details)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and what the options ask for."""
    config.addinivalue_line("markers", _NEEDS)
    option = config.option
    files = option.hil_report or option.hil_results
    if option.hil_board or option.hil_port or option.hil_bench or files:
        _check_root(config)
        _run_of(config)  # an option that makes no sense ends the run here
    if files and not hasattr(config, "workerinput"):  # of pytest-xdist, whose controller writes
        from tflm_wasm.hil._results import Collector

        config.pluginmanager.register(Collector(config), "tflm_wasm_hil_collector")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let one worker of pytest-xdist have all the tests of a board."""
    if _RUN not in config.stash or config.option.dist not in ("load", "loadgroup"):
        return None
    from tflm_wasm.hil._xdist import BoardScheduling

    return BoardScheduling(config, log, [spec.name for spec in _run_of(config).specs])


def _check_root(config: pytest.Config) -> None:
    """End a run that pytest would root in /dev: it sees `--port /dev/x` before plugins are there.

    Raises:
        pytest.UsageError: So it is, and how to write it.
    """
    given = config.invocation_params.args
    folder = config.invocation_params.dir
    for option, value in pairwise(given):
        if str(option).removeprefix("--hil-").removeprefix("--") not in _OPTIONS:
            continue
        path = folder / value
        if path.exists() and config.rootpath in path.parents and config.inipath is None:
            raise pytest.UsageError(
                f"pytest takes {value} for a place of tests. Write `{option}={value}`"
            )


def _run_of(config: pytest.Config) -> Run:
    """Return what this process knows about its boards, found out once."""
    if _RUN not in config.stash:
        from tflm_wasm.hil._run import Run

        config.stash[_RUN] = Run(config)
    return config.stash[_RUN]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses our fixture `board` once on every board."""
    if not _is_ours(metafunc):
        return
    specs = _run_of(metafunc.config).specs
    metafunc.parametrize(
        "board", specs, indirect=True, ids=[spec.name for spec in specs], scope="session"
    )


def _is_ours(metafunc: pytest.Metafunc) -> bool:
    """Return whether `board` is this plugin's fixture, and not one of the project's own."""
    if "board" not in metafunc.fixturenames:
        return False
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", "")
        if "board" in (names.replace(",", " ").split() if isinstance(names, str) else names):
            return False
    found = metafunc._arg2fixturedefs.get("board", ())
    return bool(found) and found[-1].baseid == "" and found[-1].func.__module__ == __name__


@pytest.fixture(scope="session")
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    """A board, taken for all the tests that run on it."""
    with _run_of(request.config).opened(request.param) as taken:
        yield taken


@pytest.fixture
def device(board: Board) -> Device:
    """The board behind its port, open: upload a model to it, or start one with `board.start`."""
    from tflm_wasm.aot import DoesNotFitError

    try:
        return board.device
    except DoesNotFitError as error:
        pytest.skip(f"board '{board.name}': {error}; use `board.start(model)`")


def _spec_of(item: pytest.Item) -> BoardSpec | None:
    """Return the board that a test runs on, without loading anything for other tests."""
    callspec = getattr(item, "callspec", None)
    if _RUN not in item.config.stash or callspec is None:
        return None
    spec = callspec.params.get("board")
    return spec if spec in item.config.stash[_RUN].specs else None


def _board_of(item: pytest.Item) -> Board | None:
    """Return the board that a test has, if it got that far."""
    spec = _spec_of(item)
    return None if spec is None else _run_of(item.config).taken.get(spec.name)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose board is out of order."""
    spec = _spec_of(item)
    if spec is None:
        return
    run = _run_of(item.config)
    if spec.name in run.out_of_order:
        pytest.skip(f"board '{spec.name}': {run.out_of_order[spec.name]}")
    if spec.name in run.taken:
        run.taken[spec.name].begin_test()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Skip a test whose board, which may itself have told so, is not capable of it."""
    taken = _board_of(item)
    if taken is None:
        return
    for mark in item.iter_markers("needs"):
        lacks = taken.capabilities.lacks(mark.kwargs)
        if lacks is not None:
            pytest.skip(f"board '{taken.name}' {lacks}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the board's log to a failed test, and see whether the board is still alive."""
    report = yield
    taken = _board_of(item)
    if taken is None:
        return report
    if report.failed and call.when != "teardown":
        note = _run_of(item.config).after_failure(taken)
        report.sections.append((f"Log of board '{taken.name}'", taken.log or "(empty)"))
        if note is not None:
            report.sections.append((f"Board '{taken.name}'", note))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Note what the result depends on, for JUnit's properties and the report."""
    taken = _board_of(item)
    if taken is None:
        return
    run = _run_of(item.config)
    facts = {**taken.provenance(), "git_revision": run.revision}
    item.user_properties += [(name, value) for name, value in facts.items() if value]
    item.user_properties += [("hil_figures", figures) for figures in taken.figures()]
