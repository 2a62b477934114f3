"""The migration guide's custom `model_fn`: a Keras model, optimizer and metric object in the body.

Keras 3 has neither `optimizer.get_updates` nor `model.get_losses_for`, nor can `iterations` be set
to the global step: a user writes `estimators.minimize` for the first, `model.losses` for the second
and drops the third. `apply_gradients` stays as it was.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import estimators


def make_model():
    return tf.keras.Sequential(
        [
            tf.keras.layers.Conv2D(
                8, 3, activation="relu", kernel_regularizer=tf.keras.regularizers.l2(0.02)
            ),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dropout(0.1),
            tf.keras.layers.Dense(16, activation="relu"),
            tf.keras.layers.BatchNormalization(momentum=0.8),
            tf.keras.layers.Dense(3),
        ]
    )


def _forward(features, labels, mode):
    model = make_model()
    predictions = model(features, training=mode == estimators.ModeKeys.TRAIN)
    if mode == estimators.ModeKeys.PREDICT:
        return model, predictions, None
    loss_obj = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    total_loss = loss_obj(labels, predictions) + tf.math.add_n(model.losses)
    return model, predictions, total_loss


def _spec(labels, mode, predictions, total_loss, train_op):
    accuracy_obj = tf.keras.metrics.SparseCategoricalAccuracy(name="acc_obj")
    accuracy_obj.update_state(y_true=labels, y_pred=predictions)
    return estimators.EstimatorSpec(
        mode=mode,
        predictions=predictions,
        loss=total_loss,
        train_op=train_op,
        eval_metric_ops={"Accuracy": accuracy_obj},
    )


def model_fn_with_minimize(features, labels, mode):
    model, predictions, total_loss = _forward(features, labels, mode)
    if mode == estimators.ModeKeys.PREDICT:
        return estimators.EstimatorSpec(mode=mode, predictions=predictions)
    optimizer = tf.keras.optimizers.Adam(0.01)
    train_op = estimators.minimize(total_loss, optimizer, model.trainable_variables)
    return _spec(labels, mode, predictions, total_loss, train_op)


def model_fn_with_apply_gradients(features, labels, mode):
    model, predictions, total_loss = _forward(features, labels, mode)
    if mode == estimators.ModeKeys.PREDICT:
        return estimators.EstimatorSpec(mode=mode, predictions=predictions)
    optimizer = tf.keras.optimizers.Adam(0.01)
    variables = [variable.value for variable in model.trainable_variables]
    gradients = tf.gradients(total_loss, variables)
    train_op = optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return _spec(labels, mode, predictions, total_loss, train_op)


@pytest.mark.parametrize("model_fn", [model_fn_with_minimize, model_fn_with_apply_gradients])
def test_trains_evaluates_and_predicts(model_fn, images):
    estimator = estimators.Estimator(model_fn, config=estimators.RunConfig(tf_random_seed=1))
    train_spec = estimators.TrainSpec(input_fn=images.train(), max_steps=60)
    eval_spec = estimators.EvalSpec(input_fn=images.evaluate(), steps=3)

    metrics, _ = estimators.train_and_evaluate(estimator, train_spec, eval_spec)

    assert metrics["Accuracy"] > 0.95
    assert metrics["global_step"] == 60
    logits = np.stack(list(estimator.predict(images.evaluate())))
    assert np.mean(logits.argmax(1) == images.labels) == np.float32(metrics["Accuracy"])
    moving_mean = estimator.get_variable_value("sequential/batch_normalization/moving_mean")
    assert np.abs(moving_mean).max() > 0.0


def test_both_ways_train_alike(images):
    weights = []
    for model_fn in (model_fn_with_minimize, model_fn_with_apply_gradients):
        estimator = estimators.Estimator(model_fn, config=estimators.RunConfig(tf_random_seed=1))
        estimator.train(images.train(), steps=3)
        weights.append(estimator.get_variable_value("sequential/dense_1/kernel"))
    np.testing.assert_allclose(*weights, rtol=1e-5, atol=1e-6)
