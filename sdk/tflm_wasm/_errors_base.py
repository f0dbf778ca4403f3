"""The root of the tree of exceptions, which is drawn in `_errors`."""

from __future__ import annotations

from typing import Any, ClassVar


class TflmWasmError(Exception):
    """Root of every error of this package; `hint` says what to do next."""

    default_hint: ClassVar[str] = "Run `tflm-wasm doctor`."
    hint: str

    def __init__(self, message: str, *, hint: str | None = None, **fields: Any) -> None:
        super().__init__(message)
        self.hint = hint or self.default_hint
        for name, value in fields.items():
            if not any(
                name in vars(base).get("__annotations__", {}) for base in type(self).__mro__
            ):
                raise TypeError(f"{type(self).__name__} has no field {name!r}")
            setattr(self, name, value)
        # Python 3.11 and later print the notes under a traceback.
        self.__notes__ = [f"Hint: {self.hint}"]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), str(self), self.__dict__)


def _restore(cls: type[TflmWasmError], message: str, state: dict[str, Any]) -> TflmWasmError:
    """Rebuild a pickled error, as multiprocessing and pytest-xdist need it."""
    error = cls(message)
    error.__dict__.update(state)
    return error
