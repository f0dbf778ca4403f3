"""TFLite_Detection_PostProcess equals TFLM bit for bit, the regular way and the fast one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.custom import OPTIONS, CustomLayer, CustomRefusals, assert_fails, both
from tests.support.engine import assert_equal_to_tflm, oracle
from tests.support.layers import assert_refused
from tests.support.models import Tensor
from tflm_wasm import OracleError

Frame = list[np.ndarray]


def post_process(
    anchors: int = 30,
    classes: int = 4,
    *,
    regular: bool = True,
    background: int = 1,
    coordinates: int = 4,
    room: int | None = None,
    **options: Any,
) -> CustomLayer:
    """Return a layer of computed boxes, predictions and anchors; outputs hold `room` detections."""
    given = {
        "max_detections": 10,
        "max_classes_per_detection": 1,
        "detections_per_class": 6,
        "use_regular_nms": regular,
        "nms_score_threshold": 0.25,
        "nms_iou_threshold": 0.4,
        "num_classes": classes,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
        **options,
    }
    room = int(given["max_detections"]) if room is None else room
    inputs = [
        Tensor([1, anchors, coordinates]),
        Tensor([1, anchors, classes + background]),
        Tensor([anchors, 4]),
    ]
    outputs = [Tensor([1, room, 4]), Tensor([1, room]), Tensor([1, room]), Tensor([1])]
    return CustomLayer("TFLite_Detection_PostProcess", inputs, outputs, given)


def frame(layer: CustomLayer, seed: int) -> Frame:
    """Return boxes that often overlap, scores that are often equal."""
    rng = np.random.default_rng(seed)
    boxes, predictions, anchors = (tuple(tensor.shape) for tensor in layer.inputs)
    middles = rng.choice(np.linspace(0.1, 0.9, 4), (anchors[0], 2))
    sizes = rng.uniform(0.05, 0.4, (anchors[0], 2))
    scores = rng.uniform(0, 1, predictions)
    if seed % 2:
        scores = np.round(scores * 8) / 8
    arrays = [rng.normal(0, 2, boxes), scores, np.concatenate([middles, sizes], axis=1)]
    return [array.astype(np.float32) for array in arrays]


def check(
    layer: CustomLayer, frames: list[Frame], *, model: CustomLayer | None = None
) -> list[int]:
    """Outputs must be TFLM's as far as it defines them, the rest 0; return the detections.

    With `model` that one runs, and `layer` says what it does.
    """
    counts = []
    each = min(layer.options["max_classes_per_detection"], layer.options["num_classes"])
    for got, want in both(model or layer, frames):
        assert got[3].tobytes() == want[3].tobytes()
        count = int(got[3][0])
        counts.append(count)
        places = range(got[1].shape[1])
        if layer.options["use_regular_nms"]:
            written = set(places)
        else:
            written = {each * i + k % each for k, i in enumerate(range(count))}
        for i in places:
            for ours, tflms in zip(got[:3], want[:3], strict=True):
                expected = tflms[0, i] if i in written else np.zeros_like(tflms[0, i])
                assert ours[0, i].tobytes() == expected.tobytes(), (i, ours[0, i], expected)
    return counts


CASES: dict[str, dict[str, Any]] = {
    "ordinary": {},
    "without background": {"background": 0},
    "one class": {"classes": 1},
    "many anchors": {"anchors": 300, "classes": 7},
    "low threshold": {"nms_score_threshold": 1e-8, "anchors": 120},
    "negative threshold": {"nms_score_threshold": -1.0},
    "threshold over all": {"nms_score_threshold": 2.0},
    "any overlap is too much": {"nms_iou_threshold": 1e-6},
    "no overlap is too much": {"nms_iou_threshold": 1.0},
    "one detection": {"max_detections": 1},
    "more detections than anchors": {"max_detections": 50, "anchors": 7},
    "one anchor": {"anchors": 1},
    "few of a class": {"detections_per_class": 1},
    "boxes with keypoints": {"coordinates": 7},
    "other scales": {"y_scale": 1.0, "x_scale": -3.5, "h_scale": 0.7, "w_scale": 2.25},
    "more room than detections": {"room": 15},
}


@pytest.mark.parametrize("regular", [True, False], ids=["regular", "fast"])
@pytest.mark.parametrize("case", CASES)
def test_every_detection_equals_tflms(case: str, regular: bool) -> None:  # noqa: FBT001
    layer = post_process(regular=regular, **CASES[case])
    if case == "more room than detections" and regular:
        layer = replace(layer, options={**layer.options, "max_detections": 15})
    counts = check(layer, [frame(layer, seed) for seed in range(6)])
    assert any(counts) == (case != "threshold over all")


@pytest.mark.parametrize("each", [2, 3, 9])
def test_several_classes_of_a_detection_lie_apart_as_in_tflm(each: int) -> None:
    count = min(each, 4)
    room = 10 * count * count
    layer = post_process(regular=False, max_classes_per_detection=each, room=room)
    assert all(check(layer, [frame(layer, seed) for seed in range(6)]))


def test_detections_that_have_no_room_fail_when_they_come() -> None:
    layer = post_process(regular=False, max_classes_per_detection=2, room=10)
    assert_fails(layer, frame(layer, 0), "room for 10 detections only")


def test_constant_anchors_and_options_of_other_types_equal_tflm() -> None:
    layer = post_process(y_scale=10, x_scale=10, max_detections=8.0, num_classes=4.0, room=8)
    [boxes, scores, anchors] = frame(layer, 3)
    layer = layer.with_input(2, data=anchors)
    assert_equal_to_tflm(layer.to_bytes(), [[boxes, scores]])


@pytest.mark.parametrize("missing", ["detections_per_class", "use_regular_nms"])
def test_what_the_options_lack_is_as_in_tflm(missing: str) -> None:
    layer = post_process(regular=missing != "use_regular_nms", anchors=200)
    kept = {key: value for key, value in layer.options.items() if key != missing}
    assert check(layer, [frame(layer, 4)], model=replace(layer, options=kept)) == [10]


@pytest.mark.parametrize("regular", [True, False], ids=["regular", "fast"])
def test_odd_numbers_in_boxes_equal_tflm(regular: bool) -> None:  # noqa: FBT001
    layer = post_process(regular=regular, anchors=40)
    rng = np.random.default_rng(8)
    frames = []
    for seed in range(8):
        boxes, scores, anchors = frame(layer, seed)
        boxes[0, rng.integers(0, 40, 6), rng.integers(0, 4, 6)] = np.nan
        boxes[0, rng.integers(0, 40, 3), rng.integers(0, 2, 3)] = 1e30
        anchors[rng.integers(0, 40, 2), rng.integers(0, 2, 2)] = 3e38
        boxes[0, rng.integers(0, 40, 2), 2] = 400.0
        frames.append([boxes, scores, anchors])
    for sequence in frames:
        try:
            oracle().open(layer.to_bytes())
            oracle().run(sequence)
        except OracleError:
            assert_fails(layer, sequence, "is empty")
        else:
            check(layer, [sequence])


def test_scores_that_are_nan_or_infinite_equal_tflm() -> None:
    rng = np.random.default_rng(9)
    for regular in (True, False):
        layer = post_process(regular=regular, anchors=40)
        frames = []
        for seed in range(8):
            boxes, scores, anchors = frame(layer, seed)
            scores[0, rng.integers(0, 40, 9), rng.integers(0, 5, 9)] = np.nan
            scores[0, rng.integers(0, 40, 3), rng.integers(0, 5, 3)] = np.inf
            scores[0, rng.integers(0, 40, 3), rng.integers(0, 5, 3)] = -0.0
            frames.append([boxes, scores, anchors])
        check(layer, frames)


def test_a_nan_among_scores_to_sort_fails() -> None:
    layer = post_process(regular=False, max_classes_per_detection=2, room=40)
    boxes, scores, anchors = frame(layer, 0)
    scores[0, 7, 3] = np.nan
    assert_fails(layer, [boxes, scores, anchors], "a score of anchor 7 is NaN")


@pytest.mark.parametrize("size", [0.0, -0.25])
def test_an_empty_box_fails_as_in_tflm(size: float) -> None:
    layer = post_process()
    inputs = frame(layer, 0)
    inputs[2][11, 3] = size
    assert_fails(layer, inputs, "box 11 is empty")
    oracle().open(layer.to_bytes())
    with pytest.raises(OracleError):
        oracle().run(inputs)


def test_an_ssd_of_1917_anchors_equals_tflm() -> None:
    for regular in (True, False):
        layer = post_process(1917, 20, regular=regular, detections_per_class=100, max_detections=40)
        assert check(layer, [frame(layer, 2)]) == [40]


REFUSED: CustomRefusals = {
    "no options": OPTIONS["no options"],
    "options of one byte": OPTIONS["options of one byte"],
    "options that are a number": OPTIONS["options that are a number"],
    "options of text": OPTIONS["options of text"],
    "options without entries": OPTIONS["options without entries"],
    "an input too many": OPTIONS["an input too many"],
    "two inputs": ("model", lambda c: replace(c, inputs=c.inputs[:2])),
    "three outputs": ("model", lambda c: replace(c, outputs=c.outputs[:3])),
    "threshold 0": ("param", lambda c: c.with_options(nms_iou_threshold=0.0)),
    "threshold over 1": ("param", lambda c: c.with_options(nms_iou_threshold=1.01)),
    "threshold NaN": ("param", lambda c: c.with_options(nms_iou_threshold=float("nan"))),
    "negative detections": ("param", lambda c: c.with_options(max_detections=-1)),
    "no classes": ("param", lambda c: c.with_options(num_classes=0)),
    "none of a class": ("param", lambda c: c.with_options(detections_per_class=0)),
    "more detections than room": ("shape", lambda c: c.with_options(max_detections=11)),
    "another number of classes": ("shape", lambda c: c.with_options(num_classes=3)),
    "more classes than predictions": ("shape", lambda c: c.with_options(num_classes=6)),
    "two batches": ("shape", lambda c: c.with_input(0, shape=[2, 30, 4])),
    "two batches of predictions": ("shape", lambda c: c.with_input(1, shape=[2, 30, 5])),
    "three coordinates": ("shape", lambda c: c.with_input(0, shape=[1, 30, 3])),
    "fewer predictions": ("shape", lambda c: c.with_input(1, shape=[1, 29, 5])),
    "fewer anchors": ("shape", lambda c: c.with_input(2, shape=[29, 4])),
    "boxes of rank 2": ("shape", lambda c: c.with_input(0, shape=[30, 4])),
    "predictions of rank 2": ("shape", lambda c: c.with_input(1, shape=[30, 5])),
    "anchors of rank 3": ("shape", lambda c: c.with_input(2, shape=[1, 30, 4])),
    "uint8 boxes": ("type", lambda c: c.with_input(0, dtype="uint8", scale=1.0)),
    "int8 predictions": ("type", lambda c: c.with_input(1, dtype="int8", scale=1.0)),
    "uint8 anchors": ("type", lambda c: c.with_input(2, dtype="uint8", scale=1.0)),
    "int32 classes": ("type", lambda c: c.with_output(1, dtype="int32")),
    "int32 count": ("type", lambda c: c.with_output(3, dtype="int32")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str) -> None:
    status, change = REFUSED[case]
    assert_refused(change(post_process()), status)


def test_no_class_of_a_detection_is_refused_in_the_fast_way() -> None:
    assert_refused(post_process(regular=False, max_classes_per_detection=0), "param")
