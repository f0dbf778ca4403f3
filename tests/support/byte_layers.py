"""FULLY_CONNECTED layers by what their weights leave room for, when products of bytes are added.

`way` says again, in NumPy, what `firmware_models/engine/wasm128/tw_bytes.c` says in C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

from tests.support.layers import Layer, activations
from tests.support.models import Graph, Model, Op, Tensor

Weights = NDArray[np.int8]

# Weights of a block, and what those of one sign may come to. One of so many blocks may be noted.
BLOCK, MOST_SUM, NOTED = 32, 128, 16
MOST_PLACES = 8192
# What layers keep: so much in all, this much for each, and for a place or a channel's offset.
KEPT_BYTES, LAYER_BYTES, PLACE_BYTES = 8192, 160, 4

FOUR, TWO, WIDE = "four products", "two products", "int16"


def way(w: Weights) -> tuple[str, NDArray[np.bool_]]:
    """Return how a layer is multiplied, and which of its blocks are noted: [channels, blocks]."""
    channels, depth = w.shape
    if depth % BLOCK != 0 or not 64 <= depth <= 16384 or channels > 65535:
        return WIDE, np.zeros((channels, 0), np.bool_)
    # Halves of a block, lanes of a half, the two weights of a lane.
    pairs = w.reshape(channels, depth // BLOCK, 2, 8, 2).astype(int)
    over, below = np.maximum(pairs, 0).sum(-1), np.minimum(pairs, 0).sum(-1)

    def is_much(most: NDArray[np.int_], least: NDArray[np.int_]) -> NDArray[np.bool_]:
        return np.asarray((most > MOST_SUM) | (least < -MOST_SUM))

    four = is_much(over.sum(-2), below.sum(-2)).any(-1)
    two = is_much(over, below).any((-1, -2))
    room = min(four.size // NOTED, MOST_PLACES)
    for name, noted in ((FOUR, four), (TWO, two)):
        if np.count_nonzero(noted) <= room:
            return name, noted
    return WIDE, np.zeros_like(four)


def kept_bytes(w: Weights, zero_point: int) -> int:
    """Return how much a layer keeps, if there is room for it."""
    places = np.count_nonzero(way(w)[1]) * PLACE_BYTES
    bytes_ = LAYER_BYTES + places + (0 if zero_point == -128 else 4 * len(w))
    return -(-bytes_ // 16) * 16


# ---- weights ----


def small(rng: np.random.Generator, channels: int, depth: int) -> Weights:
    """Nothing is noted."""
    return rng.integers(-32, 33, (channels, depth), dtype=np.int8)


def lowest(rng: np.random.Generator, channels: int, depth: int) -> Weights:
    """A weight of -128 in each column of four: nothing is noted."""
    w = np.abs(small(rng, channels, depth)).reshape(channels, -1, 4, 8)
    at = rng.integers(0, 4, (*w.shape[:2], 1, 8))
    w = np.where(np.arange(4)[:, None] == at, np.int8(-128), w)
    # From rows of a column's weights to pairs side by side, in two halves.
    pairs = w.reshape(channels, -1, 2, 2, 8).swapaxes(-1, -2)
    return np.ascontiguousarray(pairs).reshape(channels, depth)


# Two weights of a lane in one half, then those in the other half.
_TOO_MUCH_FOR_TWO = [(127, 127, 0, 0), (-128, -128, 5, 6), (0, 0, 65, 64), (7, 7, -128, -1)]
_TOO_MUCH_FOR_FOUR = [(64, 64, 64, 64), (33, 32, 32, 32), (-64, 0, -65, 0), (127, 0, 0, 2)]


def _mark(
    w: Weights, rng: np.random.Generator, count: int, columns: Sequence[tuple[int, ...]]
) -> None:
    """Put one of the columns into `count` blocks, of those the first and the last of all."""
    blocks = w.reshape(-1, 2, 8, 2)
    between = 1 + rng.permutation(len(blocks) - 2)
    marked = [0, len(blocks) - 1, *between][:count]
    for block, column in zip(marked, islice(cycle(columns), count), strict=True):
        blocks[block, :, rng.integers(8)] = np.reshape(column, (2, 2))


def few(rng: np.random.Generator, channels: int, depth: int) -> Weights:
    """As many blocks are noted as may be."""
    w = small(rng, channels, depth)
    _mark(w, rng, w.size // BLOCK // NOTED, _TOO_MUCH_FOR_TWO + _TOO_MUCH_FOR_FOUR)
    return w


def many(rng: np.random.Generator, channels: int, depth: int) -> Weights:
    """One block more would be: two products are added, for which half as many are too much."""
    w = small(rng, channels, depth)
    count = w.size // BLOCK // NOTED
    _mark(w, rng, count + 1, _TOO_MUCH_FOR_FOUR)
    _mark(w, rng, -(-count // 2), _TOO_MUCH_FOR_TWO)
    return w


def most(rng: np.random.Generator, channels: int, depth: int) -> Weights:
    """As many blocks are noted for two products as may be, and almost all would be for four."""
    w = small(rng, channels, depth)
    _mark(w, rng, w.size // BLOCK, _TOO_MUCH_FOR_FOUR)
    _mark(w, rng, w.size // BLOCK // NOTED, _TOO_MUCH_FOR_TWO)
    return w


def too_many(rng: np.random.Generator, channels: int, depth: int) -> Weights:
    """One block more than may be is too much for two products."""
    w = small(rng, channels, depth)
    _mark(w, rng, w.size // BLOCK // NOTED + 1, _TOO_MUCH_FOR_TWO)
    return w


def usual(rng: np.random.Generator, channels: int, depth: int) -> Weights:
    """As training leaves them: of some size, so of any way."""
    size = rng.choice([8, 16, 20, 24, 28, 36, 60])
    return np.clip(np.round(rng.normal(0, size, (channels, depth))), -128, 127).astype(np.int8)


# What weights are called, how they are made, how a layer of 32 and more blocks is multiplied.
KINDS: dict[str, tuple[Callable[[np.random.Generator, int, int], Weights], str | None]] = {
    "small": (small, FOUR),
    "lowest": (lowest, FOUR),
    "few": (few, FOUR),
    "many": (many, TWO),
    "most": (most, TWO),
    "too many": (too_many, WIDE),
    "usual": (usual, None),
}
# Channels, depth, rows of input, zero point of input, whether each channel has a scale.
SHAPES: list[tuple[int, int, int, int, bool]] = [
    (1, 64, 2, -128, False),
    (3, 96, 1, 0, True),
    (4, 128, 3, -128, True),
    (5, 640, 2, 127, False),
    (127, 64, 1, -128, True),
    (128, 96, 2, -127, False),
    (129, 128, 3, 5, True),
    (300, 64, 1, -128, False),
    (300, 640, 2, 3, True),
    (1, 2048, 1, -20, True),
    (5, 2048, 2, -128, True),
    (129, 2048, 1, -128, False),
]

# Columns of four weights that come to 128 together, on one side of zero; and what makes them more.
_FULL = [
    *((64, 64, 0, 0), (0, 0, 64, 64), (64, 0, 64, 0), (0, 64, 64, 0), (32, 32, 32, 32)),
    *((127, 1, 0, 0), (0, 1, 0, 127), (43, 0, 42, 43), (64, -64, 64, -64), (126, -1, -2, 2)),
]
_LOWEST = [(-128, 0, 0, 0), (0, 0, -128, 0), (-128, 1, 127, 0)]
_BELOW = [(-128, -1, 0, 0), (0, 0, -1, -128), (-128, 0, -1, 0), (-128, 1, 127, -1)]


def at_bounds(*, two: bool) -> Weights:
    """Return weights whose channels are 0 but for a column at a bound, or one over it.

    Args:
        two: Whether each channel has three columns more, that are too much for four products.
    """
    columns = [np.array(one) for one in _FULL]
    over = [one + (np.arange(4) == (one % 127).argmax()) for one in columns]
    columns += over + [-one for one in columns + over]
    columns += [np.array(one) for one in _LOWEST + _BELOW]
    w = np.zeros((len(columns), 20, 2, 8, 2), np.int8)
    for channel, column in enumerate(columns):
        w[channel, channel % 17, :, channel % 8] = np.reshape(column, (2, 2))
        if two:
            w[channel, 17:, :, channel % 7] = [[33, 32], [32, 32]]
    return w.reshape(len(columns), -1)


# ---- layers ----


def layer(
    w: Weights,
    *,
    rows: int = 1,
    zero_point: int = -128,
    per_channel: bool = False,
    expected: float = -0.5,
    step: float | None = None,
) -> Layer:
    """Return a layer whose outputs are in the middle of their range.

    Args:
        w: Its weights.
        rows: Rows of its input.
        zero_point: Of its input.
        per_channel: Whether each channel has a scale.
        expected: The element that inputs are of, on average.
        step: How much of a sum one step of the output is; None: random inputs fill its range.
    """
    channels, depth = w.shape
    scales = np.resize(np.float32([1.0, 0.8, 0.5, 0.3]), channels if per_channel else 1)
    rng = np.random.default_rng(depth)
    if step is None:
        step = max(1.0, 74 / 50 * float(np.linalg.norm(w.astype(float), axis=1).max()))
    middle = -(expected - zero_point) * w.sum(1, dtype=np.int64)
    bias = np.round(middle + rng.uniform(-40, 40, channels) * step)
    return Layer(
        "FULLY_CONNECTED",
        [
            activations((rows, depth), "int8", 1.0, zero_point),
            Tensor(w.shape, "int8", w, scale=scales, axis=0),
            Tensor([channels], "int32", bias, scale=scales),
        ],
        activations((rows, channels), "int8", step, -3),
        "FullyConnectedOptions",
    )


def with_noted_alone(one: Layer) -> Layer:
    """Return a layer that computes what another one does if all products of bytes are 0.

    Noted blocks then come out right, and so does what zero points add. A layer that is not of bytes
    is the same.
    """
    w = np.asarray(one.inputs[1].data, np.int8)
    name, noted = way(w)
    if name == WIDE:
        return one
    blocks = w.reshape(*noted.shape, BLOCK)
    kept = np.where(noted[..., None], blocks, 0).reshape(w.shape)
    zero_point = np.asarray(one.inputs[0].zero_point)
    offsets = -(128 + int(zero_point)) * w.sum(1, dtype=np.int64)
    bias = np.asarray(one.inputs[2].data) + offsets
    changed = one.with_input(0, zero_point=-128).with_input(1, data=kept)
    return changed.with_input(2, data=bias)


def side_by_side(layers: Sequence[Layer]) -> bytes:
    """Return a model of layers of one row that all take one input; their outputs are put together.

    All have one scale of the output.
    """
    tensors, ops, outputs = [layers[0].inputs[0]], [], []
    for one in layers:
        first = len(tensors)
        tensors += [*one.inputs[1:], one.output]
        ops.append(Op(one.code, [0, first, first + 1], [first + 2], (one.table or "", one.options)))
        outputs.append(first + 2)
    while len(outputs) > 1:
        joined = []
        for some in (outputs[i : i + 10] for i in range(0, len(outputs), 10)):
            channels = sum(tensors[one].shape[-1] for one in some)
            joined.append(len(tensors))
            tensors.append(replace(layers[0].output, shape=(1, channels)))
            ops.append(
                Op("CONCATENATION", some, joined[-1:], ("ConcatenationOptions", {"axis": 1}))
            )
        outputs = joined
    return Model([Graph(tensors, ops, [0], outputs)]).to_bytes()
