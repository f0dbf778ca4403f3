"""Payloads to Python values and back."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

from tflm_wasm._errors import LinkProtocolError
from tflm_wasm._link import _defs
from tflm_wasm._link._defs import LAYOUTS, FaultKind, SlotState

_SANDBOXES = {0: "none", 1: "mpu", 2: "checked"}
_LEVELS = ("error", "warning", "info", "debug")


def pack(layout: str, *values: Any) -> bytes:
    """Return a payload's fields as bytes."""
    return LAYOUTS[layout].struct.pack(*values)


def unpack(layout: str, payload: bytes) -> tuple[dict[str, Any], bytes]:
    """Return a payload's fields by name, and what follows them.

    Raises:
        LinkProtocolError: The payload is too short.
    """
    fields, names = LAYOUTS[layout]
    if len(payload) < fields.size:
        raise LinkProtocolError(f"'{layout}' has {len(payload)} bytes instead of {fields.size}")
    values = fields.unpack_from(payload)
    return dict(zip(names, values, strict=True)), payload[fields.size :]


@dataclass(frozen=True)
class Identity:
    """What a board says about itself.

    Attributes:
        board: Its name, as in the board file.
        unique_id: Serial number of the chip, hexadecimal.
        firmware_digest: SHA-256 of the firmware image, hexadecimal; zeros when unknown.
        abi: Major and minor version of the ABI.
        sandbox: How the guest is kept in: none, mpu or checked.
        max_payload: Largest payload of a frame, in bytes.
        write_unit: Upload in multiples of this many bytes.
        slots: Number of model slots.
        active: The slot that runs; None for the model inside the firmware, or for none at all.
        slot_bytes: Largest model that a slot holds.
        ram_bytes: Bytes for the guest's linear memory.
        tick_hz: Ticks per second of `Device.last_ticks`; 0 when the board has no clock.
        sessions: Sessions opened since the board started.
    """

    board: str
    unique_id: str
    firmware_digest: str
    abi: tuple[int, int]
    sandbox: str
    max_payload: int
    write_unit: int
    slots: int
    active: int | None
    slot_bytes: int
    ram_bytes: int
    tick_hz: int
    sessions: int

    @classmethod
    def of(cls, payload: bytes) -> Identity:
        """Read the reply to `open`.

        Raises:
            LinkProtocolError: It is too short, or its numbers make no sense.
        """
        fields, name = unpack("open_reply", payload)
        low, high = _defs.MIN_PAYLOAD_BYTES, _defs.MAX_PAYLOAD_BYTES
        room = fields["max_payload"] - LAYOUTS["upload_data_request"].struct.size
        if not low <= fields["max_payload"] <= high or not 1 <= fields["write_unit"] <= room:
            raise LinkProtocolError("The board's sizes are out of range")
        return cls(
            board=name.decode(errors="replace"),
            unique_id=fields["unique_id"].hex(),
            firmware_digest=fields["firmware_digest"].hex(),
            abi=(fields["abi_major"], fields["abi_minor"]),
            sandbox=_SANDBOXES.get(fields["sandbox"], str(fields["sandbox"])),
            max_payload=fields["max_payload"],
            write_unit=fields["write_unit"],
            slots=fields["slots"],
            active=fields["active"] if fields["active"] < fields["slots"] else None,
            slot_bytes=fields["slot_bytes"],
            ram_bytes=fields["ram_bytes"],
            tick_hz=fields["tick_hz"],
            sessions=fields["sessions"],
        )


@dataclass(frozen=True)
class SlotInfo:
    """One model slot.

    Attributes:
        index: Its number.
        state: empty, partial, complete or proven.
        active: Whether it runs.
        generation: Counts activations; the highest one starts at power-up.
        size: Bytes of the model.
        received: How many of them are there.
        digest: SHA-256 that the model has or will have, hexadecimal.
    """

    index: int
    state: str
    active: bool
    generation: int
    size: int
    received: int
    digest: str

    @classmethod
    def all_of(cls, payload: bytes) -> tuple[SlotInfo, ...]:
        """Read the reply to `slots`.

        Raises:
            LinkProtocolError: A record is cut off, or has an unknown state.
        """
        found: list[SlotInfo] = []
        while payload:
            fields, payload = unpack("slot_record", payload)
            try:
                state = SlotState(fields["state"]).name.lower()
            except ValueError:
                raise LinkProtocolError(f"Slot state {fields['state']} is unknown") from None
            found.append(
                cls(
                    index=len(found),
                    state=state,
                    active=bool(fields["active"]),
                    generation=fields["generation"],
                    size=fields["size"],
                    received=fields["received"],
                    digest=fields["digest"].hex(),
                )
            )
        return tuple(found)


@dataclass(frozen=True)
class Stats:
    """Everything that was counted; nothing is dropped without a count.

    Attributes:
        device: The board's counters since it started, by name, as in docs/reference/link.md.
        host: This side's counters since the port was opened.
    """

    device: dict[str, int]
    host: dict[str, int]


def device_counters(payload: bytes) -> dict[str, int]:
    """Read the reply to `stats`; counters of a newer firmware are left out.

    Raises:
        LinkProtocolError: It is too short.
    """
    count = len(_defs.COUNTERS)
    if len(payload) < 4 * count:
        raise LinkProtocolError(f"'stats' has {len(payload)} bytes instead of {4 * count}")
    return dict(zip(_defs.COUNTERS, struct.unpack_from(f"<{count}I", payload), strict=True))


class LogRecord(NamedTuple):
    """A line that the board logged; `level` is error, warning, info or debug."""

    level: str
    text: str

    @classmethod
    def of(cls, payload: bytes) -> LogRecord:
        """Read a log frame.

        Raises:
            LinkProtocolError: It is too short.
        """
        fields, text = unpack("log_event", payload)
        return cls(_LEVELS[min(fields["level"], 3)], text.decode(errors="replace"))


def fault_name(kind: int) -> str:
    """Return the name of a kind of fault; unknown ones are `other`."""
    known = kind in FaultKind.__members__.values()
    return (FaultKind(kind) if known else FaultKind.OTHER).name.lower()
