"""Every exception of this package.

TflmWasmError
├── EngineMissingError            the package was installed without its compiled engine
├── RuntimeLibraryError           wasmtime is missing, or of a version that is not known
├── LimitsError                   a bound in `Limits` makes no sense              (ValueError)
├── ProfileError                  the profile is unknown, or was not opted into   (ValueError)
├── FileError                     a file can't be read or written                 (OSError)
├── UnknownFormatError            neither a .tflite nor a .wasm                   (ValueError)
├── ModelError                    the model can't be used                         (ValueError)
│   ├── MalformedModelError       not a well-formed TensorFlow Lite flatbuffer
│   ├── ModelVersionError         an unknown schema version or file identifier
│   ├── UnsupportedOpError        an operator the engine lacks
│   ├── UnsupportedTypeError      an operator lacks a tensor's type
│   ├── ShapeError                tensor shapes that do not fit together
│   ├── ParameterError            options or quantization out of range
│   ├── ModelLimitError           more tensors, dimensions or nesting than handled
│   ├── ModelTooLargeError        over the profile's limit on the model
│   └── InputTooLargeError        over the profile's limit on the inputs
├── ArenaTooSmallError            the tensor arena can't hold the model
├── ModuleError                   the .wasm can't be used                         (ValueError)
│   ├── MalformedModuleError      not a well-formed WebAssembly binary
│   ├── ModuleTooLargeError       over a bound of `Limits`
│   ├── CompileTimeout            it takes too long to compile
│   ├── ImportsError              it imports something
│   ├── ExportError               an export is missing or has another type
│   ├── AbiError                  it does not speak this ABI
│   └── NoModelError              no model is embedded in it
├── GuestError                    a call into the guest failed
│   ├── GuestStatusError          it returned a status code other than ok
│   ├── GuestTrap                 it trapped
│   │   └── SandboxFault          the sandbox of a board stopped it
│   ├── GuestTimeout              it ran longer than allowed
│   ├── GuestStackOverflow        its C stack ran into the control block
│   ├── GuestMemoryGrown          it grew its memory during a call
│   └── ContractError             it broke a rule of the ABI
├── NotProfilableError            it can't run single operators, so they can't be timed
├── SessionClosedError            the session was closed
├── SessionDeadError              an earlier failure ended the session
├── PoolTimeoutError              all sessions of a pool stayed in use                (TimeoutError)
├── PoolClosedError               the pool was closed
├── InputError                    an array does not fit an input                  (ValueError)
├── InterpreterError              wrong use of the TFLite interface               (ValueError)
│   ├── TensorIndexError          no such tensor
│   ├── TensorValueError          a value that does not fit its tensor
│   ├── TensorAccessError         a tensor that can't be read or written
│   ├── ResizeError               an input can't be resized
│   ├── OptionError               an option that would not be honoured
│   ├── SignatureError            no such signature, or wrong arguments for it
│   └── NotAllocatedError         allocate_tensors() was not called               (RuntimeError)
├── OracleError                   a reference runtime
│   ├── OracleMissing             it is not installed
│   ├── OracleRefused             it does not accept the model
│   └── OracleCrashed             its process died
├── LinkError                     talking to a board failed
│   ├── SerialMissing             pyserial is not installed
│   ├── PortNotFoundError         there is no such port
│   ├── PortBusyError             someone else holds it
│   ├── PortPermissionError       the user may not open it
│   ├── PortLostError             it went away while in use
│   ├── WrongDeviceError          what is there is not the board
│   ├── LinkTimeoutError          no answer before the deadline               (TimeoutError)
│   ├── LinkProtocolError         an answer that makes no sense
│   ├── DeviceRefusedError        the board says no
│   ├── NoActiveModelError        no model runs on the board
│   ├── DeviceStateError          the state of a stateful model is lost
│   └── UploadError               a model did not get there whole
├── EmulatorError                 emulating a board failed
│   ├── EmulatorMissing           the emulator is not installed
│   ├── EmulatorEnded             its process is gone
│   └── EmulatorTimeout           it does not answer                          (TimeoutError)
└── FlashError                    writing firmware to a board failed
    ├── RunnerOptionError         an option of a runner makes no sense        (ValueError)
    ├── RunnerMissingError        the program that writes is not installed
    ├── ImageError                the image can't be used on the board        (ValueError)
    ├── ProbeNotFoundError        no such probe, GDB server or drive
    ├── RunnerFailedError         the program that writes failed
    ├── FlashTimeoutError         it takes too long                           (TimeoutError)
    ├── FlashWriteError           the image did not get there whole
    └── VerifyError               the board holds something else

Each error has a `hint`, one sentence that ends with what to do next, and typed fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tflm_wasm._errors_base import TflmWasmError as TflmWasmError
from tflm_wasm._errors_host import PoolClosedError as PoolClosedError
from tflm_wasm._errors_host import PoolTimeoutError as PoolTimeoutError
from tflm_wasm._errors_host import RuntimeLibraryError as RuntimeLibraryError

if TYPE_CHECKING:
    from tflm_wasm._abi import Status
    from tflm_wasm._errors_board import EmulatorEnded as EmulatorEnded
    from tflm_wasm._errors_board import EmulatorError as EmulatorError
    from tflm_wasm._errors_board import EmulatorMissing as EmulatorMissing
    from tflm_wasm._errors_board import EmulatorTimeout as EmulatorTimeout
    from tflm_wasm._errors_board import FlashError as FlashError
    from tflm_wasm._errors_board import FlashTimeoutError as FlashTimeoutError
    from tflm_wasm._errors_board import FlashWriteError as FlashWriteError
    from tflm_wasm._errors_board import ImageError as ImageError
    from tflm_wasm._errors_board import ProbeNotFoundError as ProbeNotFoundError
    from tflm_wasm._errors_board import RunnerFailedError as RunnerFailedError
    from tflm_wasm._errors_board import RunnerMissingError as RunnerMissingError
    from tflm_wasm._errors_board import RunnerOptionError as RunnerOptionError
    from tflm_wasm._errors_board import VerifyError as VerifyError
    from tflm_wasm._errors_interpreter import InterpreterError as InterpreterError
    from tflm_wasm._errors_interpreter import NotAllocatedError as NotAllocatedError
    from tflm_wasm._errors_interpreter import OptionError as OptionError
    from tflm_wasm._errors_interpreter import ResizeError as ResizeError
    from tflm_wasm._errors_interpreter import SignatureError as SignatureError
    from tflm_wasm._errors_interpreter import TensorAccessError as TensorAccessError
    from tflm_wasm._errors_interpreter import TensorIndexError as TensorIndexError
    from tflm_wasm._errors_interpreter import TensorValueError as TensorValueError
    from tflm_wasm._errors_link import DeviceRefusedError as DeviceRefusedError
    from tflm_wasm._errors_link import DeviceStateError as DeviceStateError
    from tflm_wasm._errors_link import LinkError as LinkError
    from tflm_wasm._errors_link import LinkProtocolError as LinkProtocolError
    from tflm_wasm._errors_link import LinkTimeoutError as LinkTimeoutError
    from tflm_wasm._errors_link import NoActiveModelError as NoActiveModelError
    from tflm_wasm._errors_link import PortBusyError as PortBusyError
    from tflm_wasm._errors_link import PortLostError as PortLostError
    from tflm_wasm._errors_link import PortNotFoundError as PortNotFoundError
    from tflm_wasm._errors_link import PortPermissionError as PortPermissionError
    from tflm_wasm._errors_link import SerialMissing as SerialMissing
    from tflm_wasm._errors_link import UploadError as UploadError
    from tflm_wasm._errors_link import WrongDeviceError as WrongDeviceError
    from tflm_wasm._errors_oracle import OracleCrashed as OracleCrashed
    from tflm_wasm._errors_oracle import OracleError as OracleError
    from tflm_wasm._errors_oracle import OracleMissing as OracleMissing
    from tflm_wasm._errors_oracle import OracleRefused as OracleRefused
else:

    def __getattr__(name):
        """Import a branch of the tree when it is asked for: opening a module needs none of these.

        mypy does not see this, so that a name that is nowhere stays an error.
        """
        from importlib import import_module

        if not name.startswith("_"):
            for branch in ("interpreter", "link", "board", "oracle"):
                module = import_module(f"tflm_wasm._errors_{branch}")
                if name in vars(module):
                    return getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class EngineMissingError(TflmWasmError):
    """The package holds no engine.wasm: the build hook did not run."""

    default_hint = (
        "In a checkout, run `pip install -e .`; otherwise `pip install --force-reinstall "
        "tflm-wasm`."
    )


class LimitsError(TflmWasmError, ValueError):
    """A bound in `Limits` makes no sense."""

    default_hint = "Pass a positive number, or leave the default: `Limits()`."


class ProfileError(TflmWasmError, ValueError):
    """The profile is unknown, or the module needs one that was not opted into."""

    default_hint = 'Pass profile="extended" (on the command line: `--profile extended`).'
    profile: str


class FileError(TflmWasmError, OSError):
    """A file can't be read or written."""

    default_hint = "Check the path and its permissions with `ls -l`."
    path: str


class UnknownFormatError(TflmWasmError, ValueError):
    """The content is neither a TensorFlow Lite model nor a WebAssembly module."""

    default_hint = "Pass a .tflite file, or a .wasm made by `tflm-wasm build`."


class ModelError(TflmWasmError, ValueError):
    """The model can't be used.

    Attributes:
        status: The engine's status code, or None when the host found out first.
        op_index: Index of the operator the error is about, or None.
        subgraph_index: Index of that operator's subgraph, or None.
    """

    default_hint = "See which operators are the problem with `tflm-wasm inspect MODEL`."
    status: Status | None = None
    op_index: int | None = None
    subgraph_index: int | None = None


class MalformedModelError(ModelError):
    """The bytes are not a well-formed TensorFlow Lite flatbuffer."""

    default_hint = (
        "The file may be truncated or not a model: convert or download it again, then "
        "`tflm-wasm inspect MODEL`."
    )


class ModelVersionError(ModelError):
    """The schema version or the file identifier is not supported."""

    default_hint = (
        "Convert the model again with a current TensorFlow Lite converter, then `tflm-wasm "
        "inspect MODEL`."
    )


class UnsupportedOpError(ModelError):
    """The model uses an operator the engine does not have."""


class UnsupportedTypeError(ModelError):
    """An operator does not support the type of one of its tensors."""


class ShapeError(ModelError):
    """The shapes of an operator's tensors do not fit together."""


class ParameterError(ModelError):
    """An operator's options or quantization parameters are missing or out of range."""


class ModelLimitError(ModelError):
    """The model has more inputs, dimensions, subgraphs or nesting than the engine handles."""


class ModelTooLargeError(ModelError):
    """The model is larger than its profile allows; sizes in bytes."""

    default_hint = (
        'Prune or quantize the model, or build with profile="extended" (`tflm-wasm build '
        "--profile extended`)."
    )
    size: int
    limit: int


class InputTooLargeError(ModelError):
    """All inputs together are larger than the profile allows; sizes in bytes, or None."""

    default_hint = (
        'Feed the model smaller inputs, or build with profile="extended" (`tflm-wasm build '
        "--profile extended`)."
    )
    size: int | None = None
    limit: int


class ArenaTooSmallError(TflmWasmError, ValueError):
    """The tensor arena can't hold the model; sizes in bytes."""

    default_hint = (
        "Leave arena_bytes out to get exactly what is needed, or see `tflm-wasm inspect MODEL`."
    )
    needed: int
    available: int


class ModuleError(TflmWasmError, ValueError):
    """The WebAssembly module can't be used; `rule` is the ABI's name of the rule it breaks."""

    default_hint = "See which rules it breaks with `tflm-wasm check MODULE`."
    rule: str | None = None


class MalformedModuleError(ModuleError):
    """Not a well-formed WebAssembly binary; `offset` is where that shows, in bytes."""

    offset: int | None = None


class ModuleTooLargeError(ModuleError):
    """The module, its code or its memory is over a bound of `Limits`; sizes in bytes."""

    default_hint = "If you trust the module, raise the bound: `load(path, limits=Limits(...))`."
    what: str
    size: int
    limit: int


class CompileTimeout(ModuleError):
    """Compiling the module took longer than `time_s` seconds and was stopped."""

    default_hint = "If you trust it, allow more: `load(path, limits=Limits(compile_s=300))`."
    time_s: float


class ImportsError(ModuleError):
    """The module imports something; a sandboxed model needs nothing from its host."""

    imports: tuple[str, ...]


class ExportError(ModuleError):
    """An export is missing or has another type than the ABI says."""

    name: str
    expected: str
    found: str | None


class AbiError(ModuleError):
    """The control block's magic or version says that the module does not speak this ABI."""


class NoModelError(ModuleError):
    """The module holds no model, so there is nothing to run."""

    default_hint = "Put a model into it with `tflm-wasm build MODEL`."


class GuestError(TflmWasmError):
    """A call into the guest failed."""

    default_hint = "See which rules the module breaks with `tflm-wasm check MODULE`."


class GuestStatusError(GuestError):
    """The guest returned a status other than ok; its session can be used further.

    `frame` is the index of the frame that failed, in a call with many.
    """

    status: Status
    frame: int | None = None
    op_index: int | None = None
    subgraph_index: int | None = None


class GuestTrap(GuestError):
    """The guest trapped; `kind` is the trap's name, such as `memory_out_of_bounds`."""

    kind: str


class SandboxFault(GuestTrap):
    """The sandbox of a board stopped the guest, which was started again; `address` in its memory.

    `kind` is one of read, write, execute, stack, timeout, trap, other.
    """

    default_hint = "Run the same input on the host, where it traps too: `tflm-wasm run MODULE`."
    address: int


class GuestTimeout(GuestError):
    """A call ran longer than `time_s` seconds and was stopped."""

    default_hint = "If the model needs the time, allow it: `load(path, limits=Limits(time_s=60))`."
    time_s: float


class GuestStackOverflow(GuestError):
    """The guest's C stack ran into the control block, or its WebAssembly stack ran out."""


class GuestMemoryGrown(GuestError):
    """The guest grew its memory during a call, which the ABI forbids; sizes in bytes."""

    before: int
    after: int


class ContractError(GuestError):
    """The guest broke a rule of the ABI; `rule` is its name there, such as `output.range`."""

    rule: str


class NotProfilableError(TflmWasmError):
    """A module, or the firmware of a board, can't run single operators, so they can't be timed.

    `abi` is the version of the ABI that it speaks, as (major, minor).
    """

    default_hint = (
        "Build the module again: `tflm-wasm build MODEL`; for a board its firmware, too, and "
        "`tflm-wasm flash` it."
    )
    abi: tuple[int, int]


class SessionClosedError(TflmWasmError):
    """The session was closed."""

    default_hint = "Open a new one: `tflm_wasm.load(path)`."


class SessionDeadError(TflmWasmError):
    """An earlier failure ended the session; it is this error's `__cause__`."""

    default_hint = "Start over from a fresh instance: `session.reopen()`."


class InputError(TflmWasmError, ValueError):
    """An array does not fit an input of the model; nothing was written."""

    default_hint = "See the shapes and types with `tflm-wasm inspect MODEL`."
