"""The custom training loop of Keras, with a tape and `apply_gradients`, as a `model_fn`."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators import Estimator, EstimatorSpec, Hook

from .conftest import Losses, batches

OPTIMIZERS = {
    "adamw": lambda: keras.optimizers.AdamW(0.05),
    "schedule": lambda: keras.optimizers.Nadam(keras.optimizers.schedules.CosineDecay(0.05, 8)),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
}
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network():
    first, last = (keras.initializers.GlorotUniform(seed) for seed in (1, 2))
    hidden = keras.layers.Dense(8, "relu", kernel_initializer=first)
    return keras.Sequential([hidden, keras.layers.Dense(3, kernel_initializer=last)])


def body(model, optimizer, x, y, *, norm=0.5):
    """One step, as the guides of Keras write it."""
    with tf.GradientTape() as tape:
        loss = LOSS(y, model(x, training=True))
    # Keras divides the loss by the number of replicas, and adds up their gradients.
    gradients = tape.gradient(loss, model.trainable_variables)
    gradients = [tf.clip_by_norm(gradient, norm) for gradient in gradients]
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return loss


def model_fn_of(optimizer, **options):
    def model_fn(features, labels, mode):
        loss = body(network(), optimizer(), features, labels, **options)
        return EstimatorSpec(mode, loss=loss, train_op=tf.identity(loss))

    return model_fn


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_gives_the_losses_of_the_plain_loop(rows, config, optimizer):
    model, made, expected = network(), optimizer(), []
    for x, y in batches(*rows):
        expected.append(float(body(model, made, x, y)))
    losses = Losses()
    Estimator(model_fn_of(optimizer), config=config).train(lambda: batches(*rows), hooks=[losses])
    np.testing.assert_allclose(losses.values, expected, rtol=1e-5)


class Dies(Hook):
    """Ends a run at a step as a crash does."""

    def due(self, step):
        return 6 if step < 6 else None

    def after(self, run, outputs):
        raise KeyboardInterrupt


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_resumes_bit_by_bit(rows, config, tmp_path, optimizer):
    def made(folder):
        run = config.replace(model_dir=str(tmp_path / folder), save_checkpoints_steps=4)
        return Estimator(model_fn_of(optimizer), config=run)

    data = lambda: batches(*rows).shuffle(5, seed=1).repeat()  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        made("killed").train(data, max_steps=9, hooks=[Dies()])
    resumed = made("killed").train(data, max_steps=9)
    expected = made("straight").train(data, max_steps=9)
    assert resumed.get_variable_names() == expected.get_variable_names()
    assert len(expected.get_variable_names()) > 6  # The slots, too.
    for name in expected.get_variable_names():
        np.testing.assert_array_equal(
            resumed.get_variable_value(name), expected.get_variable_value(name), err_msg=name
        )


def test_replicas_share_the_work(rows, config, tmp_path, mirrored_strategy):
    def trained(strategy, folder, batch):
        run = config.replace(model_dir=str(tmp_path / folder), train_distribute=strategy)
        model_fn = model_fn_of(OPTIMIZERS["momentum"], norm=9.0)  # Each replica clips its own.
        estimator = Estimator(model_fn, config=run)
        return estimator.train(lambda: batches(*rows, batch=batch), steps=3)

    two, one = trained(mirrored_strategy, "two", 16), trained(None, "one", 32)
    assert two.get_variable_names() == one.get_variable_names()
    for name in one.get_variable_names():
        np.testing.assert_allclose(
            two.get_variable_value(name), one.get_variable_value(name), rtol=1e-4, atol=1e-6
        )
