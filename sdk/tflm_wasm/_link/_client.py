"""Stop-and-wait: one request at a time, sent again until its reply comes or time is up."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from tflm_wasm._errors import LinkError, LinkProtocolError, LinkTimeoutError, WrongDeviceError
from tflm_wasm._link import _defs
from tflm_wasm._link._codec import Decoder, Frame, encode
from tflm_wasm._link._defs import ErrorCode, Type
from tflm_wasm._link._messages import Identity, LogRecord, pack, unpack
from tflm_wasm._link._refusals import refusal
from tflm_wasm._link._transport import Transport

_FIRST_WAIT_S: Final = 0.25  # for a reply, besides the time on the line
_LONGEST_WAIT_S: Final = 2.0
_REPLY: Final = _defs.REPLY_BIT
_SHOWN_BYTES: Final = 60


class Restarted(Exception):
    """The board has restarted since the last request; a new session is open."""


class _OutOfSession(Exception):
    """The board wants a new session before it handles the request."""


class Client:
    """The requesting side of the link.

    Args:
        transport: What it runs over; closed by the caller.
        on_log: Called with each line that the board logs.
        nonce: Returns a number that never came before; for tests.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        on_log: Callable[[LogRecord], None] | None = None,
        nonce: Callable[[], int] = lambda: secrets.randbits(64),
    ) -> None:
        self._transport = transport
        self._decoder = Decoder()
        self._on_log = on_log
        self._nonce = nonce
        self._seq = nonce() & 0xFFFF
        self._pending_nonce: bytes | None = None
        self._identity: Identity | None = None
        self._in_session = False
        self._echoes = False
        self._next_log: int | None = None
        self._counters = dict.fromkeys(("requests", "sent", "timeouts", "stale", "lost_logs"), 0)

    @property
    def port(self) -> str:
        """Name of the port."""
        return self._transport.port

    @property
    def boot_log(self) -> str:
        """Text that the board sent outside of frames."""
        return self._decoder.boot_log

    @property
    def identity(self) -> Identity:
        """What the board said when the session was opened."""
        if self._identity is None:
            raise LinkProtocolError("No session was opened", port=self._transport.port)
        return self._identity

    def counters(self) -> dict[str, int]:
        """Return what this side counted, by name."""
        return self._counters | asdict(self._decoder.received)

    def deadline(self, timeout_s: float) -> float:
        """Return the transport's time in `timeout_s` seconds."""
        return self._transport.now() + timeout_s

    def open(self, deadline: float) -> Identity:
        """Open a session.

        Raises:
            WrongDeviceError: Something answers, but it does not speak this protocol.
            LinkTimeoutError: Nothing answers.
        """
        # The same request until it is answered, also in later calls: the board may have handled
        # it. Only so does `sessions` tell for sure whether the board has restarted.
        if self._pending_nonce is None:
            self._pending_nonce = pack("open_request", self._nonce())
            self._advance()
        nonce = self._pending_nonce
        try:
            reply = self._exchange(Type.OPEN, nonce, deadline)
        except LinkTimeoutError as error:
            raise self._stranger() or error from None
        self._pending_nonce = None
        if reply[: len(nonce)] != nonce:
            raise LinkProtocolError("The board opened another session", port=self._transport.port)
        self._identity = Identity.of(reply)
        self._in_session = True
        self._next_log = None
        return self._identity

    def request(self, request: Type, payload: bytes, deadline: float) -> bytes:
        """Send a request and return the payload of its reply; opens a session where none is.

        Raises:
            Restarted: The board has restarted; whether the request was handled is unknown.
            LinkTimeoutError: No answer came before the deadline.
            TflmWasmError: The board refused it: see `refusal`.
        """
        while True:
            if not self._in_session:
                self._reopen(deadline)
            self._advance()
            try:
                return self._exchange(request, payload, deadline)
            except _OutOfSession:
                continue
            except LinkTimeoutError:
                self._in_session = False
                raise

    def refresh(self, deadline: float) -> Identity:
        """Open another session, and return what the board says about itself now.

        Raises:
            TflmWasmError: As `request` and `open`.
        """
        self._reopen(deadline)
        return self.identity

    def _advance(self) -> None:
        self._seq = (self._seq + 1) & 0xFFFF

    def _reopen(self, deadline: float) -> None:
        first = self._identity is None
        identity = self.open(deadline)
        if identity.sessions == 1 and not first:
            raise Restarted

    def _exchange(self, request: Type, payload: bytes, deadline: float) -> bytes:
        transport = self._transport
        started = transport.now()
        frame = encode(request, self._seq, payload)
        largest = len(frame) + (self._identity.max_payload if self._identity else 256)
        wait = _FIRST_WAIT_S + largest * 10 / transport.baudrate
        attempts = 0
        self._counters["requests"] += 1
        while (left := deadline - transport.now()) > 0:
            attempts += 1
            self._counters["sent"] += 1
            transport.write(frame, min(left, wait))
            reply = self._await(request, min(deadline, transport.now() + wait))
            if reply is not None:
                return reply
            wait = min(2 * wait, max(wait, _LONGEST_WAIT_S))
        self._counters["timeouts"] += 1
        name, time_s = request.name.lower(), deadline - started
        raise LinkTimeoutError(
            f"Port {transport.port}: no answer to '{name}' in {time_s:.2f} s ({attempts} tries)",
            port=transport.port,
            request=name,
            time_s=time_s,
            attempts=attempts,
        )

    def _await(self, request: Type, until: float) -> bytes | None:
        """Read until the reply is there, or until it is time to ask again."""
        while (left := until - self._transport.now()) > 0:
            found: bytes | None = None
            for frame in self._decoder.feed(self._transport.read(left)):
                reply = self._sort(request, frame)
                found = reply if found is None else found
            if found is not None:
                return found
        return None

    def _sort(self, request: Type, frame: Frame) -> bytes | None:
        """Return the payload when the frame is the reply; deal with everything else."""
        if frame.version != _defs.VERSION:
            raise self._foreign(f"version {frame.version} of the link protocol")
        if frame.type == Type.LOG:
            self._take_log(frame)
        elif frame.seq != self._seq:
            self._counters["stale"] += 1
        elif frame.type == request | _REPLY:
            return frame.payload
        elif frame.type == Type.ERROR:
            self._take_error(request, frame.payload)
        else:
            self._echoes |= frame.type == request
            self._counters["stale"] += 1
        return None

    def _take_log(self, frame: Frame) -> None:
        if self._next_log is not None:
            self._counters["lost_logs"] += (frame.seq - self._next_log) & 0xFFFF
        self._next_log = (frame.seq + 1) & 0xFFFF
        if self._on_log is not None:
            self._on_log(LogRecord.of(frame.payload))

    def _take_error(self, request: Type, payload: bytes) -> None:
        fields, text = unpack("error_event", payload)
        if fields["request"] != request:
            self._counters["stale"] += 1
            return
        if fields["code"] == ErrorCode.VERSION:
            raise self._foreign(f"version {fields['detail']} of the link protocol")
        if fields["code"] in (ErrorCode.SESSION, ErrorCode.SEQUENCE):
            self._in_session = False
            raise _OutOfSession
        error = refusal(request, fields, text.decode(errors="replace"))
        if isinstance(error, LinkError):
            error.port = self._transport.port
        raise error

    def _foreign(self, found: str) -> WrongDeviceError:
        port = self._transport.port
        return WrongDeviceError(f"Port {port}: found {found}", port=port, found=found)

    def _stranger(self) -> WrongDeviceError | None:
        """Return the error for a port that sends something, but no reply."""
        received = self._decoder.received
        if self._identity is not None:
            return None
        if self._echoes:
            return self._foreign("an echo of what was sent")
        if text := self.boot_log.strip():
            return self._foreign(f"text, and no frame: {text[-_SHOWN_BYTES:]!r}")
        dropped = received.drop_cobs + received.drop_crc + received.drop_length
        if dropped + received.drop_long > 0 and received.frames == 0:
            return self._foreign("bytes that are no frames; is the baud rate right?")
        return None
