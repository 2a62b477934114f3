"""Baselines: the numbers that tf.estimator 2.15 gives, from Z1 to Z3, and what priors are."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estimators import MultiClassHead
from estimators.checkpoints import CheckpointStore
from premade import BaselineClassifier, BaselineEstimator, BaselineModel, BaselineRegressor

BIAS = "baseline/bias"


def rows(count):
    """Features of so many rows."""
    return {"x": [[0.0]] * count}


@pytest.fixture
def with_bias(small):
    """Makes an estimator whose newest checkpoint holds a given bias."""

    def with_bias(kind, bias, *args, **options):
        estimator = small(kind, *args, **options)
        values = {BIAS: np.array(bias, np.float32), "global_step": np.int64(100)}
        CheckpointStore(estimator.model_dir).commit(100, values)
        return estimator

    return with_bias


def test_z1_metrics_of_a_given_bias(with_bias, batch):
    one = with_bias(BaselineRegressor, [13.0])
    metrics = one.evaluate(batch(rows(1), [[10.0]]), steps=1)
    assert (metrics["loss"], metrics["prediction/mean"]) == (9.0, 13.0)
    assert (metrics["label/mean"], metrics["global_step"]) == (10.0, 100)
    two = with_bias(BaselineRegressor, [13.0], weight_column="w")
    data = batch({**rows(2), "w": [[1.0], [2.0]]}, [[10.0], [10.0]])
    metrics = two.evaluate(data, steps=1)
    assert (metrics["loss"], metrics["average_loss"]) == (13.5, 9.0)


def test_z1_predictions_are_the_bias(with_bias, batch):
    estimator = with_bias(BaselineRegressor, [13.0, -2.0], label_dimension=2)
    predictions = list(estimator.predict(lambda: tf.data.Dataset.from_tensors({"x": [1.0, 2.0]})))
    assert [each["predictions"].tolist() for each in predictions] == [[13.0, -2.0]] * 2


def test_z2_regressor_defaults(small, batch, values):
    data = batch(rows(2), [[10.0], [13.0]])
    estimator = small(BaselineRegressor)
    expected = {
        1: (0.2999717, 127.69064),
        2: (0.5092720, 123.04611),
        10: (1.4667997, 102.91511),
    }
    for step, (bias, loss) in expected.items():
        estimator.train(data, max_steps=step)
        assert values(estimator, BIAS)[0] == pytest.approx([bias], rel=2e-6)
        assert estimator.evaluate(data, steps=1)["loss"] == pytest.approx(loss, rel=1e-6)


def test_z3_balanced_classes(small, batch, values):
    data = batch(rows(2), [[0], [1]])
    estimator = small(BaselineClassifier).train(data, steps=3)
    assert values(estimator, BIAS) == [[0.0]]
    assert estimator.evaluate(data, steps=1)["loss"] == pytest.approx(0.6931472)


def test_a_classifier_learns_the_frequencies(small, batch):
    labels = [["a"], ["b"], ["b"], ["c"], ["c"], ["c"], ["c"], ["c"]]
    vocabulary = ["a", "b", "c"]
    options = {"n_classes": 3, "label_vocabulary": vocabulary, "optimizer": "SGD"}
    estimator = small(BaselineClassifier, **options)
    estimator.train(batch(rows(8), labels), steps=300)
    prediction = next(estimator.predict(batch(rows(1))))
    frequencies = [np.mean(np.ravel(labels) == each) for each in vocabulary]
    assert prediction["probabilities"] == pytest.approx(frequencies, abs=1e-4)
    assert prediction["classes"].tolist() == [b"c"]


def test_a_regressor_learns_the_weighted_mean(small, batch, values):
    labels, weights = [[1.0], [2.0], [6.0]], [[1.0], [0.0], [3.0]]
    estimator = small(BaselineRegressor, weight_column="w", optimizer="SGD")
    estimator.train(batch({**rows(3), "w": weights}, labels), steps=100)
    assert values(estimator, BIAS)[0] == pytest.approx([np.average(labels, weights=weights)])


def test_variables_on_disk(small, batch):
    estimator = small(BaselineEstimator, MultiClassHead(3), optimizer="SGD")
    estimator.train(batch(rows(1), [[2]]), steps=1)
    names = [name for name in estimator.get_variable_names() if not name.startswith("training/")]
    assert names == [BIAS, "global_step"]
    assert estimator.get_variable_value(BIAS).shape == (3,)


@pytest.mark.parametrize(
    "feature",
    [
        tf.constant([b"a", b"b", b"c"]),
        tf.zeros([3, 2, 2]),
        tf.sparse.from_dense([["a", ""], ["", ""], ["b", "c"]]),
        tf.ragged.constant([[1], [], [2, 3]]),
    ],
    ids=["strings", "images", "sparse", "ragged"],
)
def test_any_feature_tells_the_number_of_rows(feature):
    assert BaselineModel(units=2)({"feature": feature}).shape == (3, 2)


def test_features_must_agree_on_the_number_of_rows():
    features = {"a": tf.zeros([3]), "b": tf.zeros([2])}
    with pytest.raises(tf.errors.InvalidArgumentError, match="same number of rows: 'b' and 'a'"):
        BaselineModel()(features)


@pytest.mark.parametrize(
    ("features", "message"),
    [([[1.0]], "features should be a dictionary"), ({"x": 1.0}, "at least one feature with rows")],
)
def test_features_without_rows(small, features, message):
    data = lambda: tf.data.Dataset.from_tensors((features, [[1.0]]))  # noqa: E731
    with pytest.raises(ValueError, match=message):
        small(BaselineRegressor).train(data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BaselineClassifier(n_classes=1), "n_classes"),
        (lambda: BaselineRegressor(optimizer="adam"), "Unsupported optimizer name: adam"),
        (lambda: BaselineRegressor(optimizer=None), "optimizer must not be None"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
