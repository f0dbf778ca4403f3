"""What every runner is: two methods, and what it needs to know."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from tflm_wasm._deadline import Deadline
from tflm_wasm._errors import FlashTimeoutError
from tflm_wasm.flash._options import Option

if TYPE_CHECKING:
    from tflm_wasm.aot._board import Board
    from tflm_wasm.flash._image import Image

Progress = Callable[[str, int, int], None]


@dataclass
class Job:
    """What is to be written where, and how.

    Attributes:
        board: The board.
        image: What it shall hold.
        options: Values of the runner's options.
        probe: Serial number of the debug probe, or None for the only one.
        port: Serial port of the board, or None.
        dry_run: Whether to only note the steps.
        deadline: By when all must be done.
        progress: Called with what is done, and how many bytes of how many are.
        steps: What was done, or would be, as lines to paste where they are commands.
        boot_log: What the board said when it started, where that was heard.
    """

    board: Board
    image: Image
    options: dict[str, Any]
    probe: str | None = None
    port: str | None = None
    dry_run: bool = False
    deadline: Deadline = field(default_factory=lambda: Deadline(60.0))
    progress: Progress | None = None
    steps: list[str] = field(default_factory=list)
    boot_log: list[str] = field(default_factory=list)

    def step(self, *words: str) -> bool:
        """Note a step; return whether to do it."""
        self.steps.append(shlex.join(words) if len(words) > 1 else words[0])
        return not self.dry_run

    def advance(self, what: str, done: int) -> None:
        """Report progress: `done` bytes of the image."""
        if self.progress is not None:
            self.progress(what, done, self.image.size)


class Runner(ABC):
    """A way to write firmware into a board's flash.

    Attributes:
        name: As in board files and on the command line.
        doc: What it is, in a few words.
        options: What can be set.
        bytes_per_s: Slowest rate that is not taken for a hang, with verifying.
        start_s: Seconds allowed before the first byte.
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    options: ClassVar[tuple[Option, ...]]
    bytes_per_s: ClassVar[float] = 4096.0
    start_s: ClassVar[float] = 15.0

    def __init__(self, job: Job) -> None:
        self.job = job

    @abstractmethod
    def matches(self) -> bool | None:
        """Return whether the board holds the image, or None when it can't be read back.

        Raises:
            FlashError: The board can't be reached.
        """

    @abstractmethod
    def write(self) -> None:
        """Write the image.

        Raises:
            FlashError: It failed.
        """

    def finish(self) -> None:
        """Start what was written and compared, or do nothing when it has started."""
        return

    def close(self) -> None:
        """Let go of what is held, or do nothing."""
        return

    def fields(self) -> dict[str, str]:
        """Return the fields that every FlashError has."""
        return {"board": self.job.board.name, "runner": self.name}

    def too_late(self) -> FlashTimeoutError:
        """Return the error for a passed deadline."""
        time_s = self.job.deadline.time_s
        message = f"Writing {self.job.board.name} with '{self.name}' took over {time_s:.1f} s"
        return FlashTimeoutError(message, time_s=time_s, **self.fields())
