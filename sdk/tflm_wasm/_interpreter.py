"""The interface of ``tflite_runtime.interpreter.Interpreter`` over a session."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tflm_wasm._details import Details
from tflm_wasm._errors import (
    NotAllocatedError,
    OptionError,
    ResizeError,
    SignatureError,
    TensorAccessError,
    TensorValueError,
)
from tflm_wasm._limits import Limits
from tflm_wasm._load import as_module
from tflm_wasm._model import Signature
from tflm_wasm._session import Session
from tflm_wasm._signature import SignatureRunner
from tflm_wasm._tensor import ELEMENT_TYPES

_ALL: Final = slice(None)


class Interpreter:
    """A drop-in for ``tflite_runtime.interpreter.Interpreter``: change the import, keep the script.

    The model runs in the sandbox, with TFLM's results. What can't be the same is refused with a
    typed error instead of being ignored: delegates, resized inputs, intermediate tensors.
    `reset_all_variables` resets resource variables too, as TFLM does. Views from `tensor()` may be
    held across calls.

    Args:
        model_path: Path of a .tflite or a .wasm; told apart by content.
        model_content: Content of one.
        experimental_delegates: Must be empty.
        num_threads: At least 1; accepted and without effect, as a module has one thread.
        experimental_op_resolver_type: Accepted: every resolver would give TFLM's results.
        experimental_preserve_all_tensors: Must be false.
        experimental_disable_delegate_clustering: Accepted: there are no delegates.
        profile: "strict" (models to 128 KiB, inputs to 64 KiB) or "extended" (4 MiB, 1 MiB, and
            what TFLM lacks).
        limits: Bounds on memory and running time.

    Raises:
        OptionError: An argument can't be honoured.
        TflmWasmError: As `load`.
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None = None,
        model_content: bytes | None = None,
        experimental_delegates: Sequence[Any] | None = None,
        num_threads: int | None = None,
        experimental_op_resolver_type: Any = None,  # noqa: ARG002
        experimental_preserve_all_tensors: bool = False,  # noqa: FBT001, FBT002
        experimental_disable_delegate_clustering: bool = False,  # noqa: ARG002, FBT001, FBT002
        *,
        profile: str = "strict",
        limits: Limits | None = None,
    ) -> None:
        source = _one_of(model_path, model_content)
        _check_threads(num_threads)
        if experimental_delegates:
            raise OptionError("Delegates can't run inside a WebAssembly module")
        if experimental_preserve_all_tensors:
            raise OptionError("Intermediate tensors share the arena and are not preserved")
        self._session: Session = as_module(source, profile=profile).open(limits=limits)
        self._staged = {t.index: np.zeros(t.shape, t.dtype) for t in self._session.inputs}
        self._targets = {i: (array, array.dtype, array.shape) for i, array in self._staged.items()}
        others = (t for t in self._session.outputs if t.index not in self._staged)
        self._outputs = {t.index: t.view for t in others}
        # What each invoke copies: to an input in the module, what was set.
        self._copies = [(t.data, _raw(self._staged[t.index])) for t in self._session.inputs]
        self._allocated = False

    @cached_property
    def _details(self) -> Details:
        """Reading the model's description takes longer than opening it, and not everyone asks."""
        return Details(self._session)

    def allocate_tensors(self) -> None:
        """Make the tensors accessible. The arena was planned when the interpreter was made."""
        self._allocated = True

    def get_input_details(self) -> list[dict[str, Any]]:
        """Return a dict for each input, with the keys that `tflite_runtime` gives.

        `name`, `index`, `shape` and `shape_signature` (int32 arrays), `dtype` (a NumPy scalar
        type), `quantization` (scale, zero point; (0.0, 0) unless per tensor),
        `quantization_parameters` (`scales` float32, `zero_points` int32, `quantized_dimension`)
        and `sparsity_parameters` (empty).
        """
        return [self._details.of(tensor.index) for tensor in self._session.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """Return a dict for each output, as `get_input_details`."""
        return [self._details.of(tensor.index) for tensor in self._session.outputs]

    def get_tensor_details(self) -> list[dict[str, Any]]:
        """Return a dict for each tensor of the main subgraph, as `get_input_details`."""
        return [self._details.of(index) for index in self._details.indices]

    def set_tensor(self, tensor_index: int, value: ArrayLike) -> None:
        """Copy `value` into an input, where it stays until it is set again.

        Raises:
            TensorIndexError: There is no such tensor.
            TensorAccessError: It is not an input.
            TensorValueError: `value` has another dtype or shape.
            NotAllocatedError: `allocate_tensors()` was not called.
        """
        target = self._targets.get(tensor_index) if self._allocated else None
        if target is None:
            raise self._not_settable(tensor_index)
        staged, dtype, shape = target
        array = np.asarray(value)
        if array.dtype is not dtype or array.shape != shape:
            self._check_value(tensor_index, array, staged)
        staged[...] = array

    def _not_settable(self, index: int) -> NotAllocatedError | TensorAccessError:
        """Return why a tensor can't be set, when there is such a tensor."""
        if index not in self._staged:
            self._details.check(index)
        if not self._allocated:
            return NotAllocatedError(
                "Cannot set tensor: Tensor is unallocated. Try calling allocate_tensors() first"
            )
        return TensorAccessError(f"Cannot set tensor: tensor {index} is not an input", index=index)

    def _check_value(self, index: int, array: NDArray[Any], target: NDArray[Any]) -> None:
        if array.dtype != target.dtype:
            raise TensorValueError(
                f"Cannot set tensor: Got value of type {_type_name(array.dtype)} but expected "
                f"type {_type_name(target.dtype)} for input {index}, "
                f"name: {self._details.of(index)['name']} ",
                index=index,
            )
        if array.ndim != target.ndim:
            raise TensorValueError(
                f"Cannot set tensor: Dimension mismatch. Got {array.ndim} but expected "
                f"{target.ndim} for input {index}.",
                index=index,
            )
        for axis, (got, wanted) in enumerate(zip(array.shape, target.shape, strict=True)):
            if got != wanted:
                raise TensorValueError(
                    f"Cannot set tensor: Dimension mismatch. Got {got} but expected {wanted} "
                    f"for dimension {axis} of input {index}.",
                    index=index,
                )

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> NDArray[Any]:
        """Return a copy of an input, an output or a constant.

        Raises:
            TensorIndexError: There is no such tensor.
            TensorAccessError: It is an intermediate tensor, or in another subgraph.
            NotAllocatedError: `allocate_tensors()` was not called.
        """
        if subgraph_index != 0:
            raise TensorAccessError(
                f"Tensors of subgraph {subgraph_index} are not accessible", index=tensor_index
            )
        view = self._outputs.get(tensor_index) if self._allocated else None
        return (self._view(tensor_index) if view is None else view).copy()

    def tensor(self, tensor_index: int) -> Callable[[], NDArray[Any]]:
        """Return a function that returns a view of an input, an output or a constant.

        A view of an input can be written; what it holds goes in at each invoke.

        Raises (when the function is called):
            TflmWasmError: As `get_tensor`.
        """
        return lambda: self._view(tensor_index)

    def _view(self, index: int) -> NDArray[Any]:
        view = self._staged.get(index, self._outputs.get(index))
        if view is None:
            self._details.check(index)
            view = self._details.constant(index)
            if view is not None:
                return view
        if not self._allocated:
            raise NotAllocatedError("Tensor data is null. Run allocate_tensors() first")
        if view is not None:
            return view
        raise TensorAccessError(
            f"Tensor {index} is an intermediate one: its bytes are not kept", index=index
        )

    def invoke(self) -> None:
        """Run the model once on the inputs that were set.

        Raises:
            NotAllocatedError: `allocate_tensors()` was not called.
            TflmWasmError: As `Session.invoke`.
        """
        if not self._allocated:
            raise NotAllocatedError("Invoke called on model that is not ready.")
        for view, staged in self._copies:
            view[_ALL] = staged
        self._session.invoke()

    def reset_all_variables(self) -> None:
        """Return variable tensors and resource variables to their initial state."""
        self._session.reset()

    def resize_tensor_input(
        self,
        input_index: int,
        tensor_size: Sequence[int],
        strict: bool = False,  # noqa: ARG002, FBT001, FBT002
    ) -> None:
        """Accept the shape that the input has anyway.

        Raises:
            ResizeError: `tensor_size` is another shape.
        """
        self._details.check(input_index)
        shape = tuple(int(size) for size in tensor_size)
        target = self._staged.get(input_index)
        if target is None or target.shape != shape:
            now = "not an input" if target is None else f"{target.shape}"
            raise ResizeError(f"Tensor {input_index} is {now} and can't become {shape}")

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """Return the names of inputs and outputs of each signature of the model."""
        return {
            key: {"inputs": list(one.inputs), "outputs": list(one.outputs)}
            for key, one in self._signatures.items()
        }

    def get_signature_runner(self, signature_key: str | None = None) -> SignatureRunner:
        """Return a callable that takes and returns arrays by name.

        Args:
            signature_key: May be left out when the model has exactly one signature.

        Raises:
            SignatureError: There is no such signature, or it is not the main subgraph's.
        """
        signatures = self._signatures
        if signature_key is None:
            if len(signatures) != 1:
                raise SignatureError(
                    f"SignatureDef signature_key is None and model has {len(signatures)} "
                    "Signatures. None is only allowed when the model has 1 SignatureDef"
                )
            signature_key = next(iter(signatures))
        if signature_key not in signatures:
            raise SignatureError("Invalid signature_key provided.")
        signature = signatures[signature_key]
        if signature.subgraph != 0:
            raise SignatureError(f"Signature '{signature_key}' is not the main subgraph's")
        return SignatureRunner(self, signature)

    @property
    def _signatures(self) -> dict[str, Signature]:
        model = self._session.module.description
        return {} if model is None else model.signatures


def _one_of(
    path: str | os.PathLike[str] | None, content: bytes | None
) -> str | os.PathLike[str] | bytes:
    if path and content:
        raise OptionError("Can't both provide `model_path` and `model_content`")
    if content:
        return content
    if path:
        return path
    raise OptionError(
        "`model_path` or `model_content` must be specified.", hint="Pass one of the two."
    )


def _check_threads(num_threads: int | None) -> None:
    if num_threads is None:
        return
    if not isinstance(num_threads, int):
        raise OptionError("type of num_threads should be int")
    if num_threads < 1:
        raise OptionError("num_threads should >= 1")


def _raw(array: NDArray[Any]) -> memoryview:
    """Return a view of the bytes of an array without gaps; copying between two is fast."""
    return array.reshape(-1).view(np.uint8).data


def _type_name(dtype: np.dtype[Any]) -> str:
    """Return the schema's name of a dtype, such as INT8."""
    types = ELEMENT_TYPES.values()
    return next((name for name, one, _ in types if np.dtype(one).type is dtype.type), "NOTYPE")
