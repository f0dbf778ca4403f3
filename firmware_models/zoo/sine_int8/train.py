"""Train the sine regressor and write sine_int8.tflite: python -m zoo.sine_int8.train."""

from __future__ import annotations

import numpy as np
from zoo import training
from zoo.sine_float.train import trained


def main() -> None:
    """Train, convert, and write the model and its held-out data."""
    model, x, heldout = trained()
    converted = training.convert(model, (1, 1), training.batches(x[:500]))
    training.save("sine_int8", converted, heldout[np.newaxis, :, np.newaxis], np.sin(heldout.T))


if __name__ == "__main__":
    main()
