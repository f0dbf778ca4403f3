"""A GDB server that plays a board with flash, as OpenOCD offers it: and that can misbehave."""

from __future__ import annotations

import re
import socket
import threading

from tflm_wasm.flash._rsp import crc_of

FLASH_START, FLASH_BYTES, BLOCK = 0, 0x10000, 0x400
CPUID = {0xE000ED00: 0x410FC241}
_MAP = (
    '<?xml version="1.0"?><memory-map><memory type="ram" start="0x20000000" length="0x1000"/>'
    f'<memory type="flash" start="{FLASH_START}" length="{FLASH_BYTES:#x}">'
    f'<property name="blocksize">{BLOCK:#x}</property></memory></memory-map>'
)


class GdbServer:
    """Serves one connection after the other until closed.

    Attributes:
        flash: What the board holds.
        packets: What arrived.
        crc: Whether it knows `qCRC`.
        refuse: A regular expression of packets that are answered with an error.
        damage: Packets, likewise, that are answered with a wrong checksum.
        hang_at, drop_at: Packets, as regular expressions, after which it is silent or gone.
    """

    def __init__(self) -> None:
        self.flash = bytearray(b"\xff" * FLASH_BYTES)
        self.packets: list[bytes] = []
        self.crc = True
        self.cpuid = CPUID[0xE000ED00]
        self.refuse = self.hang_at = self.drop_at = self.damage = rb"(?!)"
        self._erased: set[int] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> GdbServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        received = b""
        connection.sendall(self._framed(b"T05thread:01;"))  # as some do when they halt the target
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            received += data
            while found := re.search(rb"\$(.*?)#..", received, re.DOTALL):
                received = received[found.end() :]
                packet = found[1]
                self.packets.append(packet)
                if re.match(self.drop_at, packet):
                    return
                if packet == b"D" or re.match(self.hang_at, packet):
                    continue
                answer = self._framed(
                    self._answer(packet), damaged=bool(re.match(self.damage, packet))
                )
                connection.sendall(b"+" + answer)

    @staticmethod
    def _framed(answer: bytes, *, damaged: bool = False) -> bytes:
        check = sum(answer) & 0xFF ^ damaged
        return b"$" + answer + b"#" + f"{check:02x}".encode()

    def _answer(self, packet: bytes) -> bytes:
        if re.match(self.refuse, packet):
            return b"E0E"
        name, _, rest = packet.partition(b":")
        if name == b"qSupported":
            return b"PacketSize=400;qXfer:memory-map:read+"
        if packet.startswith(b"qXfer:memory-map:read::"):
            return b"l" + _MAP.encode()
        if packet.startswith(b"qRcmd,"):
            return b"OK"
        if packet.startswith((b"qCRC:", b"m")):
            return self._read(packet)
        if name == b"vFlashErase":
            at, size = (int(one, 16) for one in rest.split(b","))
            self._erased |= set(range(at, at + size))
            self.flash[at : at + size] = b"\xff" * size
            return b"OK"
        if name == b"vFlashWrite":
            return self._program(rest)
        return b"OK" if packet == b"vFlashDone" else b""

    def _read(self, packet: bytes) -> bytes:
        at, size = (int(one, 16) for one in packet.removeprefix(b"qCRC:").strip(b"m").split(b","))
        if at in CPUID:
            return self.cpuid.to_bytes(4, "little").hex().encode()
        data = bytes(self.flash[at : at + size])
        if packet.startswith(b"m"):
            # Zeros with run-length encoding: four of them are "0*".
            return data.hex().replace("00000000", "0*$").encode()
        return f"C{crc_of(data):08x}".encode() if self.crc else b""

    def _program(self, rest: bytes) -> bytes:
        at, _, escaped = rest.partition(b":")
        data = re.sub(rb"\}(.)", lambda one: bytes((one[1][0] ^ 0x20,)), escaped, flags=re.DOTALL)
        start = int(at, 16)
        if not set(range(start, start + len(data))) <= self._erased:
            return b"E01"
        self.flash[start : start + len(data)] = data
        return b"OK"
