"""Audio front ends made of Signal ops, and a model of all custom ops."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tests.support.decoding import huffman, looked_up, pruned
from tests.support.models import TYPES, Graph, Model, Op, Tensor, flexbuffer

RATE, STEP, WINDOW, FFT, CHANNELS = 16_000, 160, 480, 512, 40
BINS = FFT // 2 + 1


class Builder:
    """A graph as it grows: tensors are their numbers."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.ops: list[Op] = []

    def tensor(self, shape: Sequence[int], dtype: str, data: Any = None, **fields: Any) -> int:
        self.tensors.append(Tensor(shape, dtype, data, **fields))
        return len(self.tensors) - 1

    def custom(self, name: str, inputs: list[int], outputs: list[int], **options: Any) -> int:
        """Append an op and return its first output."""
        self.ops.append(Op("CUSTOM", inputs, outputs, None, 1, name, flexbuffer(options)))
        return outputs[0]

    def reshape(self, source: int, shape: Sequence[int], dtype: str) -> int:
        to = self.tensor(shape, dtype)
        self.ops.append(Op("RESHAPE", [source], [to]))
        return to

    def model(self, inputs: list[int], outputs: list[int]) -> Model:
        return Model([Graph(self.tensors, self.ops, inputs, outputs)])


def window_weights() -> np.ndarray:
    """Return a Hann window, 12 bits after the point."""
    phases = 2 * np.pi * (np.arange(WINDOW) + 0.5) / WINDOW
    return np.round((0.5 - 0.5 * np.cos(phases)) * 4096).astype(np.int16)


def mel(hertz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(hertz / 700.0)


def filter_tables() -> tuple[int, int, list[np.ndarray]]:
    """Return the first bin, the end, and weights, unweights, starts, weight starts, widths."""
    edges = np.linspace(mel(np.array(125.0)), mel(np.array(7500.0)), CHANNELS + 2)
    bins = mel(np.arange(BINS) * RATE / FFT)
    first, end = int(np.searchsorted(bins, edges[0])), int(np.searchsorted(bins, edges[-1]))
    tables: list[list[int]] = [[], [], [], [], []]
    for low, high in pairwise(edges):
        inside = np.flatnonzero((bins >= low) & (bins < high))
        weights = np.round((high - bins[inside]) / (high - low) * 4096).astype(int)
        tables[2].append(int(inside[0]) if len(inside) else 0)
        tables[3].append(len(tables[0]))
        tables[4].append(len(inside))
        tables[0] += list(4096 - weights)  # rising to the channel's middle
        tables[1] += list(weights)  # and falling, to the next one
    return first, end, [np.array(table, np.int16) for table in tables]


def gain_table() -> np.ndarray:
    """Return pieces of a gain that falls with the noise: a value, a slope, a curvature each."""

    def gain(noise: float) -> int:
        return round(32767 * (1.0 + noise / 80.0) ** -0.6)

    table = [gain(0), gain(1)]
    for bits in range(2, 33):
        low = 1 << (bits - 1)
        here, middle, end = gain(low), gain(low * 1.5), gain(low * 2)
        slope = 4 * (middle - here) - (end - here)
        table += [here, slope, end - here - slope, 0]
    return np.array([*table, 0][:125], np.int16)


def add_spectrum(b: Builder, samples: int) -> tuple[int, int]:
    """Append window, scaling and FFT to [1, WINDOW]; return the spectrum and its scale."""
    weights = b.tensor([WINDOW], "int16", window_weights())
    windowed = b.tensor([1, WINDOW], "int16")
    b.custom("SignalWindow", [samples, weights], [windowed], shift=12)
    flat = b.reshape(windowed, [WINDOW], "int16")
    scaled, scale = b.tensor([WINDOW], "int16"), b.tensor([], "int32")
    b.custom("SignalFftAutoScale", [flat], [scaled, scale])
    spectrum = b.tensor([2 * BINS], "int16")
    b.custom("SignalRfft", [scaled], [spectrum], T=int(TYPES["int16"]), fft_length=FFT)
    return spectrum, scale


def add_features(b: Builder, samples: int) -> int:
    """Append everything from samples [1, WINDOW] to the logarithms of channels, int16."""
    spectrum, scale = add_spectrum(b, samples)
    first, end, tables = filter_tables()
    energy = b.tensor([BINS], "uint32")
    b.custom("SignalEnergy", [spectrum], [energy], start_index=first, end_index=end)
    constants = [b.tensor([len(table)], "int16", table) for table in tables]
    bank, roots = b.tensor([CHANNELS], "uint64"), b.tensor([CHANNELS], "uint32")
    b.custom("SignalFilterBank", [energy, *constants], [bank], num_channels=CHANNELS)
    b.custom("SignalFilterBankSquareRoot", [bank, scale], [roots])
    cleaned, noise = b.tensor([CHANNELS], "uint32"), b.tensor([CHANNELS], "uint32")
    b.custom(
        "SignalFilterBankSpectralSubtraction",
        [roots],
        [cleaned, noise],
        alternate_one_minus_smoothing=15_401,
        alternate_smoothing=983,
        clamping=False,
        min_signal_remaining=819,
        num_channels=CHANNELS,
        one_minus_smoothing=15_975,
        smoothing=409,
        smoothing_bits=10,
        spectral_subtraction_bits=14,
    )
    gains = b.tensor([125], "int16", gain_table())
    normal, logs = b.tensor([CHANNELS], "uint32"), b.tensor([CHANNELS], "int16")
    b.custom("SignalPCAN", [cleaned, noise, gains], [normal], snr_shift=6)
    options = {"input_correction_bits": 3, "output_scale": 64}
    return b.custom("SignalFilterBankLog", [normal], [logs], **options)


def add_framer(b: Builder, samples: int) -> int:
    """Append what makes windows of steps; zeros come first, so that each step makes one."""
    frames, valid = b.tensor([1, 1, WINDOW], "int16"), b.tensor([], "bool")
    options = {"frame_size": WINDOW, "frame_step": STEP, "prefill": True}
    b.custom("SignalFramer", [samples], [frames, valid], **options)
    return b.reshape(frames, [1, WINDOW], "int16")


def features() -> Model:
    """Return a model from a window of samples to features."""
    b = Builder()
    samples = b.tensor([1, WINDOW], "int16")
    return b.model([samples], [add_features(b, samples)])


def streaming_features() -> Model:
    """Return a model from a step of samples to features, a stack of them, and if there is one."""
    b = Builder()
    samples = b.tensor([1, STEP], "int16")
    logs = add_features(b, add_framer(b, samples))
    stack, valid = b.tensor([3 * CHANNELS], "int16"), b.tensor([], "bool")
    b.custom(
        "SignalStacker",
        [logs],
        [stack, valid],
        num_channels=CHANNELS,
        stacker_left_context=1,
        stacker_right_context=1,
        stacker_step=2,
    )
    return b.model([samples], [logs, stack, valid])


def resynthesis() -> Model:
    """Return a model from a step of samples through their spectrum and back, delayed by one."""
    b = Builder()
    samples = b.tensor([1, STEP], "int16")
    spectrum, _ = add_spectrum(b, add_framer(b, samples))
    signal = b.tensor([FFT], "int16")
    b.custom("SignalIrfft", [spectrum], [signal], T=int(TYPES["int16"]), fft_length=FFT)
    frames = b.reshape(signal, [1, 1, FFT], "int16")
    out, later = b.tensor([1, STEP], "int16"), b.tensor([1, STEP], "int16")
    b.custom("SignalOverlapAdd", [frames], [out], T=int(TYPES["int16"]), frame_step=STEP)
    b.custom("SignalDelay", [out], [later], delay_length=STEP + 7)
    return b.model([samples], [later])


def every_custom_op() -> Model:
    """Return a model with each custom op, for damage: streaming ones, decoders, detections."""
    b = Builder()
    samples = b.tensor([1, STEP], "int16")
    logs = add_features(b, add_framer(b, samples))
    later = b.tensor([CHANNELS], "int16")
    b.custom("SignalDelay", [logs], [later], delay_length=50)
    indices, table = np.arange(60) % 16, np.arange(16, dtype=np.int8)[None]
    kept = np.arange(40) % 3 == 0
    pairs = [
        looked_up(indices, table, 4),
        pruned(np.arange(40, dtype=np.int8), kept),
        huffman((np.arange(90) % 17 % 6).tolist(), initial=2, wide=False),
    ]
    encoded = [
        b.tensor([len(data)], "uint8", np.frombuffer(data, np.uint8))
        for pair in pairs
        for data in pair
    ]
    decoded = [b.tensor([size], "int8", scale=0.5) for size in (60, 40, 90)]
    b.custom("TFLM_DECODE", encoded, decoded)
    rng = np.random.default_rng(0)
    boxes = b.tensor([1, 12, 4], "float32", rng.normal(0, 1, (1, 12, 4)))
    marks = b.tensor([1, 12, 3], "int8", scale=0.01)  # no input is a float, of which some are NaN
    scores = b.tensor([1, 12, 3], "float32")
    b.ops.append(Op("DEQUANTIZE", [marks], [scores]))
    anchors = b.tensor([12, 4], "float32", rng.uniform(0.1, 0.5, (12, 4)))
    found = [b.tensor(shape, "float32") for shape in ([1, 5, 4], [1, 5], [1, 5], [1])]
    b.custom(
        "TFLite_Detection_PostProcess",
        [boxes, scores, anchors],
        found,
        max_detections=5,
        max_classes_per_detection=1,
        use_regular_nms=True,
        nms_score_threshold=0.1,
        nms_iou_threshold=0.5,
        num_classes=2,
        **{f"{axis}_scale": 10.0 for axis in "yxhw"},
    )
    kept_frames = b.tensor([1, 4, 1, 90], "int8", scale=0.5, variable=True)
    frame = b.reshape(decoded[2], [1, 1, 1, 90], "int8")
    b.custom("CIRCULAR_BUFFER", [frame], [kept_frames], cycles_max=2)
    out = b.reshape(kept_frames, [360], "int8")
    return b.model([samples, marks], [later, *decoded[:2], *found, out])
