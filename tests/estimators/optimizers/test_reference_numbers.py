"""Numbers that tf.estimator 2.15 printed for tiny models, one training step at a time."""

from __future__ import annotations

import pytest
import tensorflow as tf

from estimators.optimizers import apply_minimize, get, group, minimize

X = [[1.0], [2.0]]


def linear(trainer):
    return trainer.variable("w", [[0.0]]), trainer.variable("b", [0.0])


@pytest.mark.parametrize(
    ("name", "steps", "weight", "bias"),
    [
        ("Ftrl", 1, 0.1999923, 0.1999811),
        ("Ftrl", 2, 0.3381613, 0.3382190),
        ("Ftrl", 10, 0.9581696, 0.9592516),
        ("SGD", 1, 7.2, 4.6),
        ("SGD", 2, 4.44, 3.04),
        ("Adam", 1, 0.2, 0.2),
        ("Adam", 2, 0.3997108, 0.3997183),
        ("Adagrad", 1, 0.1999923, 0.1999811),
        ("Adagrad", 2, 0.3381613, 0.3382191),
        ("RMSProp", 1, 0.6324555, 0.6324554),
        ("RMSProp", 2, 1.0570829, 1.0579099),
    ],
)
def test_linear_regressor(trainer, name, steps, weight, bias):
    w, b = linear(trainer)

    def body(step):
        loss = tf.reduce_mean(tf.square(X @ w + b - [[10.0], [13.0]]))
        apply_minimize(minimize(loss, get(name, 0.2)), step=step, variables=[w, b])

    trainer.run(body, steps)
    assert trainer.value("w")[0, 0] == pytest.approx(weight, rel=1e-6)
    assert trainer.value("b")[0] == pytest.approx(bias, rel=1e-6)


@pytest.mark.parametrize(
    ("steps", "weight", "bias"),
    [(1, 0.1240347, 0.0), (2, 0.2028385, -0.0289953), (10, 0.5253553, -0.4072155)],
)
def test_linear_classifier(trainer, steps, weight, bias):
    w, b = linear(trainer)

    def body(step):
        losses = tf.nn.sigmoid_cross_entropy_with_logits([[0.0], [1.0]], X @ w + b)
        apply_minimize(
            minimize(tf.reduce_mean(losses), get("Ftrl", 0.2)), step=step, variables=[w, b]
        )

    trainer.run(body, steps)
    assert trainer.value("w")[0, 0] == pytest.approx(weight, rel=1e-5)
    assert trainer.value("b")[0] == pytest.approx(bias, rel=1e-5, abs=1e-7)


def deep(trainer):
    values = [
        [[0.6, 0.5]],
        [0.1, -0.1],
        [[1.0, 0.8], [-0.8, -1.0]],
        [0.2, -0.2],
        [[-1.0], [1.0]],
        [0.3],
    ]
    return [trainer.variable(f"dnn/{i}", value) for i, value in enumerate(values)]


def deep_logits(layers, x):
    k0, b0, k1, b1, k2, b2 = layers
    return tf.nn.relu(tf.nn.relu(x @ k0 + b0) @ k1 + b1) @ k2 + b2


@pytest.mark.parametrize(
    ("name", "kernel", "bias", "loss_after"),
    [
        ("SGD", [-0.8533920, 1.0], 0.3616, 0.4075545),
        ("Adagrad", [-0.9990003, 1.0], 0.3009987, 9.2711658),
        ("Adam", [-0.9990000, 1.0], 0.3010, 9.2711277),
        ("RMSProp", [-0.9968377, 1.0], 0.3031623, 8.8153706),
        ("Ftrl", [-0.9774356, 0.0], 0.2856183, 8.8496284),
    ],
)
def test_dnn_regressor(trainer, name, kernel, bias, loss_after):
    layers = deep(trainer)
    x = tf.constant([[10.0]])

    def body(step):
        loss = tf.reduce_mean(tf.square(deep_logits(layers, x) - 1.0))
        apply_minimize(minimize(loss, name), step=step, variables=layers)

    trainer.run(body, 1)
    assert trainer.value("dnn/4")[:, 0] == pytest.approx(kernel, rel=1e-6)
    assert trainer.value("dnn/5")[0] == pytest.approx(bias, rel=1e-6)
    loss = (deep_logits(layers, x)[0, 0] - 1.0) ** 2
    assert float(loss) == pytest.approx(loss_after, rel=1e-5)


@pytest.mark.parametrize(
    ("names", "weight", "linear_bias", "kernel", "deep_bias", "loss_after"),
    [
        (("Adagrad", "Ftrl"), 1.9931847, 0.4904621, [-1.0010000, 1.0], 0.2990001, 299.53558),
        (("SGD", "SGD"), 0.2580000, 0.3258000, [-1.0829192, 1.0], 0.2651600, 15.0743856),
    ],
)
def test_combined_regressor(trainer, names, weight, linear_bias, kernel, deep_bias, loss_after):
    layers = deep(trainer)
    w, b = trainer.variable("w", [[2.0]]), trainer.variable("b", [0.5])
    x = tf.constant([[10.0]])

    def error():
        return tf.reduce_mean(tf.square(deep_logits(layers, x) + x @ w + b - 1.0))

    def body(step):
        loss = error()
        train_op = group(
            minimize(loss, get(names[0], 0.001), layers),
            minimize(loss, get(names[1], 0.005), [w, b], owns_global_step=False),
        )
        apply_minimize(train_op, step=step)

    trainer.run(body, 1)
    assert trainer.value("w")[0, 0] == pytest.approx(weight, rel=1e-5)
    assert trainer.value("b")[0] == pytest.approx(linear_bias, rel=1e-5)
    assert trainer.value("dnn/4")[:, 0] == pytest.approx(kernel, rel=1e-5)
    assert trainer.value("dnn/5")[0] == pytest.approx(deep_bias, rel=1e-5)
    assert float(error()) == pytest.approx(loss_after, rel=1e-5)
