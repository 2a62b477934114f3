"""One process of a cluster: trains two models and writes what it holds in memory at the end.

    TF_CONFIG=... python worker.py <folder>

Without `TF_CONFIG` it trains the same models alone, on the batches of all workers put together.
"""

from __future__ import annotations

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

import estimators
import feature_columns as fc
import premade

STEPS, STOP_AT = 8, 5
ROWS, ROWS_PER_STEP = 96, 16


def input_fn(input_context):
    random = np.random.default_rng(5)
    job = random.choice(["cook", "smith", "baker", "nurse"], ROWS)
    age = random.normal(size=ROWS).astype(np.float32)
    label = (age + (job == "smith") > 0).astype(np.int64)
    workers = input_context.num_input_pipelines
    data = tf.data.Dataset.from_tensor_slices(({"job": job, "age": age}, label[:, np.newaxis]))
    data = data.shard(workers, input_context.input_pipeline_id)
    return data.repeat().batch(ROWS_PER_STEP // workers)


def model_fn(features, labels, mode):
    net = tf.reshape(features["age"], [-1, 1])
    net = keras.layers.Dense(8, activation="tanh")(net)
    logits = keras.layers.Dense(1)(net)
    loss = tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(labels, tf.float32), logits)
    )
    train_op = estimators.minimize(loss, keras.optimizers.Adam(0.05))
    return estimators.EstimatorSpec(mode, loss=loss, train_op=train_op)


def wide_and_deep(config):
    job = fc.categorical_column_with_hash_bucket("job", 20)
    return premade.DNNLinearCombinedClassifier(
        linear_feature_columns=[job],
        dnn_feature_columns=[fc.numeric_column("age"), fc.embedding_column(job, 4)],
        dnn_hidden_units=[8],
        config=config,
    )


class Stop(estimators.Hook):
    """Stops the run before its end, on the worker that is told to."""

    def __init__(self, is_told):
        self.is_told = is_told

    def due(self, step):
        return STOP_AT if step < STOP_AT else None

    def after(self, run, outputs):
        if self.is_told:
            run.request_stop("this worker has to go")


def train(estimator):
    """Trains in two runs: the last worker stops the first, the second takes it up from there."""
    cluster = estimator.config.cluster
    is_last = cluster.worker_index == cluster.num_worker_replicas - 1
    estimator.train(input_fn, hooks=[Stop(is_last)], max_steps=STEPS)
    assert estimator.get_variable_value("global_step") == STOP_AT
    estimator.train(input_fn, max_steps=STEPS)


def main(folder):
    config = estimators.RunConfig(model_dir=str(folder / "by_steps"), tf_random_seed=3)
    custom = estimators.Estimator(model_fn, config=config.replace(save_checkpoints_steps=2))
    # The first has made the strategy, which the second has to share. It saves by time, that is, at
    # steps that no worker can know by itself.
    by_time = custom.config.replace(
        model_dir=str(folder / "by_time"), save_checkpoints_secs=0.01, log_step_count_steps=1
    )
    held = {}
    for estimator in (custom, wide_and_deep(by_time)):
        train(estimator)
        store = estimator._model.store
        held |= {name: np.asarray(value) for name, value in store.read(store.names).items()}
    np.savez(folder / f"worker-{config.cluster.worker_index}.npz", **held)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
