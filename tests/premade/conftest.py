"""Data of one batch, and models that begin with given values by name on disk."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estimators import Hook, RunConfig
from estimators.checkpoints import CheckpointStore


class Small:
    """Makes estimators in folders of the test, warm started from values by name on disk."""

    def __init__(self, folder):
        self._folder = folder
        self._made = 0

    def __call__(self, kind, *args, values=None, **options):
        self._made += 1
        here = self._folder / str(self._made)
        if values is not None:
            arrays = {name: np.asarray(value, np.float32) for name, value in values.items()}
            CheckpointStore(here / "values").commit(0, arrays)
            options["warm_start_from"] = str(here / "values")
        config = RunConfig(
            model_dir=here / "model",
            save_checkpoints_steps=100,
            log_step_count_steps=None,
            save_summary_steps=0,
        )
        return kind(*args, config=config, **options)


@pytest.fixture
def small(tmp_path):
    return Small(tmp_path)


@pytest.fixture
def batch():
    """Returns an input_fn of one batch, over and over, of float32, strings and labels."""

    def batch(features, labels=None):
        tensors = {
            key: value if tf.is_tensor(value) or _is_composite(value) else _tensor(value)
            for key, value in features.items()
        }
        data = tensors if labels is None else (tensors, _tensor(labels))
        return lambda: tf.data.Dataset.from_tensors(data).repeat()

    return batch


def _is_composite(value):
    return isinstance(value, tf.SparseTensor | tf.RaggedTensor)


def _tensor(value):
    array = np.array(value)
    return tf.constant(array.astype(np.float32) if array.dtype == np.float64 else array)


@pytest.fixture
def values():
    """Values of the newest checkpoint by name, as flat lists."""

    def values(estimator, *names):
        return [np.ravel(estimator.get_variable_value(name)).tolist() for name in names]

    return values


@pytest.fixture
def logits():
    """The predicted logits of an input, as a list of rows."""

    def logits(estimator, input_fn):
        predictions = next(estimator.predict(input_fn, yield_single_examples=False))
        key = "logits" if "logits" in predictions else "predictions"
        return predictions[key].tolist()

    return logits


@pytest.fixture
def losses():
    """Trains some steps and returns the loss of each, which is that of the values before it."""

    class Losses(Hook):
        def __init__(self):
            self.seen = []

        def due(self, step):
            return step + 1

        def after(self, run, outputs):
            self.seen.append(outputs.loss)

    def losses(estimator, input_fn, steps=1):
        hook = Losses()
        estimator.train(input_fn, hooks=[hook], steps=steps)
        return hook.seen

    return losses
