"""Premade estimators under the heads whose labels are not one dense tensor."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import GammaRegressor
from sklearn.metrics import f1_score

import feature_columns as fc
from estimators import (
    BinaryClassHead,
    MultiClassHead,
    MultiHead,
    MultiLabelHead,
    RegressionHead,
    RunConfig,
)
from premade import DNNEstimator, LinearEstimator

X = np.linspace(-2.0, 2.0, 20, dtype=np.float32)
TAGS = np.stack([X > 0.0, X > 1.0, X < 0.5], axis=1).astype(np.int64)
WORDS = ["up", "high", "low"]


def lists(of):
    rows = [[of[i] for i in np.flatnonzero(row)] for row in TAGS]
    return tf.ragged.constant(rows)


LABELS = {
    "ragged ids": (None, lists(range(3))),
    "sparse ids": (None, lists(range(3)).to_sparse()),
    "ragged names": (WORDS, lists(WORDS)),
    "sparse names": (WORDS, lists(WORDS).to_sparse()),
}


def trained(folder, vocabulary, labels):
    def input_fn():
        # The last batch is short, and its longest list is another one.
        return tf.data.Dataset.from_tensor_slices(({"x": X}, labels)).batch(8)

    head = MultiLabelHead(3, label_vocabulary=vocabulary)
    config = RunConfig(model_dir=str(folder), tf_random_seed=1)
    model = LinearEstimator(head, [fc.numeric_column("x")], optimizer="SGD", config=config)
    model.train(input_fn)
    return model, model.evaluate(input_fn)


@pytest.mark.parametrize(("vocabulary", "labels"), LABELS.values(), ids=LABELS)
def test_lists_of_classes_train_as_the_indicator_does(vocabulary, labels, tmp_path):
    expected, expected_metrics = trained(tmp_path / "dense", None, TAGS)

    found, metrics = trained(tmp_path / "lists", vocabulary, labels)

    for name in expected.get_variable_names():
        value = expected.get_variable_value(name)
        np.testing.assert_array_equal(found.get_variable_value(name), value, err_msg=name)
    assert metrics == expected_metrics
    assert metrics["auc"] > 0.6


def test_replicas_train_on_their_own_lists(tmp_path, mirrored_strategy):
    def run(folder, labels, batch_size, **options):
        def input_fn():
            rows = tf.data.Dataset.from_tensor_slices(({"x": X[:16]}, labels[:16]))
            return rows.batch(batch_size, drop_remainder=True)

        config = RunConfig(model_dir=str(tmp_path / folder), **options)
        columns = [fc.numeric_column("x")]
        model = LinearEstimator(MultiLabelHead(3), columns, optimizer="SGD", config=config)
        return model.train(input_fn), model.evaluate(input_fn)

    alone, expected = run("alone", TAGS, 8)
    two, metrics = run("two", lists(range(3)), 4, train_distribute=mirrored_strategy)

    for name in alone.get_variable_names():
        value = alone.get_variable_value(name)
        np.testing.assert_allclose(two.get_variable_value(name), value, rtol=1e-5, err_msg=name)
    assert metrics == pytest.approx(expected, rel=1e-5)


NAMED = {"r": (2.0 * X + 1.0)[:, np.newaxis], "b": (X > 0.3).astype(np.int64)[:, np.newaxis]}
HEADS = {"r": RegressionHead(name="r"), "b": BinaryClassHead(name="b")}


def linear(folder, head, labels):
    def input_fn():
        return tf.data.Dataset.from_tensor_slices(({"x": X}, labels)).batch(8)

    columns = [fc.numeric_column("x")]
    model = LinearEstimator(head, columns, str(folder), optimizer="SGD")
    return model.train(lambda: input_fn().repeat(5)), input_fn


def test_linear_models_of_several_heads_are_those_of_each(tmp_path):
    """Nothing is shared between the logits, and the gradient of a sum is that of each term."""
    together, input_fn = linear(tmp_path / "all", MultiHead(list(HEADS.values())), NAMED)
    metrics = together.evaluate(input_fn)
    predictions = list(together.predict(input_fn))
    for column, (name, head) in enumerate(HEADS.items()):
        alone, own_input_fn = linear(tmp_path / name, head, NAMED[name])
        for variable in ("linear/linear_model/x/weights", "linear/linear_model/bias_weights"):
            np.testing.assert_allclose(
                together.get_variable_value(variable)[..., column],
                alone.get_variable_value(variable)[..., 0],
                rtol=1e-5,
            )
        expected = alone.evaluate(own_input_fn)
        expected[f"loss/{name}"] = expected.pop("loss")
        found = {key: metrics[key] for key in expected}
        assert found == pytest.approx(expected, rel=1e-5)
        for row, own in zip(predictions, alone.predict(own_input_fn), strict=True):
            assert {key for owner, key in row if owner == name} == own.keys()
            for key in own.keys() & {"predictions", "logistic"}:
                np.testing.assert_allclose(row[name, key], own[key], rtol=1e-4)
    assert metrics["loss"] == pytest.approx(metrics["loss/r"] + metrics["loss/b"], rel=1e-5)


def test_network_learns_what_both_heads_ask(tmp_path):
    def input_fn():
        return tf.data.Dataset.from_tensor_slices(({"x": X}, NAMED)).batch(8)

    model = DNNEstimator(
        MultiHead(list(HEADS.values()), [1.0, 3.0]),
        [8],
        [fc.numeric_column("x")],
        optimizer=lambda: keras.optimizers.Adam(0.03),
        config=RunConfig(model_dir=str(tmp_path), tf_random_seed=2),
    )
    before = model.train(input_fn, max_steps=1).evaluate(input_fn)

    after = model.train(lambda: input_fn().repeat(), max_steps=300).evaluate(input_fn)

    assert after["loss/r"] < 0.5 * before["loss/r"]
    assert after["loss/b"] < 0.5 * before["loss/b"]
    weighted = after["loss/r"] + 3.0 * after["loss/b"]
    assert after["loss"] == pytest.approx(weighted, rel=1e-5)


def test_classes_are_measured_over_a_whole_evaluation(tmp_path):
    levels = np.digitize(X, [-1.0, 0.5])
    weights = np.linspace(0.5, 2.0, len(X), dtype=np.float32)

    def input_fn():
        rows = ({"x": X, "weight": weights}, levels)
        return tf.data.Dataset.from_tensor_slices(rows).batch(8)  # The last batch has 4 rows.

    head = MultiClassHead(3, "weight", classes_for_class_based_metrics=[0, 1, 2])
    model = DNNEstimator(head, [4], [fc.numeric_column("x")], str(tmp_path), optimizer="Adagrad")
    model.train(lambda: input_fn().repeat(2))

    metrics = model.evaluate(input_fn)

    answers = [row["class_ids"][0] for row in model.predict(input_fn)]
    expected = f1_score(
        levels, answers, average=None, labels=[0, 1, 2], sample_weight=weights, zero_division=0.0
    )
    found = [metrics[f"f1/class{i}"] for i in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert max(found) > 0.0
    assert model.evaluate(input_fn) == metrics  # Nothing is left of an evaluation.


def test_a_loss_and_a_link_of_ones_own_give_the_gamma_regression_of_scikit_learn(tmp_path):
    """Each of two labels is a regression of its own; the weights of the rows are those of both."""
    random = np.random.default_rng(9)
    x = random.normal(size=(200, 2)).astype(np.float32)
    means = np.exp(x @ [[0.5, -0.3], [0.2, 0.8]] + [[0.1, -0.4]])
    labels = (means * random.gamma(4.0, 0.25, means.shape)).astype(np.float32)
    weights = random.uniform(0.2, 2.0, len(x)).astype(np.float32)
    data = tf.data.Dataset.from_tensors(({"x": x, "weight": weights}, labels))
    head = RegressionHead(
        label_dimension=2,
        weight_column="weight",
        loss_fn=lambda labels, logits: logits + labels * tf.exp(-logits),
        inverse_link_fn=tf.exp,
    )
    columns = [fc.numeric_column("x", shape=(2,))]
    adam = lambda: keras.optimizers.Adam(0.05)  # noqa: E731
    model = LinearEstimator(head, columns, str(tmp_path), optimizer=adam)

    model.train(lambda: data.repeat(), steps=400)

    predictions = np.stack([row["predictions"] for row in model.predict(lambda: data)])
    for i in range(2):
        theirs = GammaRegressor(alpha=0.0, solver="newton-cholesky", tol=1e-9)
        theirs.fit(x.astype(float), labels[:, i].astype(float), weights)
        np.testing.assert_allclose(predictions[:, i], theirs.predict(x), rtol=1e-4)
