"""Where this package keeps what outlives a process."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from tflm_wasm._errors import FileError


def cache_folder(name: str) -> Path | None:
    """Return where this user's cached files of a kind go; None when that can't be told.

    Nothing there is needed, so nothing is made here.
    """
    try:
        if named := os.environ.get("XDG_CACHE_HOME"):
            base = Path(named)
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        elif sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        else:
            base = Path.home() / ".cache"
    except RuntimeError:  # there is no home
        return None
    return base / "tflm-wasm" / name


def needed(name: str) -> Any:
    """Return a module of the extra `firmware`.

    Raises:
        SerialMissing: The extra is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        from tflm_wasm._errors import SerialMissing

        raise SerialMissing(f"{name} is not installed", port="") from error


def runtime_folder(name: str) -> Path:
    """Return the user's folder for locks or records, which is there afterwards.

    Raises:
        FileError: It can't be made.
        SerialMissing: platformdirs is not installed.
    """
    platformdirs = needed("platformdirs")
    try:
        with warnings.catch_warnings():
            # That there is no login session, as in a container, is all right.
            warnings.simplefilter("ignore")
            folder: Path = platformdirs.user_runtime_path("tflm-wasm") / name
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(
            f"There is no folder for what runs: {reason}",
            path=error.filename or "",
            hint="Name one that is yours alone: `export XDG_RUNTIME_DIR=$(mktemp -d)`.",
        ) from error
    return folder
