"""A line that loses, damages, repeats and delays: no wrong answer, no hang, the next call works.

A bounded slice; TFLM_WASM_LINK_RUNS=10000 runs the long suite. A failure names its seed; replay it
with TFLM_WASM_LINK_FIRST=SEED TFLM_WASM_LINK_RUNS=1.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from unittest import mock

import numpy as np
import pytest

import tflm_wasm
from tests.support.board import Board, BoardTransport, host, random_frames, zoo_model
from tflm_wasm import Device
from tflm_wasm.link import FAULTS, FaultyTransport

FIRST = int(os.environ.get("TFLM_WASM_LINK_FIRST", "0"))
RUNS = int(os.environ.get("TFLM_WASM_LINK_RUNS", "400"))
SLICES = 8  # tests that the runs are spread over
TIMEOUT_S = 5.0
# What a call may be late: the transport's shortest wait.
LATE_S = 0.01
EXPECTED = (tflm_wasm.LinkTimeoutError, tflm_wasm.DeviceStateError, tflm_wasm.UploadError)


class Run:
    """One seeded run: a few calls over a bad line, then one over a good line."""

    def __init__(self, board: Board, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - not for secrets
        self.name = self.rng.choice(("sine_int8", "bearing_int8"))
        self.session = host(self.name)
        board.new(payload=self.rng.choice((256, 1024)))
        self.inner = BoardTransport(board)
        Device(self.inner).upload(zoo_model(self.name))
        count = self.rng.choice((0, 0, 1, 2))
        self.line = FaultyTransport(
            self.inner,
            seed=seed,
            rate=self.rng.choice((0.05, 0.2, 0.4, 0.7)),
            faults=self.rng.sample(FAULTS, self.rng.randint(1, len(FAULTS))),
            reset=self.inner.reset,
            resets=[self.rng.randrange(40) for _ in range(count)],
        )
        self.outcomes: Counter[str] = Counter()

    def call(self, name: str, work) -> bool:
        """Run one call and check that it ends in time, with a result or an expected error."""
        started = self.line.now()
        try:
            work()
        except EXPECTED as error:
            self.outcomes[type(error).__name__] += 1
            done = False
        else:
            self.outcomes[name] += 1
            done = True
        # Each piece of an upload has a deadline of its own.
        if name != "upload":
            assert self.line.now() - started <= TIMEOUT_S + LATE_S, f"{name} was late"
        return done

    def frame(self) -> tuple[np.ndarray, ...]:
        return random_frames(self.session, 1, self.rng.randrange(1 << 30))[0]

    def check_answer(self, device: Device, frame: tuple[np.ndarray, ...]) -> None:
        (got,) = device.run(*frame)
        (want,) = self.session.run(*frame)
        assert got.tobytes() == want.tobytes(), "a wrong answer"

    def check_profile(self, device: Device, frame: tuple[np.ndarray, ...]) -> None:
        profile = device.profile(*frame)
        (want,) = self.session.run(*frame)
        assert device.outputs[0].view.tobytes() == want.tobytes(), "a wrong answer"
        assert {op.ticks for op in profile.ops} == {1000}, "an operator was not run once"

    def start_over(self, device: Device) -> None:
        device.reset()
        self.session.reset()

    def open(self) -> Device:
        """Open the device; on a line that is too bad for it, once the line is good."""
        for _ in range(5):
            started = self.line.now()
            try:
                return Device(self.line, timeout_s=TIMEOUT_S, open_timeout_s=TIMEOUT_S)
            except (tflm_wasm.LinkTimeoutError, tflm_wasm.WrongDeviceError) as error:
                self.outcomes[type(error).__name__] += 1
            assert self.line.now() - started <= TIMEOUT_S + LATE_S, "open was late"
        self.line.heal()
        return Device(self.line, timeout_s=TIMEOUT_S)

    def play(self) -> None:
        # The only other thing that is random: the numbers of sessions.
        with mock.patch("secrets.randbits", self.rng.getrandbits):
            self._play()

    def _play(self) -> None:
        self.session.reset()
        device = self.open()
        self.call("reset", lambda: self.start_over(device))
        in_step = self.outcomes["reset"] > 0
        for _ in range(self.rng.randint(1, 6)):
            action = self.rng.choice(("run", "run", "run", "profile", "stats", "upload"))
            if action == "stats":
                self.call("stats", device.stats)
            elif action == "upload":
                in_step = self.call("upload", lambda: device.upload(zoo_model(self.name)))
                self.session.reset()
            elif in_step and action == "profile":
                in_step = self.call("profile", lambda: self.check_profile(device, self.frame()))
            elif in_step:
                in_step = self.call("run", lambda: self.check_answer(device, self.frame()))
            if not in_step:
                in_step = self.call("reset", lambda: self.start_over(device))
        self.finish(device)

    def finish(self, device: Device) -> None:
        """The line is good again: every call works at once."""
        self.line.heal()
        self.start_over(device)
        for _ in range(2):
            self.check_answer(device, self.frame())


@pytest.mark.parametrize("part", range(SLICES))
def test_a_bad_line_gives_no_wrong_answer_and_no_hang_and_the_next_call_works(
    one_board: Board, part: int
) -> None:
    outcomes: Counter[str] = Counter()
    injected: Counter[str] = Counter()
    for seed in range(FIRST + part, FIRST + RUNS, SLICES):
        run = Run(one_board, seed)
        try:
            run.play()
        except BaseException as error:
            error.__notes__ = [*getattr(error, "__notes__", []), f"seed {seed}"]
            raise
        outcomes += run.outcomes
        injected += run.line.injected
    if RUNS >= 400:
        assert outcomes["run"] > RUNS / SLICES, "the faults are too strong to test anything"
        assert outcomes["LinkTimeoutError"] > 0, "the faults are too weak to test anything"
        assert set(injected) == {*FAULTS, "reset"}


def test_the_same_seed_injects_the_same_faults(board: Board) -> None:
    seen = []
    for _ in range(2):
        run = Run(board, 7)
        run.play()
        seen.append((run.outcomes, run.line.injected, run.inner.sent, run.inner.returned))
    assert seen[0] == seen[1]
