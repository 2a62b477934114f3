"""Batch norm, dropout, named classes and combiners: in training, evaluation, prediction, export.

What a trained model predicts is computed again from its variables in NumPy, and so is its loss.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
import premade
from estimators import BinaryClassHead, MultiClassHead, RegressionHead, export
from premade import (
    BaselineClassifier,
    BaselineEstimator,
    BaselineRegressor,
    BoostedTreesClassifier,
    BoostedTreesEstimator,
    BoostedTreesRegressor,
    DNNClassifier,
    DNNEstimator,
    DNNLinearCombinedClassifier,
    DNNLinearCombinedEstimator,
    DNNLinearCombinedRegressor,
    DNNRegressor,
    LinearClassifier,
    LinearEstimator,
    LinearRegressor,
    RNNClassifier,
    RNNEstimator,
)

VOCABULARY = ["a", "b", "c"]
WORDS = [["a", "b"], ["c", ""], ["b", "b"], ["", ""], ["c", "a"], ["unknown", "c"]]
NUMBERS = np.array([0.5, -1.0, 2.0, 0.0, 1.5, -0.5], np.float32)
ROWS = len(WORDS)

X = fc.numeric_column("x")
V = fc.categorical_column_with_vocabulary_list("v", VOCABULARY)
WIDE, DEEP = [X, V], [X, fc.indicator_column(V)]
VISITS = fc.indicator_column(fc.sequence_categorical_column_with_vocabulary_list("v", VOCABULARY))

TWO, THREE = ["no", "yes"], ["low", "middle", "high"]
LABELS = {
    "two": np.array([[TWO[i % 2]] for i in range(ROWS)]),
    "three": np.array([[THREE[i % 3]] for i in range(ROWS)]),
    "real": np.linspace(-1.0, 1.0, ROWS, dtype=np.float32)[:, np.newaxis],
}

# The models in NumPy


def _counts():
    """How often each entry of the vocabulary is in a row."""
    return np.array([[row.count(word) for word in VOCABULARY] for row in WORDS], np.float32)


def _linear(values, combiner="sum"):
    counts = _counts()
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    counts /= {"sum": 1.0, "mean": total, "sqrtn": np.sqrt(total)}[combiner]
    scope = "linear/linear_model"
    logits = counts @ values[f"{scope}/v/weights"] + values[f"{scope}/bias_weights"]
    return logits + NUMBERS[:, np.newaxis] @ values[f"{scope}/x/weights"]


def _deep(values):
    net = np.concatenate([_counts(), NUMBERS[:, np.newaxis]], axis=1)  # v_indicator before x
    for i in range(2):
        layer, norm = f"dnn/hiddenlayer_{i}", f"dnn/hiddenlayer_{i}/batchnorm_{i}"
        net = np.maximum(net @ values[f"{layer}/kernel"] + values[f"{layer}/bias"], 0.0)
        if f"{norm}/gamma" in values:
            deviation = np.sqrt(values[f"{norm}/moving_variance"] + 1e-3)
            net = (net - values[f"{norm}/moving_mean"]) / deviation
            net = net * values[f"{norm}/gamma"] + values[f"{norm}/beta"]
    return net @ values["dnn/logits/kernel"] + values["dnn/logits/bias"]


def _baseline(values):
    return np.tile(values["baseline/bias"], [ROWS, 1])


def _recurrent(values):
    """Steps of words that are there, then the logits of the last state."""
    rnn = "rnn_model/rnn/simple_rnn_cell"
    states = np.zeros([ROWS, 2], np.float32)
    for row, words in enumerate(WORDS):
        length = max((i + 1 for i, word in enumerate(words) if word in VOCABULARY), default=0)
        for word in words[:length]:
            one_hot = np.array([word == each for each in VOCABULARY], np.float32)
            state = states[row] @ values[f"{rnn}/recurrent_kernel"]
            states[row] = np.tanh(one_hot @ values[f"{rnn}/kernel"] + values[f"{rnn}/bias"] + state)
    return states @ values["rnn_model/logits/kernel"] + values["rnn_model/logits/bias"]


def _trees(values):
    """Walks from the root of each tree to a leaf, row by row."""
    tree = {name.removeprefix("boosted_trees/"): value for name, value in values.items()}
    rows = np.concatenate([_counts(), NUMBERS[:, np.newaxis]], axis=1)  # v_indicator before x
    logits = np.zeros([ROWS, tree["output"].max() + 1], np.float32)
    for row, numbers in enumerate(rows):
        for t, output in enumerate(tree["output"]):
            node = 0
            while (feature := tree["feature"][t, node]) >= 0:
                is_right = (
                    numbers[feature] >= tree["boundaries"][feature, tree["threshold"][t, node]]
                )
                node = tree["left"][t, node] + is_right
            logits[row, output] += tree["value"][t, node, 0]
    return logits


def _loss(labels, logits):
    """The mean loss of labels of a kind."""
    if labels == "real":
        return np.mean((logits - LABELS["real"]) ** 2)
    classes = TWO if labels == "two" else THREE
    ids = np.array([classes.index(label) for label in LABELS[labels].ravel()])
    if labels == "two":
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    log_sums = np.log(np.sum(np.exp(logits), axis=1))
    return np.mean(log_sums - logits[np.arange(ROWS), ids])


@dataclasses.dataclass(frozen=True)
class Case:
    """A model with options.

    Attributes:
        make: makes it, given the arguments of every Estimator.
        logits: of the rows above, given the variables.
        labels: kind of the labels.
        needs_an_end: whether it is trained on one pass of data, and on no data without an end.
    """

    make: Callable[..., Any]
    logits: Callable[[Any], Any]
    labels: str
    needs_an_end: bool = False


REGULARIZED = {"batch_norm": True, "dropout": 0.5}
PARTS = {
    "linear_feature_columns": WIDE,
    "dnn_feature_columns": DEEP,
    "dnn_hidden_units": [4, 3],
    "dnn_dropout": 0.5,
    "batch_norm": True,
}
TREES = {"max_depth": 3, "learning_rate": 0.5}
OF_TWO, OF_THREE = {"label_vocabulary": TWO}, {"n_classes": 3, "label_vocabulary": THREE}


def _sum(combiner):
    return lambda values: _linear(values, combiner) + _deep(values)


CASES = {
    "LinearClassifier": Case(
        lambda **k: LinearClassifier(WIDE, sparse_combiner="mean", **OF_TWO, **k),
        lambda values: _linear(values, "mean"),
        "two",
    ),
    "LinearRegressor": Case(
        lambda **k: LinearRegressor(WIDE, sparse_combiner="sqrtn", **k),
        lambda values: _linear(values, "sqrtn"),
        "real",
    ),
    "LinearEstimator": Case(
        lambda **k: LinearEstimator(
            MultiClassHead(3, label_vocabulary=THREE), WIDE, sparse_combiner="mean", **k
        ),
        lambda values: _linear(values, "mean"),
        "three",
    ),
    "DNNClassifier": Case(
        lambda **k: DNNClassifier([4, 3], DEEP, **REGULARIZED, **OF_THREE, **k), _deep, "three"
    ),
    "DNNRegressor": Case(lambda **k: DNNRegressor([4, 3], DEEP, **REGULARIZED, **k), _deep, "real"),
    "DNNEstimator": Case(
        lambda **k: DNNEstimator(
            BinaryClassHead(label_vocabulary=TWO), [4, 3], DEEP, **REGULARIZED, **k
        ),
        _deep,
        "two",
    ),
    "DNNLinearCombinedClassifier": Case(
        lambda **k: DNNLinearCombinedClassifier(
            **PARTS, linear_sparse_combiner="mean", **OF_THREE, **k
        ),
        _sum("mean"),
        "three",
    ),
    "DNNLinearCombinedRegressor": Case(
        lambda **k: DNNLinearCombinedRegressor(**PARTS, linear_sparse_combiner="sqrtn", **k),
        _sum("sqrtn"),
        "real",
    ),
    "DNNLinearCombinedEstimator": Case(
        lambda **k: DNNLinearCombinedEstimator(
            BinaryClassHead(label_vocabulary=TWO), **PARTS, linear_sparse_combiner="mean", **k
        ),
        _sum("mean"),
        "two",
    ),
    "BaselineClassifier": Case(lambda **k: BaselineClassifier(**OF_THREE, **k), _baseline, "three"),
    "BaselineRegressor": Case(lambda **k: BaselineRegressor(**k), _baseline, "real"),
    "BaselineEstimator": Case(
        lambda **k: BaselineEstimator(RegressionHead(), **k), _baseline, "real"
    ),
    "BoostedTreesClassifier": Case(
        lambda **k: BoostedTreesClassifier(DEEP, **TREES, **OF_TWO, **k), _trees, "two", True
    ),
    "BoostedTreesRegressor": Case(
        lambda **k: BoostedTreesRegressor(DEEP, **TREES, **k), _trees, "real", True
    ),
    "BoostedTreesEstimator": Case(
        lambda **k: BoostedTreesEstimator(
            DEEP, head=MultiClassHead(3, label_vocabulary=THREE), **TREES, **k
        ),
        _trees,
        "three",
        True,
    ),
    "RNNClassifier": Case(
        lambda **k: RNNClassifier([VISITS], units=[2], **OF_TWO, **k), _recurrent, "two"
    ),
    "RNNEstimator": Case(
        lambda **k: RNNEstimator(RegressionHead(), [VISITS], units=[2], **k), _recurrent, "real"
    ),
}


def _features():
    return {"x": tf.constant(NUMBERS), "v": tf.constant(WORDS)}


def _check_classes(case, logits, predicted):
    classes = TWO if case.labels == "two" else THREE
    ids = logits[:, 0] > 0 if case.labels == "two" else np.argmax(logits, axis=1)
    expected = [[classes[i].encode()] for i in np.int64(ids)]
    assert predicted["classes"].tolist() == expected


@pytest.mark.parametrize("name", CASES)
def test_phases(small, batch, name, tmp_path):
    case = CASES[name]
    data = batch(_features(), LABELS[case.labels])
    once = (lambda: data().take(1)) if case.needs_an_end else data
    estimator = small(case.make).train(once, steps=3)
    values = {n: estimator.get_variable_value(n) for n in estimator.get_variable_names()}
    logits = case.logits(values)

    metrics = estimator.evaluate(data, steps=2)
    predicted = next(estimator.predict(data, yield_single_examples=False))
    receiver = export.build_raw_serving_input_receiver_fn(_features())
    path = estimator.export_saved_model(tmp_path / "export", receiver)
    served = tf.saved_model.load(path.decode()).signatures["predict"](**_features())

    key = "predictions" if case.labels == "real" else "logits"
    np.testing.assert_allclose(predicted[key], logits, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(served[key], logits, rtol=1e-4, atol=1e-6)
    assert metrics["loss"] == pytest.approx(_loss(case.labels, logits), rel=1e-4)
    if case.labels != "real":
        _check_classes(case, logits, predicted)
        _check_classes(case, logits, {"classes": served["classes"].numpy()})


def test_every_model_is_here():

    kinds = ("Classifier", "Regressor", "Estimator")
    assert CASES.keys() == {name for name in premade.__all__ if name.endswith(kinds)}


@pytest.mark.parametrize("name", [name for name in CASES if "DNN" in name])
def test_training_drops_units_and_moves_the_statistics(small, batch, losses, name):
    """Two equal steps without learning differ in what they drop; the statistics move."""
    case = CASES[name]
    if "Combined" in name:
        still = {"dnn_optimizer": _standstill, "linear_optimizer": _standstill}
    else:
        still = {"optimizer": _standstill}
    estimator = small(case.make, **still)

    seen = losses(estimator, batch(_features(), LABELS[case.labels]), steps=6)

    assert len(set(seen)) > 1
    moving = estimator.get_variable_value("dnn/hiddenlayer_0/batchnorm_0/moving_mean")
    # Activations are never negative, and only zero where all units were.
    assert (moving >= 0.0).all()
    assert moving.any()


def _standstill():
    return tf.compat.v1.train.GradientDescentOptimizer(0.0)
