"""What all scenarios share: the module, its model, and how to load and run it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tflm_wasm._abi import BLOCK_BYTES, MAX_IO_TENSORS, Feature, Status
from tflm_wasm._block import align, place_arena
from tflm_wasm._check.layout import ADDRESSES, tensors
from tflm_wasm._check.sandbox import INVOKE, Sandbox

if TYPE_CHECKING:
    from tflm_wasm._block import Block, Descriptor
    from tflm_wasm._check.report import Ledger
    from tflm_wasm._compile import Compiled
    from tflm_wasm._limits import Limits

# For a model whose arena the block does not name: where the search begins.
FIRST_SCRATCH: Final = 64 * 1024
_MANY_SINCE: Final = 2  # the minor version

# One run: its status and the bytes of all outputs, packed.
Answer = tuple[int, bytes]


@dataclass
class Bench:
    """Makes instances and loads the model into them.

    Attributes:
        compiled: The module.
        limits: What a guest may use.
        ledger: Where outcomes go.
        model: The model to load; None for the embedded one.
        has_many: Whether the module exports invoke_many.
        static: The block before any call.
        scratch: The scratch_size to load the model with.
        room: Bytes wanted behind model and arena, for buffers of the host.
    """

    compiled: Compiled
    limits: Limits
    ledger: Ledger
    model: bytes | None
    has_many: bool = False
    static: Block = field(init=False)
    scratch: int = field(init=False)
    room: int = 0

    def read_static(self, block: Block) -> None:
        """Take over the block of a new instance."""
        self.static = block
        self.has_many = self.has_many and block["abi_minor"] >= _MANY_SINCE
        self.scratch = block["scratch_size"] if self.model is None else 0

    @property
    def has_model(self) -> bool:
        """Whether there is a model to load."""
        return self.model is not None or Feature.EMBEDDED_MODEL in self.static.features

    @property
    def model_ptr(self) -> int:
        """Where the model lies."""
        if self.model is None:
            return self.static["model_ptr"]
        return align(self.static["heap_base"])

    @property
    def model_size(self) -> int:
        """Bytes of the model."""
        return self.static["model_size"] if self.model is None else len(self.model)

    @property
    def heap_end(self) -> int:
        """The 16-byte aligned address behind model and arena."""
        model_end = self.model_ptr + self.model_size
        arena = place_arena(self.static["heap_base"], self.model_ptr, self.model_size, self.scratch)
        return align(max(arena + self.scratch, model_end))

    def new(self) -> Sandbox:
        """Return a new instance as it is."""
        return Sandbox(self.compiled, self.limits, self.ledger)

    def sandbox(self) -> Sandbox:
        """Return a new instance, the model in its place, with `room` behind it where possible."""
        sandbox = self.new()
        if self.has_model:
            end = self.heap_end
            fits = sandbox.make_room(end + self.room) or sandbox.make_room(end)
            detail = f"{end:,} bytes of memory are needed for model and arena"
            self.ledger.hold("init.accepts", ok=fits, detail=detail)
        if self.model is not None:
            sandbox.write(self.model_ptr, self.model)
        return sandbox

    def init(self, sandbox: Sandbox) -> int:
        """Init the model; return the status."""
        return sandbox.init(self.model_ptr, self.model_size, self.scratch)

    def load(self, sandbox: Sandbox) -> Sandbox:
        """Init the model, which has to succeed; return the instance."""
        status = self.init(sandbox)
        detail = f"{status_name(status)}: {sandbox.block().error_text}"
        self.ledger.hold("init.accepts", ok=status == Status.OK, detail=detail)
        return sandbox

    def loaded(self) -> Sandbox:
        """Return a new instance with the model loaded."""
        return self.load(self.sandbox())

    def expect(self, rule: str, status: int, wanted: Status, what: str) -> None:
        """Hold a status against the one that a rule asks for."""
        detail = f"{what}: {status_name(status)}, not {status_name(wanted)}"
        self.ledger.hold(rule, ok=status == wanted, detail=detail)


def status_name(status: int) -> str:
    """Return the table's name of a status."""
    return Status(status).name.lower() if status in list(Status) else str(status)


def _tensors(sandbox: Sandbox) -> tuple[list[Descriptor], list[Descriptor]]:
    """Return inputs and outputs, which may be others than in an instance that was checked."""
    block = sandbox.block()
    count = block["input_count"] + block["output_count"]
    sandbox.ledger.hold("descriptor.count", ok=count <= MAX_IO_TENSORS, detail=f"{count} tensors")
    inputs, outputs = tensors(block)
    for tensor in (*inputs, *outputs):
        end = tensor.address + tensor.bytes
        inside = tensor.address >= BLOCK_BYTES and end <= sandbox.size
        detail = f"[{tensor.address}, {end}), memory has {sandbox.size:,} bytes"
        sandbox.ledger.hold("descriptor.memory", ok=inside, detail=detail)
    return inputs, outputs


def put_input(sandbox: Sandbox, data: bytes) -> None:
    """Write packed inputs, each at its descriptor's address."""
    inputs, _ = _tensors(sandbox)
    start = 0
    for tensor in inputs:
        sandbox.write(tensor.address, data[start : start + tensor.bytes])
        start += tensor.bytes


def answer(sandbox: Sandbox, status: int) -> Answer:
    """Return a status with the outputs, each read at its descriptor's address."""
    if status != Status.OK:
        return status, b""
    _, outputs = _tensors(sandbox)
    return status, b"".join(sandbox.read(tensor.address, tensor.bytes) for tensor in outputs)


def run(sandbox: Sandbox, data: bytes) -> Answer:
    """Write packed inputs, invoke, read the outputs."""
    put_input(sandbox, data)
    return answer(sandbox, sandbox.call(INVOKE))


def run_moved_output(sandbox: Sandbox, data: bytes) -> Answer:
    """As `run`, reading the packed outputs at output_ptr, which the host moved."""
    put_input(sandbox, data)
    status = sandbox.call(INVOKE)
    block = sandbox.block()
    if status != Status.OK:
        return status, b""
    return status, sandbox.read(block["output_ptr"] % ADDRESSES, block["output_size"])
