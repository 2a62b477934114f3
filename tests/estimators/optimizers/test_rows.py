"""Updates of looked-up tables, against NumPy on the dense gradient, with repeated ids."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estimators.optimizers import SGD, Adagrad, Adam, Ftrl, RMSProp, apply_minimize, minimize

BATCHES = np.array([[1, 1, 3], [3, 3, 3], [0, 1, 0]])
SCALES = np.array([[1.0, 2.0, -1.0], [0.5, 0.5, 0.25], [3.0, -2.0, 1.0]], np.float32)
ROWS = 6
START = np.linspace(-1.0, 1.0, ROWS * 2, dtype=np.float32).reshape(ROWS, 2)


def table_body(optimizer, table):
    """The loss is the scaled sum of the rows looked up: its gradient is the scales."""

    def body(step):
        ids, scales = tf.gather(BATCHES, step % 3), tf.gather(SCALES, step % 3)
        loss = tf.reduce_sum(tf.gather(table, ids) * scales[:, None])
        apply_minimize(minimize(loss, optimizer), step=step, variables=[table])

    return body


def dense_gradient(step):
    gradient = np.zeros([ROWS, 2])
    np.add.at(gradient, BATCHES[step % 3], SCALES[step % 3][:, None])
    return gradient


def adagrad(w, steps, lr=0.1, eps=1e-7):
    a = np.full_like(w, 0.1)
    for t in range(steps):
        g = dense_gradient(t)
        a += g * g
        w = w - lr * g / (np.sqrt(a) + eps)
    return w


def adam(w, steps, lr=0.1, b1=0.9, b2=0.999, eps=1e-7, *, amsgrad=False, lazy=False):
    m, v, peak = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t in range(steps):
        g = dense_gradient(t)
        new_m, new_v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        seen = g.any(1)[:, None] if lazy else np.ones([ROWS, 1], bool)
        m, v = np.where(seen, new_m, m), np.where(seen, new_v, v)
        peak = np.maximum(peak, v)
        rate = lr * np.sqrt(1 - b2 ** (t + 1)) / (1 - b1 ** (t + 1))
        w = w - np.where(seen, rate * m / (np.sqrt(peak if amsgrad else v) + eps), 0)
    return w


def ftrl(w, steps, lr=0.1, p=0.5, *, l1=0.0, l2=0.0, shrinkage=0.0, beta=0.0):
    n, z = np.full_like(w, 0.1), np.zeros_like(w)
    for t in range(steps):
        g = dense_gradient(t)
        seen = g.any(1)[:, None]
        new_n = n + g * g
        new_z = z + g + 2 * shrinkage * w - (new_n**p - n**p) / lr * w
        quadratic = new_n**p / lr + 2 * l2 + beta / lr
        new_w = (np.clip(new_z, -l1, l1) - new_z) / quadratic
        n, z, w = (np.where(seen, a, b) for a, b in ((new_n, n), (new_z, z), (new_w, w)))
    return w


def rmsprop(w, steps, lr=0.1, rho=0.9, eps=1e-3, *, momentum=0.0, centered=False, lazy=False):
    s, c, m = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t in range(steps):
        g = dense_gradient(t)
        seen = g.any(1)[:, None] if lazy else np.ones([ROWS, 1], bool)
        s = np.where(seen, rho * s + (1 - rho) * g * g, s)
        c = np.where(seen, rho * c + (1 - rho) * g, c)
        spread = s - c * c if centered else s
        root = np.sqrt(spread + eps) if momentum else np.sqrt(spread) + eps
        m = np.where(seen, momentum * m + lr * g / root, m)
        w = w - np.where(seen, m, 0)
    return w


def sgd(w, steps, lr=0.1, *, momentum=0.0, nesterov=False, lazy=True):
    m = np.zeros_like(w)
    for t in range(steps):
        g = dense_gradient(t)
        seen = g.any(1)[:, None] if lazy else np.ones([ROWS, 1], bool)
        m = np.where(seen, momentum * m - lr * g, m)
        w = w + np.where(seen, momentum * m - lr * g if nesterov else m, 0)
    return w


FTRL = {"l1": 0.05, "l2": 0.1, "shrinkage": 0.02, "beta": 0.3}
FTRL_ARGUMENTS = {
    "l1_regularization_strength": 0.05,
    "l2_regularization_strength": 0.1,
    "l2_shrinkage_regularization_strength": 0.02,
    "beta": 0.3,
}
CASES = {
    "adagrad": (lambda: Adagrad(0.1), adagrad, {}),
    "adam": (lambda: Adam(0.1), adam, {}),
    "adam amsgrad": (lambda: Adam(0.1, amsgrad=True), adam, {"amsgrad": True}),
    "adam lazy": (lambda: Adam(0.1, lazy=True), adam, {"lazy": True}),
    "ftrl": (lambda: Ftrl(0.1), ftrl, {}),
    "ftrl penalties": (lambda: Ftrl(0.1, **FTRL_ARGUMENTS), ftrl, FTRL),
    "ftrl power": (lambda: Ftrl(0.1, learning_rate_power=-0.7), ftrl, {"p": 0.7}),
    "rmsprop": (lambda: RMSProp(0.1, epsilon=1e-3), rmsprop, {}),
    "rmsprop centered": (
        lambda: RMSProp(0.1, epsilon=1e-3, centered=True),
        rmsprop,
        {"centered": True},
    ),
    "rmsprop lazy": (lambda: RMSProp(0.1, epsilon=1e-3, lazy=True), rmsprop, {"lazy": True}),
    "rmsprop lazy centered": (
        lambda: RMSProp(0.1, epsilon=1e-3, lazy=True, centered=True),
        rmsprop,
        {"lazy": True, "centered": True},
    ),
    "rmsprop momentum": (
        lambda: RMSProp(0.1, epsilon=1e-3, momentum=0.8),
        rmsprop,
        {"momentum": 0.8, "lazy": True},
    ),
    "rmsprop momentum centered": (
        lambda: RMSProp(0.1, epsilon=1e-3, momentum=0.8, centered=True),
        rmsprop,
        {"momentum": 0.8, "centered": True, "lazy": True},
    ),
    "rmsprop momentum whole table": (
        lambda: RMSProp(0.1, epsilon=1e-3, momentum=0.8, lazy=False),
        rmsprop,
        {"momentum": 0.8},
    ),
    "sgd": (lambda: SGD(0.1), sgd, {}),
    "sgd momentum": (lambda: SGD(0.1, momentum=0.8), sgd, {"momentum": 0.8}),
    "sgd nesterov": (
        lambda: SGD(0.1, momentum=0.8, nesterov=True),
        sgd,
        {"momentum": 0.8, "nesterov": True},
    ),
    "sgd momentum whole table": (
        lambda: SGD(0.1, momentum=0.8, lazy=False),
        sgd,
        {"momentum": 0.8, "lazy": False},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_repeated_ids_equal_the_dense_gradient(trainer, case):
    make, formula, options = CASES[case]
    table = trainer.variable("table", START)
    trainer.run(table_body(make(), table), 5)
    expected = formula(START.astype(np.float64), 5, **options)
    np.testing.assert_allclose(trainer.value("table"), expected, rtol=2e-5, atol=1e-6)


def test_rows_outside_the_batch_keep_their_bits(trainer):
    table = trainer.variable("table", START)
    trainer.run(table_body(Ftrl(0.1), table), 3)
    np.testing.assert_array_equal(trainer.value("table")[[2, 4, 5]], START[[2, 4, 5]])


def test_empty_batch_of_ids_changes_nothing(trainer):
    table = trainer.variable("table", START)

    def body(step):
        loss = tf.reduce_sum(tf.gather(table, tf.zeros([0], tf.int64)))
        apply_minimize(minimize(loss, Adagrad(0.1)), step=step, variables=[table])

    trainer.run(body, 2)
    np.testing.assert_array_equal(trainer.value("table"), START)


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ({"clipvalue": 0.5}, [[-0.5], [0.0], [-0.5], [-0.5]]),
        ({"clipnorm": 1.0}, [[-0.6], [0.0], [-0.8], [-1.0]]),
        ({"global_clipnorm": 6.5}, [[-1.5], [0.0], [-2.0], [-6.0]]),
    ],
)
def test_clipping_sees_summed_rows(trainer, clip, expected):
    # Gradient of the table 3 (as 1 + 2) and 4, of the bias 12: norms 5 and 12, together 13.
    table, bias = trainer.variable("table", np.zeros([3, 1])), trainer.variable("bias", [0.0])

    def body(step):
        rows = tf.gather(table, [0, 0, 2]) * [[1.0], [2.0], [4.0]]
        loss = tf.reduce_sum(rows) + 12.0 * bias[0]
        apply_minimize(minimize(loss, SGD(1.0, **clip)), step=step, variables=[table, bias])

    trainer.run(body, 1)
    result = np.concatenate([trainer.value("table"), trainer.value("bias")[None]])
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_half_precision_table(trainer):
    with tf.init_scope():
        table = tf.Variable(tf.ones([4, 1], tf.float16), name="half")

    def body(step):
        loss = tf.reduce_sum(tf.gather(table, [1, 1]))
        apply_minimize(minimize(loss, Ftrl(0.5)), step=step, variables=[table])

    trainer.run(body, 1)
    # z = 2 - (sqrt(4.1) - sqrt(.1)) / .5, w = -z / (sqrt(4.1) / .5)
    assert table.numpy()[1, 0] == pytest.approx(0.35, abs=0.01)
    assert trainer.variables["training/Ftrl/half/linear"].dtype == tf.float16
