"""The table of supported ops is fresh, and says what the engine has."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.files import ROOT
from tflm_wasm.conformance import pairs

REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_ops", REFERENCE / "generate_ops.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page() -> str:
    return Path(REFERENCE / "ops.md").read_text()


def test_the_table_of_ops_is_fresh(generator: ModuleType) -> None:
    assert generator.page(page()) == page(), "run: python docs/reference/generate_ops.py"


def test_every_op_and_type_was_run() -> None:
    counts = json.loads((REFERENCE / "conformance.json").read_text())["ops"]
    missing = [f"{op}/{kind}" for op, kind in pairs() if not counts.get(op, {}).get(kind)]
    assert not missing, "run: make conformance; cp build/conformance.json docs/reference/"
    assert sum(row["cases"] for kinds in counts.values() for row in kinds.values()) >= 50_000


def test_the_table_has_a_row_for_each(generator: ModuleType) -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| ")]
    listed = {(row[0].removeprefix("| "), row[1]) for row in rows if len(row) == 6}
    assert {pair for pair in pairs() if pair[0] != generator.OF_SEVERAL_OPS} <= listed
