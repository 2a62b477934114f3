"""The oldest style: `get_variable`, a training operation in every mode, hooks of a session."""

from __future__ import annotations

import logging as standard_logging

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

import estimators


def model_fn(features, labels, mode, params):
    x = features["x"]
    with tf.compat.v1.variable_scope("layer"):
        w = tf.compat.v1.get_variable(
            "w", [x.shape[1], 1], initializer=tf.compat.v1.glorot_uniform_initializer(seed=1)
        )
        b = tf.compat.v1.get_variable("b", [1], initializer=tf.compat.v1.zeros_initializer())
    y = tf.matmul(x, w) + b
    # Labels are there only when training and evaluating, the operations below in every mode.
    labels = tf.zeros_like(y) if labels is None else labels
    loss = tf.reduce_mean(tf.square(y - labels))
    loss = tf.identity(loss, name="mean_squared_error")
    global_step = tf.compat.v1.train.get_global_step()
    rate = tf.compat.v1.train.exponential_decay(params["learning_rate"], global_step, 100, 0.9)
    optimizer = tf.compat.v1.train.MomentumOptimizer(rate, momentum=0.5)
    update_ops = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        gradients = optimizer.compute_gradients(loss)
        clipped = [(tf.clip_by_norm(gradient, 5.0), variable) for gradient, variable in gradients]
        train_op = optimizer.apply_gradients(clipped, global_step=global_step)
    return estimators.EstimatorSpec(
        mode,
        predictions={"y": y},
        loss=loss,
        train_op=train_op,
        eval_metric_ops={"mse": tf.compat.v1.metrics.mean_squared_error(labels, y)},
    )


class CountingHook(estimators.SessionRunHook):
    """Asks for a tensor by name in every step, as examples of `SessionRunHook` do."""

    def __init__(self):
        self.losses, self.begun, self.ended = [], 0, 0

    def begin(self):
        self.begun += 1

    def before_run(self, run_context):
        return estimators.SessionRunArgs("mean_squared_error:0")

    def after_run(self, run_context, run_values):
        self.losses.append(run_values.results)
        if len(self.losses) == 30:
            run_context.request_stop()

    def end(self, session):
        self.ended += 1


@pytest.fixture
def line():
    x = np.random.default_rng(3).normal(size=(64, 2)).astype(np.float32)
    y = (x @ [[2.0], [-1.0]] + 0.5).astype(np.float32)
    return lambda: tf.data.Dataset.from_tensors(({"x": x}, y)).repeat()


@pytest.fixture
def estimator(tmp_path):
    return estimators.Estimator(model_fn, str(tmp_path), params={"learning_rate": 0.1})


def test_a_training_op_in_every_mode_trains_only_when_training(estimator, line):
    estimator.train(line, steps=100)
    first = estimator.evaluate(line, steps=2)
    second = estimator.evaluate(line, steps=2)

    assert first == second
    assert first["mse"] < 1e-3
    assert first["global_step"] == 100
    np.testing.assert_allclose(estimator.get_variable_value("layer/w"), [[2.0], [-1.0]], atol=0.05)
    assert estimator.get_variable_names() == [
        "global_step",
        "layer/b",
        "layer/b/Momentum",
        "layer/w",
        "layer/w/Momentum",
    ]
    rows = next(estimator.predict(line, yield_single_examples=False))["y"]
    assert rows.shape == (64, 1)


def test_a_session_hook_sees_every_step_and_stops_the_run(estimator, line):
    hook = CountingHook()

    estimator.train(line, hooks=[hook], steps=100)

    assert estimator.get_variable_value("global_step") == 30
    assert len(hook.losses) == 30
    assert hook.losses[-1] < hook.losses[0] / 100
    assert (hook.begun, hook.ended) == (1, 1)


def test_logging_tensor_hook_by_name(estimator, line, caplog, monkeypatch):
    monkeypatch.setattr(logging.get_absl_logger(), "propagate", True)
    hook = estimators.LoggingTensorHook({"mse": "mean_squared_error"}, every_n_iter=10)

    with caplog.at_level(standard_logging.INFO, logger="absl"):
        estimator.train(line, hooks=[hook], steps=20)

    lines = [line for line in caplog.messages if line.startswith("mse = ")]
    assert len(lines) >= 2
