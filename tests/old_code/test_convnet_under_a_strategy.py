"""The tutorial "Multi-worker training with Estimator": a small convnet, plain gradient descent.

To move it, a user changes `tf.estimator` to `estimators`; and, because Keras 3 has no
`tf.keras.losses.Reduction`, `reduction=tf.keras.losses.Reduction.NONE` to `reduction=None`.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import estimators

# Keras 3 would rather have an `Input` layer; the tutorial's `input_shape` still works.
pytestmark = pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")

BATCH_SIZE = 16
LEARNING_RATE = 0.05


def model_fn(features, labels, mode):
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(16, activation="relu"),
            tf.keras.layers.Dense(3),
        ]
    )
    logits = model(features, training=False)

    if mode == estimators.ModeKeys.PREDICT:
        predictions = {"logits": logits}
        return estimators.EstimatorSpec(mode, predictions=predictions)

    optimizer = tf.compat.v1.train.GradientDescentOptimizer(learning_rate=LEARNING_RATE)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)(
        labels, logits
    )
    loss = tf.reduce_sum(loss) * (1.0 / BATCH_SIZE)
    if mode == estimators.ModeKeys.EVAL:
        return estimators.EstimatorSpec(mode, loss=loss)

    return estimators.EstimatorSpec(
        mode=mode,
        loss=loss,
        train_op=optimizer.minimize(loss, tf.compat.v1.train.get_or_create_global_step()),
    )


@pytest.fixture
def input_fn(images):
    def input_fn(mode, input_context=None):
        data = tf.data.Dataset.from_tensor_slices((images.features, images.labels))
        if input_context:
            data = data.shard(input_context.num_input_pipelines, input_context.input_pipeline_id)
        if mode == estimators.ModeKeys.TRAIN:
            data = data.repeat()
        return data.batch(BATCH_SIZE)

    return input_fn


@pytest.mark.parametrize("strategy_name", ["none", "mirrored_strategy"])
def test_train_and_evaluate(strategy_name, input_fn, images, request):
    strategy = None if strategy_name == "none" else request.getfixturevalue(strategy_name)
    config = estimators.RunConfig(train_distribute=strategy, tf_random_seed=2)
    classifier = estimators.Estimator(model_fn=model_fn, config=config)

    metrics, _ = estimators.train_and_evaluate(
        classifier,
        train_spec=estimators.TrainSpec(input_fn=input_fn, max_steps=30),
        eval_spec=estimators.EvalSpec(input_fn=input_fn),
    )

    assert metrics["loss"] < 0.3
    assert metrics["global_step"] == 30
    logits = np.stack([p["logits"] for p in classifier.predict(input_fn)])
    assert np.mean(logits.argmax(1) == images.labels) > 0.95
