"""Machine code on disk: found again, never believed when damaged, never in the way."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tflm_wasm
from tests.support.cli import tflm_wasm as command_line
from tests.support.files import ROOT, ZOO
from tests.support.wat_guests import ADD_ONE, finish, guest
from tflm_wasm import _capi, _code_cache, _compile, code_cache, load
from tflm_wasm._code_cache import CodeCache
from tflm_wasm._wasmtime import Engine

X = np.array([[1, 2, 3, -128]], np.int8)
GUEST = guest()
SINE = ZOO / "sine_int8" / "sine_int8.tflite"
needs_posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Give each test a cache of its own, and return its folder."""
    monkeypatch.setattr(_code_cache, "_chosen", [])
    code_cache.use(tmp_path / "code")
    forget()
    yield tmp_path / "code"
    forget()


def forget() -> None:
    """Forget what this process has compiled or read, as a new one would."""
    _compile._in_use.clear()
    _compile._own_machine_code.cache_clear()


def runs(source=GUEST) -> None:
    """Open a module as a new process would, and check what it answers."""
    forget()
    with load(source) as session:
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


def entry(folder: Path) -> Path:
    """Return the only file in the cache."""
    (path,) = folder.iterdir()
    return path


@pytest.fixture
def no_compiler(monkeypatch):
    """Let compiling fail."""

    def compile_nothing(*_: object) -> None:
        raise AssertionError("compiled")

    def forbid() -> None:
        monkeypatch.setattr(Engine, "compile", compile_nothing)

    return forbid


# --- found again ---


@pytest.mark.parametrize("source", [GUEST, guest(start="(drop (i32.const 1))" * 4000)])
def test_a_module_is_compiled_once(source, folder, no_compiler, monkeypatch):
    runs(source)
    assert entry(folder).stat().st_size > 1000
    no_compiler()
    monkeypatch.setattr(_compile, "_in_child", None)
    runs(source)


def test_all_modules_of_the_engine_share_one_entry(folder, no_compiler):
    load(SINE).close()
    assert entry(folder)
    no_compiler()
    forget()
    for path in sorted(ZOO.glob("*/*.tflite")):
        load(path).close()
    assert entry(folder)


def test_the_engine_without_interruption_has_an_entry_of_its_own(folder):
    load(SINE, limits=tflm_wasm.Limits(time_s=None)).close()
    load(SINE).close()
    assert len(list(folder.iterdir())) == 2


def test_code_in_use_is_shared_in_the_process_and_freed_with_its_last_session(no_compiler):
    code_cache.disable()
    with load(GUEST) as session:
        no_compiler()
        with load(GUEST) as other:
            np.testing.assert_array_equal(session.run(X), other.run(X))
    del session, other
    assert not _compile._in_use


def test_the_key_is_of_everything_that_machine_code_depends_on(monkeypatch):
    options = {"epoch_interruption": True}
    keys = [_code_cache.key_of(GUEST, options)]
    keys.append(_code_cache.key_of(GUEST + b"\0", options))
    keys.append(_code_cache.key_of(GUEST, {"epoch_interruption": False}))
    for where, name, value in (
        (_capi, "version", lambda: "50.0.2"),
        (_code_cache, "_processor", lambda: ("x86_64", "flags: fpu sse")),
        (_capi, "file", lambda: Path(__file__)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, value)
            _code_cache._machine.cache_clear()
            keys.append(_code_cache.key_of(GUEST, options))
    _code_cache._machine.cache_clear()
    assert len(set(keys)) == len(keys)
    assert _code_cache.key_of(GUEST, options) == keys[0]


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


# --- in no one's way ---


def test_a_folder_that_can_not_be_made_costs_only_time(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    code_cache.use(tmp_path / "file" / "code")
    runs()
    assert code_cache.info().entries == 0
    assert code_cache.clear() == 0


@pytest.mark.parametrize("call", ["open", "replace", "mkdir", "writelines"])
def test_a_full_disk_costs_only_time_and_leaves_no_half_files(call, folder, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "writelines":
        monkeypatch.setattr(_code_cache, "_write", lambda path, _: (path.write_bytes(b"x"), full()))
    elif call == "open":
        real = os.open
        monkeypatch.setattr(
            os,
            "open",
            lambda path, flags, *rest: full() if flags & os.O_CREAT else real(path, flags, *rest),
        )
    else:
        monkeypatch.setattr(Path, call, full)
    runs()
    assert not folder.exists() or not list(folder.iterdir())


def test_without_a_home_there_is_no_cache(monkeypatch):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(_code_cache.VARIABLE, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(_code_cache, "_chosen", [])
    assert _code_cache.current() is None
    runs()


@pytest.mark.parametrize("value", ["off", "OFF", "0", "no", "false", ""])
def test_a_variable_turns_it_off(value, folder, monkeypatch):
    monkeypatch.setenv(_code_cache.VARIABLE, value)
    monkeypatch.setattr(_code_cache, "_chosen", [])
    runs()
    assert code_cache.info() == code_cache.CacheInfo(None, 0, 0, 0)
    assert code_cache.clear() == 0
    assert not folder.exists()


def test_a_variable_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(_code_cache.VARIABLE, str(tmp_path / "mine"))
    monkeypatch.setattr(_code_cache, "_chosen", [])
    runs()
    assert entry(tmp_path / "mine")
    monkeypatch.delenv(_code_cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(_code_cache, "_chosen", [])
    assert code_cache.info().folder == tmp_path / "tflm-wasm" / "code"


def test_it_can_be_looked_at_cleared_and_turned_off(folder):
    runs()
    info = code_cache.info()
    size = entry(folder).stat().st_size
    assert (info.folder, info.entries, info.bytes) == (folder, 1, size)
    assert code_cache.clear() == size
    assert code_cache.info().entries == 0
    code_cache.disable()
    runs()
    assert not list(folder.iterdir())


def test_doctor_shows_and_clears_it(folder):
    runs()
    size = entry(folder).stat().st_size
    shown = command_line("doctor", "--json").stdout
    assert f"{folder}: 1 entries, {size:,} of" in shown
    assert f"{folder}: 0 entries" in command_line("doctor", "--clear-cache", "--json").stdout
    code_cache.disable()
    assert f"unset {_code_cache.VARIABLE}" in command_line("doctor", "--json").stdout


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
