"""Models, data and the loss of every step of `fit`, which the bridge is compared with."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators import Hook


class Losses(Hook):
    """Keeps the loss of every step."""

    def __init__(self):
        self.values = []

    def due(self, step):
        return step + 1

    def after(self, run, outputs):
        self.values.append(outputs.loss)


class LossesOfFit(keras.callbacks.Callback):
    """Keeps the loss of every batch: Keras logs a mean since the epoch began."""

    def __init__(self):
        super().__init__()
        self.values = []
        self._total = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._total, self._rows = 0.0, 0

    def on_train_batch_begin(self, batch, logs=None):
        for metric in self.model.metrics:
            if metric.name == "loss":
                metric.reset_state()

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(logs["loss"])


def batches(features, labels, weights=None, batch=16):
    parts = (features, labels) if weights is None else (features, labels, weights)
    return tf.data.Dataset.from_tensor_slices(parts).batch(batch)


@pytest.fixture
def rows():
    """Returns features `[160, 6]` and classes `[160]` of three."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(160, 6)).astype(np.float32)
    return x, np.argmax(x[:, :3] + 0.3 * rng.normal(size=(160, 3)), axis=1)


@pytest.fixture
def compare(tmp_path, config):
    """Returns a function that trains by `fit` and by the bridge, and compares every loss."""

    def run(make, data, *, rtol=1e-5, fit=None, **options):
        from bridge import model_to_estimator

        keras.utils.set_random_seed(11)
        fitted, losses_of_fit = make(), LossesOfFit()
        fitted.fit(data(), shuffle=False, verbose=0, callbacks=[losses_of_fit], **(fit or {}))
        keras.utils.set_random_seed(11)
        model = make()
        before = [variable.numpy() for variable in model.variables]
        estimator = model_to_estimator(model, config=config, **options)
        losses = Losses()
        estimator.train(data, hooks=[losses])
        np.testing.assert_allclose(losses.values, losses_of_fit.values, rtol=rtol)
        for variable, value in zip(model.variables, before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)
        return fitted, estimator

    return run


@pytest.fixture
def config(tmp_path):
    from estimators import RunConfig

    return RunConfig(model_dir=str(tmp_path / "model"), tf_random_seed=3, progress=False)
