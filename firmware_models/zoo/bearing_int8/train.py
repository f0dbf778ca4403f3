"""Train the bearing-defect detector, write bearing_int8.tflite: python -m zoo.bearing_int8.train.

The network is trained on whole sequences (causal convolutions, zeros before the start) and
exported one chunk at a time: what a convolution has to remember is a resource variable.
"""

from __future__ import annotations

import numpy as np
from zoo import training
from zoo.bearing_int8 import signals
from zoo.catalog import UNSCORED
from zoo.training import keras, tf

SEED = 20260803
FRAME, HOP = 16, 4  # samples of one envelope frame, and from one to the next
RHYTHM = 64  # frames that one look for regularity spans: 80 ms
FRAMES = signals.CHUNK // HOP  # new frames per chunk
AVERAGED = 32  # chunks whose evidence is averaged: 320 ms
MEMORIES = (FRAME - HOP, RHYTHM - FRAMES, AVERAGED - 1)  # rows that each stage remembers

TRAINING, HELDOUT, LARGE = 3000, 32, 1000  # sequences
EPOCHS = 25
BATCH = 32


class Network(tf.Module):
    """The three stages, each `rows in, rows out` on (batch, rows, 1, channels)."""

    def __init__(self) -> None:
        super().__init__()
        layers = keras.layers
        self.envelope = layers.Conv2D(8, (FRAME, 1), (HOP, 1), activation="relu")
        self.rhythm = layers.Conv2D(24, (RHYTHM, 1), (FRAMES, 1), activation="relu")
        self.mix = layers.Conv2D(16, 1, activation="relu")
        self.average = layers.AveragePooling2D((AVERAGED, 1), 1)
        self.judge = layers.Conv2D(8, 1, activation="relu")
        self.verdict = layers.Conv2D(1, 1, activation="sigmoid")

    def stages(self) -> list[list[keras.layers.Layer]]:
        """Return the layers in order; each list needs the memory of the same place first."""
        return [[self.envelope], [self.rhythm, self.mix], [self.average, self.judge, self.verdict]]

    def whole(self) -> keras.Model:
        """Return the model of whole sequences: (n, samples, 1, 1) to (n, chunks, 1, 1)."""
        rows = keras.Input((None, 1, 1))
        output = rows
        for layers, memory in zip(self.stages(), MEMORIES, strict=True):
            output = keras.layers.ZeroPadding2D(((memory, 0), (0, 0)))(output)
            for layer in layers:
                output = layer(output)
        return keras.Model(rows, output)


class Stream(tf.Module):
    """The trained network, one chunk per call: (1, CHUNK, 1, 1) to (1, 1)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        channels = (1, network.envelope.filters, network.mix.filters)
        self.memories = [
            tf.Variable(tf.zeros((1, rows, 1, depth)), trainable=False, name=f"memory_{stage}")
            for stage, (rows, depth) in enumerate(zip(MEMORIES, channels, strict=True))
        ]

    def __call__(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the probability of a defect after these samples."""
        for layers, memory in zip(self.network.stages(), self.memories, strict=True):
            rows = tf.concat([memory.read_value(), rows], axis=1)
            memory.assign(rows[:, rows.shape[1] - memory.shape[1] :])
            for layer in layers:
                rows = layer(rows)
        return tf.reshape(rows, (1, 1))


def scored_loss(labels: tf.Tensor, verdicts: tf.Tensor) -> tf.Tensor:
    """Return the cross entropy over the steps that have a label."""
    scored = tf.cast(labels != UNSCORED, tf.float32)
    target = tf.maximum(tf.cast(labels, tf.float32), 0.0)
    verdicts = tf.clip_by_value(verdicts[:, :, 0, 0], 1e-6, 1 - 1e-6)
    entropy = -target * tf.math.log(verdicts) - (1 - target) * tf.math.log(1 - verdicts)
    return tf.reduce_sum(entropy * scored) / tf.reduce_sum(scored)


def flat(sequences: np.ndarray) -> np.ndarray:
    """Return (n, steps, CHUNK) as the samples of whole sequences, (n, steps * CHUNK, 1, 1)."""
    return sequences.reshape(len(sequences), -1, 1, 1)


def accuracy(model: keras.Model, sequences: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of labelled steps that the float model judges rightly."""
    verdicts = model.predict(flat(sequences), batch_size=BATCH, verbose=0)[:, :, 0, 0] > 0.5
    return float((verdicts == labels)[labels != UNSCORED].mean())


def main() -> None:
    """Train, convert, and write the model and its held-out data."""
    random = training.deterministic(SEED)
    x, y = signals.sequences(random, TRAINING)
    heldout = signals.sequences(random, HELDOUT)
    large = signals.sequences(random, LARGE)
    network = Network()
    model = network.whole()
    rate = keras.optimizers.schedules.CosineDecay(0.003, EPOCHS * len(x) // BATCH)
    model.compile(keras.optimizers.Adam(rate), scored_loss)
    for epoch in range(EPOCHS):
        loss = model.fit(flat(x), y, batch_size=BATCH, verbose=0).history["loss"][0]
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {loss:.4f}", flush=True)
    print(f"Keras: accuracy {accuracy(model, *heldout):.4f}, large {accuracy(model, *large):.4f}")
    calibration = training.batches(x[:16].reshape(-1, signals.CHUNK, 1, 1))
    converted = training.convert(Stream(network), (1, signals.CHUNK, 1, 1), calibration)
    inputs = heldout[0].reshape(HELDOUT, -1, 1, signals.CHUNK, 1, 1)
    training.save("bearing_int8", converted, inputs, heldout[1])


if __name__ == "__main__":
    main()
