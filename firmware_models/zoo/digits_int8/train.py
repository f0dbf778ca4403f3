"""Train the digit classifier and write digits_int8.tflite: python -m zoo.digits_int8.train."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from zoo import training
from zoo.training import keras

SEED = 20260802
HELDOUT = 450  # of 1,797 images, the same share of every digit
EPOCHS = 60
BATCH = 32


def network() -> keras.Model:
    """Return an untrained CNN, (n, 8, 8, 1) in 0..1 to (n, 10) probabilities."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(16, 3, padding="same", activation="relu", input_shape=(8, 8, 1)),
            layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            layers.Conv2D(32, 1, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )


def shifted(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the images, each moved by -1, 0 or 1 pixels in both directions."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = random.integers(0, 3, (2, len(images)))
    return np.stack(
        [p[r : r + 8, c : c + 8] for p, r, c in zip(padded, rows, columns, strict=True)]
    )


def main() -> None:
    """Train, convert, and write the model and its held-out data."""
    random = training.deterministic(SEED)
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    x, x_heldout, y, y_heldout = train_test_split(
        images, labels, test_size=HELDOUT, stratify=labels, random_state=SEED
    )
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(0.003, EPOCHS * len(x) // BATCH)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", ["accuracy"])
    for _ in range(EPOCHS):
        model.fit(shifted(x, random), y, batch_size=BATCH, verbose=0)
    print(f"Keras: accuracy {model.evaluate(x_heldout, y_heldout, verbose=0)[1]:.4f}")
    converted = training.convert(model, (1, 8, 8, 1), training.batches(x[:300]))
    training.save("digits_int8", converted, x_heldout[np.newaxis, :, np.newaxis], y_heldout[None])


if __name__ == "__main__":
    main()
