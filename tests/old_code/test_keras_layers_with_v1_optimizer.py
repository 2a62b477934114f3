"""The guide "Creating Custom Estimators": layers in the body, losses, metrics, optimizer of v1.

To move it, a user changes `tf.estimator` to `estimators` and `tf.keras.layers.DenseFeatures` to
`feature_columns.DenseFeatures`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

import estimators
import feature_columns as fc


def my_model(features, labels, mode, params):
    net = fc.DenseFeatures(params["feature_columns"])(features)
    for units in params["hidden_units"]:
        net = tf.keras.layers.Dense(units, activation=tf.nn.relu)(net)
    logits = tf.keras.layers.Dense(params["n_classes"], activation=None)(net)

    predicted_classes = tf.argmax(logits, 1)
    if mode == estimators.ModeKeys.PREDICT:
        predictions = {
            "class_ids": predicted_classes[:, tf.newaxis],
            "probabilities": tf.nn.softmax(logits),
            "logits": logits,
        }
        return estimators.EstimatorSpec(mode, predictions=predictions)

    loss = tf.compat.v1.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
    accuracy = tf.compat.v1.metrics.accuracy(
        labels=labels, predictions=predicted_classes, name="acc_op"
    )
    metrics = {"accuracy": accuracy}
    tf.compat.v1.summary.scalar("accuracy", accuracy[1])
    if mode == estimators.ModeKeys.EVAL:
        return estimators.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)

    assert mode == estimators.ModeKeys.TRAIN
    optimizer = tf.compat.v1.train.AdagradOptimizer(learning_rate=0.1)
    train_op = optimizer.minimize(loss, global_step=tf.compat.v1.train.get_global_step())
    return estimators.EstimatorSpec(mode, loss=loss, train_op=train_op)


def _classifier(rows, model_dir):
    columns = [fc.numeric_column(key=key) for key in rows.features]
    params = {"feature_columns": columns, "hidden_units": [10, 10], "n_classes": 3}
    config = estimators.RunConfig(
        model_dir=model_dir, tf_random_seed=1, save_summary_steps=20, log_step_count_steps=20
    )
    return estimators.Estimator(model_fn=my_model, params=params, config=config)


def _tags(folder):
    files = tf.io.gfile.glob(f"{folder}/events*")
    events = [event for file in files for event in tf.compat.v1.train.summary_iterator(file)]
    return {value.tag for event in events for value in event.summary.value}


def test_trains_evaluates_and_predicts(flowers, tmp_path):
    classifier = _classifier(flowers, str(tmp_path))
    before = classifier.evaluate(flowers.evaluate())

    classifier.train(input_fn=flowers.train(), steps=100)

    after = classifier.evaluate(input_fn=flowers.evaluate())
    assert after["accuracy"] > 0.95
    assert after["loss"] < before["loss"] / 2
    assert after["global_step"] == 100
    predictions = list(classifier.predict(input_fn=flowers.evaluate()))
    classes = [prediction["class_ids"][0] for prediction in predictions]
    assert np.mean(classes == flowers.labels) == np.float32(after["accuracy"])
    assert {"accuracy", "loss", "global_step/sec"} <= _tags(tmp_path)


def test_another_process_would_find_the_same(flowers, tmp_path):
    first = _classifier(flowers, str(tmp_path)).train(flowers.train(), steps=20)
    second = _classifier(flowers, str(tmp_path))

    assert second.evaluate(flowers.evaluate()) == first.evaluate(flowers.evaluate())
    names = second.get_variable_names()
    assert {"dense/kernel", "dense/kernel/Adagrad", "dense_2/bias", "global_step"} <= set(names)
    second.train(flowers.train(), steps=20)
    assert second.get_variable_value("global_step") == 40
