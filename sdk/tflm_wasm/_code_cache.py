"""Machine code on disk, so that a module is compiled once on a machine and not in each process.

What lies there is run, so a file is taken only when it is the user's own, nobody else could have
written it, and its digest is right for what it is asked for. Whatever is not so is removed. Nothing
here is needed: a folder that can't be read or written only costs time.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from tflm_wasm import _capi
from tflm_wasm._folders import cache_folder

T = TypeVar("T")

VARIABLE: Final = "TFLM_WASM_CODE_CACHE"
LIMIT_BYTES: Final = 256 * 1024 * 1024
_OFF: Final = frozenset(("", "0", "off", "no", "false"))
_FORMAT: Final = b"tflm-wasm code 1"
_DIGEST_BYTES: Final = 32
_PIECE_BYTES: Final = 64 * 1024
_SUFFIX: Final = ".code"
_UNFINISHED: Final = ".tmp"
# A writer that is not done by then was killed.
_ABANDONED_S: Final = 600.0
# How old a file's time may be when it is used, before it is set again.
_STALE_S: Final = 3600.0


class Usage(NamedTuple):
    """How much there is in a folder."""

    entries: int
    bytes: int


class CodeCache:
    """A folder of machine code; the least recently used goes first.

    Args:
        folder: Where it is; made when it is needed, for this user alone.
        limit_bytes: Bytes that all entries together may have.
    """

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes

    def load(self, key: str, take: Callable[[str], T]) -> T | None:
        """Return what `take` makes of the file that was stored under `key`, or None.

        The file holds what was stored, and more behind it. `take` gets a path of it.
        """
        path = self._path(key)
        try:
            with _opened(path) as file:
                if _is_whole(key, file):
                    return take(_path_of(file, path))
        except FileNotFoundError:
            return None
        except OSError:
            pass  # a link, or not this user's to read
        self.discard(key)
        return None

    def store(self, key: str, code: bytes) -> None:
        """Keep `code`, as a whole or not at all, and make room for it."""
        if len(code) > self.limit_bytes:
            return
        with suppress(OSError):
            self._own_folder()
            temporary = self.folder / f"{self._path(key).name}.{os.urandom(8).hex()}{_UNFINISHED}"
            try:
                _write(temporary, (code, _digest(key, (code,))))
                temporary.replace(self._path(key))
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            self._prune()

    def discard(self, key: str) -> None:
        """Remove an entry that proved to be of no use."""
        with suppress(OSError):
            self._path(key).unlink()

    def usage(self) -> Usage:
        """Return how much there is."""
        entries = self._entries()
        return Usage(len(entries), sum(size for _, size, _ in entries))

    def clear(self) -> Usage:
        """Remove everything; return how much that was."""
        usage = self.usage()
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.suffix in (_SUFFIX, _UNFINISHED):
                    with suppress(OSError):
                        path.unlink()
        return usage

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _own_folder(self) -> None:
        """Make the folder, and see that it is the user's alone.

        Raises:
            OSError: It can't be made, or is someone else's.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or not _is_mine(found):
            raise PermissionError(f"{self.folder} is not this user's folder")
        if os.name == "posix" and found.st_mode & 0o077:
            self.folder.chmod(0o700)

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Return time of last use, size and path of each entry."""
        entries = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                with suppress(OSError):
                    found = path.lstat()
                    if path.suffix == _SUFFIX:
                        entries.append((found.st_mtime, found.st_size, path))
                    elif path.suffix == _UNFINISHED and _is_older(found, _ABANDONED_S):
                        path.unlink()
        return entries

    def _prune(self) -> None:
        entries = sorted(self._entries(), reverse=True)
        total = 0
        for _, size, path in entries:
            total += size
            if total > self.limit_bytes:
                with suppress(OSError):
                    path.unlink()


# Set by `use`; until then the environment says.
_chosen: list[CodeCache | None] = []


def current() -> CodeCache | None:
    """Return the cache that this process uses, or None when it uses none."""
    if not _chosen:
        _chosen.append(_from_environment())
    return _chosen[0]


def use(cache: CodeCache | None) -> None:
    """Use another cache from now on, or none."""
    _chosen[:] = [cache]


def _from_environment() -> CodeCache | None:
    named = os.environ.get(VARIABLE)
    if named is not None:
        return None if named.lower() in _OFF else CodeCache(Path(named))
    folder = cache_folder("code")
    return None if folder is None else CodeCache(folder)


def key_of(wasm: bytes, options: Mapping[str, bool]) -> str:
    """Return the key of a module's machine code: of the module, and all that it is compiled for."""
    key = hashlib.sha256(_machine())
    key.update(repr(sorted(options.items())).encode())
    key.update(wasm)
    return key.hexdigest()


@lru_cache(maxsize=1)
def _machine() -> bytes:
    """Return what machine code depends on besides the module and the options."""
    library = _capi.file().stat()
    parts = (_capi.version(), library.st_size, library.st_mtime_ns, sys.platform, *_processor())
    return repr(parts).encode()


def _processor() -> tuple[str, ...]:
    """Return what tells processors apart, where the system says; the runtime looks again."""
    kind = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_IDENTIFIER")
    try:
        # The first processor's lines: the file is made up as it is read, and is long on a server.
        with Path("/proc/cpuinfo").open("rb", buffering=0) as file:
            lines = file.read(8192).decode(errors="replace").splitlines()
    except OSError:
        lines = []
    return kind or "", *(one for one in lines if one.lower().startswith(("flags", "features")))


def _opened(path: Path) -> FileIO:
    # Neither follow a link, nor wait for someone to write into a pipe.
    names = ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")
    flags = sum(getattr(os, name, 0) for name in names)
    return FileIO(os.open(path, os.O_RDONLY | flags), "rb")


def _is_whole(key: str, file: FileIO) -> bool:
    """Return whether a file is this user's alone, and holds what was stored under `key`."""
    found = os.fstat(file.fileno())
    size = found.st_size - _DIGEST_BYTES
    if not stat.S_ISREG(found.st_mode) or not _is_mine(found) or _others_may_write(found):
        return False
    if size <= 0:
        return False
    if _digest(key, _pieces(file, size)) != file.read(_DIGEST_BYTES):
        return False
    if _is_older(found, _STALE_S):
        with suppress(OSError):
            os.utime(file.fileno() if os.utime in os.supports_fd else file.name)
    return True


def _pieces(file: FileIO, size: int) -> Iterator[bytes]:
    """Read `size` bytes, or what is there of them, piece by piece."""
    while size > 0 and (piece := file.read(min(size, _PIECE_BYTES))):
        size -= len(piece)
        yield piece


def _path_of(file: FileIO, path: Path) -> str:
    """Return a path that leads to this very file, where the system has such; else its name."""
    open_file = f"/proc/self/fd/{file.fileno()}"
    return open_file if os.path.exists(open_file) else str(path)  # noqa: PTH110 - a link


def _write(path: Path, parts: tuple[bytes, ...]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.writelines(parts)


def _is_mine(found: os.stat_result) -> bool:
    return os.name != "posix" or found.st_uid == os.geteuid()


def _others_may_write(found: os.stat_result) -> bool:
    return os.name == "posix" and bool(found.st_mode & 0o022)


def _is_older(found: os.stat_result, age_s: float) -> bool:
    return time.time() - found.st_mtime > age_s


def _digest(key: str, code: Iterable[bytes]) -> bytes:
    """Return the digest of an entry: of its key, too, so that no other can take its place."""
    digest = hashlib.sha256(_FORMAT + key.encode())
    for piece in code:
        digest.update(piece)
    return digest.digest()
