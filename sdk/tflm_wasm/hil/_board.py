"""A board as a test sees it: start models on it, reset it, read its log, record figures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tflm_wasm import _abi, _files
from tflm_wasm._errors import TflmWasmError
from tflm_wasm.hil._handles import BoardHandle, check, handle_for
from tflm_wasm.hil._spec import BoardSpec, Capabilities

if TYPE_CHECKING:
    from tflm_wasm._device import Device
    from tflm_wasm.link import Identity


class Board:
    """One board, taken by this test run until `close`.

    Args:
        spec: Which board.
        reason: What it is for, as others read it in its lock.
        handle: What drives it; None takes the usual one.

    Raises:
        TflmWasmError: Its board file is wrong.
    """

    def __init__(
        self, spec: BoardSpec, *, reason: str = "HIL tests", handle: BoardHandle | None = None
    ) -> None:
        self.spec = spec
        self._log: list[str] = []
        self._kept = self._text_kept = 0  # lines of both logs that are of earlier tests
        self._handle = handle or handle_for(spec, self._log.append, reason)
        self._text_of: Device | None = None
        self._figures: list[str] = []

    def __repr__(self) -> str:
        return f"<Board {self.name!r}: {self.description}>"

    @property
    def name(self) -> str:
        """What tests, reports and `--board` call it."""
        return self.spec.name

    @property
    def description(self) -> str:
        """What it is and where, in one line."""
        return self._handle.description

    @property
    def capabilities(self) -> Capabilities:
        """What it has, by its board file or else by its own word."""
        known = self._handle.capabilities
        if known == Capabilities() and self._handle.device is not None:
            return Capabilities.of_identity(self.identity)
        return known

    @property
    def device(self) -> Device:
        """The board behind its port, open.

        Raises:
            TflmWasmError: It does not open.
        """
        return self._handle.device or self._handle.open()

    @property
    def identity(self) -> Identity:
        """What it says about itself.

        Raises:
            TflmWasmError: It does not answer.
        """
        return self.device.identify()

    @property
    def footprint(self) -> tuple[dict[str, int], dict[str, int]]:
        """Bytes of flash and of RAM by part, of firmware that was made here; else empty."""
        image = self._handle.image
        return (image.flash, image.ram) if image is not None else ({}, {})

    @property
    def log(self) -> str:
        """What it logged since the test began, over all resets."""
        text = self._text()
        return "\n".join([*self._log[self._kept :], *text[self._text_kept :]])

    def _text(self) -> list[str]:
        device = self._handle.device
        if device is not self._text_of:
            self._text_of, self._text_kept = device, 0
        return device.boot_log.splitlines() if device is not None else []

    def start(self, model: bytes | str | os.PathLike[str]) -> Device:
        """Make a model run on the board, from its initial state, and return the open device.

        Args:
            model: A .tflite file, or its bytes.

        Raises:
            ModelTooLargeError, ArenaTooSmallError, DoesNotFitError: The board is too small.
            TflmWasmError: The board fails, or the engine refuses the model.
        """
        limit = _abi.PROFILES["extended"]["model_bytes"] + 1
        data = model if isinstance(model, bytes) else _files.read_up_to(Path(model), limit)
        return self._handle.start(data)

    def reset(self) -> Device:
        """Restart the board and return the open device; its log goes on.

        Raises:
            TflmWasmError: It can't be reset, or is not there afterwards.
        """
        self._log.append("--- reset ---")
        return self._handle.reset()

    def close(self) -> None:
        """Let go of the board, or do nothing when that was done."""
        self._handle.close()

    def record(
        self,
        model: str,
        *,
        ticks: Sequence[int] = (),
        flash: Mapping[str, int] | None = None,
        ram: Mapping[str, int] | None = None,
        ops: Mapping[str, int] | None = None,
    ) -> None:
        """Put figures into the report, under this board and a model.

        Args:
            model: The model's name.
            ticks: How long each run took, as `Device.last_ticks` has it.
            flash: Bytes of flash by part.
            ram: Bytes of RAM by part.
            ops: Ticks of one run by operator.
        """
        figures = {
            "board": self.name,
            "model": model,
            "tick_hz": self.identity.tick_hz,
            "ticks": [int(one) for one in ticks],
            "flash": dict(flash or {}),
            "ram": dict(ram or {}),
            "ops": dict(ops or {}),
        }
        self._figures.append(json.dumps(figures))

    # --- for the plugin ---------------------------------------------------------------------------

    def begin_test(self) -> None:
        """Forget what earlier tests logged and recorded."""
        text = self._text()
        self._kept, self._text_kept = len(self._log), len(text)
        self._figures = []

    def figures(self) -> list[str]:
        """Return what the test recorded, as JSON."""
        return self._figures

    def provenance(self) -> dict[str, Any]:
        """Return what a result of this board depends on, as far as it still answers."""
        facts: dict[str, Any] = {"board": self.name, "board_description": self.description}
        device = self._handle.device
        if device is None:
            return facts
        try:
            check(device)
            identity, stats = device.identify(), device.stats()
        except TflmWasmError as error:
            return facts | {"link_stats": f"none: {error}"}
        counters = {f"device.{name}": n for name, n in stats.device.items() if n}
        counters |= {f"host.{name}": n for name, n in stats.host.items() if n}
        return facts | {
            "board_unique_id": identity.unique_id,
            "firmware_digest": identity.firmware_digest,
            "sandbox": identity.sandbox,
            "link_stats": json.dumps(counters),
        }

    def recover(self) -> str | None:
        """See whether the board still answers, and reset it once if not.

        Returns:
            Why it is out of order, or None when it answers.
        """
        try:
            check(self.device)
        except TflmWasmError as first:
            try:
                check(self.reset())
            except TflmWasmError as error:
                return f"{first}; after a reset: {error}"
        return None
