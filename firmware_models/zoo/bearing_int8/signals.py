"""Synthetic accelerometer signals of a machine: healthy with random knocks, or a bearing defect.

A rolling element that passes a defect hits it at a steady rate, and every hit makes the housing
ring. Knocks from outside ring the housing just the same, as often and as hard, but at random
times. So one look at 10 ms cannot tell the two apart; the regularity over tens of hits can.
"""

from __future__ import annotations

import numpy as np
from zoo.catalog import UNSCORED

RATE_HZ = 3200
CHUNK = 32  # samples per invoke: 10 ms
SEGMENT_STEPS = 64  # invokes for which the machine stays in one condition
SEGMENTS = 2  # per sequence; the condition of each is drawn anew
SETTLE_STEPS = 40  # invokes at the start of a segment that are not scored: 8 + 32 of memory

HITS_HZ = (70.0, 160.0)
RING_HZ = (800.0, 1200.0)
RING_DECAY_S = (0.0008, 0.0015)
SLIP = 0.015  # standard deviation of the time between hits, as a share of it
HIT_LEVEL = (0.25, 0.5)
NOISE_LEVEL = (0.03, 0.09)
SHAFT_LEVEL = (0.0, 0.25)


def hit_times(random: np.random.Generator, seconds: float, *, defect: bool) -> np.ndarray:
    """Return the times of the hits in [0, seconds): regular for a defect, otherwise Poisson."""
    hits_hz = random.uniform(*HITS_HZ)
    most = int(3 * seconds * HITS_HZ[1]) + 10
    if defect:
        gaps = random.normal(1 / hits_hz, SLIP / hits_hz, most)
        gaps[0] *= random.uniform()
    else:
        gaps = random.exponential(1 / hits_hz, most)
    times = np.cumsum(gaps)
    return times[(times >= 0) & (times < seconds)]


def segment(random: np.random.Generator, *, defect: bool) -> np.ndarray:
    """Return one segment of acceleration, float64 (SEGMENT_STEPS * CHUNK,), full scale -1..1."""
    samples = SEGMENT_STEPS * CHUNK
    time = np.arange(samples) / RATE_HZ
    shaft_hz = random.uniform(15, 40)
    signal = random.normal(0, random.uniform(*NOISE_LEVEL), samples)
    for harmonic in (1, 2, 3):
        phase = random.uniform(0, 2 * np.pi)
        level = random.uniform(*SHAFT_LEVEL) / harmonic
        signal += level * np.sin(2 * np.pi * harmonic * shaft_hz * time + phase)
    times = hit_times(random, samples / RATE_HZ, defect=defect)
    levels = random.uniform(*HIT_LEVEL) * random.lognormal(0, 0.3, len(times))
    ring_hz = random.uniform(*RING_HZ)
    decay = random.uniform(*RING_DECAY_S)
    since = time[np.newaxis, :] - times[:, np.newaxis]
    rings = np.where(since >= 0, np.exp(-np.maximum(since, 0) / decay), 0)
    signal += levels @ (rings * np.sin(2 * np.pi * ring_hz * since))
    return np.clip(signal, -1, 1)


def sequences(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 signals (count, steps, CHUNK) and labels (count, steps).

    A label is 1 for a defect, 0 for a healthy machine, UNSCORED while the condition is new.
    """
    steps = SEGMENTS * SEGMENT_STEPS
    signals = np.empty((count, steps, CHUNK), np.float32)
    labels = np.full((count, steps), UNSCORED, np.int8)
    for signal, label in zip(signals, labels, strict=True):
        for first in range(0, steps, SEGMENT_STEPS):
            defect = bool(random.integers(2))
            last = first + SEGMENT_STEPS
            signal[first:last] = segment(random, defect=defect).reshape(-1, CHUNK)
            label[first + SETTLE_STEPS : last] = defect
    return signals, labels
