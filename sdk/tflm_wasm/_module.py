"""A model inside a WebAssembly module, as bytes: checked, not yet running."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from typing import TYPE_CHECKING

from tflm_wasm import _abi
from tflm_wasm._admission import admit, check_block
from tflm_wasm._block import Block
from tflm_wasm._errors import ModuleTooLargeError
from tflm_wasm._files import read_up_to, write_file
from tflm_wasm._limits import Limits
from tflm_wasm._wasm import WasmModule

if TYPE_CHECKING:
    from tflm_wasm._model import Model
    from tflm_wasm._session import Session


class Module:
    """A WebAssembly module with a model in it, made by `build` or read from a file.

    Args:
        wasm: The binary.
        profile: The profile that the caller opts into; a strict module is fine with either.

    Raises:
        ModuleError: The binary breaks a rule of the ABI that shows without running it.
        ProfileError: It is an extended module and `profile` is "strict".
    """

    def __init__(self, wasm: bytes, *, profile: str = "strict") -> None:
        self.parsed: WasmModule = admit(bytes(wasm))
        self._block = Block(self.parsed.initial_bytes(0, _abi.BLOCK_BYTES))
        check_block(self._block, profile, self.parsed.memories[0].minimum_bytes)

    def __repr__(self) -> str:
        return f"<Module {self.digest[:12]} {self.profile} {self.parsed.size:,} bytes>"

    @classmethod
    def read(cls, source: str | os.PathLike[str] | bytes, *, profile: str = "strict") -> Module:
        """Return the module in a file or in bytes.

        Raises:
            FileError: The file can't be read.
            ModuleError, ProfileError: As the constructor.
        """
        if isinstance(source, bytes | bytearray | memoryview):
            return cls(bytes(source), profile=profile)
        limit = Limits().module_bytes
        wasm = read_up_to(source, limit + 1)
        if len(wasm) > limit:
            raise ModuleTooLargeError(
                f"'{os.fspath(source)}' has more than {limit:,} bytes",
                what="file",
                size=len(wasm),
                limit=limit,
                rule="module.size",
            )
        return cls(wasm, profile=profile)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the module to a file, as a whole or not at all.

        Raises:
            FileError: It can't be written.
        """
        write_file(path, self.wasm)

    def open(self, *, limits: Limits | None = None) -> Session:
        """Return a running instance; the module's own profile counts as opted into.

        Raises:
            TflmWasmError: As `Session`.
        """
        from tflm_wasm._session import Session

        return Session(self, limits=limits)

    @property
    def wasm(self) -> bytes:
        """The binary, put together from what modules of one engine share and the rest."""
        return self.parsed.to_bytes()

    @property
    def profile(self) -> str:
        """`"strict"` or `"extended"`."""
        return "extended" if self._block.has(_abi.Feature.EXTENDED) else "strict"

    @property
    def arena_bytes(self) -> int:
        """Size of the tensor arena, in bytes, with the room for packed weights behind it."""
        return self._block["scratch_size"]

    @property
    def is_initialised(self) -> bool:
        """Whether it carries its memory as init left it, so that opening it needs no init."""
        return self._block.has(_abi.Feature.INITIALISED)

    @property
    def memory_bytes(self) -> int:
        """Linear memory that an instance starts with, in bytes."""
        return self.parsed.memories[0].minimum_bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the binary, in hex."""
        return hashlib.sha256(self.wasm).hexdigest()

    @cached_property
    def model(self) -> bytes | None:
        """The embedded .tflite, or None where a foreign module keeps something else there."""
        data = self.parsed.initial_bytes(self._block["model_ptr"], self._block["model_size"])
        return data if data[4:8] == b"TFL3" else None

    @cached_property
    def description(self) -> Model | None:
        """The embedded model's tensors, or None where it can't be read."""
        from tflm_wasm._names import described

        return None if self.model is None else described(self.model)

    def tensor_name(self, index: int) -> str:
        """Return the name of tensor `index` of the model, or `tensor_<index>`."""
        from tflm_wasm._names import tensor_name

        return tensor_name(self.model, index)
