"""A worker process that answers requests in the messages of `_frames`, and may die without harm."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import struct
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tflm_wasm.oracles._frames import Array, array_bytes, decode_arrays, encode


class WorkerDied(Exception):
    """The process ended, was ended because it took too long, or is closed; the text says which."""


class WorkerProcess:
    """One process; `close` ends it, and `revive` starts another one in place of one that died.

    Args:
        command: Program and arguments. It takes requests on standard input and answers on standard
            output; what it writes to standard error is kept: see `printed`.
        environment: Its environment.
        timeout_s: Longest time in seconds that one request may take.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], timeout_s: float
    ) -> None:
        self._command = tuple(command)
        self._environment = dict(environment)
        self._timeout_s = timeout_s
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (close() closes it)
        self._log_start = 0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._environment,
        )

    def revive(self) -> None:
        """Start a process in place of one that died."""
        if self.process.poll() is not None:
            self._stop()
            self.process = self._start()

    def close(self) -> None:
        """End the process; may be called twice."""
        self._stop()
        self._log.close()

    def _stop(self) -> None:
        process = self.process
        if process.stdin is not None and process.stdout is not None:
            process.kill()
            process.wait()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()

    def printed(self) -> str:
        """Return what it wrote to standard error since the last request; nothing once closed."""
        if self._log.closed:
            return ""
        self._log.seek(self._log_start)
        return self._log.read().decode(errors="replace")

    def ask(
        self, header: dict[str, Any], arrays: list[Array]
    ) -> tuple[dict[str, Any], list[Array]]:
        """Send a request; return the header and the arrays of its reply.

        Raises:
            WorkerDied: There is no reply, and will be none.
        """
        pipe = self.process.stdin
        if pipe is None or pipe.closed:
            raise WorkerDied("is closed")
        self._log_start = self._log.seek(0, os.SEEK_END)
        deadline = time.monotonic() + self._timeout_s
        try:
            pipe.write(encode(header, arrays))
            pipe.flush()
            (header_bytes,) = struct.unpack("<I", self._read(4, deadline))
            reply = json.loads(self._read(header_bytes, deadline))
            return reply, decode_arrays(reply, self._read(array_bytes(reply), deadline))
        except (BrokenPipeError, EOFError, TimeoutError) as error:
            self.process.kill()
            code = self.process.wait()
            is_late = isinstance(error, TimeoutError)
            raise WorkerDied("timed out" if is_late else f"died with {ending(code)}") from None

    def _read(self, count: int, deadline: float) -> bytes:
        data = bytearray()
        pipe = self.process.stdout
        if pipe is None:
            raise EOFError
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while len(data) < count:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                chunk = os.read(pipe.fileno(), count - len(data))
                if not chunk:
                    raise EOFError
                data += chunk
        return bytes(data)


def ending(code: int) -> str:
    """Say how a process ended, by its exit code."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
