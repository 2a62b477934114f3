"""Models of Keras 2, by `tf_keras`: the numbers of their `fit`."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import tensorflow as tf

import bridge
from estimators import RunConfig, export

from .conftest import Losses, batches


def test_without_the_package_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    model = type("Model", (), {"__module__": "tf_keras.src.engine.training"})()
    with pytest.raises(ImportError, match="pip install tf_keras"):
        bridge.model_to_estimator(model)


@pytest.fixture
def tf_keras():
    return pytest.importorskip("tf_keras", reason="needs tf_keras of TensorFlow's version")


def schedule(kit):
    return kit.optimizers.schedules.CosineDecay(0.1, 8)


OPTIMIZERS = {
    "sgd": lambda kit: kit.optimizers.SGD(schedule(kit), momentum=0.9, nesterov=True),
    "adam": lambda kit: kit.optimizers.Adam(0.01, clipnorm=0.5),
    "adagrad": lambda kit: kit.optimizers.Adagrad(0.1),
    "rmsprop": lambda kit: kit.optimizers.RMSprop(0.01),
    "ftrl": lambda kit: kit.optimizers.Ftrl(0.1),
    "adamw": lambda kit: kit.optimizers.AdamW(0.01, weight_decay=0.1),
    "legacy sgd": lambda kit: kit.optimizers.legacy.SGD(0.1, decay=0.1),
    "legacy adam": lambda kit: kit.optimizers.legacy.Adam(0.01),
    "legacy adagrad": lambda kit: kit.optimizers.legacy.Adagrad(0.1),
    "legacy rmsprop": lambda kit: kit.optimizers.legacy.RMSprop(0.01, momentum=0.5),
}


def classifier(kit, optimizer):
    model = kit.Sequential(
        [
            kit.layers.Input([6], name="x"),
            kit.layers.Dense(8, "relu", kernel_regularizer="l2", name="hidden"),
            kit.layers.BatchNormalization(momentum=0.8, name="norm"),
            kit.layers.Dense(3, kernel_constraint=kit.constraints.MaxNorm(0.9), name="classes"),
        ]
    )
    model.compile(
        optimizer,
        kit.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", kit.metrics.SparseTopKCategoricalAccuracy(2, name="top")],
    )
    return model


def predicted(estimator, data, key="classes"):
    return np.stack([row[key] for row in estimator.predict(data)])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_trains_as_fit_does(name, rows, config, tf_keras):
    model = classifier(tf_keras, OPTIMIZERS[name](tf_keras))
    data = lambda: batches(*rows)  # noqa: E731
    estimator = bridge.model_to_estimator(model, config=config)
    begun = [weight.copy() for weight in model.get_weights()]
    before = model.evaluate(data(), verbose=0)
    np.testing.assert_allclose(estimator.evaluate(data)["loss"], before[0], rtol=1e-5)
    losses = Losses()
    estimator.train(data, hooks=[losses])
    for weight, value in zip(model.get_weights(), begun, strict=True):
        np.testing.assert_array_equal(weight, value)
    model.fit(data(), shuffle=False, verbose=0)
    loss, accuracy, top = model.evaluate(data(), verbose=0)
    results = estimator.evaluate(data)
    assert sorted(results) == ["accuracy", "global_step", "loss", "top"]
    np.testing.assert_allclose(results["loss"], loss, rtol=1e-4)
    np.testing.assert_allclose(results["accuracy"], accuracy, atol=0.01)
    np.testing.assert_allclose(results["top"], top, atol=0.01)
    expected = model.predict(data(), verbose=0)
    np.testing.assert_allclose(predicted(estimator, data), expected, rtol=1e-3, atol=1e-4)
    assert len(losses.values) == 10
    kept = {each.split("/")[0] for each in estimator.get_variable_names()}
    assert {"hidden", "norm", "classes"} <= kept
    assert not {"Variable", "total", "count"} & kept


def test_the_way_back_and_a_second_process(rows, config, tf_keras):
    data = lambda: batches(*rows)  # noqa: E731
    model = classifier(tf_keras, "adam")
    estimator = bridge.model_to_estimator(model, config=config).train(data, steps=4)
    trained = bridge.to_keras(estimator)
    np.testing.assert_allclose(
        trained.predict(data(), verbose=0), predicted(estimator, data), rtol=1e-4, atol=1e-5
    )
    trained.fit(data(), verbose=0)
    other = classifier(tf_keras, "adam")
    resumed = bridge.model_to_estimator(other, config=config)
    np.testing.assert_array_equal(predicted(resumed, data), predicted(estimator, data))
    resumed.train(data, max_steps=8)
    assert resumed.get_variable_value("global_step") == 8
    bridge.load_weights(other, resumed)
    np.testing.assert_array_equal(
        other.get_weights()[0], resumed.get_variable_value("hidden/kernel")
    )


def two_headed(kit):
    a, b = kit.Input([6], name="a"), kit.Input([1], name="b")
    hidden = kit.layers.Dropout(0.2)(kit.layers.concatenate([a, b]))
    kind = kit.layers.Dense(3, name="kind")(hidden)
    size = kit.layers.Dense(1, name="size")(hidden)
    model = kit.Model([a, b], [kind, size])
    kinds = kit.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", {"kind": kinds, "size": "mse"}, loss_weights={"kind": 0.3, "size": 2.0})
    return model


def test_several_inputs_and_outputs_go_by_name(rows, config, tf_keras, tmp_path):
    x, classes = rows
    features, labels = {"a": x, "b": x[:, :1]}, {"kind": classes, "size": x[:, 1:2]}
    model = two_headed(tf_keras)
    estimator = bridge.model_to_estimator(
        model, config=config, export_outputs={"size": export.RegressionOutput}
    )
    data = lambda: batches(features, labels)  # noqa: E731
    results = estimator.evaluate(data)
    expected = model.evaluate(data(), verbose=0, return_dict=True)
    assert results.keys() - {"global_step"} == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(results[name], value, rtol=1e-4)
    estimator.train(lambda: data().repeat(), steps=60)
    assert estimator.evaluate(data)["loss"] < results["loss"]
    receiver = export.build_raw_serving_input_receiver_fn(features)
    # As another process does that has not predicted yet.
    fresh = bridge.model_to_estimator(
        model, config=config, export_outputs={"size": export.RegressionOutput}
    )
    path = os.fsdecode(fresh.export_saved_model(tmp_path / "export", receiver))
    served = tf.saved_model.load(path).signatures["serving_default"]
    answers = served(**{key: tf.constant(value) for key, value in features.items()})
    np.testing.assert_allclose(answers["kind"], predicted(estimator, data, "kind"), rtol=1e-5)


def test_replicas_share_the_work(rows, tf_keras, tmp_path, mirrored_strategy):
    model = tf_keras.Sequential([tf_keras.layers.Dense(3, name="classes")])
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(0.1), loss)
    model(rows[0])
    found = []
    for strategy, size in ((mirrored_strategy, 16), (None, 32)):
        config = RunConfig(
            model_dir=str(tmp_path / str(size)), train_distribute=strategy, progress=False
        )
        estimator = bridge.model_to_estimator(model, config=config)
        estimator.train(lambda size=size: batches(*rows, batch=size), steps=5)
        found.append(estimator.get_variable_value("classes/kernel"))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)


def test_what_cannot_be_run_is_refused(tf_keras):
    class OwnStep(tf_keras.Sequential):
        def train_step(self, data):
            return super().train_step(data)

    own = OwnStep([tf_keras.layers.Input([2]), tf_keras.layers.Dense(1)])
    own.compile("sgd", "mse")
    with pytest.raises(ValueError, match="its own train_step"):
        bridge.model_to_estimator(own)
    with pytest.raises(ValueError, match="has not been compiled"):
        bridge.model_to_estimator(tf_keras.Sequential([tf_keras.layers.Dense(1)]))
    unbuilt = tf_keras.Sequential([tf_keras.layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(ValueError, match="has not been built"):
        bridge.model_to_estimator(unbuilt)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved"])
def test_its_files_are_opened_by_its_package(rows, tf_keras, tmp_path, name):
    path, model = str(tmp_path / name), classifier(tf_keras, "adam")
    model.save(path, save_format=None if "." in name else "tf")
    with pytest.raises(ValueError, match=r"pip install tf_keras.*load_model\(path\)"):
        bridge.model_to_estimator(keras_model_path=path)
    data = lambda: batches(*rows)  # noqa: E731
    estimator = bridge.model_to_estimator(tf_keras.models.load_model(path))
    np.testing.assert_allclose(
        estimator.evaluate(data)["loss"], model.evaluate(data(), verbose=0)[0], rtol=1e-5
    )
