"""Optimizers of Keras 3 and of TF 1, converted or made correct."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators.optimizers import (
    Adam,
    KerasOptimizer,
    RMSProp,
    V1Optimizer,
    apply_minimize,
    convert,
    get,
    minimize,
)

MAKERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1),
    "SGD momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "Adam": lambda: keras.optimizers.Adam(0.1, beta_1=0.8, epsilon=1e-3),
    "Adam amsgrad": lambda: keras.optimizers.Adam(0.1, amsgrad=True, clipnorm=0.5),
    "Adagrad": lambda: keras.optimizers.Adagrad(0.1, epsilon=0.2),
    "RMSprop": lambda: keras.optimizers.RMSprop(0.1, epsilon=0.01),
    "RMSprop centered": lambda: keras.optimizers.RMSprop(0.1, epsilon=0.01, centered=True),
    "RMSprop momentum": lambda: keras.optimizers.RMSprop(0.1, momentum=0.9, clipvalue=0.7),
    "Ftrl": lambda: keras.optimizers.Ftrl(
        0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.1, beta=0.2
    ),
    "AdamW": lambda: keras.optimizers.AdamW(0.1, name="adamw"),
    "Adam averaged": lambda: keras.optimizers.Adam(
        0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2, name="adam"
    ),
    "Adamax": lambda: keras.optimizers.Adamax(0.1, name="adamax", loss_scale_factor=8.0),
    "Schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.01])
    ),
}
IDS = [[1, 1, 3], [3, 0, 3], [1, 2, 2]]
SCALES = [[1.0], [2.0], [1.0]]


def looked_up_loss(table, step):
    rows = tf.gather(table, tf.gather(IDS, step))
    return tf.reduce_sum(tf.square(rows - 1.0) * SCALES)


@pytest.mark.parametrize("name", MAKERS)
def test_repeated_ids_equal_keras_on_the_dense_gradient(trainer, name):
    table = trainer.variable("table", np.zeros([5, 1], np.float32))
    trainer.run(
        lambda step: apply_minimize(
            minimize(looked_up_loss(table, step), MAKERS[name]()), step=step, variables=[table]
        ),
        3,
    )
    expected, reference = tf.Variable(tf.zeros([5, 1])), MAKERS[name]()
    for step in range(3):
        with tf.GradientTape() as tape:
            loss = looked_up_loss(expected, step)
        gradient = tf.convert_to_tensor(tape.gradient(loss, expected))
        reference.apply([gradient], [expected])
    np.testing.assert_allclose(trainer.value("table"), expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["AdamW", "Adam averaged", "Adamax"])
def test_what_has_no_equal_is_refused_by_convert_and_adapted_by_get(name):
    with pytest.raises(ValueError, match="no row-wise equal"):
        convert(MAKERS[name]())
    assert isinstance(get(MAKERS[name]()), KerasOptimizer)


def test_convert_keeps_the_arguments():
    ours = get(MAKERS["Adam amsgrad"]())
    assert isinstance(ours, Adam)
    assert (ours.amsgrad, ours.clipnorm, ours.beta_2) == (True, 0.5, 0.999)
    ours = get(MAKERS["RMSprop momentum"]())
    assert isinstance(ours, RMSProp)
    assert (ours.momentum, ours.clipvalue, ours.row_wise) == (0.9, 0.7, False)


def test_learning_rate_of_a_converted_optimizer_can_be_assigned(trainer):
    w = trainer.variable("w", [0.0])
    original = keras.optimizers.SGD(1.0)

    def body(step):
        apply_minimize(minimize(w[0], original), step=step, variables=[w])

    trainer.run(body, 1)
    original.learning_rate = 0.5
    trainer.run(body, 1)
    assert trainer.value("w")[0] == -1.5


@pytest.mark.parametrize(
    "make",
    [
        lambda: tf.compat.v1.train.GradientDescentOptimizer(0.1),
        lambda: tf.compat.v1.train.AdagradOptimizer(0.1),
        lambda: tf.compat.v1.train.MomentumOptimizer(0.1, 0.9),
        lambda: tf.compat.v1.train.FtrlOptimizer(0.1),
    ],
)
def test_v1_optimizer_equals_itself_on_the_dense_gradient(trainer, make):
    table, dense = (trainer.variable(n, np.zeros([5, 1], np.float32)) for n in ("table", "dense"))

    def body(step):
        loss = looked_up_loss(table, 0)
        apply_minimize(minimize(loss, make()), step=step, variables=[table])
        loss = looked_up_loss(tf.identity(dense), 0)
        apply_minimize(minimize(loss, make()), step=step, variables=[dense])

    trainer.run(body, 1)
    np.testing.assert_allclose(trainer.value("table"), trainer.value("dense"), rtol=1e-6)


def test_v1_wrapper_of_compute_gradients_is_honoured(trainer):
    class Halved(tf.compat.v1.train.GradientDescentOptimizer):
        def compute_gradients(self, *args, **kwargs):
            pairs = super().compute_gradients(*args, **kwargs)
            return [(gradient / 2.0, variable) for gradient, variable in pairs]

    w = trainer.variable("w", [0.0])
    trainer.run(
        lambda step: apply_minimize(minimize(w[0], Halved(1.0)), step=step, variables=[w]), 1
    )
    assert trainer.value("w")[0] == -0.5
    assert isinstance(get(Halved(1.0)), V1Optimizer)
