"""One test run: which boards it has, which are out of order, and what it knows for its results."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tflm_wasm._errors import EmulatorMissing, SerialMissing, TflmWasmError
from tflm_wasm.aot import DoesNotFitError, ToolMissingError
from tflm_wasm.hil._bench import choose
from tflm_wasm.hil._board import Board
from tflm_wasm.hil._spec import BoardSpec

SEE_ABOVE: Final = "it is out of order since an earlier test, which says why"
_GIT_S: Final = 10.0
_NONE: Final = BoardSpec(
    name="none", asked_for=False, absent="no board is known: this package holds no board files"
)


class Run:
    """The boards of one pytest process."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        try:
            chosen = choose(option.hil_board or (), option.hil_port, option.hil_bench)
        except TflmWasmError as error:
            raise pytest.UsageError(f"{error}. {error.hint}") from error
        self.specs = chosen or (_NONE,)
        self.out_of_order: dict[str, str] = {}
        self._folder = config.rootpath
        self.revision = _revision(self._folder)

    @contextmanager
    def opened(self, spec: BoardSpec) -> Iterator[Board]:
        """Take a board for as long as tests need it; skip or fail where that can't be done."""
        if spec.absent is not None:
            self._give_up(spec, spec.absent)
        with ExitStack() as stack:
            try:
                board = Board(spec, reason=f"pytest in {self._folder}")
                stack.callback(board.close)
                with suppress(DoesNotFitError):  # it may have room for one model of a test
                    _ = board.device
            except (EmulatorMissing, ToolMissingError, SerialMissing) as error:
                self._give_up(spec, _sentences(error))
            except TflmWasmError as error:
                self._fail(spec, _sentences(error))
            yield board

    def _give_up(self, spec: BoardSpec, reason: str) -> NoReturn:
        """Skip what needs a board that this machine hasn't; fail when the user asked for it."""
        if spec.asked_for:
            self._fail(spec, reason)
        self.out_of_order[spec.name] = reason
        pytest.skip(f"board '{spec.name}': {reason}")

    def _fail(self, spec: BoardSpec, reason: str) -> NoReturn:
        self.out_of_order[spec.name] = SEE_ABOVE
        pytest.fail(f"board '{spec.name}': {reason}", pytrace=False)

    def after_failure(self, board: Board) -> str | None:
        """Look after a board whose test failed; return what there is to say about it."""
        reason = board.recover()
        if reason is None:
            return None
        self.out_of_order[board.name] = SEE_ABOVE
        return f"Board '{board.name}' is out of order, its other tests are skipped: {reason}"


def _sentences(error: TflmWasmError) -> str:
    return f"{error}\nHint: {error.hint}"


def _revision(folder: Path) -> str:
    """Return the git commit of a folder, marked when there are changes; empty without git."""
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
