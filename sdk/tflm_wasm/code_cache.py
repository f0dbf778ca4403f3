"""The cache of machine code on disk: where it is, how large it is, clearing it, doing without.

A module is compiled once on a machine, not in each process. Set `TFLM_WASM_CODE_CACHE` to another
folder, or to `off`; or call `use` or `disable` before the first module is opened.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tflm_wasm import _code_cache
from tflm_wasm._code_cache import LIMIT_BYTES, VARIABLE, CodeCache

__all__ = ["VARIABLE", "CacheInfo", "clear", "disable", "info", "use"]


@dataclass(frozen=True)
class CacheInfo:
    """What is in the cache.

    Attributes:
        folder: Where it is; None when it is off.
        entries: How many modules' machine code there is.
        bytes: How much that is.
        limit_bytes: How much it may be; what was not used for the longest time goes first.
    """

    folder: Path | None
    entries: int
    bytes: int
    limit_bytes: int


def info() -> CacheInfo:
    """Return what is in the cache."""
    cache = _code_cache.current()
    if cache is None:
        return CacheInfo(None, 0, 0, 0)
    usage = cache.usage()
    return CacheInfo(cache.folder, usage.entries, usage.bytes, cache.limit_bytes)


def clear() -> int:
    """Remove all that is in the cache; return how many bytes that was.

    Sessions go on, and other processes that use the cache compile again.
    """
    cache = _code_cache.current()
    return 0 if cache is None else cache.clear().bytes


def use(folder: str | os.PathLike[str], *, limit_bytes: int = LIMIT_BYTES) -> None:
    """Use another folder from now on, in this process.

    Args:
        folder: It is made when it is needed. It has to be this user's alone, since what lies there
            is run; else nothing is kept.
        limit_bytes: Bytes that all entries together may have.
    """
    _code_cache.use(CodeCache(Path(folder), limit_bytes))


def disable() -> None:
    """Keep nothing on disk from now on, in this process, and look for nothing there."""
    _code_cache.use(None)
