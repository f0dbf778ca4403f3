"""One running instance of one module."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from tflm_wasm import _abi, _contract
from tflm_wasm._arrays import write_arrays, write_bytes
from tflm_wasm._block import Block
from tflm_wasm._compile import compile_within
from tflm_wasm._errors import (
    GuestError,
    GuestStatusError,
    ModuleTooLargeError,
    SessionClosedError,
    SessionDeadError,
)
from tflm_wasm._guest import Guest
from tflm_wasm._invoke import make_invoke
from tflm_wasm._limits import DEFAULT_LIMITS, Limits
from tflm_wasm._module import Module
from tflm_wasm._tensor import Tensor, tensors_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from numpy.typing import ArrayLike, NDArray

    from tflm_wasm._batch import Batch, Loop, Out
    from tflm_wasm._block import Descriptor
    from tflm_wasm._profile import Profile


class _Instance(NamedTuple):
    """What exists only while the session lives."""

    guest: Guest
    block: Block
    fixture: _contract.Fixture
    invoke: Callable[[], None]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Session:
    """A module with its model loaded, ready to run: for one thread at a time.

    After a trap, a timeout or a broken rule the guest's memory can't be trusted, so the session is
    dead: `reopen()` starts over. Views of inputs and outputs stay safe to touch even then.

    Args:
        module: The module.
        limits: Bounds on memory and running time; the defaults suit the profiles.

    Raises:
        ModuleError: The module does not instantiate.
        ModelError, ArenaTooSmallError: Its engine does not accept its model.
        GuestError: Its init trapped, hung or broke a rule of the ABI.
    """

    def __init__(self, module: Module, *, limits: Limits | None = None) -> None:
        self._module = module
        self._limits = limits or DEFAULT_LIMITS
        self._compiled = compile_within(module.parsed, self._limits)
        self._instance: _Instance | None = None
        self._many: Batch | Loop | None = None
        self._making = threading.Lock()
        self._death: Exception | None = None
        self._closed = False
        self.reopen()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "dead" if self._instance is None else "open"
        return f"<Session {state} {self._module!r}>"

    def reopen(self) -> None:
        """Start over with a fresh instance, also when the session is closed or dead.

        `inputs` and `outputs` are then new; old views keep the old memory.

        Raises:
            TflmWasmError: As the constructor.
        """
        self._instance = self._many = None
        guest = Guest(self._compiled, self._limits)
        block = Block(guest.memory)
        if block.has(_abi.Feature.INITIALISED):
            _contract.check_loaded(block, len(guest.memory))
        else:
            load_model(guest, block)
        inputs, outputs = _contract.descriptors(block, len(guest.memory))
        fixture = _contract.Fixture(block, outputs, len(guest.memory))
        self._instance = _Instance(
            guest=guest,
            block=block,
            fixture=fixture,
            invoke=make_invoke(guest, block, fixture),
            inputs=self._tensors(inputs, guest.memory),
            outputs=self._tensors(outputs, guest.memory.toreadonly()),
        )
        self._death, self._closed = None, False

    def _tensors(self, described: list[Descriptor], memory: memoryview) -> tuple[Tensor, ...]:
        parts = [memory[one.address : one.address + one.bytes] for one in described]
        return tensors_of(described, parts, self._module.tensor_name)

    def close(self) -> None:
        """Free the instance, or do nothing when it is. Views that are still held stay valid."""
        self._instance = self._many = None
        self._closed = True

    @property
    def _is_open(self) -> bool:
        """Whether it can run: it is neither closed nor dead."""
        return self._instance is not None

    @property
    def module(self) -> Module:
        """The module that runs here."""
        return self._module

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The model's inputs, in the model's order."""
        return self._live().inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The model's outputs, in the model's order."""
        return self._live().outputs

    @property
    def arena_used(self) -> int:
        """Bytes of the tensor arena in use."""
        return self._live().block["arena_used"]

    @property
    def arena_needed(self) -> int:
        """Smallest arena that holds this model, in bytes."""
        return self._live().block["arena_needed"]

    @property
    def stateful(self) -> bool:
        """Whether an invoke depends on earlier ones."""
        return self._live().block.has(_abi.Feature.STATEFUL)

    def invoke(self) -> None:
        """Run the model once, on what the views of the inputs hold.

        Raises:
            GuestStatusError: The engine says no; the session can be used further.
            GuestTrap, GuestTimeout, GuestStackOverflow, GuestMemoryGrown, ContractError: The guest
                misbehaved; the session is dead.
            SessionClosedError, SessionDeadError: There is no instance to run.
        """
        instance = self._instance or self._live()
        try:
            instance.invoke()
        except GuestError as error:
            self._note(error)
            raise

    def reset(self) -> None:
        """Return variable tensors and resource variables to their state after opening.

        Raises:
            TflmWasmError: As `invoke`.
        """
        guest, block, fixture, *_ = self._live()
        with self._noting(), guest.lock:
            status = guest.enter(guest.function("tflm_wasm_reset"))
            fixture.settle(block, status, has_outputs=False)

    def run(self, *arrays: ArrayLike) -> tuple[NDArray[Any], ...]:
        """Copy the inputs in, run once, and return copies of the outputs.

        Args:
            arrays: One array for each input, of exactly its shape and dtype.

        Raises:
            InputError: An array does not fit; nothing was run.
            TflmWasmError: As `invoke`.
        """
        instance = self._instance or self._live()
        write_arrays(instance.inputs, arrays)
        try:
            instance.invoke()
        except GuestError as error:
            self._note(error)
            raise
        return tuple([tensor.view.copy() for tensor in instance.outputs])

    def run_bytes(self, *inputs: ReadableBuffer) -> tuple[bytes, ...]:
        """Run once, as `run`, on bytes: what `Tensor.data` of each input is to hold.

        NumPy is not needed and not imported, which is most of what a fresh process waits for.

        Args:
            inputs: For each input a bytes-like object of its size, elements in little-endian order.

        Returns:
            The bytes of each output.

        Raises:
            InputError: An input has another size; nothing was run.
            TflmWasmError: As `invoke`.
        """
        instance = self._live()
        write_bytes(instance.inputs, inputs)
        self.invoke()
        return tuple([tensor.data.tobytes() for tensor in instance.outputs])

    def invoke_many(self, *frames: ArrayLike, out: Out = None) -> tuple[NDArray[Any], ...]:
        """Run frame after frame, a stateful model with its state, in as few calls as can be.

        The outputs are, bit for bit, those of as many calls of `run`. `inputs` and `outputs` then
        hold anything.

        Args:
            frames: One array for each input, of its dtype and shape (frames, *its shape).
            out: Where the outputs go: an array without gaps for each output, of its dtype and shape
                (frames, *its shape), or that array alone when there is one output.

        Returns:
            An array for each output, of shape (frames, *its shape); `out`, when it was given.

        Raises:
            InputError: An array does not fit; nothing was run.
            GuestStatusError: The engine says no; its field `frame` says to which frame. `out` holds
                the outputs of the frames before it.
            TflmWasmError: As `invoke`.
        """
        from tflm_wasm._batch import prepare  # a single run needs nothing of it

        instance = self._live()
        job = prepare(instance.inputs, instance.outputs, frames, out)
        with self._noting():
            with self._making:  # threads share what is made: it takes their turns
                if self._many is None:
                    self._many = self._make_many(instance)
                many = self._many
            return many.run(job)

    def _make_many(self, instance: _Instance) -> Batch | Loop:
        from tflm_wasm._batch import EXPORT, SINCE, Batch, Loop

        has_function = self._module.parsed.signature(EXPORT) is not None
        if has_function and instance.block["abi_minor"] >= SINCE:
            try:
                return Batch(*instance[:3], self._limits.time_s)
            except ModuleTooLargeError:
                pass  # no room for a buffer
        return Loop(partial(_run, instance))

    def profile(self, *arrays: ArrayLike) -> Profile:
        """Run once, as `run`, and time each operator by itself; `outputs` then hold the outputs.

        Each operator is a call of its own, run once. What such a call costs is measured beside each
        and taken off. Single times scatter by some µs: see `Profile.median`.

        Args:
            arrays: One array for each input, of exactly its shape and dtype.

        Raises:
            NotProfilableError: The module speaks ABI 1.0; nothing was run.
            InputError: An array does not fit; nothing was run.
            TflmWasmError: As `invoke`. The state of a stateful model is then undefined until reset.
        """
        from tflm_wasm._profile import NS_HZ, collect, middle, operators

        instance = self._live()
        block = instance.block
        count = operators(block)
        write_arrays(instance.inputs, arrays)
        if count == 0:
            self.invoke()
        timed: list[tuple[int, int]] = []
        empty: list[int] = []
        self._warm_up()
        for first in range(count):
            is_last = first + 1 == count
            timed.append((self._step(first, first + 1, is_last=is_last), block["op_code"]))
            empty.append(self._step(first + 1, first + 1, is_last=is_last))
        return collect(timed, middle(empty) if empty else 0, NS_HZ, self._module.model)

    def _warm_up(self) -> None:
        """Make a call that the module refuses, so that the first operator is not timed cold."""
        try:
            self._step(1, 0, is_last=False)
        except GuestStatusError as error:
            if error.status is not _abi.Status.STATE:
                raise

    def _step(self, first: int, end: int, *, is_last: bool) -> int:
        """Run the operators [first, end); return nanoseconds."""
        guest, block, fixture, *_ = self._live()
        with self._noting(), guest.lock:
            block["op_first"], block["op_end"] = first, end
            started = time.perf_counter_ns()
            try:
                status = guest.enter(guest.function("wasm_invoke"))
            finally:
                took = time.perf_counter_ns() - started
                block["op_first"] = block["op_end"] = 0
            fixture.settle(block, status, has_outputs=is_last)
        return took

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except GuestError as error:
            self._note(error)
            raise

    def _note(self, error: GuestError) -> None:
        """End the session unless the guest merely said no."""
        if not isinstance(error, GuestStatusError):
            # A copy, because the original refers to frames and so to the guest's memory.
            self._instance, self._many, self._death = None, None, copy.copy(error)

    def _live(self) -> _Instance:
        if self._instance is not None:
            return self._instance
        if self._closed:
            raise SessionClosedError("The session is closed")
        raise SessionDeadError("The session ended with an earlier failure") from self._death


def _run(instance: _Instance, *arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Run once; return the views of the outputs."""
    write_arrays(instance.inputs, arrays)
    instance.invoke()
    return tuple(tensor.view for tensor in instance.outputs)


def load_model(guest: Guest, block: Block) -> None:
    """Run init on the model that the block names, and check what it left.

    Raises:
        ModelError, ArenaTooSmallError: The engine does not accept the model.
        GuestError: The guest misbehaved.
    """
    before = block.copy()
    passed = block["model_ptr"], block["model_size"], block["scratch_size"]
    returned = guest.call("tflm_wasm_init", *passed)
    status = _contract.check_status(block, returned or 0)
    if status is not _abi.Status.OK:
        from tflm_wasm._status import init_error

        raise init_error(status, block, passed[2])
    _contract.check_init(before, block, passed)
