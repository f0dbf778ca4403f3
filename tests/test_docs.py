"""The commands and programs in the docs work, and their links lead somewhere.

Fenced blocks tagged `sh` and `python` are run, page by page, in order, in a folder that shows the
repository's own; blocks tagged `py`, `c` or without a tag are illustrations. Commands that set up a
machine are not run again inside the tests: what they name is looked up instead.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.files import ROOT
from tflm_wasm import emulator

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
SETS_UP = ("git clone", "cd tflm-wasm", "pip install", "source .venv", "sudo ", "apt-get ")
NEEDS_ORACLE = "tflite_micro"
NEEDS_QEMU = ("--config board", "profile --board")


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text())


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def runnable(shell: str) -> str:
    """Leave out what sets up a machine, after looking up what it names."""
    lines = []
    for line in shell.splitlines():
        command = line.split("#")[0].strip()
        if command.startswith("make"):
            assert command.split()[1] in make_targets(), f"no such target: {command}"
        elif not command.startswith(SETS_UP):
            lines.append(line)
    return "\n".join(lines)


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def emulators(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """Keep a page's emulated boards apart from all others, and end those it leaves."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    yield
    for one in emulator.find_all():
        one.end()


@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda page: page_id(page)
)
def test_what_a_page_tells_to_run_works(page: Path, tmp_path: Path) -> None:
    text = "".join(body for _, body in blocks(page))
    if NEEDS_ORACLE in text:
        pytest.importorskip("tflite_micro", reason="pip install 'tflm-wasm[oracles]'")
    if any(one in text for one in NEEDS_QEMU) and shutil.which("qemu-system-arm") is None:
        pytest.skip("no QEMU: apt-get install qemu-system-arm")
    for entry in ROOT.iterdir():
        if entry.name not in {".git", ".venv"}:
            (tmp_path / entry.name).symlink_to(entry)
    # One Python process a page, so that a block can use the names of the one before it; shell
    # blocks run where they stand.
    program = ["import subprocess"]
    for kind, body in blocks(page):
        if kind == "python":
            program.append(body)
        else:
            command = ["bash", "-euo", "pipefail", "-c", runnable(body)]
            program.append(f"subprocess.run({command!r}, check=True)")
    (tmp_path / "page.py").write_text("\n".join(program))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page_id(page))
def test_the_links_of_a_page_lead_to_files(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
