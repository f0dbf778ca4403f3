"""TFLM's custom ops for audio. Their options are flexbuffers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import Given, Space
from tflm_wasm.conformance._writer import TYPES, Model, Op, Tensor, flexbuffer, op_model

_LOUD = ("noise", "noise", "few", "ends", "high", "low", "zero")


def _custom(
    op: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], fields: dict[str, Any] | None
) -> Model:
    """Return a model; uint32 inputs come from a CAST, because NumPy's can't be passed to TFLM."""
    options = b"" if fields is None else flexbuffer(fields)
    model = op_model("CUSTOM", inputs, outputs, custom=op, custom_options=options)
    graph = model.graphs[0]
    casts = []
    for i in list(graph.inputs):
        tensor = graph.tensors[i]
        if tensor.dtype == "uint32":
            graph.tensors.append(replace(tensor, dtype="int32"))
            casts.append(Op("CAST", [len(graph.tensors) - 1], [i], ("CastOptions", {})))
            where = list(graph.inputs).index(i)
            graph.inputs = [*graph.inputs]
            graph.inputs[where] = len(graph.tensors) - 1
    graph.ops = [*casts, *graph.ops]
    return model


def _constant(d: Space, name: str, shape: Sequence[int], dtype: str = "int16") -> Tensor:
    return Tensor(shape, dtype, d.array(name, shape, dtype, _LOUD))


@generates("SignalWindow", "int16")
def window(d: Space, op: str, kind: str) -> Model:
    """Several windows in a row; shifts up to 31 bits."""
    size = d.size("size", 32)
    shape = [*d.shape("outer", 0, 2), size]
    shift = d.pick("shift", (12, 0, 1, 8, 15, 16, 31))
    weights = _constant(d, "weights", [size])
    return _custom(op, [Tensor(shape, kind), weights], [Tensor(shape, kind)], {"shift": shift})


def _length(d: Space) -> int:
    """Return the length of a transform: powers of two, other even ones, rarely an odd one."""
    if d.one_in("odd", 30):
        return d.pick("odd.length", (1, 3, 7, 0))
    return d.pick("length", (16, 2, 4, 8, 32, 64, 128, 256, 512, 6, 10, 12, 14, 30, 44, 60, 100))


@generates("SignalRfft", "float32 int16 int32")
def rfft(d: Space, op: str, kind: str) -> Model:
    """Inputs as long as the transform or shorter, one or several."""
    length = _length(d)
    size = max(1, length - d.below("shorter", 4))
    outer = [d.size("outer", 3)] if d.one_in("several", 3) else []
    x = Tensor([*outer, size], kind)
    y = Tensor([*outer, (length // 2 + 1) * 2], kind)
    return _custom(op, [x], [y], {"T": TYPES[kind], "fft_length": length})


@generates("SignalIrfft", "float32 int16 int32")
def irfft(d: Space, op: str, kind: str) -> Model:
    """Any spectrum, also one that no real signal has."""
    length = _length(d)
    outer = [d.size("outer", 3)] if d.one_in("several", 3) else []
    x = Tensor([*outer, (length // 2 + 1) * 2], kind)
    y = Tensor([*outer, max(1, length)], kind)
    return _custom(op, [x], [y], {"T": TYPES[kind], "fft_length": length})


@generates("SignalFftAutoScale", "int16")
def auto_scale(d: Space, op: str, kind: str) -> Model:
    """The largest value decides the shift; silence and -32768 included."""
    shape = [d.size("size", 64)]
    return _custom(op, [Tensor(shape, kind)], [Tensor(shape, kind), Tensor([], "int32")], None)


@generates("SignalEnergy", "int16")
def energy(d: Space, op: str, kind: str) -> Model:
    """The whole spectrum or a part of it."""
    size = d.size("size", 40)
    start = d.below("start", size) if d.one_in("part", 2) else 0
    end = d.whole("end", start, size) if d.one_in("part", 2) else size
    fields = {"start_index": start, "end_index": end}
    return _custom(op, [Tensor([2 * size], kind)], [Tensor([size], "uint32")], fields)


@generates("SignalFilterBank", "uint32")
def filter_bank(d: Space, op: str, kind: str) -> Model:
    """Channels of any width that overlap, weights of any size."""
    size, channels = d.size("size", 40), d.size("channels", 10)
    starts, offsets, widths = [], [], []
    total = 0
    for i in range(channels + 1):
        starts.append(d.below(f"start.{i}", size))
        widths.append(d.below(f"width.{i}", min(size - starts[-1], 12) + 1))
        offsets.append(total)
        total += widths[-1]
    weights = [_constant(d, name, [max(1, total)]) for name in ("weights", "unweights")]
    tables = [
        Tensor([channels + 1], "int16", np.array(numbers, np.int16))
        for numbers in (starts, offsets, widths)
    ]
    y = Tensor([channels], "uint64")
    inputs = [Tensor([size], kind), *weights, *tables]
    return _custom(op, inputs, [y], {"num_channels": channels})


@generates("SignalFilterBankLog", "uint32")
def filter_bank_log(d: Space, op: str, kind: str) -> Model:
    """Scales and corrections from none to the largest."""
    shape = [d.size("size", 40)]
    fields = {
        "input_correction_bits": d.pick("bits", (0, 1, 3, 8, 16, 31)),
        "output_scale": d.pick("scale", (64, 1, 16, 1600, 32767, 65536)),
    }
    return _custom(op, [Tensor(shape, kind)], [Tensor(shape, "int16")], fields)


@generates("SignalFilterBankSquareRoot", "uint64")
def filter_bank_square_root(d: Space, op: str, kind: str) -> Model:
    """64-bit values, shifted by a computed number of bits."""
    shape = [d.size("size", 40)]
    bits = [np.array(n, np.int32) for n in (d.whole("bits", 0, 31), 0, 7)]
    inputs = [Tensor(shape, kind), d.given("bits.tensor", *bits, one_in=2)]
    return _custom(op, inputs, [Tensor(shape, "uint32")], None)


@generates("SignalFilterBankSpectralSubtraction", "uint32", frames=6, stateful=True)
def spectral_subtraction(d: Space, op: str, kind: str) -> Model:
    """A noise estimate that follows the signal; both smoothings."""
    channels = d.size("channels", 20)
    bits = d.pick("bits", (14, 0, 8, 16))
    smoothing = d.below("smoothing", (1 << bits) + 1)
    alternate = d.below("alternate", (1 << bits) + 1)
    fields = {
        "num_channels": channels,
        "smoothing": smoothing,
        "one_minus_smoothing": (1 << bits) - smoothing,
        "alternate_smoothing": alternate,
        "alternate_one_minus_smoothing": (1 << bits) - alternate,
        "smoothing_bits": d.pick("smoothing.bits", (10, 0, 4, 16)),
        "min_signal_remaining": d.below("remaining", (1 << bits) + 1),
        "clamping": bool(d.below("clamping", 2)),
        "spectral_subtraction_bits": bits,
    }
    y = Tensor([channels], kind)
    return _custom(op, [Tensor([channels], kind)], [y, replace(y)], fields)


@generates("SignalPCAN", "uint32")
def pcan(d: Space, op: str, kind: str) -> Model:
    """A gain table of random entries, and noise up to 32 bits."""
    shape = [d.size("size", 30)]
    lut = _constant(d, "lut", [125])
    inputs = [Tensor(shape, kind), Tensor(shape, kind), lut]
    fields = {"snr_shift": d.pick("shift", (6, 0, 1, 12, 20, 31))}
    return _custom(op, inputs, [Tensor(shape, kind)], fields)


@generates("SignalDelay", "int16", frames=8, stateful=True)
def delay(d: Space, op: str, kind: str) -> Model:
    """Delays shorter and longer than a frame, several channels."""
    shape = [*d.shape("outer", 0, 2), d.size("size", 12)]
    fields = {"delay_length": d.below("delay", 30)}
    return _custom(op, [Tensor(shape, kind)], [Tensor(shape, kind)], fields)


@generates("SignalFramer", "int16", frames=8, stateful=True)
def framer(d: Space, op: str, kind: str) -> Model:
    """Frames longer than a step, several in one run, with and without zeros in front."""
    step, count = d.size("step", 8), d.size("count", 4)
    size = step + d.below("overlap", 17)
    outer = d.shape("outer", 0, 1)
    inputs = [Tensor([*outer, step * count], kind)]
    outputs = [Tensor([*outer, count, size], kind), Tensor([], "bool")]
    fields = {"frame_size": size, "frame_step": step, "prefill": bool(d.below("prefill", 2))}
    return _custom(op, inputs, outputs, fields)


@generates("SignalOverlapAdd", "float32 int16", frames=8, stateful=True)
def overlap_add(d: Space, op: str, kind: str) -> Model:
    """Frames that overlap, several in one run; sums that saturate."""
    step, count = d.size("step", 8), d.size("count", 4)
    size = step + d.below("overlap", 17)
    outer = d.shape("outer", 0, 1)
    x = Tensor([*outer, count, size], kind)
    y = Tensor([*outer, count * step], kind)
    return _custom(op, [x], [y], {"T": TYPES[kind], "frame_step": step})


@generates("SignalStacker", "int16", frames=10, stateful=True)
def stacker(d: Space, op: str, kind: str) -> Model:
    """Contexts on both sides, steps up to the whole."""
    channels = d.size("channels", 8)
    left, right = d.below("left", 4), d.below("right", 4)
    step = d.whole("step", 1, left + right + 1)
    fields = {
        "num_channels": channels,
        "stacker_left_context": left,
        "stacker_right_context": right,
        "stacker_step": step,
    }
    y = Tensor([channels * (left + right + 1)], kind)
    return _custom(op, [Tensor([channels], kind)], [y, Tensor([], "bool")], fields)


@generates("CIRCULAR_BUFFER", "int8", frames=10, stateful=True)
def circular_buffer(d: Space, op: str, kind: str) -> Model:
    """Slots that move up run by run; what follows runs only when a cycle is full."""
    depth, slots = d.size("depth", 8), d.whole("slots", 1, 8)
    batch, width = (d.size("batch", 2), d.size("width", 2)) if d.one_in("wide", 6) else (1, 1)
    q = d.quantization("q", kind)
    x = Tensor([batch, 1, width, depth], kind, **q)
    y = Tensor([batch, slots, width, depth], kind, variable=True, **q)
    fields = {"cycles_max": d.pick("cycles", (1, 2, 3))} if d.below("options", 8) else None
    return _custom(op, [x], [y], fields)


@generates("TFLite_Detection_PostProcess", "float32")
def detection(d: Space, op: str, kind: str) -> Model:
    """Both kinds of suppression; scores that tie; with and without a background class."""
    boxes, classes = d.size("boxes", 12), d.size("classes", 5)
    background = d.below("background", 2)
    regular = bool(d.below("regular", 2))
    per_box = d.whole("per_box", 1, 1 if d.below("one", 3) else 3)
    most = d.whole("most", 1, 10)
    fields: dict[str, Any] = {
        "max_detections": most,
        "max_classes_per_detection": per_box,
        "nms_score_threshold": d.pick("score", (0.0, 0.3, 0.5, 0.9, -1.0)),
        "nms_iou_threshold": d.pick("iou", (0.5, 0.1, 0.6, 1.0, 0.0)),
        "num_classes": classes,
        "y_scale": d.pick("y", (10.0, 1.0)),
        "x_scale": d.pick("x", (10.0, 1.0)),
        "h_scale": d.pick("h", (5.0, 1.0)),
        "w_scale": d.pick("w", (5.0, 1.0)),
        "use_regular_nms": regular,
    }
    if d.below("detections", 2):
        fields["detections_per_class"] = d.whole("per_class", 1, 6)
    places = [d.reals(f"box.{i}", [1, boxes, 4], -3, 3) for i in range(3)]
    ties = d.pick("ties", (0, 0, 4, 2))
    shape = [1, boxes, classes + background]
    scores = [d.reals(f"score.{i}", shape, 0, 1) for i in range(3)]
    scores = [np.round(one * ties) / np.float32(ties) if ties else one for one in scores]
    anchors = d.reals("anchors", [boxes, 4], 0.05, 1)
    count = most if regular else most * per_box
    inputs = [
        Given([1, boxes, 4], kind, feeds=places),
        Given(shape, kind, feeds=[one.astype(np.float32) for one in scores]),
        Tensor([boxes, 4], kind, anchors),
    ]
    outputs = [
        Tensor([1, count, 4], kind),
        Tensor([1, count], kind),
        Tensor([1, count], kind),
        Tensor([1], kind),
    ]
    return _custom(op, inputs, outputs, fields)
