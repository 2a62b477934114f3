"""A model_dir that a disk has damaged: training goes on from what is whole, and never from zero."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
import tensorflow as tf

import estimators
from estimators.checkpoints import Checkpoint
from estimators.errors import DamagedCheckpointError


def model_fn(features, labels, mode):
    w = tf.Variable(0.0, name="w")
    loss = tf.reduce_mean((w * features["x"] - labels) ** 2)
    train_op = estimators.minimize(loss, tf.compat.v1.train.MomentumOptimizer(0.1, 0.9))
    return estimators.EstimatorSpec(mode, loss=loss, train_op=train_op)


def input_fn():
    x = np.random.default_rng(6).normal(size=40).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices(({"x": x}, 2.0 * x)).shuffle(40).repeat().batch(4)


@pytest.fixture
def train(tmp_path):
    """Trains up to a step, in a new Estimator each time."""

    def train(steps, folder="damaged"):
        config = estimators.RunConfig(
            model_dir=str(tmp_path / folder), tf_random_seed=1, save_checkpoints_steps=10
        )
        estimator = estimators.Estimator(model_fn, config=config)
        return estimator.train(input_fn, hooks=[_Stop(steps)], max_steps=1000)

    return train


class _Stop(estimators.Hook):
    """Interrupts a run: unlike one that has reached its end, it goes on where it stopped."""

    def __init__(self, step):
        self._step = step

    def due(self, step):
        return self._step if step < self._step else None

    def after(self, run, outputs):
        run.request_stop("the test says so")


def _flip_a_bit(path):
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def _truncate(path):
    os.truncate(path, os.path.getsize(path) // 2)


def _assert_same_as_undamaged(train, estimator):
    whole = train(50, folder="whole")
    assert Checkpoint.open(estimator.model_dir).step == 50
    for name in whole.get_variable_names():
        expected = whole.get_variable_value(name)
        np.testing.assert_array_equal(estimator.get_variable_value(name), expected, err_msg=name)


# A checkpoint without a manifest is no damage: so TensorFlow and tf.estimator write them.
@pytest.mark.parametrize(
    ("part", "damage"),
    [
        *itertools.product(("data-00000-of-00001", "index"), (_flip_a_bit, _truncate, os.remove)),
        *itertools.product(("manifest.json",), (_flip_a_bit, _truncate)),
    ],
)
def test_a_damaged_newest_checkpoint_falls_back(train, tmp_path, part, damage):
    train(30)
    damage(tmp_path / "damaged" / f"model.ckpt-30.{part}")

    estimator = train(50)

    _assert_same_as_undamaged(train, estimator)


def test_a_truncated_state_file(train, tmp_path):
    train(30)
    _truncate(tmp_path / "damaged" / "checkpoint")

    estimator = train(50)

    _assert_same_as_undamaged(train, estimator)


def test_a_lost_state_file(train, tmp_path):
    train(30)
    (tmp_path / "damaged" / "checkpoint").unlink()

    estimator = train(50)

    _assert_same_as_undamaged(train, estimator)


def test_all_damaged_is_an_error_not_a_new_beginning(train, tmp_path):
    train(30)
    damaged = list((tmp_path / "damaged").glob("model.ckpt-*.data*"))
    for path in damaged:
        _truncate(path)

    with pytest.raises(DamagedCheckpointError, match="model.ckpt-30"):
        train(50)
