"""The plot of a wake word's probability in a terminal."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip(
    "pymicro_features", reason='pymicro-features is missing: pip install "tflm-wasm[demo]"'
)
pytest.importorskip(
    "pymicro_wakeword", reason='pymicro-wakeword is missing: pip install "tflm-wasm[demo]"'
)

from rich.console import Console

from tflm_wasm.wakeword._plot import Plot, columns, loudness


def drawn(plot: Plot, width: int, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=width).print(plot)
    file.seek(0)
    return file.read().splitlines()


def peak_at(frame: int, frames: int = 110) -> Plot:
    curve = np.zeros(frames)
    curve[frame] = 1.0
    return Plot(curve, curve, duration_ms=3300, cutoff=0.85, marks_ms=(30 * frame,))


@pytest.mark.parametrize("width", [20, 60, 100, 240])
def test_a_plot_fits_its_terminal_and_loses_no_peak(width: int) -> None:
    lines = drawn(peak_at(55), width)
    assert len(lines) == 8 + 3
    assert max(map(len, lines)) <= width
    assert "█" in lines[0]
    assert lines[-1].index("▲") == pytest.approx(lines[0].index("█"), abs=1)


def test_a_plot_needs_no_unicode() -> None:
    lines = drawn(peak_at(55), 80, encoding="ascii")
    assert lines[0].count("#") == 1
    assert lines[-1].strip() == "^"


def test_squeezing_keeps_the_largest_and_stretching_repeats() -> None:
    assert columns(np.array([0.0, 0.9, 0.1, 0.2]), 2).tolist() == [0.9, 0.2]
    assert columns(np.array([0.1, 0.2]), 4).tolist() == [0.1, 0.1, 0.2, 0.2]


def test_loudness_is_0_for_silence_and_1_for_full_scale() -> None:
    pcm = np.concatenate([np.zeros(100, np.int16), np.full(100, -32768, np.int16)])
    assert loudness(pcm, 2).tolist() == [0.0, 1.0]
