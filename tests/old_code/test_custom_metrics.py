"""`add_metrics` of the API pages, and metric pairs of v1 in a body, custom ones among them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

import estimators
import feature_columns as fc
import premade


def my_auc(labels, predictions):
    auc_metric = tf.keras.metrics.AUC(name="my_auc")
    auc_metric.update_state(y_true=labels, y_pred=predictions["logistic"])
    return {"my_auc": auc_metric}


def rmse(labels, predictions, features):
    tf.debugging.assert_equal(tf.shape(labels)[0], tf.shape(features["SepalLength"])[0])
    return {
        "rmse": tf.compat.v1.metrics.root_mean_squared_error(
            tf.cast(labels, tf.float32), tf.squeeze(predictions["logistic"], -1)
        )
    }


def test_metrics_added_to_a_premade_model(flowers):
    columns = [fc.numeric_column(key) for key in flowers.features]
    is_first = type(flowers)(flowers.features, np.float32(flowers.labels == 0))
    classifier = premade.DNNClassifier([8], columns, optimizer="Adam")
    classifier = estimators.add_metrics(classifier, my_auc)
    classifier = estimators.add_metrics(classifier, rmse)

    classifier.train(is_first.train(), steps=30)
    metrics = classifier.evaluate(is_first.evaluate())

    probabilities = [p["logistic"][0] for p in classifier.predict(is_first.evaluate())]
    error = np.sqrt(np.mean((probabilities - is_first.labels) ** 2))
    np.testing.assert_allclose(metrics["rmse"], error, rtol=1e-5)
    np.testing.assert_allclose(metrics["my_auc"], metrics["auc"], atol=1e-3)


def mean_of_largest(values):
    """A pair made by hand, as people wrote them: two local variables, a value and an update."""
    total = tf.compat.v1.get_variable(
        "total",
        [],
        initializer=tf.zeros_initializer(),
        trainable=False,
        collections=[tf.compat.v1.GraphKeys.LOCAL_VARIABLES],
    )
    count = tf.compat.v1.get_variable(
        "count",
        [],
        initializer=tf.zeros_initializer(),
        trainable=False,
        collections=[tf.compat.v1.GraphKeys.LOCAL_VARIABLES],
    )
    new_total = tf.compat.v1.assign_add(total, tf.reduce_max(values))
    new_count = tf.compat.v1.assign_add(count, 1.0)
    return total / count, new_total / new_count


def regression_fn(features, labels, mode):
    predictions = tf.squeeze(tf.keras.layers.Dense(1)(tf.stack(list(features.values()), 1)), -1)
    if mode == estimators.ModeKeys.PREDICT:
        return estimators.EstimatorSpec(mode, predictions={"y": predictions})
    labels = tf.cast(labels, tf.float32)
    loss = tf.compat.v1.losses.mean_squared_error(labels, predictions)
    eval_metric_ops = {
        "mae": tf.compat.v1.metrics.mean_absolute_error(labels, predictions),
        "mean": tf.compat.v1.metrics.mean(predictions),
        "largest": mean_of_largest(predictions),
    }
    train_op = None
    if mode == estimators.ModeKeys.TRAIN:
        optimizer = tf.compat.v1.train.RMSPropOptimizer(0.01)
        train_op = optimizer.minimize(loss, tf.compat.v1.train.get_global_step())
    return estimators.EstimatorSpec(
        mode, loss=loss, train_op=train_op, eval_metric_ops=eval_metric_ops
    )


def test_pairs_of_v1_in_a_body(flowers):
    estimator = estimators.Estimator(regression_fn).train(flowers.train(), steps=20)

    for _ in range(2):  # Metric variables start afresh.
        metrics = estimator.evaluate(flowers.evaluate(batch_size=32))
        predicted = np.array([p["y"] for p in estimator.predict(flowers.evaluate())])
        errors = np.abs(predicted - flowers.labels)
        np.testing.assert_allclose(metrics["mae"], errors.mean(), rtol=1e-5)
        np.testing.assert_allclose(metrics["mean"], predicted.mean(), rtol=1e-5)
        largest = predicted.reshape(3, 32).max(1).mean()
        np.testing.assert_allclose(metrics["largest"], largest, rtol=1e-5)
    assert not any("count" in name for name in estimator.get_variable_names())
