"""A training run to be killed: shuffled data, dropout, Adam, a checkpoint every few steps.

    python train_script.py <model_dir> <steps>

Run again with the same arguments it goes on; at the end the model_dir holds the checkpoint of the
last step.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
import tensorflow as tf

import estimators

ROWS = 100


def input_fn():
    random = np.random.default_rng(4)
    x = random.normal(size=(ROWS, 3)).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices(({"x": x}, x.sum(axis=1, keepdims=True)))
    return data.shuffle(37).repeat().batch(8)


def model_fn(features, labels, mode):
    training = mode == estimators.ModeKeys.TRAIN
    net = keras.layers.Dense(16, activation="relu")(features["x"])
    net = keras.layers.BatchNormalization()(net, training=training)
    net = keras.layers.Dropout(0.4)(net, training=training)
    net = net + 0.01 * tf.random.normal(tf.shape(net))
    loss = tf.reduce_mean((keras.layers.Dense(1)(net) - labels) ** 2)
    train_op = estimators.minimize(loss, keras.optimizers.Adam(0.01))
    return estimators.EstimatorSpec(mode, loss=loss, train_op=train_op)


def main(model_dir, steps):
    config = estimators.RunConfig(
        model_dir=model_dir, tf_random_seed=11, save_checkpoints_steps=7, log_step_count_steps=5
    )
    estimators.Estimator(model_fn, config=config).train(input_fn, max_steps=steps)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
