"""Write every golden.npz from the oracle, or hold the zoo against it.

    cd firmware_models
    python -m zoo.golden           write the golden files, then check
    python -m zoo.golden --check   exit 1 when a model, a golden file or a figure is stale

The oracle is TFLM itself (`tflite_micro`, the extra `oracles`), run in a subprocess.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from zoo.catalog import Entry, entries

from tflm_wasm.oracles import Oracle

ORACLE = "tflite_micro"
SEED = 20260804
SEQUENCES, STEPS = 2, 32  # of generated inputs
ARENA_TOLERANCE = 0.05  # it moves by some bytes with the arena's address and TFLM's version
FLOAT_EXTREMES = (0.0, -1e3, 1e3)


def generated_inputs(entry: Entry) -> np.ndarray:
    """Return sequences of inputs that start with constant extremes and go on with noise."""
    random = np.random.default_rng(SEED)
    shape = (SEQUENCES, STEPS, *entry.input.shape)
    if entry.input.dtype == np.int8:
        inputs = random.integers(-128, 128, shape, np.int8)
        extremes: tuple[float, ...] = (-128, 127, entry.input.zero_point)
    else:
        inputs = random.normal(0, 4, shape).astype(entry.input.dtype)
        extremes = FLOAT_EXTREMES
    for step, value in enumerate(extremes):
        inputs[:, step] = value
    return inputs


def outputs_of(oracle: Oracle, inputs: np.ndarray) -> np.ndarray:
    """Return the oracle's outputs for sequences of inputs, with a reset before each."""
    rows = []
    for sequence in inputs:
        oracle.reset()
        rows.append([outputs[0] for outputs in oracle.run_many([[step] for step in sequence])])
    return np.array(rows)


def write(entry: Entry, oracle: Oracle) -> None:
    """Write the golden.npz of the model that the oracle has open."""
    inputs = generated_inputs(entry)
    np.savez_compressed(
        entry.folder / "golden.npz",
        input_0=inputs,
        output_0=outputs_of(oracle, inputs),
        heldout_output_0=outputs_of(oracle, entry.heldout()[0]),
    )


def complaints(entry: Entry, oracle: Oracle) -> list[str]:
    """Return a sentence for everything recorded that the oracle, with the model open, refutes."""
    golden = entry.golden()
    outputs = {name: outputs_of(oracle, runs.inputs) for name, runs in golden.items()}
    found = [
        f"golden.npz: the {name} outputs are not what {ORACLE} computes"
        for name, runs in golden.items()
        if runs.outputs.tobytes() != outputs[name].tobytes()
    ]
    score = entry.score(outputs["heldout"])
    measured = {
        "sha256": entry.digest,
        "size_bytes": len(entry.model),
        "tflm_score": score,
    }
    for figure, value in measured.items():
        if getattr(entry, figure) != value:
            found.append(f"zoo.toml: {figure} is {getattr(entry, figure)}, measured {value}")
    arena = oracle.arena_used() or 0
    if abs(arena - entry.tflm_arena_bytes) > ARENA_TOLERANCE * entry.tflm_arena_bytes:
        found.append(f"zoo.toml: tflm_arena_bytes is {entry.tflm_arena_bytes}, measured {arena}")
    if not entry.good_enough(score):
        found.append(f"the {entry.metric} is past the limit of {entry.limit}")
    return found


def main() -> None:
    """Write unless told to check only; print what is stale."""
    parser = argparse.ArgumentParser(description="Write or check the zoo's golden files.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    check_only = parser.parse_args().check
    stale = False
    for entry in entries():
        with Oracle(ORACLE) as oracle:
            oracle.open(entry.model)
            if not check_only:
                write(entry, oracle)
            found = complaints(entry, oracle)
        stale |= bool(found)
        print(f"{entry.name}: {'; '.join(found) or 'as recorded'}")
    sys.exit(stale)


if __name__ == "__main__":
    main()
