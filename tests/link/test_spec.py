"""The link's specification, its C header and its Python table say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from tests.support.board import SCRIPT
from tests.support.files import ROOT
from tflm_wasm._link import _defs

GENERATE = ROOT / "abi" / "generate_link.py"
SPEC = ROOT / "docs" / "reference" / "link.md"
GENERATED = (
    "docs/reference/link.md",
    "firmware_models/device/tw_link_defs.h",
    "sdk/tflm_wasm/_link/_defs.py",
)


def test_the_generated_files_are_fresh():
    command = [sys.executable, str(GENERATE), "--check"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("stale", GENERATED)
def test_a_stale_generated_file_is_named(tmp_path, stale):
    for name in ("abi/generate.py", "abi/generate_link.py", "abi/link.toml", *GENERATED):
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    changed = tmp_path / stale
    text = changed.read_text()
    assert "Requests handled." in text or "TW_COUNTER_REQUESTS" in text
    changed.write_text(text.replace("Requests handled.", "Requests."))
    command = [sys.executable, str(tmp_path / "abi" / "generate_link.py"), "--check"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert f"stale: {stale};" in finished.stderr


def test_types_and_codes_are_unique_and_leave_room_for_replies():
    for group in (_defs.Type, _defs.ErrorCode, _defs.FaultKind, _defs.SlotState):
        assert len({item.value for item in group}) == len(group.__members__)
    requests = [kind for kind in _defs.Type if f"{kind.name.lower()}_event" not in _defs.LAYOUTS]
    answers = {kind | _defs.REPLY_BIT for kind in requests}
    assert not answers & set(_defs.Type)


def test_every_reply_fits_into_the_smallest_frame():
    for name, layout in _defs.LAYOUTS.items():
        assert layout.struct.size + 64 <= _defs.MIN_PAYLOAD_BYTES, name
    slots = _defs.SLOT_COUNT * _defs.LAYOUTS["slot_record"].struct.size
    assert max(slots, 4 * len(_defs.COUNTERS)) <= _defs.MIN_PAYLOAD_BYTES


def test_the_example_in_the_specification_is_a_golden_frame():
    text = SPEC.read_text(encoding="utf-8")
    example = re.search(r"```\n((?:[0-9a-f]{2} ?)+)\n```", text)
    assert example is not None
    wire = bytes.fromhex(example[1])
    golden = (ROOT / "tests" / "link" / "golden.toml").read_text()
    assert wire.hex() in golden


@pytest.mark.parametrize("target", ["thumb-freestanding-eabi", "riscv32-freestanding"])
def test_the_device_core_compiles_for_a_microcontroller_without_a_warning(tmp_path, target):
    pytest.importorskip("ziglang", reason="needs a cross compiler: pip install ziglang")
    # The freestanding target has no C library: three functions are all the core wants of one.
    (tmp_path / "string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n"
        "void *memmove(void *, const void *, size_t);\nvoid *memset(void *, int, size_t);\n"
        "int memcmp(const void *, const void *, size_t);\n"
    )
    flags = ["-std=c11", "-Os", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
    for name in ("tw_agent", "tw_crc32", "tw_link", "tw_sha256", "tw_slots"):
        source = SCRIPT.parent / f"{name}.c"
        command = [sys.executable, "-m", "ziglang", "cc", f"--target={target}", *flags]
        command += [f"-I{tmp_path}", f"-I{ROOT / 'abi'}", "-c", str(source)]
        command += ["-o", str(tmp_path / f"{source.stem}.o")]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr


def test_the_native_build_names_a_missing_compiler_error(tmp_path):
    if shutil.which("false") is None:
        pytest.skip("needs the command `false`: apt-get install coreutils")
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import build, pathlib\n"
        f"build.build_native(pathlib.Path({str(tmp_path / 'x')!r}), compiler='false')"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"RuntimeError: false " in finished.stderr
