"""Sending a model into a slot: by offset, so that it goes on where it stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from tflm_wasm._errors import DeviceRefusedError, UploadError
from tflm_wasm._link._client import Client, Restarted
from tflm_wasm._link._defs import LAYOUTS, ErrorCode, Type
from tflm_wasm._link._messages import pack, unpack

_MOST_SETBACKS: Final = 8  # restarts and lost pieces without a new byte on the board
_OFFSET: Final = ErrorCode.OFFSET.name.lower()
_SLOT: Final = ErrorCode.SLOT.name.lower()

Progress = Callable[[int, int], None]


class Upload:
    """One model on its way to a board.

    Args:
        client: The link.
        model: The whole file.
        timeout_s: Deadline of each request, in seconds.
        progress: Called with bytes on the board and bytes in all.
    """

    def __init__(
        self, client: Client, model: bytes, timeout_s: float, progress: Progress | None
    ) -> None:
        self._client = client
        self._model = model
        self._timeout_s = timeout_s
        self._progress = progress
        self._digest = hashlib.sha256(model).digest()
        self._furthest = -1
        self._setbacks = 0

    def run(self) -> int:
        """Send what is missing and return the slot.

        Raises:
            ModelTooLargeError: No slot is large enough.
            UploadError: The board keeps losing what it got.
            TflmWasmError: As `Client.request`.
        """
        while True:
            try:
                slot, offset = self._begin()
                while offset < len(self._model):
                    offset = self._send(offset)
            except Restarted:  # noqa: PERF203 - a retry
                self._set_back()
            except DeviceRefusedError as error:
                if error.code != _SLOT:  # it forgot the upload
                    raise
                self._set_back()
            else:
                return slot

    def _begin(self) -> tuple[int, int]:
        announced = pack("upload_begin_request", len(self._model), self._digest)
        fields, _ = unpack("upload_begin_reply", self._ask(Type.UPLOAD_BEGIN, announced))
        return fields["slot"], self._note(fields["offset"])

    def _send(self, offset: int) -> int:
        """Send the piece at `offset` and return the offset of the next one."""
        identity = self._client.identity
        room = identity.max_payload - LAYOUTS["upload_data_request"].struct.size
        room -= room % identity.write_unit
        piece = self._model[offset : offset + room]
        try:
            reply = self._ask(Type.UPLOAD_DATA, pack("upload_data_request", offset) + piece)
        except DeviceRefusedError as error:
            if error.code != _OFFSET:
                raise
            self._set_back()
            return self._note(error.detail)
        return self._note(unpack("upload_data_reply", reply)[0]["offset"])

    def _ask(self, request: Type, payload: bytes) -> bytes:
        return self._client.request(request, payload, self._client.deadline(self._timeout_s))

    def _note(self, offset: int) -> int:
        if not 0 <= offset <= len(self._model):
            raise self._failed("The board wants to go on outside of the model")
        if offset > self._furthest:
            self._furthest, self._setbacks = offset, 0
        if self._progress is not None:
            self._progress(offset, len(self._model))
        return offset

    def _set_back(self) -> None:
        self._setbacks += 1
        if self._setbacks > _MOST_SETBACKS:
            raise self._failed("The board keeps losing what it got")

    def _failed(self, message: str) -> UploadError:
        return UploadError(message, offset=max(self._furthest, 0), size=len(self._model))
