"""What a model or module is made of, what it costs, and what the engine refuses about it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from typing import Any, Final

from tflm_wasm import _abi
from tflm_wasm._block import Block
from tflm_wasm._build import build
from tflm_wasm._errors import ModelError, NoModelError, UnknownFormatError
from tflm_wasm._files import read_up_to
from tflm_wasm._inspect_ops import Op, Problem, read_ops, supported_ops, unsupported
from tflm_wasm._limits import Limits
from tflm_wasm._model import Model, TensorInfo
from tflm_wasm._module import Module
from tflm_wasm.boards import Board, known_boards

_MAX_SCALES: Final = 4  # of a tensor, in to_dict(): per-channel weights have hundreds


@dataclass(frozen=True)
class Fit:
    """How a model sits on a board, in bytes; negative when it does not fit.

    Attributes:
        board: The board.
        flash_left: Flash that the model leaves for the firmware's code.
        ram_left: RAM that the guest leaves for the firmware.
    """

    board: Board
    flash_left: int
    ram_left: int

    @property
    def fits(self) -> bool:
        """Whether both hold; the firmware's own code and data are not counted."""
        return self.flash_left >= 0 and self.ram_left >= 0


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found.

    Attributes:
        kind: "model" for a .tflite, "module" for a .wasm.
        file_bytes: Size of the file.
        sha256: Digest of the file, in hex.
        model_bytes: Size of the model; it stays in a board's flash.
        profile: The smallest profile that the model fits, or None when it fits none.
        needs_extended: Why the strict profile is too small for a model that the extended one
            takes: its size, or what it has that TFLM lacks. Empty when it is not.
        inputs: The main subgraph's inputs.
        outputs: The main subgraph's outputs.
        tensors: All tensors of the main subgraph, those included.
        ops: Every operator of every subgraph.
        problems: Everything the engine refuses; empty when the model runs.
        arena_bytes: The tensor arena it needs, or None when it does not run.
        ram_bytes: RAM that the guest needs on a board: control block, stack, data and arena.
        stateful: Whether an invoke depends on earlier ones, None when it does not run.
        fits: How it sits on each known board; empty when it does not run.
    """

    kind: str
    file_bytes: int
    sha256: str
    model_bytes: int
    profile: str | None
    needs_extended: tuple[Problem, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    tensors: tuple[TensorInfo, ...]
    ops: tuple[Op, ...]
    problems: tuple[Problem, ...]
    arena_bytes: int | None
    ram_bytes: int | None
    stateful: bool | None
    fits: tuple[Fit, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the main subgraph's operators, each run once."""
        return sum(op.macs for op in self.ops if op.subgraph == 0)

    def to_dict(self) -> dict[str, Any]:
        """Return the inspection as JSON-ready values."""
        return {
            "kind": self.kind,
            "file_bytes": self.file_bytes,
            "sha256": self.sha256,
            "model_bytes": self.model_bytes,
            "profile": self.profile,
            "needs_extended": [asdict(problem) for problem in self.needs_extended],
            "stateful": self.stateful,
            "arena_bytes": self.arena_bytes,
            "ram_bytes": self.ram_bytes,
            "macs": self.macs,
            "inputs": [_tensor_dict(tensor) for tensor in self.inputs],
            "outputs": [_tensor_dict(tensor) for tensor in self.outputs],
            "tensors": [_tensor_dict(tensor) for tensor in self.tensors],
            "ops": [_op_dict(op) for op in self.ops],
            "problems": [asdict(problem) for problem in self.problems],
            "supported_ops": list(supported_ops()),
            "extended_ops": sorted({*supported_ops("extended")} - {*supported_ops()}),
            "boards": [
                {
                    "name": fit.board.name,
                    "fits": fit.fits,
                    "flash_bytes": fit.board.flash_bytes,
                    "flash_left": fit.flash_left,
                    "ram_bytes": fit.board.ram_bytes,
                    "ram_left": fit.ram_left,
                }
                for fit in self.fits
            ],
        }


def _tensor_dict(tensor: TensorInfo) -> dict[str, Any]:
    return {
        "index": tensor.index,
        "name": tensor.name,
        "type": tensor.type_name,
        "shape": list(tensor.shape),
        "scales": tensor.scales[:_MAX_SCALES].tolist(),
        "zero_points": tensor.zero_points[:_MAX_SCALES].tolist(),
        "channels": len(tensor.scales),
    }


def _op_dict(op: Op) -> dict[str, Any]:
    return {
        "subgraph": op.subgraph,
        "index": op.index,
        "name": op.name,
        "inputs": [None if one is None else one.index for one in op.inputs],
        "outputs": [one.index for one in op.outputs],
        "input_types": [None if one is None else one.type_name for one in op.inputs],
        "input_shapes": [None if one is None else list(one.shape) for one in op.inputs],
        "output_types": [one.type_name for one in op.outputs],
        "output_shapes": [list(one.shape) for one in op.outputs],
        "macs": op.macs,
    }


def inspect(source: str | os.PathLike[str] | bytes) -> Inspection:
    """Look into a .tflite or .wasm; a model that the engine refuses is described all the same.

    Args:
        source: Path or content.

    Raises:
        FileError: The file can't be read.
        MalformedModelError, ModelVersionError: It can't be read as a model.
        ModuleError: It is a module that breaks the ABI; NoModelError when its model is unreadable.
        UnknownFormatError: It is neither a module nor a model.
    """
    content = (
        bytes(source)
        if isinstance(source, bytes | bytearray | memoryview)
        else read_up_to(source, Limits().module_bytes + 1)
    )
    if content.startswith(b"\0asm"):
        module = Module.read(content, profile="extended")
        if module.model is None:
            raise NoModelError("The module holds no .tflite model to look into")
        return _inspect(content, module.model, module, ())
    if content[4:8] != b"TFL3":
        raise UnknownFormatError("The content is neither a .tflite model nor a .wasm module")
    Model(content)  # a file that can't be read is an error, not a finding
    try:
        return _inspect(content, content, build(content, profile="extended"), ())
    except ModelError:
        return _inspect(content, content, None, tuple(unsupported(content)))


def _inspect(
    content: bytes, model: bytes, module: Module | None, problems: tuple[Problem, ...]
) -> Inspection:
    parsed = Model(model)
    arena = ram = stateful = None
    needs_extended: tuple[Problem, ...] = ()
    if module is not None:
        needs_extended = tuple(unsupported(model, profile="strict"))
        with module.open() as session:
            arena, stateful = session.arena_needed, session.stateful
        ram = _guest_ram_bytes(module, arena)
    return Inspection(
        kind="model" if content is model else "module",
        file_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        model_bytes=len(model),
        profile="extended" if needs_extended else _smallest_profile(model, parsed),
        needs_extended=needs_extended,
        inputs=tuple(parsed.tensor(index) for index in parsed.inputs),
        outputs=tuple(parsed.tensor(index) for index in parsed.outputs),
        tensors=tuple(parsed.tensor(index) for index in range(parsed.tensor_count())),
        ops=tuple(read_ops(model)),
        problems=problems,
        arena_bytes=arena,
        ram_bytes=ram,
        stateful=stateful,
        fits=() if ram is None else tuple(_fit(board, len(model), ram) for board in known_boards()),
    )


def _guest_ram_bytes(module: Module, arena_bytes: int) -> int:
    """Return the linear memory of a module less its model, which stays in flash on a board."""
    heap_base = Block(module.parsed.initial_bytes(0, _abi.BLOCK_BYTES))["heap_base"]
    alignment = _abi.ALIGNMENT_BYTES
    return -(-heap_base // alignment) * alignment + arena_bytes


def _fit(board: Board, model_bytes: int, ram_bytes: int) -> Fit:
    return Fit(board, board.flash_bytes - model_bytes, board.ram_bytes - ram_bytes)


def _smallest_profile(model: bytes, parsed: Model) -> str | None:
    """Return the smallest profile whose limits the model keeps."""
    sizes = {"model_bytes": len(model), "input_bytes": parsed.input_bytes}
    for name, limits in _abi.PROFILES.items():
        if all(size <= limits[key] for key, size in sizes.items()):
            return name
    return None
