"""Exceptions about boards: a branch of the tree that is drawn in `_errors`."""

from __future__ import annotations

from tflm_wasm._errors_base import TflmWasmError


class LinkError(TflmWasmError):
    """Talking to a board failed; `port` is its port."""

    default_hint = "See what is attached with `tflm-wasm devices`."
    port: str


class SerialMissing(LinkError):
    """pyserial is not installed."""

    default_hint = 'Install it: `pip install "tflm-wasm[firmware]"`.'


class PortNotFoundError(LinkError):
    """There is no such port."""


class PortBusyError(LinkError):
    """Someone else holds the port; `holder` says who, or None when that can't be found out."""

    default_hint = "End the program that holds it, then see `tflm-wasm devices`."
    holder: str | None = None


class PortPermissionError(LinkError):
    """The user may not open the port."""

    default_hint = (
        "On Linux join the port's group and log in again: `sudo usermod -aG dialout $USER`."
    )


class PortLostError(LinkError):
    """The port went away while in use: cable pulled, or emulator ended."""

    default_hint = "Plug the board in again, then see `tflm-wasm devices`."


class WrongDeviceError(LinkError):
    """What is on the port is not the board that was asked for.

    Attributes:
        found: What is there instead: a board's name, or what it sent.
    """

    default_hint = "See which board is on which port with `tflm-wasm devices`."
    found: str


class LinkTimeoutError(LinkError, TimeoutError):
    """The board did not answer before the deadline.

    Attributes:
        request: Name of the request.
        time_s: The deadline, in seconds.
        attempts: How often the request was sent.
    """

    default_hint = "If the board runs, give it longer: `Device(port, timeout_s=60)`."
    request: str
    time_s: float
    attempts: int


class LinkProtocolError(LinkError):
    """The board's answer is whole but makes no sense: its firmware has a bug, or is too new."""

    default_hint = "Update firmware and package to the same version: `tflm-wasm flash`."


class DeviceRefusedError(LinkError):
    """The board refused a request.

    Attributes:
        request: Name of the request.
        code: Name of the error code, as in docs/reference/link.md.
        detail: Number whose meaning depends on the code.
    """

    default_hint = "See the codes in docs/reference/link.md, and `device.stats()`."
    request: str
    code: str
    detail: int


class NoActiveModelError(LinkError):
    """No model runs on the board."""

    default_hint = "Send it one: `device.upload(model)`."


class DeviceStateError(LinkError):
    """The state of a stateful model is lost: the board restarted, or a call was cut off."""

    default_hint = "Start the stream over: `device.reset()`."


class UploadError(LinkError):
    """A model did not get to the board whole; the old one still runs. Sizes in bytes."""

    default_hint = "Check the cable, see `device.stats()`, then `device.upload(model)` again."
    offset: int
    size: int
