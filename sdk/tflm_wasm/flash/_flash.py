"""`flash`: pick a runner, skip what is there already, write, verify."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from tflm_wasm._deadline import Deadline
from tflm_wasm._errors import RunnerOptionError, VerifyError
from tflm_wasm._lock import BoardLock
from tflm_wasm._ports import stable_id_of
from tflm_wasm.flash._image import read_image
from tflm_wasm.flash._options import resolve
from tflm_wasm.flash._runner import Job, Progress, Runner

if TYPE_CHECKING:
    from tflm_wasm.aot._board import Board

_LOCK_S: Final = 1.0


@dataclass(frozen=True)
class FlashResult:
    """What `flash` did.

    Attributes:
        board: The board's name.
        runner: Who did it.
        state: "written", "identical" when nothing was to do, or "planned" after a dry run.
        verified: Whether the board's content was read back.
        digest: SHA-256 of what was to be written, hexadecimal.
        size: Its bytes.
        steps: Commands and other steps, in order.
        port: Serial port of the board, as far as it is known.
        boot_log: What the board said when it started, where that was heard.
    """

    board: str
    runner: str
    state: Literal["written", "identical", "planned"]
    verified: bool
    digest: str
    size: int
    steps: tuple[str, ...]
    port: str | None
    boot_log: tuple[str, ...] = ()


def runners() -> dict[str, type[Runner]]:
    """Return the runners by name, the default first."""
    from tflm_wasm.flash._gdb import GdbRunner
    from tflm_wasm.flash._qemu import QemuRunner
    from tflm_wasm.flash._tools import CustomRunner, EsptoolRunner, OpenocdRunner, PyocdRunner
    from tflm_wasm.flash._uf2 import Uf2Runner

    all_of_them: tuple[type[Runner], ...] = (
        *(QemuRunner, GdbRunner, PyocdRunner, OpenocdRunner),
        *(Uf2Runner, EsptoolRunner, CustomRunner),
    )
    return {one.name: one for one in all_of_them}


def flash(
    board: Board | str,
    image: str | os.PathLike[str],
    *,
    runner: str | None = None,
    options: Mapping[str, Any] | None = None,
    port: str | None = None,
    probe: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> FlashResult:
    """Write firmware into a board's flash and start it.

    What the board holds is compared first, so that equal firmware is not written again, and
    compared afterwards, as far as the runner can read it back.

    Args:
        board: The board, its name, or the path of its board.toml.
        image: The firmware, an ELF file.
        runner: Who writes; None takes the first of the board file.
        options: The runner's options, over those of the board file.
        port: Serial port of the board, for runners that write over it.
        probe: Serial number of the debug probe; needed when several are attached.
        force: Whether to write what is there already.
        dry_run: Whether to only return the steps.
        progress: Called with what is done, and how many bytes of how many are.

    Raises:
        PortBusyError: Somebody else uses the board.
        FileError, ImageError: The image can't be used.
        RunnerOptionError, RunnerMissingError, ProbeNotFoundError, PortPermissionError,
        WrongDeviceError: Nothing was written.
        FlashTimeoutError, FlashWriteError, RunnerFailedError, VerifyError: It may have been begun.
        EmulatorError: The emulator does not start.
    """
    described = _described(board)
    kind = _pick(described, runner)
    content = read_image(image, described)
    values = resolve(
        kind.options,
        described.runners.get(kind.name, {}),
        options or {},
        board=described.name,
        runner=kind.name,
    )
    job = Job(described, content, values, probe, port, dry_run=dry_run, progress=progress)
    job.deadline = Deadline(values["timeout_s"] or kind.start_s + content.size / kind.bytes_per_s)
    if dry_run:
        return _run(kind(job), force=force)
    name = _stable_id(kind.name, job)
    with BoardLock(name, f"flashing {described.name}", timeout_s=_LOCK_S):
        return _run(kind(job), force=force)


def _run(runner: Runner, *, force: bool) -> FlashResult:
    job = runner.job
    try:
        if not force and runner.matches() and not job.dry_run:
            return _result(runner, "identical", verified=True)
        runner.write()
        verified = runner.matches()
        if verified is False and not job.dry_run:
            raise VerifyError(
                f"{job.board.name} does not hold the image after writing it", **runner.fields()
            )
        runner.finish()
        state: Literal["planned", "written"] = "planned" if job.dry_run else "written"
        return _result(runner, state, verified=bool(verified))
    finally:
        runner.close()


def _result(
    runner: Runner, state: Literal["written", "identical", "planned"], *, verified: bool
) -> FlashResult:
    job = runner.job
    return FlashResult(
        board=job.board.name,
        runner=runner.name,
        state=state,
        verified=verified,
        digest=job.image.digest,
        size=job.image.size,
        steps=tuple(job.steps),
        port=_port_after(runner),
        boot_log=tuple(job.boot_log),
    )


def _port_after(runner: Runner) -> str | None:
    if runner.name != "qemu":
        return runner.job.port
    from tflm_wasm import emulator

    running = emulator.find(runner.job.board.name)
    return running.port if running is not None else None


def _pick(board: Board, name: str | None) -> type[Runner]:
    known = runners()
    if name is None:
        name = next(iter(board.runners), "qemu" if board.qemu else None)
    if name is None:
        raise RunnerOptionError(
            f"The file of {board.name} names no runner",
            board=board.name,
            runner="",
            hint="Name one, such as `tflm-wasm flash --runner pyocd`.",
        )
    if name not in known:
        there_are = ", ".join(known)
        raise RunnerOptionError(
            f"There is no runner '{name}'; there are {there_are}", board=board.name, runner=name
        )
    return known[name]


def _stable_id(runner: str, job: Job) -> str:
    """Return what to lock: the probe or port that is named, else the only board of its kind."""
    if runner == "qemu":
        return f"qemu:{job.board.name}"
    named = job.probe or job.port
    return stable_id_of(named) if named else f"{runner}:{job.board.name}"


def _described(board: Board | str) -> Board:
    from tflm_wasm.aot._board import load_board

    return load_board(board) if isinstance(board, str) else board
