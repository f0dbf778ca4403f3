"""With pytest-xdist: all tests of a board on one worker, since only one can hold the board."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]


class BoardScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each worker a board at a time; other tests go out as with `--dist load`.

    Args:
        config: Of the run.
        log: Of xdist.
        boards: Names of the boards.
    """

    def __init__(self, config: pytest.Config, log: Any, boards: Iterable[str]) -> None:
        super().__init__(config, log)
        self._boards = tuple(boards)

    def _split_scope(self, nodeid: str) -> str:
        return board_in(nodeid, self._boards) or nodeid


def board_in(nodeid: str, boards: Iterable[str]) -> str | None:
    """Return the board in a test's id, such as `m4` in `test_a.py::test_it[m4-digits]`."""
    _, bracket, parameters = nodeid.partition("[")
    padded = f"-{parameters.rstrip(']')}-"
    found = [board for board in boards if bracket and f"-{board}-" in padded]
    return max(found, key=len, default=None)
