"""One test run: which boards it has, which are out of order, and what it knows for its results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final, NamedTuple, NoReturn

import pytest

from tflm_wasm._errors import EmulatorMissing, SerialMissing, TflmWasmError
from tflm_wasm._revision import revision
from tflm_wasm.aot import DoesNotFitError, ToolMissingError
from tflm_wasm.hil._bench import choose
from tflm_wasm.hil._board import Board
from tflm_wasm.hil._spec import BoardSpec

SEE_ABOVE: Final = "it is out of order since an earlier test, which says why"
_MISSING: Final = (EmulatorMissing, ToolMissingError, SerialMissing)
_NONE: Final = BoardSpec(
    name="none", asked_for=False, absent="no board is known: this package holds no board files"
)


class _Problem(NamedTuple):
    """Why a board can't be used, and whether that is because this machine hasn't got it."""

    text: str
    is_missing: bool


class Run:
    """The boards of one pytest process."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        try:
            chosen = choose(option.hil_board or (), option.hil_port, option.hil_bench)
        except TflmWasmError as error:
            raise pytest.UsageError(f"{error}. {error.hint}") from error
        self.specs = chosen or (_NONE,)
        self.taken: dict[str, Board] = {}
        self.out_of_order: dict[str, str] = {}
        self._folder = config.rootpath
        self.revision = revision(self._folder)

    @contextmanager
    def opened(self, spec: BoardSpec) -> Iterator[Board]:
        """Take a board for as long as tests need it; skip or fail where that can't be done."""
        with ExitStack() as stack:
            board = self._take(spec, stack)
            if isinstance(board, _Problem):
                self._do_without(spec, board)
            self.taken[spec.name] = board
            stack.callback(self.taken.pop, spec.name)
            yield board

    def _take(self, spec: BoardSpec, stack: ExitStack) -> Board | _Problem:
        if spec.absent is not None:
            return _Problem(spec.absent, is_missing=True)
        try:
            board = Board(spec, reason=f"pytest in {self._folder}")
            stack.callback(board.close)
            with suppress(DoesNotFitError):  # it may have room for the one model of a test
                _ = board.device
        except TflmWasmError as error:
            return _Problem(f"{error}\nHint: {error.hint}", isinstance(error, _MISSING))
        return board

    def _do_without(self, spec: BoardSpec, problem: _Problem) -> NoReturn:
        """Skip what needs a board that this machine hasn't; fail when the user asked for it."""
        if problem.is_missing and not spec.asked_for:
            self.out_of_order[spec.name] = problem.text
            pytest.skip(f"board '{spec.name}': {problem.text}")
        self.out_of_order[spec.name] = SEE_ABOVE
        pytest.fail(f"board '{spec.name}': {problem.text}", pytrace=False)

    def after_failure(self, board: Board) -> str | None:
        """Look after a board whose test failed; return what there is to say about it."""
        reason = board.recover()
        if reason is None:
            return None
        self.out_of_order[board.name] = SEE_ABOVE
        return f"Board '{board.name}' is out of order, its other tests are skipped: {reason}"
