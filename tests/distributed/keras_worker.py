"""One process of a cluster: trains Keras models by the bridge and writes what it holds at the end.

    TF_CONFIG=... python keras_worker.py <folder>

Without `TF_CONFIG` it trains the same models alone, on the batches of all workers put together.
"""

from __future__ import annotations

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

import bridge
import estimators

STEPS = 8
ROWS, ROWS_PER_STEP = 96, 16
OPTIMIZERS = {
    "converted": lambda: keras.optimizers.Adam(0.05),
    "as_it_is": lambda: keras.optimizers.AdamW(0.05, weight_decay=0.1),
}


def input_fn(input_context):
    x = np.random.default_rng(5).normal(size=(ROWS, 4)).astype(np.float32)
    y = (x.sum(axis=1, keepdims=True) > 0).astype(np.float32)
    workers = input_context.num_input_pipelines
    data = tf.data.Dataset.from_tensor_slices((x, y))
    data = data.shard(workers, input_context.input_pipeline_id)
    return data.repeat().batch(ROWS_PER_STEP // workers)


class OwnStep(keras.Sequential):
    """With a custom `train_step`."""

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return {"loss": loss}


def model_of(kind, optimizer, *, is_noisy):
    """Makes a model; noise differs between workers, so that a noisy one cannot equal one alone."""
    noise = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)] if is_noisy else []
    hidden = keras.layers.Dense(8, "tanh")
    model = kind([keras.Input([4], name="x"), hidden, *noise, keras.layers.Dense(1)])
    model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def main(folder):
    config = estimators.RunConfig(tf_random_seed=3, save_checkpoints_steps=3)
    index = config.cluster.worker_index
    if config.cluster.num_worker_replicas > 1:
        # First of all: TensorFlow cannot be connected once it has made a variable.
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        config = config.replace(train_distribute=strategy)
    for kind in (keras.Sequential, OwnStep):
        for optimizer, make in OPTIMIZERS.items():
            for is_noisy in (False, True):
                name = "-".join([kind.__name__, optimizer, "noisy" if is_noisy else "exact"])
                keras.utils.set_random_seed(7)
                model = model_of(kind, make(), is_noisy=is_noisy)
                run = config.replace(model_dir=str(folder / name))
                estimator = bridge.model_to_estimator(model, config=run)
                estimator.train(input_fn, max_steps=STEPS // 2)
                estimator.train(input_fn, max_steps=STEPS)
                store = estimator._model.store
                values = store.read(store.names).items()
                held = {variable: np.asarray(value) for variable, value in values}
                np.savez(folder / f"{name}-{index}.npz", **held)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
