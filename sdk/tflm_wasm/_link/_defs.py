# Generated from abi/link.toml by abi/generate_link.py. Do not edit.
# ruff: noqa: E501
# fmt: off
"""The link as data: message types, layouts, error codes, counters, limits."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple


class Layout(NamedTuple):
    """Fields that follow each other without padding."""

    struct: struct.Struct
    names: tuple[str, ...]


class Type(IntEnum):
    """Types of requests and events."""

    OPEN = 1
    STATS = 2
    SLOTS = 3
    UPLOAD_BEGIN = 16
    UPLOAD_DATA = 17
    ACTIVATE = 18
    BLOCK = 32
    WRITE_INPUT = 33
    INVOKE = 34
    READ_OUTPUT = 35
    RESET = 36
    PROFILE = 37
    LOG = 112
    ERROR = 255


class ErrorCode(IntEnum):
    """Why a device refuses a request."""

    NONE = 0
    VERSION = 1
    SESSION = 2
    SEQUENCE = 3
    TYPE = 4
    LENGTH = 5
    RANGE = 6
    OFFSET = 7
    SIZE = 8
    SLOT = 9
    DIGEST = 10
    FLASH = 11
    FULL = 12
    MODEL = 13
    GUEST = 14
    FAULT = 15


class FaultKind(IntEnum):
    """What the sandbox stopped."""

    READ = 1
    WRITE = 2
    EXECUTE = 3
    STACK = 4
    TIMEOUT = 5
    TRAP = 6
    OTHER = 7


class SlotState(IntEnum):
    """How far a model slot is filled."""

    EMPTY = 0
    PARTIAL = 1
    COMPLETE = 2
    PROVEN = 3


VERSION: Final = 1
HEADER_BYTES: Final = 6
CRC_BYTES: Final = 4
MIN_PAYLOAD_BYTES: Final = 256
MAX_PAYLOAD_BYTES: Final = 8192
SLOT_COUNT: Final = 2
SLOT_BUILTIN: Final = 254
SLOT_NONE: Final = 255
REPLY_BIT: Final = 128
LOG_TEXT_BYTES: Final = 120

ERROR_DOC: Final = {
    ErrorCode.NONE: "No error; never sent.",
    ErrorCode.VERSION: "The frame has another version of this protocol; detail: the device's.",
    ErrorCode.SESSION: "No session is open: the device has restarted.",
    ErrorCode.SEQUENCE: "Neither the next `seq` nor the last one again; detail: the next.",
    ErrorCode.TYPE: "There is no such request, or the module in the firmware is too old for it.",
    ErrorCode.LENGTH: "The payload has the wrong size for its request.",
    ErrorCode.RANGE: "Bytes outside the block, the inputs or the outputs.",
    ErrorCode.OFFSET: "Not the next piece, or not a multiple of `write_unit`; detail: the offset expected.",
    ErrorCode.SIZE: "The model does not fit into a slot, or is empty.",
    ErrorCode.SLOT: "No such slot, or no complete model in it, or no upload begun.",
    ErrorCode.DIGEST: "The model in the slot is not the one announced; the slot was emptied.",
    ErrorCode.FLASH: "Erasing or programming failed; detail: the offset in flash.",
    ErrorCode.FULL: "The slot's header has no room for another activation; the slot was emptied: upload the model again.",
    ErrorCode.MODEL: "No model is running.",
    ErrorCode.GUEST: "The guest returned a status other than ok; detail: the status.",
    ErrorCode.FAULT: "The sandbox stopped the guest, which was started again; detail: the address.",
}

FAULT_DOC: Final = {
    FaultKind.READ: "It read where it may not.",
    FaultKind.WRITE: "It wrote where it may not.",
    FaultKind.EXECUTE: "It jumped where it may not.",
    FaultKind.STACK: "Its stack overflowed.",
    FaultKind.TIMEOUT: "It ran longer than allowed.",
    FaultKind.TRAP: "It executed an unreachable or undefined instruction, or divided by zero.",
    FaultKind.OTHER: "Any other fault of the processor.",
}

# name -> meaning, in the order of the reply to `stats`
COUNTERS: Final = {
    "requests": "Requests handled.",
    "repeats": "Requests that came again and got the cached reply.",
    "frames_sent": "Frames sent, logs included.",
    "noise_bytes": "Bytes before the first delimiter after the start.",
    "drop_cobs": "Frames dropped: not COBS.",
    "drop_crc": "Frames dropped: wrong CRC.",
    "drop_length": "Frames dropped: shorter than a header, or the length field is wrong.",
    "drop_long": "Frames dropped: larger than the largest frame.",
    "drop_version": "Frames refused: another protocol version.",
    "drop_session": "Requests refused: no session.",
    "drop_sequence": "Requests refused: out of sequence.",
    "cut_logs": "Log lines that were cut.",
    "uart_overruns": "Bytes that the port lost, as far as it noticed.",
    "invokes": "Runs of the model.",
    "faults": "Times that the sandbox stopped the guest.",
}

LAYOUTS: Final = {
    "open_request": Layout(struct.Struct("<Q"), ("nonce",)),
    "open_reply": Layout(struct.Struct("<QIHHHHBBBBIII32s16s"), ("nonce", "sessions", "max_payload", "write_unit", "abi_major", "abi_minor", "slots", "active", "sandbox", "reserved", "slot_bytes", "ram_bytes", "tick_hz", "firmware_digest", "unique_id",)),
    "upload_begin_request": Layout(struct.Struct("<I32s"), ("size", "digest",)),
    "upload_begin_reply": Layout(struct.Struct("<B3sI"), ("slot", "reserved", "offset",)),
    "upload_data_request": Layout(struct.Struct("<I"), ("offset",)),
    "upload_data_reply": Layout(struct.Struct("<I"), ("offset",)),
    "activate_request": Layout(struct.Struct("<B"), ("slot",)),
    "block_request": Layout(struct.Struct("<HH"), ("offset", "size",)),
    "write_input_request": Layout(struct.Struct("<I"), ("offset",)),
    "invoke_request": Layout(struct.Struct("<I"), ("offset",)),
    "invoke_reply": Layout(struct.Struct("<QI"), ("ticks", "output_size",)),
    "read_output_request": Layout(struct.Struct("<I"), ("offset",)),
    "profile_request": Layout(struct.Struct("<I"), ("op_first",)),
    "profile_reply": Layout(struct.Struct("<IQ"), ("op_count", "overhead",)),
    "log_event": Layout(struct.Struct("<B"), ("level",)),
    "error_event": Layout(struct.Struct("<BBBBiIIii"), ("code", "kind", "request", "reserved", "detail", "needed", "available", "op", "subgraph",)),
    "slot_record": Layout(struct.Struct("<BBHIII32s"), ("state", "active", "reserved", "generation", "size", "received", "digest",)),
    "operator_record": Layout(struct.Struct("<Qi"), ("ticks", "code",)),
}
