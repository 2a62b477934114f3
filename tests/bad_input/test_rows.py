"""Rows that do not fit the model: an error that says what to mend, before a step is made."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import estimators
from estimators.errors import CheckpointError


def _without(key):
    def change(features, labels):
        del features[key]
        return features, labels

    return change


def _feature(key, change_value):
    def change(features, labels):
        features[key] = change_value(features[key])
        return features, labels

    return change


def _labels(change_value):
    return lambda features, labels: (features, change_value(labels))


def _nothing(features, labels):
    return {key: values[:0] for key, values in features.items()}, labels[:0]


def _with_last(labels, value):
    labels = labels.copy()
    labels[-1] = value
    return labels


# What is wrong with the rows, and what the error must say of it: the name of the culprit, what was
# expected, what was got.
CASES = {
    "missing feature key": (_without("age"), ["'age'", "'hours'", "'job'"]),
    "text for a number": (_feature("age", lambda v: v.astype(str)), ["age", "string"]),
    "a number for text": (
        _feature("job", lambda v: np.zeros(len(v), np.float32)),
        ["job", "float"],
    ),
    "wrong shape": (_feature("hours", lambda v: np.tile(v, 2)), ["hours", "2", "4"]),
    "features without names": (lambda features, labels: (features["age"], labels), ["dictionary"]),
    "label too high": (
        _labels(lambda v: _with_last(v, 3)),
        ["MultiClassHead: labels must be class ids in [0, 2]", "Got: [3]"],
    ),
    "label negative": (_labels(lambda v: _with_last(v, -1)), ["in [0, 2]", "Got: [-1]"]),
    "labels of two columns": (_labels(lambda v: np.tile(v, 2)), ["label", "2"]),
    "no labels": (_labels(lambda v: None), ["labels"]),
    "text labels": (_labels(lambda v: v.astype(str)), ["label", "string"]),
    "no rows": (_nothing, ["dataset is empty", "drop_remainder"]),
}


@pytest.mark.parametrize("mode", ["train", "evaluate"])
@pytest.mark.parametrize("case", CASES)
def test_rows(trained, rows, data_of, case, mode):
    change, words = CASES[case]
    features, labels = change(*rows)
    data = lambda: data_of(features, labels)  # noqa: E731
    if labels is None:
        data = lambda: tf.data.Dataset.from_tensor_slices(features).batch(4)  # noqa: E731

    with pytest.raises((ValueError, TypeError)) as error:
        getattr(trained.estimator, mode)(data)

    message = str(error.value)
    assert all(word.lower() in message.lower() for word in words), message
    assert "Traceback" not in message
    trained.assert_unharmed()


@pytest.mark.parametrize("case", ["missing feature key", "text for a number", "wrong shape"])
def test_rows_to_predict(trained, rows, data_of, case):
    change, words = CASES[case]
    features, labels = change(*rows)

    with pytest.raises((ValueError, TypeError)) as error:
        list(trained.estimator.predict(lambda: data_of(features, labels)))

    assert all(word.lower() in str(error.value).lower() for word in words), error.value


def test_a_label_that_is_not_in_the_vocabulary(make_classifier, rows, data_of, tmp_path):
    features, labels = rows
    words = np.array(["low", "middle", "high"])[labels]
    words[5] = "hihg"
    model = make_classifier(tmp_path, label_vocabulary=["low", "middle", "high"])

    with pytest.raises(ValueError, match=r"hihg") as error:
        model.train(lambda: data_of(features, words))

    assert "label_vocabulary" in str(error.value)
    assert "low" in str(error.value)


def test_an_evaluation_that_would_never_end(trained, rows, data_of):
    with pytest.raises(ValueError, match=r"never end.*infinite.*`steps`.*repeat\(\)"):
        trained.estimator.evaluate(lambda: data_of(*rows).repeat())

    metrics = trained.estimator.evaluate(lambda: data_of(*rows).repeat(), steps=3)
    assert np.isfinite(metrics["loss"])
    trained.assert_unharmed()


def test_a_filter_that_lets_nothing_through(trained, rows, data_of):
    """The length of such a dataset is not known beforehand."""
    data = lambda: data_of(*rows).filter(lambda *_: False)  # noqa: E731

    with pytest.raises(ValueError, match="empty"):
        trained.estimator.evaluate(data)


def test_nan_weights_behind_a_finite_loss(trained, make_classifier, rows, data_of):
    """What tf.nn.relu makes of NaN depends on the processor; some make it 0, as is done here."""
    features, labels = rows
    features["age"][1] = np.nan
    relu = lambda x: tf.where(x > 0, x, 0)  # noqa: E731
    estimator = make_classifier(trained.model_dir, activation_fn=relu)

    with pytest.raises(CheckpointError, match="'dnn/hiddenlayer_0/kernel' .nan at .*clip"):
        estimator.train(lambda: data_of(features, labels))

    trained.assert_unharmed()


def test_a_nan_loss_among_others(tmp_path):
    """The loss of the last step of a compiled call is finite, that of one before was not."""

    def model_fn(features, labels, mode):
        loss = (tf.Variable(0.5, name="w") - 1.0) ** 2 + tf.reduce_mean(features["x"])
        return estimators.EstimatorSpec(mode, loss=loss, train_op=estimators.minimize(loss, "SGD"))

    values = np.float32([0.0, np.nan, 0.0, 0.0])
    data = tf.data.Dataset.from_tensor_slices({"x": values}).batch(1)
    model = estimators.Estimator(model_fn, str(tmp_path))

    with pytest.raises(estimators.NanLossDuringTrainingError, match="loss is NaN, or was"):
        model.train(lambda: data)


def test_no_checkpoint_of_nan(tmp_path):
    def model_fn(features, labels, mode):
        loss = tf.reduce_mean((tf.Variable(0.5, name="w") * features["x"] - labels) ** 2)
        return estimators.EstimatorSpec(mode, loss=loss, train_op=estimators.minimize(loss, "SGD"))

    values = np.ones((12, 1), np.float32)
    values[8] = np.nan
    data = tf.data.Dataset.from_tensor_slices(({"x": values}, values)).batch(4)
    config = estimators.RunConfig(model_dir=str(tmp_path), save_checkpoints_steps=1)
    model = estimators.Estimator(model_fn, config=config)

    with pytest.raises(estimators.NanLossDuringTrainingError, match="At step 3 the loss is NaN"):
        model.train(lambda: data)

    assert model.latest_checkpoint().endswith("model.ckpt-2")
    assert np.isfinite(model.get_variable_value("w"))
