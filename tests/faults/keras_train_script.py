"""A run of a Keras model by the bridge, to be killed: noise, statistics, callbacks, shuffled data.

    python keras_train_script.py <model_dir> <steps> <update>

Run again with the same arguments it goes on.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
import tensorflow as tf

import bridge
import estimators

ROWS = 100


def rows():
    random = np.random.default_rng(4)
    x, word = random.normal(size=(ROWS, 3)).astype(np.float32), random.integers(20, size=(ROWS, 2))
    y = x.sum(axis=1, keepdims=True) + (word[:, :1] > 9)
    return tf.data.Dataset.from_tensor_slices(({"x": x, "word": word}, y.astype(np.float32)))


def compiled():
    x, word = keras.Input([3], name="x"), keras.Input([2], name="word", dtype="int32")
    looked_up = keras.layers.Flatten()(keras.layers.Embedding(20, 4)(word))
    net = keras.layers.Dense(16, "relu")(keras.layers.concatenate([x, looked_up]))
    skipped = keras.layers.Dense(1)(x)
    net = keras.layers.Dropout(0.4)(keras.layers.BatchNormalization()(net))
    model = keras.Model([x, word], keras.layers.add([keras.layers.Dense(1)(net), skipped]))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def main(model_dir, steps, update):
    config = estimators.RunConfig(
        model_dir=model_dir, tf_random_seed=11, save_checkpoints_steps=7, log_step_count_steps=5
    )
    estimator = bridge.model_to_estimator(compiled(), config=config, row_wise=update == "row_wise")
    callbacks = [keras.callbacks.ReduceLROnPlateau("loss", factor=0.99, patience=1)]
    estimator.train(
        lambda: rows().shuffle(37).repeat().batch(8),
        hooks=[bridge.CallbackHook(estimator, callbacks, steps_per_epoch=12)],
        max_steps=steps,
    )


if __name__ == "__main__":
    keras.utils.set_random_seed(3)  # of the first weights
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
