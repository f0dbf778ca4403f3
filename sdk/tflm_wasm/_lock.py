"""One user at a time for each board; whoever comes second learns who is first.

The lock is the operating system's, so it is free as soon as its holder is gone, however that went.
A file beside it says who holds it: without a lock it means nothing.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tflm_wasm._errors import FileError, PortBusyError
from tflm_wasm._files import write_file
from tflm_wasm._folders import needed, runtime_folder

_POLL_S: Final = 0.05
_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        pid: Process id.
        host: Name of its machine.
        reason: What for.
        since: Unix time, in seconds.
    """

    pid: int
    host: str
    reason: str
    since: float

    def __str__(self) -> str:
        minutes = max(0.0, time.time() - self.since) / 60
        return f"{self.reason} (pid {self.pid} on {self.host}, for {minutes:.0f} min)"

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended, as far as can be seen from here."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


class BoardLock:
    """Exclusive use of a board, from `with` to its end.

    Args:
        stable_id: What names the board for good, such as `usb:2e8a:000a:E660`.
        reason: What it is for, as others will read it.
        timeout_s: How long to wait for another one to let go, in seconds.

    Raises (on entering):
        PortBusyError: Another one holds it; `holder` says who.
        FileError: The lock's folder can't be used.
        SerialMissing: filelock or platformdirs is not installed.
    """

    def __init__(self, stable_id: str, reason: str, *, timeout_s: float = 1.0) -> None:
        self._id = stable_id
        self._reason = reason
        self._timeout_s = timeout_s
        self._lock: Any = None

    def __enter__(self) -> BoardLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock; see the class."""
        filelock = needed("filelock")
        path = _path(self._id)
        lock = filelock.FileLock(path.with_suffix(".lock"), is_singleton=False)
        try:
            lock.acquire(timeout=self._timeout_s, poll_interval=_POLL_S)
        except filelock.Timeout as error:
            raise self._busy() from error
        except OSError as error:
            message = f"Could not lock '{self._id}' in {path.parent}: {error.strerror}"
            raise FileError(message, path=str(path)) from error
        self._lock = lock
        me = Holder(os.getpid(), socket.gethostname(), self._reason, time.time())
        try:
            write_file(path, json.dumps(asdict(me)).encode())
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let go of the lock, or do nothing when that was done."""
        if self._lock is not None:
            with suppress(OSError):
                _path(self._id).unlink()
            self._lock.release()
        self._lock = None

    def _busy(self) -> PortBusyError:
        holder = _read(_path(self._id))
        if holder is None:
            return PortBusyError(f"{self._id} is in use", port=self._id, holder=None)
        return PortBusyError(
            f"{self._id} is in use by {holder}",
            port=self._id,
            holder=str(holder),
            hint=f"Wait for it, or end it: `kill {holder.pid}` on {holder.host}.",
        )


def holder_of(stable_id: str) -> Holder | None:
    """Return who holds a board's lock now, or None."""
    path = _path(stable_id)
    if not path.exists():
        return None
    filelock = needed("filelock")
    try:
        # Left by one that was killed when nobody holds the lock.
        with filelock.FileLock(path.with_suffix(".lock"), timeout=0, is_singleton=False):
            return None
    except (filelock.Timeout, OSError):
        return _read(path)


def _path(stable_id: str) -> Path:
    # Two ids that differ only in what is replaced still get two names.
    mark = f"{zlib.crc32(stable_id.encode()):08x}"
    return runtime_folder("locks") / f"{_NAME.sub('_', stable_id)}-{mark}.json"


def _read(path: Path) -> Holder | None:
    """Return the holder on record, or None: nobody, or one that died before the one that holds."""
    try:
        holder = Holder(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return None if holder.is_gone else holder
