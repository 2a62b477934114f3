from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import logging

import feature_columns as fc
import premade
from estimators import Estimator, EstimatorSpec, ModeKeys, minimize
from estimators.export.saved_model import export

WORDS = ("red", "green", "blue")


@pytest.fixture(scope="session")
def export_model() -> Callable[..., str]:
    """Exports an Estimator's newest checkpoint; returns the path."""

    def call(estimator: Any, base: Any, receiver_fn: Any, **options: Any) -> str:
        checkpoint = estimator._checkpoint()
        return os.fsdecode(export(estimator._model, base, receiver_fn, checkpoint, **options))

    return call


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What absl logs, from INFO on."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.INFO)
    yield caplog
    logging.set_verbosity(before)


@pytest.fixture(scope="session")
def vocabulary_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("assets") / "words.txt"
    path.write_text("\n".join(WORDS) + "\n")
    return str(path)


@pytest.fixture(scope="session")
def rows() -> dict[str, Any]:
    return {
        "hours-per-week": np.array([1.0, 2.0, 3.0, 4.0], np.float32),
        "color": np.array(["red", "blue", "green", "unknown"]),
    }


@pytest.fixture(scope="session")
def columns(vocabulary_file: str) -> list[Any]:
    color = fc.categorical_column_with_vocabulary_file("color", vocabulary_file)
    return [fc.numeric_column("hours-per-week"), color]


@pytest.fixture(scope="session")
def data_of(rows: Mapping[str, Any]) -> Callable[[], Any]:
    labels = np.array([1, 0, 1, 0])
    return lambda: tf.data.Dataset.from_tensors((rows, labels))


@pytest.fixture(scope="session")
def linear(
    tmp_path_factory: pytest.TempPathFactory, columns: list[Any], data_of: Callable[[], Any]
) -> Any:
    """A linear classifier, trained for two steps."""
    estimator = premade.LinearClassifier(columns, str(tmp_path_factory.mktemp("linear")))
    return estimator.train(lambda: data_of().repeat(), steps=2)


@pytest.fixture(scope="session")
def parsing(columns: list[Any]) -> dict[str, Any]:
    """The parse spec of the linear classifier."""
    return fc.make_parse_example_spec(columns)


def double_plus_one(features: Any, labels: Any, mode: str) -> EstimatorSpec:
    """2 x + 1, which training does not change."""
    x = features["x"] if isinstance(features, dict) else features
    layer = keras.layers.Dense(1, kernel_initializer=_constant(2), bias_initializer=_constant(1))
    y = layer(x)
    if mode == ModeKeys.PREDICT:
        return EstimatorSpec(mode, predictions={"y": y})
    loss = tf.reduce_mean(y)
    return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, keras.optimizers.SGD(0.0)))


def _constant(value: float) -> keras.initializers.Initializer:
    return keras.initializers.Constant(value)


@pytest.fixture
def estimator_of(tmp_path: Any) -> Callable[..., Estimator]:
    """Returns a custom Estimator, trained for one step on x [2, 1]; y = 2 x + 1 when it fits."""

    def make(model_fn: Any = double_plus_one, features: Any = None, **options: Any) -> Estimator:
        features = {"x": np.zeros([2, 1], np.float32)} if features is None else features
        labels = np.zeros([2, 1], np.float32)
        estimator = Estimator(model_fn, str(tmp_path / "model"), **options)
        return estimator.train(
            lambda: tf.data.Dataset.from_tensors((features, labels)).repeat(), steps=1
        )

    return make


@pytest.fixture
def placeholder_receiver_fn() -> Callable[[], Any]:
    """As old code has it, written by hand."""
    from estimators.export import ServingInputReceiver

    def serving_input_receiver_fn() -> Any:
        x = tf.compat.v1.placeholder(tf.float32, [None, 1], name="x")
        return ServingInputReceiver({"x": x}, {"x": x})

    return serving_input_receiver_fn
