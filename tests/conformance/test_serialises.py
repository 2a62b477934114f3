"""What describes a model comes back equal from a file, and answers bit for bit as before."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimators
import feature_columns as fc
import premade
from tests.conformance import catalog

WAYS = {
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "deepcopy": copy.deepcopy,
    "keras": lambda one: keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(one)
    ),
}


def _features():
    return {key: tf.constant(values) for key, values in catalog.features().items()}


def _specs():
    return {
        key: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
        for key, value in _features().items()
    }


def _inputs():
    return {
        key: keras.Input(spec.shape[1:], dtype=spec.dtype.name, name=key)
        for key, spec in _specs().items()
    }


def _assert_same(found, expected):
    for ours, theirs in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def _answers(model):
    """Gives a model weights that are all different, and returns what it says of the features."""
    model(_features())
    random = np.random.default_rng(5)
    for variable in model.variables:
        if not variable.path.endswith("seed_generator_state"):
            variable.assign(random.uniform(0.1, 1.0, variable.shape))
    return model(_features())


def _compiled(model):
    """Returns what a model says as a graph, in which TensorFlow fuses some operations."""
    return tf.function(lambda features: model(features), input_signature=[_specs()])(_features())


def _tables(columns):
    return {id(column.table) for column in columns if hasattr(column, "table")}


def _keys(column):
    return [source.transformed_key for source in column.sources]


# Values


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("column", **catalog.named((*catalog.COLUMNS, *catalog.SEQUENCE_COLUMNS)))
def test_column(column, way, tmp_path):
    made = column.columns(tmp_path)

    again = WAYS[way](made)

    if way != "keras":  # which keeps the columns of one layer together, and no others
        assert len(_tables(again)) == len(_tables(made)) <= 1
    for ours, theirs in zip(again, made, strict=True):
        if hasattr(theirs, "table"):  # a copy shares a table of its own
            ours = dataclasses.replace(ours, table=theirs.table)
        assert ours == theirs
        assert hash(ours) == hash(theirs)
        assert _keys(ours) == _keys(theirs)


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
@pytest.mark.parametrize("name", catalog.VALUES)
def test_value(name, way):
    value = catalog.VALUES[name]()
    again = WAYS[way](value)
    assert again == value
    assert again is not value


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
@pytest.mark.parametrize("name", catalog.HEADS)
def test_head(name, way):
    make, kind = catalog.HEADS[name]
    head, labels = make(), catalog.labels(kind)
    again = WAYS[way](head)

    def loss(of):
        features, outputs = _features(), of.logits_dimension
        logits = {key: tf.ones([catalog.ROWS, 1]) for key in ("real", "binary")}
        if not isinstance(of, estimators.MultiHead):
            logits = tf.ones([catalog.ROWS, 1]) * tf.range(1.0, 1.0 + outputs)
        if isinstance(of, estimators.SequentialHeadWrapper):  # sequences of one step
            logits = logits[:, tf.newaxis]
            features[of.input_sequence_mask_key] = tf.ones([catalog.ROWS, 1], tf.bool)
        return of.loss(labels, logits, features)

    assert again is not head
    assert again.name == head.name
    assert float(loss(again)) == float(loss(head)) != 0.0


# Layers in Keras models


class Subclassed(keras.Model):
    """A user's model around a layer over columns."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer, self.last = layer, keras.layers.Dense(2)

    def call(self, features):
        outputs = self.layer(features)
        steps = outputs[0] if isinstance(outputs, tuple) else outputs
        return self.last(steps)

    def build(self, input_shape):
        if not self.layer.built:  # one that was loaded from a file is
            self.layer.build(input_shape)
        width = self.layer.compute_output_shape(input_shape)
        self.last.build(width[0] if isinstance(width[0], tuple) else width)

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config.pop("layer"))
        return cls(layer, **config)


def _functional(layer):
    inputs = _inputs()
    return keras.Model(inputs, layer(inputs))


def _sequential(layer):
    if isinstance(layer, fc.SequenceFeatures):
        pytest.skip("returns two tensors, and a Sequential passes one on")
    return keras.Sequential([layer, keras.layers.Dense(2)])


KINDS = {"Functional": _functional, "Sequential": _sequential, "subclassed": Subclassed}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", catalog.LAYERS)
def test_layer_in_a_keras_file(name, kind, tmp_path):
    model = KINDS[kind](catalog.LAYERS[name](tmp_path))
    expected = _answers(model)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(
        tmp_path / "model.keras", custom_objects={"Subclassed": Subclassed}
    )

    _assert_same(loaded(_features()), expected)


@pytest.mark.parametrize("name", catalog.LAYERS)
def test_layer_in_a_saved_model(name, tmp_path):
    model = _functional(catalog.LAYERS[name](tmp_path))
    _answers(model)

    model.export(tmp_path / "model", verbose=False)

    served = tf.saved_model.load(str(tmp_path / "model"))
    _assert_same(served.serve(_features()), _compiled(model))


@pytest.mark.parametrize("name", catalog.LAYERS)
def test_layer_in_the_saved_model_of_a_subclassed_model(name, tmp_path):
    """`Subclassed.export` would take every feature for a float: Keras knows only their shapes."""
    model = Subclassed(catalog.LAYERS[name](tmp_path))
    _answers(model)

    archive = keras.export.ExportArchive()
    archive.track(model.layer)
    archive.track(model.last)
    archive.add_endpoint("serve", lambda features: model(features), input_signature=[_specs()])
    archive.write_out(tmp_path / "model", verbose=False)

    served = tf.saved_model.load(str(tmp_path / "model"))
    _assert_same(served.serve(_features()), _compiled(model))


@pytest.mark.parametrize("name", catalog.LAYERS)
def test_layer_from_its_config(name, tmp_path):
    layer = catalog.LAYERS[name](tmp_path)
    again = type(layer).from_config(layer.get_config())
    assert [each.name for each in again.columns] == [each.name for each in layer.columns]
    ours, theirs = again.get_config(), layer.get_config()
    del ours["columns"], theirs["columns"]  # They have ids of what they share.
    assert ours == theirs


# Networks


@pytest.mark.parametrize("name", catalog.NETWORKS)
def test_network(name, tmp_path):
    model = catalog.NETWORKS[name](tmp_path)
    expected = _answers(model)

    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "model", verbose=False, input_signature=[_specs()])

    loaded = keras.saving.load_model(tmp_path / "model.keras")
    _assert_same(loaded(_features()), expected)
    served = tf.saved_model.load(str(tmp_path / "model"))
    _assert_same(served.serve(_features()), _compiled(model))


def test_activation_of_ones_own(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    def squared(x):
        return x * x

    model = premade.DNNModel([3], [fc.numeric_column("age")], activation=squared)
    expected = _answers(model)

    model.save(tmp_path / "model.keras")

    _assert_same(keras.saving.load_model(tmp_path / "model.keras")(_features()), expected)


# In another process

_LOAD = """
import sys
import keras, numpy as np, tensorflow as tf
{imports}
loaded = {load}
model = loaded if isinstance(loaded, keras.Model) else loaded.serve
with np.load("features.npz") as file:
    features = {{key: tf.constant(file[key]) for key in file.files}}
np.save("answers.npy", model(features))
"""


@pytest.mark.processes
@pytest.mark.parametrize(
    ("imports", "load", "answers"),
    [
        ("import premade", "keras.saving.load_model('model.keras')", _answers),
        ("", "tf.saved_model.load('model')", _compiled),
    ],
    ids=["keras file", "SavedModel without this project"],
)
def test_fresh_process(imports, load, answers, tmp_path):
    model = catalog.NETWORKS["WideDeepModel"](tmp_path)
    _answers(model)
    expected = answers(model)
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "model", verbose=False, input_signature=[_specs()])
    np.savez(tmp_path / "features.npz", **catalog.features())

    program = _LOAD.format(imports=imports, load=load)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=300)

    np.testing.assert_array_equal(np.load(tmp_path / "answers.npy"), expected)
