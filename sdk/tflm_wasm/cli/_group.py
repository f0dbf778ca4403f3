"""Loads a command when it is used, and turns errors into one line, a hint and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from importlib import import_module
from typing import Any

import click

from tflm_wasm._errors import (
    PortBusyError,
    PortNotFoundError,
    ProbeNotFoundError,
    TflmWasmError,
)

COMMANDS = (
    *("build", "inspect", "run", "verify", "check", "conformance", "bench", "profile"),
    *("aot", "flash", "devices", "monitor", "doctor"),
)
FAILED, NO_DEVICE, BUSY = 1, 3, 4


class LazyGroup(click.Group):
    """A group whose commands are the modules of this package named in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands, in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, importing its module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"tflm_wasm.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` name; the hint for a wrong one lists those there are."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            there_are = f"{error.message} There are: {', '.join(COMMANDS)}."
            raise click.UsageError(there_are, ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; every failure ends with an exit code and without a traceback."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except TflmWasmError as error:
            _report(ctx, str(error), error.hint)
            raise click.exceptions.Exit(_exit_code(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            _forget_output()
            reason = error.strerror or str(error)
            where = f" '{error.filename}'" if error.filename else ""
            _report(ctx, f"{reason}{where}", "Check the disk and the paths with `df -h`.")
        except Exception as error:  # noqa: BLE001 - the last resort, for a bug of ours
            hint = "This is a bug in tflm-wasm; see where with `tflm-wasm --debug COMMAND`."
            _report(ctx, f"{type(error).__name__}: {error}", hint)
        raise click.exceptions.Exit(FAILED)


def _exit_code(error: TflmWasmError) -> int:
    if isinstance(error, PortBusyError):
        return BUSY
    return NO_DEVICE if isinstance(error, PortNotFoundError | ProbeNotFoundError) else FAILED


def _report(ctx: click.Context, message: str, hint: str) -> None:
    """Write an error to standard error."""
    from tflm_wasm._names import plain

    if (ctx.obj or {}).get("debug"):
        traceback.print_exc()
    click.secho("Error: ", err=True, nl=False, fg="red", bold=True)
    click.echo(plain(" ".join(message.split())), err=True)
    click.secho("Hint: ", err=True, nl=False, fg="cyan")
    click.echo(plain(hint), err=True)


def _forget_output() -> None:
    """Send what could not be written to nowhere, so that the end of Python does not try again."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
