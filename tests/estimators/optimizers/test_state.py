"""Names and values of what an optimizer keeps, as tf.estimator 2.15 wrote them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators.optimizers import SGD, Adagrad, Adam, Ftrl, RMSProp, apply_minimize, group, minimize


def step_body(optimizer, *variables, **options):
    def body(step):
        loss = tf.add_n([tf.reduce_sum(variable) for variable in variables])
        apply_minimize(minimize(loss, optimizer, **options), step=step, variables=variables)

    return body


@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        (Adagrad, {"Adagrad/learning_rate", "Adagrad/decay", "Adagrad/a/w/accumulator"}),
        (
            Adam,
            {
                *("Adam/learning_rate", "Adam/decay", "Adam/beta_1", "Adam/beta_2"),
                *("Adam/a/w/m", "Adam/a/w/v"),
            },
        ),
        (
            Ftrl,
            {
                *("Ftrl/learning_rate", "Ftrl/decay", "Ftrl/learning_rate_power", "Ftrl/beta"),
                *("Ftrl/l1_regularization_strength", "Ftrl/l2_regularization_strength"),
                *("Ftrl/a/w/accumulator", "Ftrl/a/w/linear"),
            },
        ),
        (
            RMSProp,
            {
                *("RMSprop/learning_rate", "RMSprop/decay", "RMSprop/rho", "RMSprop/momentum"),
                "RMSprop/a/w/rms",
            },
        ),
        (SGD, {"SGD/learning_rate", "SGD/decay", "SGD/momentum"}),
        (
            lambda: SGD(momentum=0.5, name="Tail"),
            {
                *("Tail/learning_rate", "Tail/decay", "Tail/momentum", "Tail/a/w/momentum"),
            },
        ),
    ],
)
def test_names(trainer, optimizer, names):
    w = trainer.variable("a/w", [1.0])
    trainer.run(step_body(optimizer(), w), 2)
    assert trainer.names() == {"a/w"} | {f"training/{name}" for name in names}


def test_disk_name_names_the_slots(trainer):
    w = trainer.variable("w", [1.0])

    def body(step):
        train_op = minimize(w[0], Adagrad())
        apply_minimize(train_op, step=step, variables=[w], disk_name=lambda _: "linear/w")

    trainer.run(body, 1)
    assert "training/Adagrad/linear/w/accumulator" in trainer.names()


def test_one_optimizer_counts_its_own_steps(trainer):
    w = trainer.variable("w", [1.0])
    trainer.run(step_body(Ftrl(), w, owns_global_step=False), 4)
    assert trainer.value("training/Ftrl/iter") == 4
    assert trainer.variables["training/Ftrl/iter"].dtype == tf.int64


def test_two_optimizers_of_one_class_keep_apart(trainer):
    u, w = trainer.variable("u", [0.0]), trainer.variable("w", [0.0])

    def body(step):
        loss = u[0] + w[0]
        train_op = group(
            minimize(loss, SGD(1.0), [u]), minimize(loss, SGD(0.25), [w], owns_global_step=False)
        )
        apply_minimize(train_op, step=step)

    trainer.run(body, 2)
    assert (trainer.value("u")[0], trainer.value("w")[0]) == (-2.0, -0.5)
    assert trainer.value("training/SGD/learning_rate") == 1.0
    assert trainer.value("training/SGD_1/learning_rate") == 0.25


def test_saved_learning_rate_wins_over_the_constructor(trainer):
    w = trainer.variable("w", [0.0])
    trainer.run(step_body(SGD(1.0), w), 1)
    trainer.run(step_body(SGD(100.0), w), 1)
    assert trainer.value("w")[0] == -2.0


@pytest.mark.parametrize(
    "rate",
    [
        keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25]),
        lambda step: 1.0 / tf.cast(2**step, tf.float32),
        tf.compat.v1.train.piecewise_constant_decay,
    ],
    ids=["schedule", "callable of step", "v1 decay"],
)
def test_learning_rate_follows_the_step(trainer, rate):
    w = trainer.variable("w", [0.0])

    def body(step):
        made = rate(step, [0, 1], [1.0, 0.5, 0.25]) if "piecewise" in repr(rate) else rate
        apply_minimize(minimize(w[0], SGD(made)), step=step, variables=[w])

    trainer.run(body, 3)
    assert trainer.value("w")[0] == pytest.approx(-1.75)
    assert "training/SGD/learning_rate" not in trainer.names()


def test_own_counter_drives_the_schedule(trainer):
    w = trainer.variable("w", [0.0])
    trainer.step.assign(100)
    optimizer = SGD(lambda step: tf.cast(step, tf.float32))
    trainer.run(step_body(optimizer, w, owns_global_step=False), 3)
    assert trainer.value("w")[0] == -3.0


def test_decay(trainer):
    w = trainer.variable("w", [0.0])
    trainer.run(step_body(SGD(1.0, decay=1.0), w), 3)
    assert trainer.value("w")[0] == pytest.approx(-(1 + 1 / 2 + 1 / 3))


def test_variables_without_gradient_get_no_slots(trainer):
    u, w = trainer.variable("u", [1.0]), trainer.variable("w", [1.0])

    def body(step):
        apply_minimize(minimize(u[0], Adagrad()), step=step, variables=[u, w])

    trainer.run(body, 1)
    assert "training/Adagrad/w/accumulator" not in trainer.names()
    np.testing.assert_array_equal(trainer.value("w"), [1.0])


def test_constraint_holds_after_the_update(trainer):
    with tf.init_scope():
        w = tf.Variable([0.5], name="w", constraint=lambda value: tf.maximum(value, 0.0))
    trainer.run(step_body(SGD(1.0), w), 1)
    assert w.numpy()[0] == 0.0
