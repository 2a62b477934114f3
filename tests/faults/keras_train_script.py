"""A run of a Keras model by the bridge, to be killed: noise, statistics, callbacks, shuffled data.

    python keras_train_script.py <model_dir> <steps> <optimizer>

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
OPTIMIZERS = {
    "converted": lambda: keras.optimizers.Adam(0.01),
    "as_it_is": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.01),
}


def rows():
    x = np.random.default_rng(4).normal(size=(ROWS, 3)).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices((x, x.sum(axis=1, keepdims=True)))


def model_of(optimizer):
    model = keras.Sequential(
        [
            keras.Input([3], name="x"),
            keras.layers.Dense(16, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def main(model_dir, steps, optimizer):
    config = estimators.RunConfig(
        model_dir=model_dir, tf_random_seed=11, save_checkpoints_steps=7, log_step_count_steps=5
    )
    estimator = bridge.model_to_estimator(model_of(OPTIMIZERS[optimizer]()), config=config)
    callbacks = [keras.callbacks.ReduceLROnPlateau("loss", factor=0.99, patience=1)]
    estimator.train(
        lambda: rows().shuffle(37).repeat().batch(8),
        hooks=[bridge.CallbackHook(estimator, callbacks, steps_per_epoch=12)],
        max_steps=steps,
    )


if __name__ == "__main__":
    keras.utils.set_random_seed(3)  # of the first weights
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
