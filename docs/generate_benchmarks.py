"""Write figures into benchmarks.md, and draw its charts, from what `make bench` wrote.

    python docs/generate_benchmarks.py build/bench

A line `<!-- host: invoke, µs -->` in the page is followed by that figure of the folder's
host.jsonl, up to the line `<!-- end -->`; `<!-- host: run -->` by where and when it was measured.
What the folder has no results of stays as it is. Charts are the images that the page shows.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tflm_wasm._svg import standalone
from tflm_wasm.bench import Results, charts, tables

PAGE = Path(__file__).with_name("benchmarks.md")
MARKED = re.compile(r"(<!-- (\w+): (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
CHART = re.compile(r"\(images/bench-(\w+)-([a-z0-9-]+)\.svg\)")


def page(text: str, folder: Path) -> str:
    """Return the page `text` with the figures of a folder.

    Raises:
        KeyError: The results of a configuration lack a figure of the page.
    """

    def filled(match: re.Match[str]) -> str:
        results = read(folder, match[2])
        if results is None:
            return match[0]
        return f"{match[1]}\n{block(results, match[3])}\n\n{match[4]}"

    return MARKED.sub(filled, text)


def read(folder: Path, config: str) -> Results | None:
    """Return the results of a configuration, or None when there are none."""
    path = folder / f"{config}.jsonl"
    return Results.read(path) if path.exists() else None


def block(results: Results, title: str) -> str:
    """Return one figure as a table, or for "run" where and when it was measured."""
    if title != "run":
        return tables(results)[title]
    run, where = results.run, results.run["provenance"]
    oracles = (f"{name} {version}" for name, version in where["oracles"].items() if version)
    counts = {(plan["turns"], plan["frames"]) for plan in run["plans"]}
    turns = ", ".join(f"{turns} turns of {frames} inputs" for turns, frames in sorted(counts))
    options = "".join(
        f", {plan['name']}.{key} = {value}"
        for plan in run["plans"]
        for key, value in plan.items()
        if key not in {"name", "turns", "warm_up", "frames"}
    )
    load = "unknown" if run["load_average"][0] is None else f"{run['load_average'][0]:.1f}"
    machine = f"{where['cpu']} ({where['cpu_count']} processors, load {load} at the start)"
    others = ", ".join([f"wasmtime {where['wasmtime']}", *oracles])
    return (
        f"{run['started'][:10]}, {machine}, {run['clock']} clock, {turns}{options}; "
        f"tflm-wasm {where['git_revision'][:12]}, {others}."
    )


def draw(text: str, folder: Path, images: Path) -> None:
    """Write the charts that the page shows, of configurations that the folder has results of."""
    for config, name in CHART.findall(text):
        results = read(folder, config)
        if results is not None:
            chart = standalone(charts(results)[name])
            (images / f"bench-{config}-{name}.svg").write_text(chart, encoding="utf-8")


if __name__ == "__main__":
    source = Path(sys.argv[1])
    content = page(PAGE.read_text(encoding="utf-8"), source)
    PAGE.write_text(content, encoding="utf-8")
    draw(content, source, PAGE.with_name("images"))
