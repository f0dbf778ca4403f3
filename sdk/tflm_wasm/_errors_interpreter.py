"""Exceptions about the TensorFlow Lite interface: a branch of the tree drawn in `_errors`."""

from __future__ import annotations

from tflm_wasm._errors_base import TflmWasmError


class InterpreterError(TflmWasmError, ValueError):
    """Wrong use of the TensorFlow Lite interpreter interface."""

    default_hint = "See the tensors with `interpreter.get_tensor_details()`."


class TensorIndexError(InterpreterError):
    """There is no tensor with this index."""

    index: int


class TensorValueError(InterpreterError):
    """The value does not fit the tensor's type or shape."""

    default_hint = "Convert it first: `value.astype(detail['dtype']).reshape(detail['shape'])`."
    index: int


class TensorAccessError(InterpreterError):
    """The tensor's bytes can't be reached from outside the module."""

    default_hint = "Cut the model at an intermediate tensor to see it, then `tflm-wasm verify`."
    index: int


class ResizeError(InterpreterError):
    """A model's shapes are fixed when its module is built."""

    default_hint = "Convert the model again with the shape you need, then `tflm-wasm build MODEL`."


class OptionError(InterpreterError):
    """An argument would not be honoured, so it is refused."""

    default_hint = "Leave the argument out."


class SignatureError(InterpreterError):
    """There is no such signature, or its arguments are wrong."""

    default_hint = "See the signatures with `interpreter.get_signature_list()`."


class NotAllocatedError(InterpreterError, RuntimeError):
    """`allocate_tensors()` must come first."""

    default_hint = "Call `interpreter.allocate_tensors()`."
