"""Ops on images: pooling, resizing, and moves between space, depth and batch."""

from __future__ import annotations

import numpy as np

from tflm_wasm.conformance._registry import generates
from tflm_wasm.conformance._space import Space
from tflm_wasm.conformance._writer import Model, Tensor, op_model

_SAME, _VALID = 0, 1


@generates("AVERAGE_POOL_2D MAX_POOL_2D", "float32 int8 int16")
@generates("L2_POOL_2D", "float32")
def pool(d: Space, op: str, kind: str) -> Model:
    """Windows over and under the size of the image, strides, both paddings."""
    padding = d.pick("padding", (_SAME, _VALID))
    shape = [d.size("batch", 3), d.size("h", 9), d.size("w", 9), d.size("depth", 6)]
    options = {"padding": padding, "fused_activation_function": d.activation()}
    sides = []
    for axis, size in zip("hw", shape[1:3], strict=True):
        taps = d.size(f"taps_{axis}", 6 if padding == _SAME else size)
        stride = d.pick(f"stride_{axis}", (1, 1, 2, 3))
        sides.append(-(-size // stride) if padding == _SAME else (size - taps) // stride + 1)
        name = {"h": "height", "w": "width"}[axis]
        options |= {f"filter_{name}": taps, f"stride_{axis}": stride}
    q = d.quantization("q", kind)
    output = Tensor([shape[0], *sides, shape[3]], kind, **q)
    return op_model(op, [Tensor(shape, kind, **q)], [output], ("Pool2DOptions", options))


@generates("RESIZE_BILINEAR", "float32 int8")
@generates("RESIZE_NEAREST_NEIGHBOR", "float32 int8 int16")
def resize(d: Space, op: str, kind: str) -> Model:
    """Larger, smaller and equal sizes; both ways to place the pixels, and both at once."""
    shape = [d.size("batch", 2), d.size("h", 8), d.size("w", 8), d.size("depth", 4)]
    size = [d.size("new_h", 12), d.size("new_w", 12)]
    how = d.below("centers", 7)
    options = {"align_corners": how in (3, 4, 6), "half_pixel_centers": how in (1, 2, 6)}
    table = "ResizeBilinearOptions" if op == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    q = d.quantization("q", kind)
    new = d.given("size", np.array(size, np.int32), one_in=30)
    output = Tensor([shape[0], *size, shape[3]], kind, **q)
    return op_model(op, [Tensor(shape, kind, **q), new], [output], (table, options))


@generates("SPACE_TO_DEPTH DEPTH_TO_SPACE", "float32 int8")
def space_and_depth(d: Space, op: str, kind: str) -> Model:
    """Blocks of 1 to 4."""
    block = d.whole("block", 1, 4)
    batch, height, width = d.size("batch", 2), d.size("h", 4), d.size("w", 4)
    depth = d.size("depth", 4)
    wide = [batch, height * block, width * block, depth]
    deep = [batch, height, width, depth * block * block]
    q = d.quantization("q", kind)
    shapes = (wide, deep) if op == "SPACE_TO_DEPTH" else (deep, wide)
    source, target = (Tensor(shape, kind, **q) for shape in shapes)
    table = "SpaceToDepthOptions" if op == "SPACE_TO_DEPTH" else "DepthToSpaceOptions"
    return op_model(op, [source], [target], (table, {"block_size": block}))


@generates("SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND", "float32 int8")
def space_and_batch(d: Space, op: str, kind: str) -> Model:
    """Ranks 3 and 4; paddings and crops on each side, constant or computed."""
    spatial = d.whole("spatial", 1, 2)
    block = [d.whole(f"block.{i}", 1, 3) for i in range(spatial)]
    small = [d.size(f"small.{i}", 4) for i in range(spatial)]
    edges = []
    for i in range(spatial):
        room = block[i] * small[i] - 1
        before = min(d.below(f"before.{i}", 3), room)
        edges.append([before, min(d.below(f"after.{i}", 3), room - before)])
    batch, depth = d.size("batch", 2), d.size("depth", 3)
    large = [block[i] * small[i] - sum(edges[i]) for i in range(spatial)]
    wide = [batch, *large, depth]
    many = [batch * int(np.prod(block)), *small, depth]
    q = d.quantization("q", kind)
    shapes = (wide, many) if op == "SPACE_TO_BATCH_ND" else (many, wide)
    source, target = (Tensor(shape, kind, **q) for shape in shapes)
    table = "SpaceToBatchNDOptions" if op == "SPACE_TO_BATCH_ND" else "BatchToSpaceNDOptions"
    indices = [
        d.given("block", np.array(block, np.int32), one_in=6),
        d.given("edges", np.array(edges, np.int32), one_in=6),
    ]
    return op_model(op, [source, *indices], [target], (table, {}))
