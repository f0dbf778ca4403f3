"""The options of the runners: one registry for board files, the command line and the API."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tflm_wasm._errors import RunnerOptionError

Value = str | int | float | tuple[str, ...] | None


class Option(NamedTuple):
    """An option of a runner.

    Attributes:
        name: As in board files and behind `-o`.
        type: str, int, float, or tuple for words: a list in TOML, one line on the command line.
        default: Its value when nobody sets it.
        doc: What it does.
    """

    name: str
    type: type
    default: Value
    doc: str


TIMEOUT: Final = Option(
    "timeout_s", float, None, "Deadline in seconds; without it, it grows with the image's size."
)


def resolve(
    options: tuple[Option, ...], *layers: Mapping[str, Any], board: str, runner: str
) -> dict[str, Any]:
    """Return the value of every option; a later layer wins over an earlier one.

    Raises:
        RunnerOptionError: A layer has an unknown option, or a value that makes no sense.
    """
    known = {one.name: one for one in options}
    values: dict[str, Any] = {one.name: one.default for one in options}
    for name, value in (item for layer in layers for item in layer.items()):
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            meant = f"; did you mean '{close[0]}'?" if close else ""
            raise RunnerOptionError(
                f"Runner '{runner}' has no option '{name}'{meant}",
                board=board,
                runner=runner,
                option=name,
            )
        try:
            values[name] = _convert(known[name], value)
        except ValueError as error:
            raise RunnerOptionError(
                f"Option '{name}' of runner '{runner}': {error}",
                board=board,
                runner=runner,
                option=name,
            ) from error
    return values


def _convert(option: Option, value: Any) -> Value:
    if value is None:
        return None
    if option.type is tuple:
        words = shlex.split(value) if isinstance(value, str) else value
        if not isinstance(words, list | tuple):
            raise ValueError("a list of words is needed")
        return tuple(str(word) for word in words)
    if option.type is str:
        return str(value)
    try:
        number = int(value, 0) if option.type is int and isinstance(value, str) else None
        number = option.type(value) if number is None else number
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number") from None
    if option is TIMEOUT and not 0 < number < float("inf"):
        raise ValueError("a positive number is needed")
    return number
