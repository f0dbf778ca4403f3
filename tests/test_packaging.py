"""The source archive is whole, and the wheel made from it carries the compiled engine."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.files import ROOT
from tflm_wasm._wasm import parse

ENGINE = "tflm_wasm/engine.wasm"


def hatchling(target: str, source: Path, output: Path) -> Path:
    # -B: hatchling imports the hook before that can ask for no bytecode.
    subprocess.run(
        [sys.executable, "-B", "-m", "hatchling", "build", "-t", target, "-d", str(output)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (archive,) = output.glob("*.tar.gz" if target == "sdist" else "*.whl")
    return archive


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked source archive."""
    folder = tmp_path_factory.mktemp("packaging")
    with tarfile.open(hatchling("sdist", ROOT, folder / "sdist")) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return unpacked


def files_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_source_archive_holds_what_a_build_needs_and_nothing_compiled(sources: Path):
    for name in ("abi/abi.toml", "firmware_models/engine/build.py", "hatch_build.py", "LICENSE"):
        assert (sources / name).is_file()
    assert not list(sources.rglob("*.wasm"))
    assert not list(sources.rglob("__pycache__"))


@pytest.mark.slow
def test_wheels_from_the_source_archive_are_equal_and_leave_no_junk(sources: Path, tmp_path: Path):
    before = files_in(sources)
    first = hatchling("wheel", sources, tmp_path / "first")
    second = hatchling("wheel", sources, tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()
    after = files_in(sources)
    assert set(after) - set(before) == {f"sdk/{ENGINE}"}
    assert {name: after[name] for name in before} == before
    with zipfile.ZipFile(first) as wheel:
        engine = parse(wheel.read(ENGINE))
        assert set(engine.exports) == {
            *("memory", "tflm_wasm_init", "wasm_invoke", "tflm_wasm_invoke_many"),
            *("tflm_wasm_reset", "_start", "tw_dot_u8", "tw_has_dot_u8", "tw_scratch_wanted"),
        }
        for name in (
            "py.typed",
            "bench/configs/quick.toml",
            "bench/configs/tfjs_tflite.js",
            "bench/peak.wat",
        ):
            assert f"tflm_wasm/{name}" in wheel.namelist()
        for source in ("boards/mps2-an386/board.toml", "device/tw_agent.c", "engine/tw_affine.c"):
            assert f"tflm_wasm/_sources/firmware_models/{source}" in wheel.namelist()
