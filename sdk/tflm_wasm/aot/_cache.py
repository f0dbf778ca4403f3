"""Results that take seconds to make, kept in a folder by what they were made of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from tflm_wasm._errors import FileError
from tflm_wasm._files import write_file
from tflm_wasm._folders import cache_folder


class Cache:
    """A folder of results; None stands for the user's, such as `~/.cache/tflm-wasm/aot`."""

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = Path(folder) if folder is not None else cache_folder("aot")

    def get(self, kind: str, inputs: Iterable[str | bytes], make: Callable[[], bytes]) -> bytes:
        """Return what `make` returned for these inputs before, or make it now.

        A folder that can't be written only costs time.
        """
        if self.folder is None:
            return make()
        key = hashlib.sha256()
        for one in inputs:
            content = one.encode() if isinstance(one, str) else one
            key.update(len(content).to_bytes(8, "little") + content)
        path = self.folder / f"{kind}-{key.hexdigest()[:32]}"
        with suppress(OSError):
            return path.read_bytes()
        result = make()
        with suppress(OSError, FileError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(path, result)
        return result
