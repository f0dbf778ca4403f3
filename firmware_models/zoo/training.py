"""What every train.py of the zoo shares: pins, determinism, conversion, held-out data.

Runs in its own virtual environment, because TensorFlow's pins disagree with the oracles':

    python3.11 -m venv .venv-train && .venv-train/bin/pip install '.[train]'
    cd firmware_models && ../.venv-train/bin/python -m zoo.digits_int8.train

The pins are the extra `train` of pyproject.toml; `deterministic` refuses any other version.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomllib

# Read by TensorFlow while it is imported: Keras 2, and plain kernels whose sums have one order.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf
import tf_keras as keras

ZOO = Path(__file__).resolve().parent
PYPROJECT = ZOO.parents[1] / "pyproject.toml"

Representative = Callable[[], Iterable[list[np.ndarray]]]


def pins() -> dict[str, str]:
    """Return the packages of the extra `train` and their exact versions."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    requirements = project["optional-dependencies"]["train"]
    return dict(line.partition(";")[0].strip().split("==") for line in requirements)


def deterministic(seed: int) -> np.random.Generator:
    """Make this process repeatable and return the generator all data comes from.

    Raises:
        RuntimeError: an installed package is not the pinned one.
    """
    for package, pinned in pins().items():
        if version(package) != pinned:
            raise RuntimeError(f"{package} is {version(package)}, the zoo was made with {pinned}")
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    return np.random.default_rng(seed)


def convert(
    module: tf.Module, input_shape: tuple[int, ...], representative: Representative | None = None
) -> bytes:
    """Return `module(x)` as a .tflite file with one signature and a fixed batch.

    Without `representative` the file is float32. With it, activations, variables, inputs and
    outputs are int8, calibrated on the batches it yields (in order: a stateful module keeps its
    state from one to the next).
    """
    spec = tf.TensorSpec(input_shape, tf.float32, name="input")
    function = tf.function(lambda x: {"output": module(x)}, input_signature=[spec])
    exported = tf.Module()
    exported.module = module
    exported.serve = function
    with tempfile.TemporaryDirectory() as folder:
        signature = {"serving_default": function.get_concrete_function()}
        tf.saved_model.save(exported, folder, signatures=signature)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.exclude_conversion_metadata = True
        if representative is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = representative
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.int8
            converter.inference_output_type = tf.int8
            converter._experimental_variable_quantization = True
        return bytes(converter.convert())


def batches(inputs: np.ndarray) -> Representative:
    """Return a representative data set that yields `inputs` one by one, as batches of one."""

    def yield_them() -> Iterator[list[np.ndarray]]:
        for row in inputs:
            yield [row[np.newaxis].astype(np.float32)]

    return yield_them


def input_details(model: bytes) -> dict[str, Any]:
    """Return the details (dtype, quantization, ...) of the model's only input."""
    details = tf.lite.Interpreter(model_content=model).get_input_details()
    return dict(details[0])


def quantise(inputs: np.ndarray, model: bytes) -> np.ndarray:
    """Return float `inputs` in the model's input type, rounded to nearest and saturated."""
    details = input_details(model)
    if details["dtype"] is not np.int8:
        return inputs.astype(details["dtype"])
    scale, zero_point = details["quantization"]
    return np.clip(np.rint(inputs / scale) + zero_point, -128, 127).astype(np.int8)


def save(name: str, model: bytes, inputs: np.ndarray, labels: np.ndarray) -> None:
    """Write the model and its held-out data, and print what zoo.toml wants to know.

    `inputs` is float, (sequences, steps, *input_shape); `labels` is (sequences, steps).
    """
    folder = ZOO / name
    (folder / f"{name}.tflite").write_bytes(model)
    np.savez_compressed(folder / "heldout.npz", input_0=quantise(inputs, model), label=labels)
    print(f"{name}: {len(model)} bytes, sha256 {hashlib.sha256(model).hexdigest()}")
