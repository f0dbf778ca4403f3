"""Train the sine regressor and write sine_float.tflite: python -m zoo.sine_float.train."""

from __future__ import annotations

import numpy as np
from zoo import training
from zoo.training import keras

SEED = 20260801


def trained() -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """Return the trained 1-16-16-1 network, its training inputs and the held-out inputs (n, 1)."""
    random = training.deterministic(SEED)
    x = random.uniform(0, 2 * np.pi, (4000, 1)).astype(np.float32)
    heldout = random.uniform(0, 2 * np.pi, (256, 1)).astype(np.float32)
    model = keras.Sequential(
        [
            keras.layers.Dense(16, activation="relu", input_shape=(1,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(0.01, 150 * len(x) // 64)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse")
    model.fit(x, np.sin(x), epochs=150, batch_size=64, verbose=0)
    error = np.abs(model.predict(heldout, verbose=0) - np.sin(heldout))
    print(f"Keras: mean absolute error {error.mean():.4f}, largest {error.max():.4f}")
    return model, x, heldout


def main() -> None:
    """Train, convert, and write the model and its held-out data."""
    model, _, heldout = trained()
    converted = training.convert(model, (1, 1))
    training.save("sine_float", converted, heldout[np.newaxis, :, np.newaxis], np.sin(heldout.T))


if __name__ == "__main__":
    main()
