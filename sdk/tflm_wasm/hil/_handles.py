"""The narrow seam between tests and boards: an emulated and a real board differ only in here."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from tflm_wasm._device import Device
from tflm_wasm._errors import ArenaTooSmallError, ModelTooLargeError, TflmWasmError, UploadError
from tflm_wasm._lock import BoardLock
from tflm_wasm._ports import Attached, find_port
from tflm_wasm.aot import DoesNotFitError, load_board
from tflm_wasm.emulator import Emulator
from tflm_wasm.hil._errors import BoardAbsentError, HilError
from tflm_wasm.hil._firmware import Image, for_any_model, with_model
from tflm_wasm.hil._spec import BoardSpec, Capabilities
from tflm_wasm.link import LogRecord, Transport

Log = Callable[[str], None]

_OPEN_S: Final = 5.0  # until a board answers, which may have to boot first
_RESET_S: Final = 60.0  # for a command line that resets a board
_ICOUNT: Final = 5  # ticks of an emulated board count instructions, of 32 ns: the same in every run
_TAIL: Final = 500
# QEMU takes 0.1 ms for each byte that a board receives: sooner or later building is faster.
_MOST_UPLOADED_BYTES: Final = 32 * 1024


class BoardHandle(Protocol):
    """Whatever stands for a board: the only thing to write for another kind of board.

    Attributes:
        description: One line that says what it is and where.
        capabilities: What its board file says of it; all None without one.
        image: The firmware on it, as far as that was made here.
        device: The open device, or None.
    """

    description: str
    capabilities: Capabilities
    image: Image | None
    device: Device | None

    def open(self) -> Device:
        """Take the board and connect to it, again if need be.

        Raises:
            TflmWasmError: It is absent, busy or does not answer. Nothing is then left taken.
        """

    def start(self, model: bytes) -> Device:
        """Make a model run on it, from its initial state.

        Raises:
            TflmWasmError: The model does not fit, or the board fails.
        """

    def reset(self) -> Device:
        """Restart it.

        Raises:
            TflmWasmError: It can't be reset, or is not there afterwards.
        """

    def close(self) -> None:
        """Let go of everything, or do nothing when that was done."""


def handle_for(spec: BoardSpec, log: Log, reason: str) -> BoardHandle:
    """Return the handle for a board, not open yet.

    Args:
        spec: The board.
        log: Called with each line that it logs.
        reason: What it is for, as others read it in its lock.

    Raises:
        BoardError: Its board file is wrong.
    """
    return EmulatedBoard(spec, log) if spec.is_emulated else PortBoard(spec, log, reason)


class EmulatedBoard:
    """A board in QEMU, private to this test run, so that it needs no lock."""

    def __init__(self, spec: BoardSpec, log: Log) -> None:
        self._spec = spec
        self._board = load_board(spec.board or spec.name)
        self._log = log
        self._stack = ExitStack()
        self._emulator: Emulator | None = None
        self.device: Device | None = None
        self._takes_uploads = True
        self.image: Image | None = None
        self.description = f"{self._board.title}, emulated"
        self.capabilities = Capabilities.of_file(self._board)

    def open(self) -> Device:
        """Start the firmware that was on it, at first one for any model; see `BoardHandle`."""
        return self._run(self.image or for_any_model(self._board))

    def start(self, model: bytes) -> Device:
        """Upload the model, or build firmware around it where no slot or arena is large enough."""
        if self._takes_uploads and len(model) <= _MOST_UPLOADED_BYTES:
            try:
                return self._upload(model)
            except (ModelTooLargeError, ArenaTooSmallError):
                pass
            except (DoesNotFitError, UploadError) as error:
                # No room for an engine with every op; or flash that the emulator does not write.
                self._takes_uploads = False
                self._log(f"{self._board.name} takes no uploads: {error}")
        with self._halted():
            image = with_model(self._board, model)
        return self._run(image)

    def _upload(self, model: bytes) -> Device:
        general = for_any_model(self._board)
        running = self.device if self.image == general else None
        device = running or self._run(general)
        device.upload(model)
        return device

    @contextmanager
    def _halted(self) -> Iterator[None]:
        """Let the emulator, which waits busily, leave its core to something else."""
        with suppress(TflmWasmError):  # it is gone
            if self._emulator is not None:
                self._emulator.stop()
        try:
            yield
        finally:
            with suppress(TflmWasmError):
                if self._emulator is not None:
                    self._emulator.cont()

    def reset(self) -> Device:
        """Reset it, or start another emulator where the old one is gone."""
        if self._emulator is None or self.device is None:
            return self.open()
        try:
            self._emulator.reset()
            check(self.device)
        except TflmWasmError:
            return self.open()
        return self.device

    def close(self) -> None:
        """End the emulator; see `BoardHandle`."""
        self.device = self._emulator = None
        self._stack.close()

    def _run(self, image: Image) -> Device:
        self.close()
        self.image = image
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tw-hil-")))
            (folder / "firmware.elf").write_bytes(image.elf)
            emulator = stack.enter_context(
                # Not a pty: on it QEMU hears the first byte up to a second late.
                Emulator(self._board, folder / "firmware.elf", icount=_ICOUNT, serial="tcp")
            )
            transport = emulator.connect(baudrate=self._board.uart["baud"])
            stack.callback(transport.close)
            device = _connect(transport, self._spec, self._log, stack)
            self._stack = stack.pop_all()
        self._emulator, self.device = emulator, device
        return device


class PortBoard:
    """A board on a serial port, locked as long as it is open."""

    def __init__(self, spec: BoardSpec, log: Log, reason: str) -> None:
        self._spec = spec
        self._log = log
        self._reason = reason
        self._stack = ExitStack()
        self.device: Device | None = None
        self._name: str | None = None
        self.image: Image | None = None
        self.capabilities = Capabilities()
        if spec.board is not None:
            board = load_board(spec.board)
            self._name, self.capabilities = board.name, Capabilities.of_file(board)
        self.description = f"{self._name or 'a board'} on {spec.port or spec.stable_id}"

    def open(self) -> Device:
        """Lock the board, open its port and see that it is the right one; see `BoardHandle`."""
        self.close()
        with ExitStack() as stack:
            attached = _attached(self._spec)
            stack.enter_context(BoardLock(attached.stable_id, self._reason))
            device = Device(
                attached.port,
                baudrate=self._spec.baudrate,
                timeout_s=self._spec.timeout_s,
                open_timeout_s=min(_OPEN_S, self._spec.timeout_s),
                board=self._name,
                on_log=_logger(self._log),
            )
            stack.callback(_close, device, self._log)
            self._check_chip(device)
            self._stack = stack.pop_all()
        self.device = device
        return device

    def start(self, model: bytes) -> Device:
        """Upload the model; see `BoardHandle`."""
        device = self.device or self.open()
        device.upload(model)
        return device

    def reset(self) -> Device:
        """Run the bench's command line that resets it; see `BoardHandle`."""
        if not self._spec.reset:
            raise HilError(
                f"There is no way to reset board '{self._spec.name}'",
                board=self._spec.name,
                hint='Press its button, or add `reset = ["PROGRAM", ...]` to bench.toml.',
            )
        _run_reset(self._spec)
        device = self.device or self.open()
        check(device)
        return device

    def close(self) -> None:
        """Let go of port and lock; see `BoardHandle`."""
        self.device = None
        self._stack.close()

    def _check_chip(self, device: Device) -> None:
        wanted, found = self._spec.unique_id, device.identify().unique_id
        if wanted is not None and wanted.lower() != found:
            raise HilError(
                f"Board '{self._spec.name}' should be chip {wanted}, but {found} answers",
                board=self._spec.name,
                hint="Correct unique_id in bench.toml, or see the cables with `tflm-wasm devices`.",
            )


def check(device: Device) -> None:
    """See in little time whether a board answers.

    Raises:
        TflmWasmError: It does not.
    """
    usual, device._timeout_s = device._timeout_s, min(_OPEN_S, device._timeout_s)
    try:
        device.identify()
    finally:
        device._timeout_s = usual


def _connect(transport: Transport, spec: BoardSpec, log: Log, stack: ExitStack) -> Device:
    device = Device(
        transport,
        timeout_s=spec.timeout_s,
        open_timeout_s=_OPEN_S,
        on_log=_logger(log),
    )
    stack.callback(_close, device, log)
    return device


def _close(device: Device, log: Log) -> None:
    """Close a device, after keeping what it sent outside of frames."""
    for line in device.boot_log.splitlines():
        log(line)
    device.close()


def _logger(log: Log) -> Callable[[LogRecord], None]:
    return lambda record: log(f"{record.level}: {record.text}")


def _attached(spec: BoardSpec) -> Attached:
    """Return the port that a board is on now."""
    found = find_port(port=spec.place)
    if found.port == spec.stable_id:
        raise BoardAbsentError(
            f"Board '{spec.name}' is not attached: nothing has the id {spec.stable_id}",
            board=spec.name,
        )
    return found


def _run_reset(spec: BoardSpec) -> None:
    try:
        subprocess.run(  # noqa: S603 - the user's own command, without a shell
            spec.reset, check=True, capture_output=True, text=True, timeout=_RESET_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", None) or error)[-_TAIL:].strip()
        raise HilError(
            f"Board '{spec.name}' could not be reset: {said}",
            board=spec.name,
            hint=f"Run it by hand: `{' '.join(spec.reset)}`.",
        ) from error
