"""A model on a board, driven over a serial port: the same interface as `Session`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from numpy.typing import ArrayLike, NDArray

from tflm_wasm import _abi, _files
from tflm_wasm._arrays import write_arrays, write_bytes
from tflm_wasm._batch import Loop, Out, prepare
from tflm_wasm._errors import (
    DeviceRefusedError,
    DeviceStateError,
    LinkProtocolError,
    LinkTimeoutError,
    NoActiveModelError,
    PortLostError,
    SandboxFault,
    SessionClosedError,
    TflmWasmError,
    WrongDeviceError,
)
from tflm_wasm._link._client import Client, Restarted
from tflm_wasm._link._defs import SLOT_COUNT, ErrorCode, Type
from tflm_wasm._link._messages import Identity, LogRecord, SlotInfo, Stats, device_counters, pack
from tflm_wasm._link._remote import RemoteModel, read_model
from tflm_wasm._link._runs import invoke, profile
from tflm_wasm._link._serial import SerialTransport
from tflm_wasm._link._transport import Transport
from tflm_wasm._link._upload import Progress, Upload
from tflm_wasm._profile import Profile, check_version, operators
from tflm_wasm._tensor import Tensor

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_TRIES: Final = 3  # of a call that a restart of the board cut off
_WORTH_A_SECOND_UPLOAD: Final = {ErrorCode.DIGEST.name.lower(), ErrorCode.FULL.name.lower()}

T = TypeVar("T")


class Device:
    """A board with the firmware's agent on it: for one thread at a time.

    Every call ends by its deadline, with a result or a typed error. Damaged or lost frames are sent
    again; a request is never handled twice. After a failure the next call works, except that a
    stateful model must be `reset()` once its state is in doubt.

    Args:
        port: A serial port, a URL of pyserial, or a `Transport`, which is closed with the device.
        baudrate: Bits per second of a serial port.
        timeout_s: Deadline of a call, in seconds; of each piece of an upload.
        open_timeout_s: Deadline for the board's first answer, in seconds.
        board: The board that must be there; None takes any.
        on_log: Called with each line that the board logs.

    Raises:
        PortNotFoundError, PortBusyError, PortPermissionError, SerialMissing: No port.
        WrongDeviceError: What is there is no board with this firmware, or not `board`.
        LinkTimeoutError: Nothing answers.
    """

    def __init__(
        self,
        port: str | Transport,
        *,
        baudrate: int = 115_200,
        timeout_s: float = 10.0,
        open_timeout_s: float = 1.8,
        board: str | None = None,
        on_log: Callable[[LogRecord], None] | None = None,
    ) -> None:
        is_name = isinstance(port, str)
        transport = SerialTransport(port, baudrate=baudrate) if isinstance(port, str) else port
        self._transport: Transport | None = transport
        self._timeout_s = timeout_s
        self._client = Client(transport, on_log=on_log)
        self._model: RemoteModel | None = None
        self._restarts = 0  # that were noticed
        self._loaded_at = 0  # restarts when `_model` was read
        self._uploaded: dict[str, bytes] = {}  # models by digest: they know their tensors' names
        self._doubt: str | None = None  # why the state of a stateful model can't be relied on
        self.last_ticks = 0
        try:
            self._check_board(self._client.open(self._client.deadline(open_timeout_s)), board)
        except BaseException:
            if is_name:
                self.close()
            raise

    def _check_board(self, identity: Identity, board: str | None) -> None:
        port = self._live().port
        if identity.abi[0] != _abi.ABI_MAJOR:
            found = f"firmware with ABI {identity.abi[0]}.{identity.abi[1]}"
            raise WrongDeviceError(f"Port {port}: found {found}", port=port, found=found)
        if board is not None and identity.board != board:
            found = identity.board
            raise WrongDeviceError(f"Port {port}: {found}, not {board}", port=port, found=found)

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._transport is None:
            return "<Device closed>"
        return f"<Device {self._client.identity.board!r} on {self._transport.port}>"

    def close(self) -> None:
        """Let go of the port, or do nothing when that was done. The model runs on."""
        if self._transport is not None:
            self._transport.close()
        self._transport = None

    # --- the interface of Session -------------------------------------------------------------

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The model's inputs, in the model's order; `invoke` sends what their views hold.

        Shapes, types and quantization are the board's. It has no names: those of a model that was
        uploaded here are its file's, else they are `tensor_<index>`.

        Raises:
            NoActiveModelError: No model runs on the board.
            TflmWasmError: As `invoke`.
        """
        return self._loaded().inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The model's outputs, in the model's order, as the last invoke left them."""
        return self._loaded().outputs

    @property
    def arena_used(self) -> int:
        """Bytes of the tensor arena in use."""
        return self._loaded().arena_used

    @property
    def arena_needed(self) -> int:
        """Smallest arena that holds this model, in bytes."""
        return self._loaded().arena_needed

    @property
    def stateful(self) -> bool:
        """Whether an invoke depends on earlier ones."""
        return self._loaded().stateful

    def invoke(self) -> None:
        """Send the inputs, run the model once, and fetch the outputs.

        Raises:
            GuestStatusError: The engine says no.
            SandboxFault: The sandbox stopped the guest, which was started again.
            DeviceStateError: A stateful model lost its state; `reset()` starts over.
            NoActiveModelError: No model runs on the board.
            LinkTimeoutError, PortLostError: The board does not answer.
        """
        self._invoke(self._deadline())

    def _invoke(self, deadline: float) -> None:
        self.last_ticks = self._run_model(deadline, invoke)

    def _run_model(self, deadline: float, once: Callable[[Client, RemoteModel, float], T]) -> T:
        """Run the model by `once`, again where a restart of the board does no harm."""
        for _ in range(_TRIES):
            model = self._loaded(deadline)
            if self._doubt is not None and model.stateful:
                raise DeviceStateError(self._doubt, port=self._live().port)
            self._doubt = "A call was cut off: it is unknown whether the model ran"
            try:
                result = once(self._client, model, deadline)
            except Restarted:
                self._note_restart()
            except (LinkTimeoutError, PortLostError):
                raise
            except TflmWasmError as error:
                unknown = isinstance(error, (SandboxFault, LinkProtocolError))
                self._doubt = str(error) if unknown else None
                raise
            else:
                self._doubt = None
                return result
        raise self._keeps_restarting()

    def run(self, *arrays: ArrayLike) -> tuple[NDArray[Any], ...]:
        """Copy the inputs in, run once, and return copies of the outputs.

        Args:
            arrays: One array for each input, of exactly its shape and dtype.

        Raises:
            InputError: An array does not fit; nothing was run.
            TflmWasmError: As `invoke`.
        """
        deadline = self._deadline()
        model = self._write(arrays, deadline)
        self._invoke(deadline)
        return tuple(tensor.view.copy() for tensor in model.outputs)

    def run_bytes(self, *inputs: ReadableBuffer) -> tuple[bytes, ...]:
        """Run once on bytes, as `Session.run_bytes`.

        Raises:
            InputError: An input has another size; nothing was run.
            TflmWasmError: As `invoke`.
        """
        deadline = self._deadline()
        model = self._loaded(deadline)
        write_bytes(model.inputs, inputs)
        self._invoke(deadline)
        return tuple(tensor.data.tobytes() for tensor in model.outputs)

    def invoke_many(self, *frames: ArrayLike, out: Out = None) -> tuple[NDArray[Any], ...]:
        """Run frame after frame, each by requests of its own; else as `Session.invoke_many`."""
        model = self._loaded(self._deadline())
        return Loop(self.run).run(prepare(model.inputs, model.outputs, frames, out))

    def profile(self, *arrays: ArrayLike) -> Profile:
        """Run once, as `run`, and time each operator by itself; `outputs` then hold the outputs.

        Each operator is run once, in a call of its own into the guest. What such a call costs is
        measured and taken off.

        Args:
            arrays: One array for each input, of exactly its shape and dtype.

        Raises:
            NotProfilableError: The firmware or the module in it is too old; nothing was run.
            InputError: An array does not fit; nothing was run.
            TflmWasmError: As `invoke`.
        """
        deadline = self._deadline()
        operators(self._write(arrays, deadline).block)
        check_version(self._client.identity.abi, "The firmware of the board")
        return self._run_model(deadline, profile)

    def _write(self, arrays: tuple[ArrayLike, ...], deadline: float) -> RemoteModel:
        model = self._loaded(deadline)
        write_arrays(model.inputs, arrays)
        return model

    def reset(self) -> None:
        """Return variable tensors and resource variables to their state after init.

        Raises:
            TflmWasmError: As `invoke`.
        """
        self._ask(Type.RESET)
        self._doubt = None

    # --- models on the board --------------------------------------------------------------------

    def upload(
        self,
        model: bytes | str | os.PathLike[str],
        *,
        activate: bool = True,
        progress: Progress | None = None,
    ) -> int:
        """Send a model into the slot that does not run, and make it the one that runs.

        Goes on where an earlier upload of the same model stopped, also after the board restarted,
        and sends nothing that is there already. Until the last step the old model runs.

        Args:
            model: A .tflite file, or its bytes.
            activate: Whether to start it, now and at power-up.
            progress: Called with bytes on the board and bytes in all.

        Returns:
            The slot.

        Raises:
            ModelTooLargeError: No slot is large enough.
            ModelError, ArenaTooSmallError, SandboxFault: The board does not accept the model; the
                old one goes on, from its initial state.
            UploadError: The board keeps losing what it got.
            TflmWasmError: As `invoke`.
        """
        self._live()
        limit = _abi.PROFILES["extended"]["model_bytes"] + 1
        data = model if isinstance(model, bytes) else _files.read_up_to(Path(model), limit)
        digest = hashlib.sha256(data).hexdigest()
        self._uploaded = dict([*self._uploaded.items(), (digest, data)][-SLOT_COUNT:])
        for last in (False, True):
            slot = Upload(self._client, data, self._timeout_s, progress).run()
            try:
                if activate:
                    self.activate(slot)
            except DeviceRefusedError as error:
                if last or error.code not in _WORTH_A_SECOND_UPLOAD:
                    raise
            else:
                break
        return slot

    def activate(self, slot: int) -> None:
        """Start the model in a slot, now and at power-up; its digest is checked first.

        Raises:
            DeviceRefusedError: There is no whole model in the slot.
            TflmWasmError: As `upload`.
        """
        self._model = None
        self._doubt = None
        self._ask(Type.ACTIVATE, pack("activate_request", slot))
        self._doubt = None  # a restart on the way does not matter

    def slots(self) -> tuple[SlotInfo, ...]:
        """Return what the model slots hold.

        Raises:
            LinkTimeoutError, PortLostError: The board does not answer.
        """
        return SlotInfo.all_of(self._ask(Type.SLOTS))

    # --- the board --------------------------------------------------------------------------------

    def identify(self) -> Identity:
        """Return what the board says about itself, now.

        Raises:
            LinkTimeoutError, PortLostError: The board does not answer.
        """
        deadline = self._deadline()
        return self._again(lambda: self._client.refresh(deadline))

    def stats(self) -> Stats:
        """Return all counters of both sides.

        Raises:
            LinkTimeoutError, PortLostError: The board does not answer.
        """
        return Stats(device_counters(self._ask(Type.STATS)), self._client.counters())

    @property
    def boot_log(self) -> str:
        """Text that the board sent outside of frames, the last 64 KiB of it."""
        return self._client.boot_log

    # --- inner workings ---------------------------------------------------------------------------

    def _live(self) -> Transport:
        if self._transport is None:
            raise SessionClosedError(
                "The device was closed", hint="Open it again: `tflm_wasm.Device(port)`."
            )
        return self._transport

    def _deadline(self) -> float:
        self._live()
        return self._client.deadline(self._timeout_s)

    def _ask(self, request: Type, payload: bytes = b"", deadline: float | None = None) -> bytes:
        """Send a request that may be handled twice without harm."""
        until = self._deadline() if deadline is None else deadline
        return self._again(lambda: self._client.request(request, payload, until))

    def _again(self, call: Callable[[], T]) -> T:
        for _ in range(_TRIES):
            try:
                return call()
            except Restarted:  # noqa: PERF203 - a retry
                self._note_restart()
        raise self._keeps_restarting()

    def _keeps_restarting(self) -> LinkProtocolError:
        return LinkProtocolError("The board keeps restarting", port=self._live().port)

    def _note_restart(self) -> None:
        self._restarts += 1
        self._doubt = "The board has restarted: the state of the model is lost"

    def _loaded(self, deadline: float | None = None) -> RemoteModel:
        """Return the model that runs, after reading its description once since each restart."""
        until = self._deadline() if deadline is None else deadline
        while self._model is None or self._loaded_at != self._restarts:
            restarts = self._restarts
            found = self._ask_for_model(until)
            if restarts != self._restarts:
                continue
            old, self._loaded_at = self._model, restarts
            if old is None or old.fingerprint != found.fingerprint:
                self._model = found
            if old is not self._model and old is not None:
                port = self._live().port
                raise DeviceStateError("The board has restarted with another model", port=port)
        return self._model

    def _ask_for_model(self, deadline: float) -> RemoteModel:
        def ask(request: Type, payload: bytes = b"") -> bytes:
            return self._ask(request, payload, deadline)

        found = read_model(ask, self._client.identity.max_payload, self._uploaded)
        if found is None:
            raise NoActiveModelError("No model runs on the board", port=self._live().port)
        return found
