from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.board import Board, BoardTransport, close_hosts
from tflm_wasm import Device


@pytest.fixture(scope="module", autouse=True)
def _closed_sessions() -> Iterator[None]:
    yield
    close_hosts()


@pytest.fixture(scope="module")
def one_board() -> Iterator[Board]:
    board = Board()
    yield board
    board.close()


@pytest.fixture
def board(one_board: Board) -> Board:
    """A board with a blank flash."""
    one_board.new()
    return one_board


@pytest.fixture
def transport(board: Board) -> BoardTransport:
    return BoardTransport(board)


@pytest.fixture
def device(transport: BoardTransport) -> Device:
    return Device(transport)
