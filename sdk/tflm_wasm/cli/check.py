"""`tflm-wasm check`."""

from __future__ import annotations

from pathlib import Path

import click

from tflm_wasm.cli import _options


@click.command()
@click.argument("module", type=_options.PATH)
@click.option("--model", type=_options.PATH, help="A .tflite for a module that embeds none.")
@_options.profile
@_options.as_json
@click.pass_context
def command(
    context: click.Context, module: Path, model: Path | None, profile: str, *, as_json: bool
) -> None:
    """Hold any MODULE against the rules of the ABI.

    The module may be anything: it runs in a process of its own, with limits on memory and time.
    Exits with 1 when a rule is broken.
    """
    from tflm_wasm._check import check
    from tflm_wasm._files import read_up_to
    from tflm_wasm._limits import Limits
    from tflm_wasm.cli._terminal import say, table, write_json

    limit = Limits().module_bytes + 1  # the check names the rule when there is more
    model_content = None if model is None else read_up_to(model, limit)
    report = check(read_up_to(module, limit), profile=profile, model=model_content)
    if as_json:
        write_json({"module": str(module), **report.to_dict()})
    else:
        say(f"{module}: sha256 {report.digest}, {profile} profile")
        rows = [(one.outcome, one.id, one.title, one.detail) for one in report.results]
        table(("outcome", "rule", "what it says", "what was found"), rows)
        passed = sum(one.outcome == "passed" for one in report.results)
        style = "bold green" if report.passed else "bold red"
        say("")
        say(f"{passed} of {len(rows)} rules passed, {len(report.broken)} broken", style=style)
        if report.passed and not report.complete:
            say("Some rules were not reached; a model to run may help: --model.", style="yellow")
    context.exit(0 if report.passed else 1)
