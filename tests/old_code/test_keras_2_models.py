"""The migration guide's `model_fn` as it was, with `import tf_keras` in the place of `tf.keras`.

`tf_keras` is Keras 2 as a package of its own. What Keras 3 left out is still there:
`optimizer.get_updates`, the settable `optimizer.iterations`, `losses.Reduction`.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import estimators

tf_keras = pytest.importorskip("tf_keras")


def make_model():
    return tf_keras.Sequential(
        [
            tf_keras.layers.Conv2D(8, 3, activation="relu"),
            tf_keras.layers.MaxPooling2D(),
            tf_keras.layers.Flatten(),
            tf_keras.layers.Dropout(0.1),
            tf_keras.layers.Dense(16, activation="relu"),
            tf_keras.layers.BatchNormalization(momentum=0.8),
            tf_keras.layers.Dense(3),
        ]
    )


def updates_of_keras_2(loss, model):
    optimizer = tf_keras.optimizers.legacy.Adam(0.01)
    optimizer.iterations = tf.compat.v1.train.get_or_create_global_step()
    return tf.group(optimizer.get_updates(loss, model.trainable_variables)[0])


def minimize_of_v1(loss, model):
    optimizer = tf.compat.v1.train.AdamOptimizer(0.01)
    return optimizer.minimize(
        loss, tf.compat.v1.train.get_global_step(), var_list=model.trainable_variables
    )


@pytest.fixture(params=[updates_of_keras_2, minimize_of_v1])
def model_fn(request):
    def model_fn(features, labels, mode):
        model = make_model()
        training = mode == estimators.ModeKeys.TRAIN
        predictions = model(features, training=training)
        if mode == estimators.ModeKeys.PREDICT:
            return estimators.EstimatorSpec(mode=mode, predictions=predictions)
        loss_obj = tf_keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=tf_keras.losses.Reduction.NONE
        )
        loss = tf.reduce_mean(loss_obj(labels, predictions))
        accuracy_obj = tf_keras.metrics.SparseCategoricalAccuracy(name="acc_obj")
        accuracy_obj.update_state(y_true=labels, y_pred=predictions)
        train_op = request.param(loss, model) if training else None
        return estimators.EstimatorSpec(
            mode=mode,
            predictions=predictions,
            loss=loss,
            train_op=train_op,
            eval_metric_ops={"Accuracy": accuracy_obj},
        )

    return model_fn


def test_trains_evaluates_and_predicts(model_fn, images):
    config = estimators.RunConfig(tf_random_seed=1)
    estimator = estimators.Estimator(model_fn, config=config)
    estimator.train(images.train(), steps=60)

    metrics = estimator.evaluate(images.evaluate())

    assert metrics == estimator.evaluate(images.evaluate())  # Metrics start afresh each time.
    assert metrics["Accuracy"] > 0.95
    assert metrics["global_step"] == 60
    logits = np.stack(list(estimator.predict(images.evaluate())))
    assert np.mean(logits.argmax(1) == images.labels) == np.float32(metrics["Accuracy"])
    names = estimator.get_variable_names()
    assert {"conv2d/kernel", "dense_1/bias", "batch_normalization/moving_mean"} <= set(names)
    assert not {"total", "count"} & set(names)  # Nor are they saved.
