"""What `Device` runs over and returns: transports, also one that injects faults, and records."""

from __future__ import annotations

from tflm_wasm._link._faulty import FAULTS, FaultyTransport
from tflm_wasm._link._messages import Identity, LogRecord, SlotInfo, Stats
from tflm_wasm._link._serial import SerialTransport, holder_of
from tflm_wasm._link._transport import Transport

__all__ = [
    "FAULTS",
    "FaultyTransport",
    "Identity",
    "LogRecord",
    "SerialTransport",
    "SlotInfo",
    "Stats",
    "Transport",
    "holder_of",
]
