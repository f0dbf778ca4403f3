"""GDB's remote serial protocol, the client's side, as far as loading and comparing need it.

Source: GDB manual, appendix "GDB Remote Serial Protocol".
"""

from __future__ import annotations

import re
import socket
import zlib
from typing import Final

from tflm_wasm._deadline import Deadline
from tflm_wasm._errors import PortLostError, PortNotFoundError
from tflm_wasm._link._serial import SerialTransport
from tflm_wasm._link._transport import Transport

_CONNECT_S: Final = 1.5
_READ_BYTES: Final = 65536
_LEAST_PACKET: Final = 256
_STOPPED: Final = re.compile(rb"[ST][0-9a-fA-F]{2}")
_RUN: Final = re.compile(rb"(.)\*(.)", re.DOTALL)
_ESCAPED: Final = re.compile(rb"[#$}*]")
_FLASH: Final = re.compile(r'<memory\s[^>]*type="flash"[^>]*>.*?</memory>', re.DOTALL)
_NUMBER: Final = r'{}="(0[xX][0-9a-fA-F]+|\d+)"'
_BLOCK: Final = re.compile(r'name="blocksize"\s*>\s*(0[xX][0-9a-fA-F]+|\d+)')
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class RspError(Exception):
    """The server refused a packet; the text is its answer."""


class Tcp(Transport):
    """A TCP connection.

    Args:
        server: "host:port".

    Raises:
        PortNotFoundError: Nobody listens there.
    """

    def __init__(self, server: str) -> None:
        self.port = server
        host, _, port = server.rpartition(":")
        try:
            self._socket = socket.create_connection((host or "localhost", int(port)), _CONNECT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, ValueError, OverflowError) as error:
            raise PortNotFoundError(f"No server at {server}: {error}", port=server) from error

    def read(self, timeout_s: float) -> bytes:
        """Return bytes as soon as there are any."""
        try:
            self._socket.settimeout(max(timeout_s, 0.001))
            data = self._socket.recv(_READ_BYTES)
        except TimeoutError:
            return b""
        except OSError as error:
            raise self._lost() from error
        if not data:
            raise self._lost()
        return data

    def write(self, data: bytes, timeout_s: float) -> None:
        """Write all of `data`, or give up the connection."""
        try:
            self._socket.settimeout(max(timeout_s, 0.001))
            self._socket.sendall(data)
        except OSError as error:
            raise self._lost() from error

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def _lost(self) -> PortLostError:
        return PortLostError(f"The server at {self.port} went away", port=self.port)


class Rsp:
    """A connection to a GDB server.

    Args:
        server: "host:port", or a serial port as a Black Magic Probe has.
        deadline: By when all must be done; each method raises TimeoutError then.

    Raises:
        PortNotFoundError, PortBusyError, PortPermissionError: There is no server.
        PortLostError: It went away.
        TimeoutError: It does not answer.
    """

    def __init__(self, server: str, deadline: Deadline) -> None:
        self._deadline = deadline
        self._received = bytearray()
        serial = server.startswith(("/", "COM"))
        self._transport: Transport = SerialTransport(server) if serial else Tcp(server)
        try:
            offer = self.ask(b"qSupported:vContSupported+;qXfer:memory-map:read+").split(b";")
        except BaseException:
            self.close()
            raise
        self.features = {one.partition(b"=")[0].rstrip(b"+-"): one for one in offer}
        size = self.features.get(b"PacketSize", b"PacketSize=0").partition(b"=")[2]
        self._packet_bytes = max(_LEAST_PACKET, int(size or b"0", 16))

    def close(self) -> None:
        """Let go of the connection, or do nothing when that was done."""
        self._transport.close()

    def ask(self, request: bytes) -> bytes:
        """Send a packet and return the answer; an empty one means that it is not supported."""
        self._write(_framed(request))
        while True:
            answer = self._packet()
            if not _STOPPED.match(answer):  # that the target was halted by our coming is no answer
                return answer

    def do(self, request: bytes) -> None:
        """Send a packet that must be answered with OK.

        Raises:
            RspError: It was not.
        """
        answer = self.ask(request)
        if answer != b"OK":
            raise RspError(f"{request[:24]!r} was answered {answer.decode('latin-1')!r}")

    def monitor(self, command: str) -> str:
        """Run a command of the server and return what it printed."""
        printed = b""
        answer = self.ask(b"qRcmd," + command.encode().hex().encode())
        while answer.startswith(b"O") and answer != b"OK":
            printed += _unhex(answer[1:])
            answer = self._packet()
        text = printed.decode(errors="replace")
        if answer == b"OK":
            return text
        if not answer or answer.startswith(b"E"):
            raise RspError(f"'monitor {command}' was answered {answer.decode('latin-1')!r}{text}")
        return text + _unhex(answer).decode(errors="replace")

    def detach(self) -> None:
        """Let the target run, without waiting for an answer that not all servers give."""
        self._write(_framed(b"D"))

    def object(self, kind: str, annex: str = "") -> str:
        """Return one of the server's XML objects, or nothing when it has none."""
        if f"qXfer:{kind}:read".encode() not in self.features:
            return ""
        text, more = b"", True
        while more:
            answer = self.ask(f"qXfer:{kind}:read:{annex}:{len(text):x},{0xFFB:x}".encode())
            more = answer.startswith(b"m") and len(answer) > 1
            if not answer.startswith((b"m", b"l")):
                return ""
            text += answer[1:]
        return text.decode(errors="replace")

    def flash_regions(self) -> list[tuple[int, int, int]]:
        """Return flash as start, bytes and bytes of an erase block, from the server's map."""
        found = []
        for entry in _FLASH.findall(self.object("memory-map")):
            start = re.search(_NUMBER.format("start"), entry)
            length = re.search(_NUMBER.format("length"), entry)
            block = _BLOCK.search(entry)
            if start and length:
                size = int(length[1], 0)
                found.append((int(start[1], 0), size, int(block[1], 0) if block else size))
        return found

    def read(self, address: int, size: int) -> bytes:
        """Return bytes of memory.

        Raises:
            RspError: The server could not read them.
        """
        data = b""
        while len(data) < size:
            step = min(size - len(data), (self._packet_bytes - 8) // 2)
            answer = self.ask(f"m{address + len(data):x},{step:x}".encode())
            piece = _unhex(answer)
            if not piece:
                raise RspError(f"reading 0x{address + len(data):08x}: {answer.decode('latin-1')!r}")
            data += piece
        return data

    def crc(self, address: int, size: int) -> int | None:
        """Return the server's CRC of memory, as `crc_of`; None when it does not compute any."""
        answer = self.ask(f"qCRC:{address:x},{size:x}".encode())
        if not answer.startswith(b"C"):
            return None
        return int(answer[1:], 16)

    @property
    def piece_bytes(self) -> int:
        """Bytes of memory that fit into a packet, however they must be written."""
        return (self._packet_bytes - 32) // 2

    def write(self, address: int, data: bytes) -> None:
        """Write memory that is not flash."""
        self.do(f"M{address:x},{len(data):x}:{data.hex()}".encode())

    def write_flash(self, address: int, data: bytes) -> None:
        """Write flash that was erased; `vFlashDone` must follow."""
        self.do(f"vFlashWrite:{address:x}:".encode() + _escape(data))

    def _write(self, data: bytes) -> None:
        self._transport.write(data, max(self._deadline.left, 0.001))

    def _packet(self) -> bytes:
        """Return the next packet's content.

        A damaged one, which TCP and USB rule out, ends it all: asking again is ambiguous after a
        server spoke unasked.
        """
        content, check = self._next()
        if _checksum(content) != check.lower():
            raise RspError("an answer arrived damaged")
        self._write(b"+")
        return _expand(content)

    def _next(self) -> tuple[bytes, bytes]:
        """Return what the next packet holds, and its checksum."""
        while True:
            if (start := self._received.find(b"$")) >= 0:
                end = self._received.find(b"#", start)
                if end >= 0 and len(self._received) >= end + 3:
                    break
            if self._deadline.passed:
                raise TimeoutError
            self._received += self._transport.read(self._deadline.left)
        packet = bytes(self._received[start + 1 : end + 3])
        del self._received[: end + 3]
        return packet[:-3], packet[-2:]


def crc_of(data: bytes) -> int:
    """Return the CRC-32 of `qCRC`: most significant bit first, from all ones, no last xor."""
    mirrored = zlib.crc32(data.translate(_REVERSED)) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def _framed(content: bytes) -> bytes:
    return b"$" + content + b"#" + _checksum(content)


def _checksum(content: bytes) -> bytes:
    return f"{sum(content) & 0xFF:02x}".encode()


def _escape(data: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: b"}" + bytes((found[0][0] ^ 0x20,)), data)


def _expand(content: bytes) -> bytes:
    """Undo run-length encoding: `0* ` stands for four zeros."""
    return _RUN.sub(lambda found: found[1] * (found[2][0] - 28), content)


def _unhex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return b""
