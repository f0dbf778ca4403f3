"""Look for models that break the engine, with libFuzzer: guided by coverage, under sanitizers.

    python firmware_models/engine/fuzz.py build/fuzz --runs 1000000

The folder keeps what was learned: `corpus` has a model for each path through the engine that was
found, and the next run goes on from there. It starts with two small models of each op and type from
the conformance machine. A model that breaks something is left in `findings`, and replayed by

    build/fuzz/fuzz_engine build/fuzz/findings/crash-...

Exits with 0 when nothing was found, 1 when something was, 2 when clang or its libFuzzer is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import build

MISSING = 2
MOST_BYTES = 4096  # of a model
SECONDS = 20  # for all that is done with one model, which takes a hundredth of one
MODELS_OF_A_TYPE = 2


def is_available() -> bool:
    """Say whether clang is here, and can link libFuzzer, which is another package on Debian."""
    if shutil.which("clang") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "empty.c"
        source.write_text("int LLVMFuzzerTestOneInput(const char *d, long n) { return !d && n; }")
        command = ["clang", "-fsanitize=fuzzer", str(source), "-o", str(source.with_suffix(""))]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def write_seeds(corpus: Path) -> None:
    """Write the models that it all starts with."""
    sys.path.insert(0, str(build.ROOT / "sdk"))
    from tflm_wasm.conformance import pairs, sample

    for case_id, model, _ in sample(MODELS_OF_A_TYPE * len(pairs())):
        if len(model) <= MOST_BYTES:
            (corpus / case_id.replace("/", "-")).write_bytes(model)


def fuzz(folder: Path, runs: int, seed: int) -> int:
    """Run that many models, and return libFuzzer's exit code: 0 when nothing was found."""
    corpus, findings = folder / "corpus", folder / "findings"
    program = folder / "fuzz_engine"
    for one in (corpus, findings):
        one.mkdir(parents=True, exist_ok=True)
    build.build_fuzzer(program)
    if not any(corpus.iterdir()):
        write_seeds(corpus)
    options = {
        "runs": runs,
        "seed": seed,
        "max_len": MOST_BYTES,
        "timeout": SECONDS,
        "artifact_prefix": f"{findings}{os.sep}",
        "print_final_stats": 1,
        "verbosity": 1 if sys.stderr.isatty() else 0,
    }
    # The engine allocates nothing, so nothing can leak.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    arguments = [f"-{name}={value}" for name, value in options.items()]
    return subprocess.run([program, *arguments, corpus], env=environment, check=False).returncode


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the corpus and what is found are kept")
    parser.add_argument("--runs", type=int, default=1_000_000, help="how many models to try")
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    arguments = parser.parse_args()
    if not is_available():
        print("clang with libFuzzer is not here: apt-get install clang", file=sys.stderr)
        return MISSING
    found = fuzz(arguments.folder.resolve(), arguments.runs, arguments.seed) != 0
    left = sorted(path.name for path in (arguments.folder / "findings").iterdir())
    for name in left:
        print(f"finding: {arguments.folder / 'findings' / name}", file=sys.stderr)
    return int(found or bool(left))


if __name__ == "__main__":
    sys.exit(main())
