"""A model small enough to be computed by hand, and what looks at its runs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from estimators import Estimator, EstimatorSpec, Hook, ModeKeys, RunConfig, minimize
from estimators.checkpoints import CheckpointStore
from estimators.optimizers import SGD

ROWS = [[1.0], [2.0], [3.0]]


def line_fn(features, labels, mode, params):
    """y = w x + b from w = 2, b = 0.5: mean squared error, gradient descent of rate 0.1."""
    w, b = tf.Variable(2.0, name="w"), tf.Variable(0.5, name="b")
    y = tf.identity(w * features["x"] + b, name="y")
    if mode == ModeKeys.PREDICT:
        return EstimatorSpec(mode, predictions={"y": y})
    loss = tf.reduce_mean((y - labels) ** 2)
    if mode == ModeKeys.TRAIN:
        train_op = minimize(loss, SGD(params.get("rate", 0.1)))
        return EstimatorSpec(mode, loss=loss, train_op=train_op)
    mae = keras.metrics.MeanAbsoluteError(name="mae")
    mae.update_state(labels, y)
    return EstimatorSpec(mode, loss=loss, predictions={"y": y}, eval_metric_ops={"mae": mae})


def line_data(batch_size=2, repeat=1):
    """x = y = 1, 2, 3 in order; the last batch is short."""
    x = tf.constant(ROWS)
    return tf.data.Dataset.from_tensor_slices(({"x": x}, x)).repeat(repeat).batch(batch_size)


class Record(Hook):
    """Notes what it is called with, every so many steps."""

    def __init__(self, every=1, fetches=()):
        self._every, self._fetches = every, fetches
        self.calls = []
        self.steps, self.losses, self.fetched = [], [], []

    def fetches(self):
        return self._fetches

    def begin(self, run):
        self.calls.append(("begin", run.step))

    def due(self, step):
        return (step // self._every + 1) * self._every

    def after(self, run, outputs):
        self.calls.append(("after", outputs.step))
        self.steps.append(outputs.step)
        self.losses.append(outputs.loss)
        self.fetched.append(outputs.fetched[self])

    def end(self, run):
        self.calls.append(("end", run.step))


class Raise(Hook):
    """Fails at a step: an exception, Ctrl-C, or whatever it is given."""

    def __init__(self, step, error):
        self._step, self._error = step, error

    def due(self, step):
        return self._step

    def after(self, run, outputs):
        raise self._error


class Line:
    """The model, its data, and estimators of it."""

    data = staticmethod(line_data)
    model_fn = staticmethod(line_fn)

    def __init__(self, folder):
        self.model_dir = str(folder)

    def endless(self):
        return line_data(batch_size=3, repeat=None)

    def estimator(
        self, model_fn=line_fn, *, params=None, warm_start_from=None, clock=None, **config
    ):
        config = RunConfig(model_dir=self.model_dir, **{"progress": False, **config})
        return Estimator(model_fn, None, config, params, warm_start_from, clock=clock)


@pytest.fixture
def line(tmp_path):
    return Line(tmp_path / "model")


@pytest.fixture
def record():
    """Makes hooks that note what they are called with."""
    return Record


@pytest.fixture
def fail_at():
    """Makes hooks that raise at a step."""
    return Raise


@pytest.fixture
def events():
    """Reads the scalars of a folder's event files: tag to a list of (step, value)."""

    def events(folder):
        accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
        accumulator.Reload()
        found = {
            tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
            for tag in accumulator.Tags()["scalars"]
        }
        for tag in accumulator.Tags()["tensors"]:
            tensors = [(e.step, tf.make_ndarray(e.tensor_proto)) for e in accumulator.Tensors(tag)]
            found[tag] = [(step, value) for step, value in tensors]
        return found

    return events


@pytest.fixture
def checkpoint(tmp_path):
    """Writes values by name on disk as a checkpoint, and returns its folder."""

    def checkpoint(values, step=0, folder="checkpoint"):
        arrays = {name: np.asarray(value) for name, value in values.items()}
        arrays = {
            name: array.astype(np.float32) if array.dtype == np.float64 else array
            for name, array in arrays.items()
        }
        CheckpointStore(tmp_path / folder).commit(step, arrays)
        return str(tmp_path / folder)

    return checkpoint
