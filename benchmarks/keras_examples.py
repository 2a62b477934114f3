"""Twelve models in the manner of the examples on keras.io, with generated data of their shapes.

Each is what a reader of an example would have in front of him: layers, losses and metrics as they
are published, narrower where a minute on two cores would not do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

BATCH = 32
_layers = keras.layers
_CLASSES = "sparse_categorical_crossentropy"


@dataclasses.dataclass(frozen=True)
class Example:
    """A model and its data.

    Attributes:
        what: for the table.
        make: makes the model, compiled.
        data: draws features and labels of so many rows.
    """

    what: str
    make: Callable[[], keras.Model]
    data: Callable[[np.random.Generator, int], tuple[Any, Any]]

    def dataset(self, rows: int) -> tf.data.Dataset:
        """Returns batches of rows that are the same in every process."""
        features, labels = self.data(np.random.default_rng(0), rows)
        rows_of = tf.data.Dataset.from_tensor_slices((features, labels))
        return rows_of.batch(BATCH, drop_remainder=True)


def _images(channels: int) -> Callable[[np.random.Generator, int], tuple[Any, Any]]:
    def draw(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
        images = rng.random((rows, 28, 28, channels), np.float32)
        return images, rng.integers(10, size=rows)

    return draw


def _convnet() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            _layers.Conv2D(16, 3, activation="relu"),
            _layers.MaxPooling2D(2),
            _layers.Conv2D(32, 3, activation="relu"),
            _layers.MaxPooling2D(2),
            _layers.Flatten(),
            _layers.Dropout(0.5),
            _layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", _CLASSES, metrics=["accuracy"])
    return model


def _sentences(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    return rng.integers(1, 2000, (rows, 40)), rng.integers(2, size=rows)


def _lstm() -> keras.Model:
    inputs = keras.Input((None,), dtype="int32")
    x = _layers.Embedding(2000, 32)(inputs)
    x = _layers.Bidirectional(_layers.LSTM(16, return_sequences=True))(x)
    x = _layers.Bidirectional(_layers.LSTM(16))(x)
    model = keras.Model(inputs, _layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def _residual() -> keras.Model:
    inputs = keras.Input((28, 28, 3))
    x = _layers.Conv2D(16, 3, activation="relu", padding="same")(inputs)
    for _ in range(2):
        y = _layers.Conv2D(16, 3, activation="relu", padding="same")(x)
        y = _layers.BatchNormalization()(_layers.Conv2D(16, 3, padding="same")(y))
        x = _layers.add([x, y])
    x = _layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, _layers.Dense(10)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.RMSprop(1e-3), loss, metrics=["acc"])
    return model


class Subclassed(keras.Model):
    """A model of two dense layers, written as a class."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = _layers.Dense(64, activation="relu")
        self.dropout = _layers.Dropout(0.3)
        self.classes = _layers.Dense(10, activation="softmax")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns probabilities, `[batch, 10]`."""
        return self.classes(self.dropout(self.hidden(inputs), training=training))


def _numbers(width: int, classes: int) -> Callable[[np.random.Generator, int], tuple[Any, Any]]:
    def draw(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
        return rng.normal(size=(rows, width)).astype(np.float32), rng.integers(classes, size=rows)

    return draw


def _subclassed() -> keras.Model:
    model = Subclassed()
    model(np.zeros((1, 32), np.float32))
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(optimizer, _CLASSES, metrics=["accuracy"])
    return model


def _patients(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    features = {
        "age": rng.integers(29, 77, rows),
        "thal": rng.choice(["fixed", "normal", "reversible"], rows),
        "chol": rng.normal(246, 50, rows).astype(np.float32),
        "oldpeak": rng.random(rows).astype(np.float32),
    }
    return features, rng.integers(2, size=rows)


def _feature_space() -> keras.Model:
    kinds = keras.utils.FeatureSpace
    space = kinds(
        features={
            "age": kinds.integer_hashed(num_bins=16, output_mode="one_hot"),
            "thal": kinds.string_categorical(),
            "chol": kinds.float_normalized(),
            "oldpeak": kinds.float_normalized(),
        },
        output_mode="concat",
    )
    features, _ = _patients(np.random.default_rng(1), 256)
    space.adapt(tf.data.Dataset.from_tensor_slices(features))
    encoded = space.get_encoded_features()
    x = _layers.Dense(32, activation="relu")(encoded)
    outputs = _layers.Dense(1, activation="sigmoid")(_layers.Dropout(0.5)(x))
    # Inputs of strings: the lookups run within the step.
    model = keras.Model(space.get_inputs(), outputs)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def _pictures(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    images = rng.random((rows, 28, 28, 1), np.float32)
    return images, images


def _autoencoder() -> keras.Model:
    inputs = keras.Input((28, 28, 1))
    x = _layers.Conv2D(8, 3, strides=2, activation="relu", padding="same")(inputs)
    x = _layers.Conv2D(8, 3, strides=2, activation="relu", padding="same")(x)
    x = _layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same")(x)
    x = _layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same")(x)
    model = keras.Model(inputs, _layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x))
    model.compile("adam", "binary_crossentropy")
    return model


def _pairs(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    images = rng.random((2, rows, 28, 28), np.float32)
    labels = rng.integers(2, size=rows).astype(np.float32)
    return {"left": images[0], "right": images[1]}, labels


def _siamese() -> keras.Model:
    tower = keras.Sequential(
        [
            keras.Input((28, 28)),
            _layers.Flatten(),
            _layers.BatchNormalization(),
            _layers.Dense(32, activation="tanh"),
        ],
        name="tower",
    )
    left, right = keras.Input((28, 28), name="left"), keras.Input((28, 28), name="right")
    distance = _layers.Subtract()([tower(left), tower(right)])
    outputs = _layers.Dense(1, activation="sigmoid")(_layers.BatchNormalization()(distance))
    model = keras.Model([left, right], outputs)
    model.compile("RMSprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def _tickets(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    features = {
        "title": rng.integers(1, 1000, (rows, 10)),
        "tags": rng.integers(2, size=(rows, 12)).astype(np.float32),
    }
    labels = {
        "priority": rng.integers(2, size=(rows, 1)).astype(np.float32),
        "department": rng.integers(4, size=rows),
    }
    return features, labels


def _several_outputs() -> keras.Model:
    title = keras.Input((10,), name="title", dtype="int32")
    tags = keras.Input((12,), name="tags")
    words = _layers.LSTM(16)(_layers.Embedding(1000, 16)(title))
    x = _layers.concatenate([words, tags])
    priority = _layers.Dense(1, name="priority")(x)
    department = _layers.Dense(4, name="department")(x)
    model = keras.Model([title, tags], [priority, department])
    losses = {
        "priority": keras.losses.BinaryCrossentropy(from_logits=True),
        "department": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    }
    model.compile(
        keras.optimizers.RMSprop(1e-3),
        losses,
        loss_weights={"priority": 1.0, "department": 0.2},
    )
    return model


class OwnStep(keras.Model):
    """The custom `train_step` of the guide."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Computes and applies gradients, and updates the metrics."""
        x, y = data[:2]
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


def _reals(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    return rng.random((rows, 32), np.float32), rng.random((rows, 1), np.float32)


def _custom_step() -> keras.Model:
    inputs = keras.Input((32,))
    outputs = _layers.Dense(1)(_layers.Dense(64, activation="relu")(inputs))
    model = OwnStep(inputs, outputs)
    model.compile("adam", "mse", metrics=["mae"])
    return model


def _transformer() -> keras.Model:
    inputs = keras.Input((40,), dtype="int32")
    positions = keras.ops.arange(40)
    x = _layers.Embedding(2000, 32)(inputs) + _layers.Embedding(40, 32)(positions)
    attended = _layers.MultiHeadAttention(2, 32)(x, x)
    x = _layers.LayerNormalization(epsilon=1e-6)(x + _layers.Dropout(0.1)(attended))
    fed = _layers.Dense(32)(_layers.Dense(32, activation="relu")(x))
    x = _layers.LayerNormalization(epsilon=1e-6)(x + _layers.Dropout(0.1)(fed))
    x = _layers.Dropout(0.1)(_layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, _layers.Dense(2, activation="softmax")(x))
    model.compile("adam", _CLASSES, metrics=["accuracy"])
    return model


def _padded(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    lengths = rng.integers(5, 31, (rows, 1))
    words = np.where(np.arange(30) < lengths, rng.integers(1, 1000, (rows, 30)), 0)
    return words, rng.integers(2, size=rows)


def _masked_gru() -> keras.Model:
    inputs = keras.Input((None,), dtype="int32")
    x = _layers.Embedding(1000, 32, mask_zero=True)(inputs)
    model = keras.Model(inputs, _layers.Dense(1, activation="sigmoid")(_layers.GRU(32)(x)))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def _mixed_precision() -> keras.Model:
    policy = keras.mixed_precision.DTypePolicy("mixed_bfloat16")
    inputs = keras.Input((64,))
    x = _layers.Dense(128, activation="relu", dtype=policy)(inputs)
    x = _layers.Dense(128, activation="relu", dtype=policy)(x)
    x = _layers.Dense(10, dtype=policy)(x)
    outputs = _layers.Activation("softmax", dtype="float32")(x)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.RMSprop(), _CLASSES, metrics=["accuracy"])
    return model


EXAMPLES = (
    Example("convnet", _convnet, _images(1)),
    Example("bidirectional LSTM", _lstm, _sentences),
    Example("residual, functional", _residual, _images(3)),
    Example("subclassed", _subclassed, _numbers(32, 10)),
    Example("FeatureSpace", _feature_space, _patients),
    Example("autoencoder", _autoencoder, _pictures),
    Example("siamese, shared layers", _siamese, _pairs),
    Example("several inputs and outputs", _several_outputs, _tickets),
    Example("custom train_step", _custom_step, _reals),
    Example("transformer block", _transformer, _sentences),
    Example("GRU with masking", _masked_gru, _padded),
    Example("mixed precision", _mixed_precision, _numbers(64, 10)),
)
