"""Small data sets of the shapes that the tutorials use, and the two ways to feed them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf


class Rows:
    """Features and labels; three classes that lie apart."""

    def __init__(self, features, labels):
        self.features, self.labels = features, labels

    def train(self, batch_size=32):
        data = tf.data.Dataset.from_tensor_slices((self.features, self.labels))
        return lambda: data.shuffle(100, seed=1).repeat().batch(batch_size)

    def evaluate(self, batch_size=32):
        data = tf.data.Dataset.from_tensor_slices((self.features, self.labels))
        return lambda: data.batch(batch_size)


def _clusters(size, width, seed=7):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, size)
    centers = random.normal(0.0, 2.0, (3, width))
    return (centers[labels] + random.normal(0.0, 0.4, (size, width))).astype(np.float32), labels


@pytest.fixture(scope="session")
def flowers():
    """Four measures by name, as of iris; integer labels `[batch]`."""
    values, labels = _clusters(96, 4)
    names = ("SepalLength", "SepalWidth", "PetalLength", "PetalWidth")
    return Rows(dict(zip(names, values.T, strict=True)), labels.astype(np.int64))


@pytest.fixture(scope="session")
def images():
    """Gray images `[batch, 8, 8, 1]`, as of MNIST but smaller; integer labels `[batch]`."""
    values, labels = _clusters(96, 64)
    return Rows(values.reshape(-1, 8, 8, 1), labels.astype(np.int64))
