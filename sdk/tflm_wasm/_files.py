"""Reading a file up to a bound, and writing one as a whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from tflm_wasm._errors import FileError

_PIECE_BYTES: Final = 64 * 1024


def read_up_to(path: str | os.PathLike[str], limit: int) -> bytes:
    """Return the first `limit` bytes of a file; a longer file is the caller's to refuse.

    Raises:
        FileError: It can't be read.
    """
    try:
        with FileIO(os.fspath(path)) as file:
            # A file comes at once, into no more memory than it takes; a pipe piece by piece.
            size = os.fstat(file.fileno()).st_size
            pieces = [file.read(min(limit, size + 1))]
            left = limit - len(pieces[0])
            while len(pieces[0]) != size and pieces[-1] and left > 0:
                pieces.append(file.read(min(left, _PIECE_BYTES)))
                left -= len(pieces[-1])
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except OSError as error:
        raise _failed("read", path, error) from error


def write_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that nobody ever sees half of it; a device or a pipe is written to as it is.

    Raises:
        FileError: It can't be written; an older file of that name is then untouched.
    """
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)
        else:
            _replace(target, content)
    except OSError as error:
        raise _failed("write", path, error) from error


def _replace(target: Path, content: bytes) -> None:
    import tempfile  # which takes a while to import, and reading needs not

    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except OSError:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _failed(verb: str, path: str | os.PathLike[str], error: OSError) -> FileError:
    reason = error.strerror or str(error)
    return FileError(f"Could not {verb} '{os.fspath(path)}': {reason}", path=os.fspath(path))
