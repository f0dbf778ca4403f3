"""What samples say: percentiles, means of ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Samples in short; with few of them, the high percentiles are the largest one.

    Attributes:
        samples: How many there were.
        least: The smallest.
        p50: The median.
        p90: Nine in ten are no larger.
        p99: 99 in 100 are no larger.
        p999: 999 in 1,000 are no larger.
        most: The largest.
    """

    samples: int
    least: float
    p50: float
    p90: float
    p99: float
    p999: float
    most: float

    @staticmethod
    def of(samples: Sequence[float]) -> Summary:
        """Return the summary of at least one sample."""
        points = np.percentile(np.asarray(samples, np.float64), (0, 50, 90, 99, 99.9, 100))
        return Summary(len(samples), *map(float, points))


def geometric_mean(ratios: Sequence[float]) -> float:
    """Return the geometric mean of at least one ratio, each above 0."""
    return exp(sum(log(one) for one in ratios) / len(ratios))
