"""Machine code on disk is not believed when damaged or someone else's; its files are bounded."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.cached_code import GUEST, X, entry, forget, runs
from tests.support.files import ROOT
from tests.support.wat_guests import ADD_ONE, finish, guest
from tflm_wasm import code_cache, load
from tflm_wasm._code_cache import CodeCache

needs_posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")

# --- damaged, or not ours ---


def flipped(tenths: int):
    """Return a function that flips a bit, so far into the content."""

    def flip(content: bytes) -> bytes:
        at = tenths * (len(content) - 1) // 10
        return content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]

    return flip


DAMAGES = {
    "zeros": lambda content: bytes(len(content)),
    "one byte more": lambda content: content + b"\0",
    "last byte missing": lambda content: content[:-1],
    **{f"first {n} bytes": lambda content, n=n: content[:n] for n in (0, 1, 31, 32, 33, 4096)},
    **{f"a bit at {tenths} tenths": flipped(tenths) for tenths in range(11)},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_thrown_away_and_made_again(damage, folder):
    runs()
    path = entry(folder)
    content = path.read_bytes()
    path.write_bytes(DAMAGES[damage](content))
    runs()
    assert entry(folder).read_bytes() == content


def test_the_entry_of_another_module_is_not_taken(folder):
    runs()
    other = guest(invoke=ADD_ONE.replace("(i32.const 1)", "(i32.const 9)") + finish())
    load(other).close()
    first, second = folder.iterdir()
    first_content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(first_content)
    runs()
    forget()
    assert load(other).run(X)[0][0, 0] == 10


def test_code_that_the_runtime_does_not_take_is_made_again(folder):
    runs()
    key = entry(folder).stem
    good = entry(folder).read_bytes()
    for wrong in (b"", b"no machine code", good[:-32].replace(b"50.0.1", b"49.0.1")):
        CodeCache(folder).store(key, wrong)
        runs()
        assert entry(folder).read_bytes() == good


@needs_posix
def test_folder_and_entries_are_for_the_user_alone(folder):
    folder.mkdir(mode=0o755)
    runs()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert entry(folder).stat().st_mode & 0o777 == 0o600


@needs_posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_an_entry_that_others_may_write_is_not_believed(mode, folder):
    runs()
    path = entry(folder)
    path.chmod(mode)
    runs()
    assert entry(folder).stat().st_mode & 0o777 == 0o600


@needs_posix
def test_an_entry_of_another_user_is_not_believed_and_nothing_is_kept_there(folder, monkeypatch):
    runs()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    runs()
    assert not list(folder.iterdir())
    monkeypatch.undo()
    code_cache.use(folder)
    runs()
    assert entry(folder)


@needs_posix
def test_neither_links_nor_pipes_are_read(folder, tmp_path):
    runs()
    path = entry(folder)
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    runs()
    assert not entry(folder).is_symlink()
    entry(folder).unlink()
    os.mkfifo(path)
    runs()
    assert entry(folder).is_file()


@needs_posix
def test_a_folder_that_is_a_link_is_not_written_to(folder, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    folder.symlink_to(target)
    runs()
    assert not list(target.iterdir())


# --- bounded ---


def stored(cache: CodeCache, key: str) -> bytes | None:
    """Return what the cache has under a key, without the digest behind it."""
    return cache.load(key, lambda path: Path(path).read_bytes()[:-32])


def aged(folder: Path, key: str, age_s: float) -> None:
    then = time.time() - age_s
    os.utime(folder / f"{key}.code", (then, then))


def test_what_was_used_least_recently_goes_first(folder):
    cache = CodeCache(folder, limit_bytes=400)
    for number, key in enumerate(("a", "b", "c")):
        cache.store(key, bytes(80))
        aged(folder, key, 10_000 - number)
    assert stored(cache, "a") == bytes(80)  # which makes it the last used
    cache.store("d", bytes(100))
    assert {path.stem for path in folder.iterdir()} == {"a", "c", "d"}
    assert cache.usage() == (3, 80 + 80 + 100 + 3 * 32)


def test_code_over_the_limit_is_not_kept_and_removes_nothing(folder):
    cache = CodeCache(folder, limit_bytes=400)
    cache.store("a", bytes(100))
    cache.store("b", bytes(401))
    assert stored(cache, "a") == bytes(100)
    assert stored(cache, "b") is None


def test_files_of_killed_writers_go_after_a_while(folder):
    cache = CodeCache(folder)
    cache.store("a", b"code")
    for name, age_s in (("old.code.1.tmp", 3600), ("new.code.2.tmp", 0), ("notes.txt", 3600)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age_s,) * 2)
    cache.store("b", b"code")
    left = {path.name for path in folder.iterdir()}
    assert left == {"a.code", "b.code", "new.code.2.tmp", "notes.txt"}
    cache.clear()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


# --- several processes ---

WORKER = """
import sys
import numpy as np
from tflm_wasm import Module, _code_cache, _compile
from tflm_wasm._code_cache import CodeCache
folder, rounds, *paths = sys.argv[1:]
# Room for two of the three entries: they push each other out all the time.
cache = CodeCache(_code_cache.Path(folder), limit_bytes=int(sys.stdin.readline()))
_code_cache.use(cache)
x = np.array([[1, 2, 3, -128]], np.int8)
for number in range(int(rounds)):
    _compile._in_use.clear()
    for add, path in enumerate(paths, 1):
        with Module.read(path).open() as session:
            assert (session.run(x)[0] == x + np.int8(add)).all()
        if number % 10 == 9:
            cache.clear()
print("done")
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "sdk")}
    return subprocess.Popen(
        [sys.executable, "-c", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_writers_readers_and_sweepers_at_once_never_see_half_a_file(folder, tmp_path):
    paths = []
    for add in (1, 2, 3):
        path = tmp_path / f"{add}.wasm"
        code = ADD_ONE.replace("(i32.const 1)))", f"(i32.const {add})))")
        path.write_bytes(guest(invoke=code + finish()))
        paths.append(path)
    runs()
    limit = 2 * entry(folder).stat().st_size + 100
    workers = [start(WORKER, folder, 60, *paths) for _ in range(4)]
    outputs = [worker.communicate(f"{limit}\n", timeout=300)[0] for worker in workers]
    assert outputs == ["done\n"] * 4
    assert all(path.suffix == ".code" for path in folder.iterdir())
    for path in folder.iterdir():
        assert stored(CodeCache(folder), path.stem)


DYING = """
import os, signal, sys
from tflm_wasm import _code_cache
def half(path, parts):
    with open(path, "wb") as file:
        file.write(parts[0][:1000])
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
_code_cache._write = half
_code_cache.use(_code_cache.CodeCache(_code_cache.Path(sys.argv[1])))
from tflm_wasm import load
load(sys.argv[2])
"""


@needs_posix
def test_a_writer_that_is_killed_leaves_nothing_that_is_read(folder, tmp_path):
    path = tmp_path / "guest.wasm"
    path.write_bytes(GUEST)
    worker = start(DYING, folder, path)
    worker.communicate(timeout=120)
    assert worker.returncode < 0
    assert [file.suffix for file in folder.iterdir()] == [".tmp"]
    runs()
    assert sorted(file.suffix for file in folder.iterdir()) == [".code", ".tmp"]
    assert code_cache.info().entries == 1
