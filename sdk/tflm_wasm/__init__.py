"""A TensorFlow Lite Micro model as one sandboxed WebAssembly module.

    import tflm_wasm

    module = tflm_wasm.build("model.tflite")
    module.save("model.wasm")
    with tflm_wasm.load("model.wasm") as session:
        (scores,) = session.run(features)

Importing this package loads neither the WebAssembly runtime nor a reference runtime; that happens
at the first use of a name that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tflm_wasm._build import build
    from tflm_wasm._device import Device
    from tflm_wasm._errors import (
        AbiError,
        ArenaTooSmallError,
        CompileTimeout,
        ContractError,
        DeviceRefusedError,
        DeviceStateError,
        EmulatorEnded,
        EmulatorError,
        EmulatorMissing,
        EmulatorTimeout,
        EngineMissingError,
        ExportError,
        FileError,
        FlashError,
        FlashTimeoutError,
        FlashWriteError,
        GuestError,
        GuestMemoryGrown,
        GuestStackOverflow,
        GuestStatusError,
        GuestTimeout,
        GuestTrap,
        ImageError,
        ImportsError,
        InputError,
        InputTooLargeError,
        InterpreterError,
        LimitsError,
        LinkError,
        LinkProtocolError,
        LinkTimeoutError,
        MalformedModelError,
        MalformedModuleError,
        ModelError,
        ModelLimitError,
        ModelTooLargeError,
        ModelVersionError,
        ModuleError,
        ModuleTooLargeError,
        NoActiveModelError,
        NoModelError,
        NotAllocatedError,
        NotProfilableError,
        OptionError,
        OracleCrashed,
        OracleError,
        OracleMissing,
        OracleRefused,
        ParameterError,
        PoolClosedError,
        PoolTimeoutError,
        PortBusyError,
        PortLostError,
        PortNotFoundError,
        PortPermissionError,
        ProbeNotFoundError,
        ProfileError,
        ResizeError,
        RunnerFailedError,
        RunnerMissingError,
        RunnerOptionError,
        RuntimeLibraryError,
        SandboxFault,
        SerialMissing,
        SessionClosedError,
        SessionDeadError,
        ShapeError,
        SignatureError,
        TensorAccessError,
        TensorIndexError,
        TensorValueError,
        TflmWasmError,
        UnknownFormatError,
        UnsupportedOpError,
        UnsupportedTypeError,
        UploadError,
        VerifyError,
        WrongDeviceError,
    )
    from tflm_wasm._interpreter import Interpreter
    from tflm_wasm._limits import Limits
    from tflm_wasm._load import load
    from tflm_wasm._module import Module
    from tflm_wasm._pool import Pool
    from tflm_wasm._profile import OpTime, Profile
    from tflm_wasm._session import Session
    from tflm_wasm._tensor import Tensor
    from tflm_wasm._version import __version__

# Public name -> private module that defines it, besides the errors.
_HOMES: Final = {
    "Device": "_device",
    "Interpreter": "_interpreter",
    "Limits": "_limits",
    "Module": "_module",
    "OpTime": "_profile",
    "Pool": "_pool",
    "Profile": "_profile",
    "Session": "_session",
    "Tensor": "_tensor",
    "__version__": "_version",
    "build": "_build",
    "load": "_load",
}

__all__ = [
    "AbiError",
    "ArenaTooSmallError",
    "CompileTimeout",
    "ContractError",
    "Device",
    "DeviceRefusedError",
    "DeviceStateError",
    "EmulatorEnded",
    "EmulatorError",
    "EmulatorMissing",
    "EmulatorTimeout",
    "EngineMissingError",
    "ExportError",
    "FileError",
    "FlashError",
    "FlashTimeoutError",
    "FlashWriteError",
    "GuestError",
    "GuestMemoryGrown",
    "GuestStackOverflow",
    "GuestStatusError",
    "GuestTimeout",
    "GuestTrap",
    "ImageError",
    "ImportsError",
    "InputError",
    "InputTooLargeError",
    "Interpreter",
    "InterpreterError",
    "Limits",
    "LimitsError",
    "LinkError",
    "LinkProtocolError",
    "LinkTimeoutError",
    "MalformedModelError",
    "MalformedModuleError",
    "ModelError",
    "ModelLimitError",
    "ModelTooLargeError",
    "ModelVersionError",
    "Module",
    "ModuleError",
    "ModuleTooLargeError",
    "NoActiveModelError",
    "NoModelError",
    "NotAllocatedError",
    "NotProfilableError",
    "OpTime",
    "OptionError",
    "OracleCrashed",
    "OracleError",
    "OracleMissing",
    "OracleRefused",
    "ParameterError",
    "Pool",
    "PoolClosedError",
    "PoolTimeoutError",
    "PortBusyError",
    "PortLostError",
    "PortNotFoundError",
    "PortPermissionError",
    "ProbeNotFoundError",
    "Profile",
    "ProfileError",
    "ResizeError",
    "RunnerFailedError",
    "RunnerMissingError",
    "RunnerOptionError",
    "RuntimeLibraryError",
    "SandboxFault",
    "SerialMissing",
    "Session",
    "SessionClosedError",
    "SessionDeadError",
    "ShapeError",
    "SignatureError",
    "Tensor",
    "TensorAccessError",
    "TensorIndexError",
    "TensorValueError",
    "TflmWasmError",
    "UnknownFormatError",
    "UnsupportedOpError",
    "UnsupportedTypeError",
    "UploadError",
    "VerifyError",
    "WrongDeviceError",
    "__version__",
    "build",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"tflm_wasm.{_HOMES.get(name, '_errors')}"), name)
    globals()[name] = value  # so that the next look-up is direct
    return value


def __dir__() -> list[str]:
    return __all__
