"""Descriptions, names of optimizers, and the errors of both."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators.optimizers import (
    SGD,
    Adagrad,
    Adam,
    Ftrl,
    RMSProp,
    apply_minimize,
    get,
    group,
    minimize,
)


@pytest.mark.parametrize("cls", [Adagrad, Adam, Ftrl, RMSProp, SGD])
def test_get_by_name(cls):
    assert type(get(cls.__name__)) is cls
    assert get(cls.__name__, 0.3).learning_rate == 0.3


@pytest.mark.parametrize("name", ["adam", "RMSprop", "Nadam", ""])
def test_unknown_name(name):
    with pytest.raises(ValueError, match="Unsupported optimizer name") as error:
        get(name)
    assert "('Adagrad', 'Adam', 'Ftrl', 'RMSProp', 'SGD')" in str(error.value)


def test_get_of_an_instance_and_of_a_function():
    optimizer = SGD(0.5)
    assert get(optimizer, 0.1) is optimizer
    assert get(lambda: optimizer) is optimizer
    assert get(Adam, 0.1).learning_rate == 0.001


@pytest.mark.parametrize("thing", [None, 3, object()])
def test_get_of_something_else(thing):
    with pytest.raises(ValueError, match="is not an optimizer"):
        get(thing)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(-1.0),
        lambda: SGD(momentum=2.0),
        lambda: SGD(clipnorm=0.0),
        lambda: SGD(clipnorm=1.0, global_clipnorm=1.0),
        lambda: SGD(name=""),
        lambda: Ftrl(learning_rate_power=0.5),
        lambda: Ftrl(l1_regularization_strength=-1.0),
        lambda: Adagrad(initial_accumulator_value=-0.1),
        lambda: Adam(beta_1=1.0),
        lambda: Adam(lazy=True, amsgrad=True),
        lambda: RMSProp(rho=1.5),
    ],
)
def test_hyper_parameters_out_of_range(make):
    with pytest.raises(ValueError, match="must|not"):
        make()


def test_learning_rate_of_a_wrong_type():
    with pytest.raises(TypeError, match="'fast'"):
        SGD("fast")


def test_loss_must_be_one_floating_point_number():
    with pytest.raises(ValueError, match="int32"):
        minimize(tf.constant(1), "SGD")
    with pytest.raises(ValueError, match="scalar"):
        minimize(tf.ones([3]), "SGD")


def test_loss_that_depends_on_nothing_is_named(trainer):
    w = trainer.variable("dnn/kernel", [1.0])

    def body(step):
        loss = tf.identity(tf.constant(2.0) + tf.round(w[0]) * 0.0, name="cut_loss")
        apply_minimize(minimize(tf.stop_gradient(loss), "SGD"), step=step, variables=[w])

    with pytest.raises(ValueError, match=r"No variable has a gradient.*StopGradient.*dnn/kernel"):
        trainer.run(body, 1)


def test_nothing_to_train(trainer):
    w = trainer.variable("w", [1.0])
    with pytest.raises(ValueError, match="no variables"):
        trainer.run(lambda step: apply_minimize(minimize(w[0], "SGD"), step=step), 1)


def test_group_is_flat_and_calls_what_can_be_called(trainer):
    w, calls = trainer.variable("w", [0.0]), trainer.variable("calls", 0.0)

    def body(step):
        train_op = group(group(minimize(w[0], SGD(1.0), [w]), None), lambda: calls.assign_add(1.0))
        assert len(train_op.train_ops) == 2
        apply_minimize(train_op, step=step)

    trainer.run(body, 3)
    assert (trainer.value("w")[0], trainer.value("calls")) == (-3.0, 3.0)


def test_gradients_are_computed_before_any_update(trainer):
    u, w = trainer.variable("u", 1.0), trainer.variable("w", 1.0)

    def body(step):
        loss = u * w
        train_op = group(minimize(loss, SGD(1.0), [u]), minimize(loss, SGD(1.0), [w]))
        apply_minimize(train_op, step=step)

    trainer.run(body, 1)
    assert (trainer.value("u"), trainer.value("w")) == (0.0, 0.0)


def test_keras_variables_are_taken(trainer):
    layer = keras.layers.Dense(1, kernel_initializer="ones", kernel_constraint="non_neg")
    with tf.init_scope():
        layer.build([None, 2])

    def body(step):
        loss = tf.reduce_sum(layer(tf.constant([[1.0, 3.0]])))
        apply_minimize(minimize(loss, SGD(0.5), layer.trainable_variables), step=step)

    trainer.run(body, 1)
    np.testing.assert_allclose(layer.kernel.numpy(), [[0.5], [0.0]])


@pytest.mark.parametrize(
    "make", [lambda: Adagrad(0.5), lambda: tf.compat.v1.train.AdagradOptimizer(0.5)]
)
def test_eager_body_with_a_tape(trainer, make):
    w = trainer.variable("w", [0.0])
    with trainer.answering(cross_replica=False):
        with tf.GradientTape(persistent=True) as tape:
            loss = 2.0 * w[0]
        step = tf.constant(0, tf.int64)
        apply_minimize(minimize(loss, make()), step=step, variables=[w], tape=tape)
    assert w.numpy()[0] == pytest.approx(-0.5 * 2 / np.sqrt(4.1), rel=1e-6)


def test_optimizers_are_values():
    assert Ftrl(0.1, beta=0.5) == Ftrl(0.1, beta=0.5) != Ftrl(0.1)
    assert dataclasses.replace(SGD(0.1), momentum=0.9).learning_rate == 0.1
