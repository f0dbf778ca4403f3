"""When is a probability a detection? microWakeWord's rule: the mean of the last few frames."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from importlib.resources import files

BUILTIN = ("okay_nabu", "alexa", "hey_jarvis", "hey_mycroft")


@dataclass(frozen=True)
class WakeWord:
    """A microWakeWord model and the rule that comes with it.

    `cutoff` is the probability (0..1) the mean of the last `window` frames must exceed.
    """

    name: str
    phrase: str
    model: bytes
    cutoff: float
    window: int

    @classmethod
    def builtin(cls, name: str) -> WakeWord:
        """Return one of the models of `pymicro-wakeword`; `name` is one of BUILTIN.

        Raises:
            KeyError: There is no such model.
        """
        if name not in BUILTIN:
            raise KeyError(f"{name!r} is none of {', '.join(BUILTIN)}")
        folder = files("pymicro_wakeword") / "models"
        config = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return cls(
            name=name,
            phrase=config["wake_word"],
            model=(folder / config["model"]).read_bytes(),
            cutoff=config["micro"]["probability_cutoff"],
            window=config["micro"]["sliding_window_size"],
        )


class Detector:
    """A sliding mean over the model's probabilities, and one detection each time it gets over.

    Before `window` frames were seen the mean is 0. A detection lasts until the mean is back at or
    below the cutoff, so one phrase is one detection.
    """

    def __init__(self, cutoff: float, window: int) -> None:
        self._cutoff = cutoff
        self._last: deque[float] = deque(maxlen=window)
        self._over = False

    @property
    def mean(self) -> float:
        """The mean probability of the last `window` frames, 0..1."""
        full = len(self._last) == self._last.maxlen
        return sum(self._last) / len(self._last) if full else 0.0

    def update(self, probability: float) -> bool:
        """Take the next frame's probability; True when this frame starts a detection."""
        self._last.append(probability)
        was_over, self._over = self._over, self.mean > self._cutoff
        return self._over and not was_over
