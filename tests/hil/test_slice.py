"""What `make test` leaves out of the suite on boards, and what it does not."""

from __future__ import annotations

import pytest

from hil_tests import cases, models
from tflm_wasm import aot
from tflm_wasm.conformance import generators

BOARDS = {
    name: board.ram.bytes // 1024
    for name in aot.board_names()
    if (board := aot.load_board(name)).qemu is not None
}
ROOMY = {name for name, ram_kib in BOARDS.items() if ram_kib >= models.ROOMY_KIB}


@pytest.fixture(autouse=True)
def _slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFLM_WASM_HIL_INPUTS", raising=False)


@pytest.mark.parametrize("name", [*models.ALL, *models.LONG_TESTS])
def test_a_small_model_is_on_all_boards_and_a_large_one_on_two_that_it_fits(name: str) -> None:
    chosen = models.boards_of(name, BOARDS)
    if not models.is_large(name):
        assert chosen == set(BOARDS)
    else:
        assert len(chosen & ROOMY) == models.BOARDS_OF_A_LARGE
        assert chosen <= set(BOARDS)


def test_every_board_has_large_models_to_run_or_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "is_large", lambda _: True)
    dealt = [name for one in models.ALL for name in models.boards_of(one, BOARDS)]
    assert {name: dealt.count(name) > 2 for name in BOARDS} == dict.fromkeys(BOARDS, True)


def test_boards_that_are_all_small_or_unknown_get_large_models_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "is_large", lambda _: True)
    for one in models.ALL:
        assert models.boards_of(one, {"a": 16}) == {"a"}
        assert models.boards_of(one, {"a": None}) == {"a"}
        assert models.boards_of(one, {"a": 16, "b": 64})


def test_everything_is_on_every_board_once_a_number_of_inputs_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TFLM_WASM_HIL_INPUTS", "50")
    for one in (*models.ALL, *models.LONG_TESTS):
        assert models.boards_of(one, BOARDS) == set(BOARDS)
    assert {models.inputs_of(name) for name in models.OWN} == {50}
    assert models.numbers_of(60) == list(range(60))


def test_generated_models_are_on_a_cortex_m4_and_a_risc_v_or_on_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (test,) = models.UPLOADING_TESTS
    chosen = models.boards_of(test, BOARDS)
    assert {aot.load_board(name).core.name for name in chosen} == {"cortex-m4f", "rv32imac"}
    assert models.boards_of(test, {"a": None, "b": 64}) == {"a", "b"}
    monkeypatch.setenv("TFLM_WASM_HIL_INPUTS", "50")
    assert models.boards_of(test, BOARDS) == set(BOARDS)


def test_generated_models_for_boards_are_200_that_run_and_of_every_op() -> None:
    parts = [case for part in range(cases.PARTS) for case in cases.part_of(part)]
    assert len({case.id for case in parts}) == len(parts) == 200
    assert {case.op for case in parts} == set(generators())
    assert all(case.frames and all(case.expected) for case in parts)


@pytest.mark.parametrize("count", range(models.FEWEST, models.ENOUGH + 1))
def test_few_inputs_are_extremes_and_random_ones(count: int) -> None:
    numbers = models.numbers_of(count)
    assert len(set(numbers)) == count
    assert numbers == sorted(numbers)
    random = [number for number in numbers if number >= models.EXTREMES]
    assert len(random) >= count / 2
    assert len(random) < count
