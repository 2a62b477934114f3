"""`add_metrics`: more metrics of the same model."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

from estimators import ModeKeys, add_metrics


def mean(value):
    metric = keras.metrics.Mean()
    metric.update_state(value)
    return metric


def test_metrics_are_added(line):
    estimator = line.estimator().train(line.data)
    more = add_metrics(estimator, lambda labels, predictions: {"label": mean(labels)})
    metrics = more.evaluate(line.data)
    assert metrics.pop("label") == 2.0
    assert metrics == estimator.evaluate(line.data)


def test_any_of_the_arguments(line):
    def metric_fn(features, labels, predictions, config):
        assert config.model_dir == line.model_dir
        return {
            "x": mean(features["x"]),
            "label": mean(labels),
            "y": tf.compat.v1.metrics.mean(predictions["y"]),
        }

    metrics = add_metrics(line.estimator(), metric_fn).evaluate(line.data)
    assert (metrics["x"], metrics["label"], metrics["y"]) == (2.0, 2.0, 4.5)


def test_a_metric_of_the_same_name_replaces(line):
    more = add_metrics(line.estimator(), lambda labels: {"mae": mean(labels)})
    assert more.evaluate(line.data)["mae"] == 2.0


def test_added_twice(line):
    more = add_metrics(line.estimator(), lambda labels: {"a": mean(labels)})
    most = add_metrics(more, lambda labels: {"b": mean(2.0 * labels)})
    metrics = most.evaluate(line.data)
    assert (metrics["a"], metrics["b"], metrics["mae"]) == (2.0, 4.0, 2.5)


def test_everything_else_is_shared(line):
    estimator = line.estimator(params={"rate": 0.2}, tf_random_seed=4)
    more = add_metrics(estimator, lambda labels: {})
    assert more is not estimator
    assert more.model_dir == estimator.model_dir
    assert more.config == estimator.config
    assert more.params == {"rate": 0.2}
    more.train(lambda params: line.data().repeat(int(params["rate"] * 5)), steps=1)
    assert estimator.get_variable_value("w") == pytest.approx(2 - 0.2 * 6.5)


def test_only_evaluation_asks(line):
    def never(labels):
        raise AssertionError("asked")

    more = add_metrics(line.estimator(), never)
    more.train(line.data)
    assert len(list(more.predict(line.data))) == 3
    spec = more.model_fn({"x": tf.ones([1, 1])}, None, ModeKeys.PREDICT)
    assert spec.predictions["y"] == 2.5


def test_a_warm_start_is_shared(line, checkpoint):
    folder = checkpoint({"w": 11.0, "b": 0.0})
    more = add_metrics(
        line.estimator(warm_start_from=folder), lambda predictions: {"y": mean(predictions["y"])}
    )
    assert more.evaluate(line.data)["y"] == 22.0


def test_unknown_arguments(line):
    with pytest.raises(ValueError, match=r"has following not expected args: \['logits'\]"):
        add_metrics(line.estimator(), lambda logits: {})


def test_reserved_names(line):
    more = add_metrics(line.estimator(), lambda labels: {"loss": mean(labels)})
    with pytest.raises(ValueError, match='Metric with name "loss" is not allowed'):
        more.evaluate(line.data)
