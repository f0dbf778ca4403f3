"""The contract's documents, its C header and its Python table say the same."""

from __future__ import annotations

import itertools
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tflm_wasm import _abi
from tflm_wasm._check.layout import ELEMENT_BITS

ROOT = Path(__file__).resolve().parents[1]
HEADER = ROOT / "abi" / "tflm_wasm_abi.h"
GENERATE = ROOT / "abi" / "generate.py"


def run_generate(*arguments: str, script: Path = GENERATE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_generated_files_are_fresh():
    finished = run_generate("--check")
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("stale", ["abi/SPEC.md", "abi/tflm_wasm_abi.h", "sdk/tflm_wasm/_abi.py"])
def test_a_stale_generated_file_is_named(tmp_path, stale):
    for name in (
        "abi/generate.py",
        "abi/abi.toml",
        "abi/rules.toml",
        "abi/SPEC.md",
        "abi/tflm_wasm_abi.h",
        "sdk/tflm_wasm/_abi.py",
    ):
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    changed = tmp_path / stale
    changed.write_text(changed.read_text().replace("The call did what it says.", "It did."))
    finished = run_generate("--check", script=tmp_path / "abi" / "generate.py")
    assert finished.returncode == 1
    assert f"stale: {Path(stale)};" in finished.stderr


def test_fields_and_regions_tile_the_block_without_overlap():
    spans = [(f.offset, f.offset + struct.calcsize(f.code)) for f in _abi.FIELDS.values()]
    spans += [(offset, offset + size) for offset, size in _abi.REGIONS.values()]
    spans.sort()
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end <= start
    assert spans[0][0] == 0
    assert spans[-1][1] == _abi.BLOCK_BYTES


def test_fields_are_naturally_aligned():
    for name, field in {**_abi.FIELDS, **_abi.DESCRIPTOR_FIELDS}.items():
        element = re.sub(r"\d", "", field.code)
        assert field.offset % struct.calcsize(element) == 0, name


def test_the_fixed_offsets_are_where_they_were_given():
    fixed = {"input_ptr": 0, "input_size": 4, "output_ptr": 8, "output_cap": 12}
    for name, offset in fixed.items():
        assert (_abi.FIELDS[name].offset, _abi.FIELDS[name].code) == (offset, "<i")


def test_descriptors_fill_their_region():
    _, size = _abi.REGIONS["descriptors"]
    assert size == _abi.MAX_IO_TENSORS * _abi.DESCRIPTOR_BYTES
    end = max(
        field.offset + struct.calcsize(field.code) for field in _abi.DESCRIPTOR_FIELDS.values()
    )
    assert end == _abi.DESCRIPTOR_BYTES


def test_status_codes_count_down_from_0_without_gaps():
    assert [status.value for status in _abi.Status] == [-n for n in range(len(_abi.Status))]
    assert set(_abi.STATUS_DOC) == set(_abi.Status)


def test_the_canary_fills_its_region():
    assert len(_abi.CANARY) == _abi.REGIONS["canary"][1]


def test_the_spec_explains_every_field_status_export_and_rule():
    text = (ROOT / "abi" / "SPEC.md").read_text(encoding="utf-8")
    names = [*_abi.FIELDS, *_abi.REGIONS, *_abi.DESCRIPTOR_FIELDS, *_abi.EXPORTS, *_abi.RULES]
    names += [status.name.lower() for status in _abi.Status]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_spec_lists_the_element_types_that_the_checker_knows():
    text = (ROOT / "abi" / "SPEC.md").read_text(encoding="utf-8")
    cells = re.findall(r"\| (\d+) \| [a-z]+(\d+)? \| (\d+) ", text)
    assert {int(number): int(bits) for number, _, bits in cells} == ELEMENT_BITS


def test_a_c_compiler_agrees_with_the_python_table(tmp_path):
    pytest.importorskip("ziglang", reason="needs a C compiler: pip install ziglang")
    lines = ['#include "tflm_wasm_abi.h"']
    for name, field in _abi.FIELDS.items():
        size = struct.calcsize(field.code)
        lines.append(f'_Static_assert(offsetof(tw_control_block, {name}) == {field.offset}, "");')
        member = f"((tw_control_block *)0)->{name}"
        lines.append(f'_Static_assert(sizeof({member}) == {size}, "");')
    for name, (offset, size) in _abi.REGIONS.items():
        lines.append(f'_Static_assert(offsetof(tw_control_block, {name}) == {offset}, "");')
        member = f"((tw_control_block *)0)->{name}"
        lines.append(f'_Static_assert(sizeof({member}) == {size}, "");')
    for name, field in _abi.DESCRIPTOR_FIELDS.items():
        lines.append(f'_Static_assert(offsetof(tw_descriptor, {name}) == {field.offset}, "");')
    for status in _abi.Status:
        constant = "TW_OK" if status == 0 else f"TW_E_{status.name}"
        lines.append(f'_Static_assert({constant} == {status.value}, "");')
    lines += [
        f'_Static_assert(TW_FEATURE_{feature.name} == {feature.value}u, "");'
        for feature in _abi.Feature
    ]
    source = tmp_path / "layout.c"
    source.write_text("\n".join(lines) + "\n")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
    command = [sys.executable, "-m", "ziglang", "cc", "--target=wasm32-freestanding", *flags]
    command += [f"-I{HEADER.parent}", "-c", str(source), "-o", str(tmp_path / "layout.o")]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
