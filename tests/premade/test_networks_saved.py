"""The networks as files: `.keras` and SavedModel, over every kind of column."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from premade import BaselineModel, DNNModel, LinearModel, WideDeepModel

ROWS = 24


def features():
    random = np.random.default_rng(3)
    return {
        "age": random.normal(40.0, 10.0, ROWS).astype(np.float32),
        "hours": random.normal(size=(ROWS, 2)).astype(np.float32),
        "job": random.choice(["cook", "nurse", "pilot"], ROWS),
        "town": random.choice(["Ghent", "Lagos", "Quito", ""], (ROWS, 2)),
        "level": random.integers(0, 5, ROWS),
    }


def columns():
    job = fc.categorical_column_with_vocabulary_list("job", ["cook", "nurse"], num_oov_buckets=1)
    town = fc.categorical_column_with_hash_bucket("town", 20)
    age = fc.bucketized_column(fc.numeric_column("age"), [30.0, 40.0, 50.0])
    numbers = [fc.numeric_column("hours", shape=(2,)), fc.numeric_column("age")]
    categories = [job, town, fc.crossed_column([age, "job"], 30)]
    level = fc.categorical_column_with_identity("level", 5)
    dense = [fc.embedding_column(town, 3), fc.indicator_column(job), fc.embedding_column(level, 2)]
    return [*numbers, age, *categories], [*numbers, age, *dense]


def linear(units=1):
    return LinearModel(columns()[0], units, sparse_combiner="mean")


def deep(units=1, **options):
    return DNNModel([6, 4], columns()[1], units, **options)


def full():
    return deep(3, activation=tf.nn.tanh, dropout=0.3, batch_norm=True, features_are_data=True)


def frozen():
    model = WideDeepModel(linear(), deep())
    model.linear.trainable = False
    return model


MODELS = {
    "baseline": BaselineModel,
    "linear": linear,
    "linear of three": lambda: linear(3),
    "deep": deep,
    "deep with everything": full,
    "wide and deep": lambda: WideDeepModel(linear(), deep()),
    "half frozen": frozen,
}


def trained(make):
    model = make()
    model.compile("adam", "mse", metrics=["mae"])
    labels = np.random.default_rng(4).normal(size=(ROWS, 1)).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices((features(), labels)).batch(8).repeat(3)
    model.fit(data, verbose=0, shuffle=False)
    return model, data


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_file_gives_back_every_bit(make, tmp_path):
    model, data = trained(make)
    model.save(tmp_path / "model.keras")

    loaded = keras.saving.load_model(tmp_path / "model.keras")

    assert len(loaded.weights) == len(model.weights) > 0
    for found, expected in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(loaded.trainable_weights) == len(model.trainable_weights)
    np.testing.assert_array_equal(loaded(features()), model(features()))
    for found, expected in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(found, expected)
    if make is full:
        return  # Keras does not save how far the random numbers of dropout have come.
    again = loaded.fit(data, verbose=0, shuffle=False).history
    expected = model.fit(data, verbose=0, shuffle=False).history
    np.testing.assert_array_equal(again["loss"], expected["loss"])


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_config_makes_the_same_network(make):
    model = make()
    model(features())
    other = type(model).from_config(model.get_config())
    other(features())
    assert [(w.name, w.shape) for w in other.weights] == [(w.name, w.shape) for w in model.weights]
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other(features()), model(features()))
    assert other.get_config() == model.get_config()


def test_a_model_may_be_built_without_features():
    called, built = WideDeepModel(linear(), deep()), WideDeepModel(linear(), deep())
    called(features())
    built.build()
    assert [w.path for w in built.weights] == [w.path for w in called.weights]
    assert [w.shape for w in built.weights] == [w.shape for w in called.weights]


ASK = """
import sys
import numpy as np
import tensorflow as tf

answers = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
with np.load(sys.argv[2]) as rows:
    asked = {key: tf.constant(rows[key]) for key in rows if key != "expected"}
    (found,) = answers(**asked).values()
    np.testing.assert_allclose(found, rows["expected"], rtol=1e-5, atol=1e-6)
assert not {"premade", "feature_columns"} & set(sys.modules)
"""


@pytest.mark.processes
@pytest.mark.parametrize("reloaded", [False, True])
def test_an_export_answers_with_tensorflow_alone(tmp_path, reloaded):
    model, _ = trained(MODELS["wide and deep"])
    if reloaded:
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
    model.export(tmp_path / "export", verbose=False)
    asked = {
        key: np.reshape(value, [ROWS, -1]) if value.dtype.kind == "f" or value.ndim == 1 else value
        for key, value in features().items()
    }
    asked = {k: v.astype("S") if v.dtype.kind == "U" else v for k, v in asked.items()}
    np.savez(tmp_path / "rows.npz", **asked, expected=model(features()))
    command = [sys.executable, "-c", ASK, tmp_path / "export", tmp_path / "rows.npz"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
