"""Many evaluations of one Estimator: nothing is traced again, nothing piles up."""

from __future__ import annotations

import gc
import threading

import keras
import numpy as np
import tensorflow as tf

import estimators

CALLS, WARM_UP_CALLS = 200, 40
MOST_GROWTH_MB = 4.0


def _resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20


def model_fn(features, labels, mode):
    net = keras.layers.Dense(64, activation="relu")(features["x"])
    logits = keras.layers.Dense(1)(net)
    loss = tf.reduce_mean((logits - labels) ** 2)
    error = keras.metrics.MeanAbsoluteError()
    error.update_state(labels, logits)
    return estimators.EstimatorSpec(
        mode, loss=loss, train_op=estimators.minimize(loss, "Adam"), eval_metric_ops={"mae": error}
    )


def input_fn():
    x = np.random.default_rng(1).normal(size=(64, 8)).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices(({"x": x}, x[:, :1])).batch(16)


def test_no_retrace_and_flat_memory(tmp_path):
    estimator = estimators.Estimator(model_fn, str(tmp_path)).train(input_fn)
    first = estimator.evaluate(input_fn)
    (loop,) = (loop for loop in estimator._model._loops.values() if loop.program.mode == "eval")

    memory = []
    for _ in range(CALLS):
        assert estimator.evaluate(input_fn) == first
        memory.append(_resident_mb())

    assert loop.traces == 1
    # Once, for the objects that wait for it; two hundred times it would take a minute.
    gc.collect()
    memory.append(_resident_mb())
    assert memory[-1] - memory[WARM_UP_CALLS] < MOST_GROWTH_MB, memory[::20]
    assert len(list((tmp_path / "eval").iterdir())) == 1
    assert threading.active_count() < CALLS
