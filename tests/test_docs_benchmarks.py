"""The page of benchmarks is filled from results, and names only figures that there are."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from tests.bench.fakes import config
from tests.support.files import ROOT, ZOO
from tflm_wasm import bench
from tflm_wasm.bench import BENCHMARKS, find_engine, read_config

CONFIGS = ("host", "browser", "cold", "endurance", "board")
SINE = ZOO / "sine_int8" / "sine_int8.tflite"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    path = ROOT / "docs" / "generate_benchmarks.py"
    spec = importlib.util.spec_from_file_location("generate_benchmarks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figures(name: str) -> set[str]:
    """Return the titles and units that a configuration gives figures for."""
    found = {"run"}
    for plan in read_config(name).plans:
        for part, what in plan.kind.parts.items():
            title = part if part == plan.kind.name else f"{plan.kind.name}: {part}"
            found.add(f"{title}, {what.unit}")
    return found


def test_every_figure_that_the_page_names_is_one_of_its_configuration(generator: ModuleType):
    marks = generator.MARKED.findall(generator.PAGE.read_text(encoding="utf-8"))
    assert {name for _, name, *_ in marks} == set(CONFIGS)
    for _, name, title, _ in marks:
        assert title in figures(name)


def test_every_figure_on_the_page_says_where_it_was_measured(generator: ModuleType):
    text = generator.PAGE.read_text(encoding="utf-8")
    for name in CONFIGS:
        before = text.split(f"<!-- {name}: run -->")[1].split("<!-- end -->")[0]
        assert " processors, load " in before


def test_figures_are_written_and_the_others_stay(generator: ModuleType, tmp_path):
    told = config([find_engine("tflm-wasm")], BENCHMARKS["invoke"], turns=1, frames=2)
    bench.run(told, [SINE]).write(tmp_path / "mine.jsonl")
    text = (
        "a\n<!-- mine: run -->\nold\n<!-- end -->\nb\n<!-- mine: invoke, µs -->\n<!-- end -->\n"
        "![c](images/bench-mine-invoke.svg)\n<!-- other: run -->\nstays\n<!-- end -->\n"
    )
    page = generator.page(text, tmp_path)
    assert "old" not in page
    assert "1 turns of 2 inputs" in page
    assert "| model | tflm-wasm |" in page
    assert "<!-- other: run -->\nstays\n" in page
    assert generator.page(page, tmp_path) == page
    generator.draw(text, tmp_path, tmp_path)
    assert (tmp_path / "bench-mine-invoke.svg").read_text().startswith("<svg")


def test_a_figure_that_results_lack_is_an_error(generator: ModuleType, tmp_path):
    told = config([find_engine("tflm-wasm")], BENCHMARKS["invoke"], turns=1, frames=2)
    bench.run(told, [SINE]).write(tmp_path / "mine.jsonl")
    with pytest.raises(KeyError):
        generator.page("<!-- mine: open, ms -->\n<!-- end -->\n", tmp_path)
