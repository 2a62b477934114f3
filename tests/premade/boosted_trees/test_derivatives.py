"""Derivatives of losses: those that TensorFlow finds of the heads' losses, twice."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estimators.heads import losses
from premade.boosted_trees.derivatives import Logistic, Poisson, Softmax, Squared
from premade.boosted_trees.residual_losses import AbsoluteError, HuberError, QuantileError

LOGITS = np.array([-20.0, -3.0, -0.5, 0.0, 0.25, 1.0, 7.0, 30.0], np.float32)


def differentiated(loss, labels, logits):
    with tf.GradientTape() as outer:
        outer.watch(logits)
        with tf.GradientTape() as inner:
            inner.watch(logits)
            total = tf.reduce_sum(loss(labels, logits))
        first = inner.gradient(total, logits)
    return first, outer.gradient(first, logits)


def pairs(labels):
    every = np.meshgrid(LOGITS, np.array(labels, np.float32))
    return [tf.constant(x.reshape(-1, 1)) for x in reversed(every)]


@pytest.mark.parametrize(
    ("ours", "loss", "labels"),
    [
        (Logistic(), losses.sigmoid_cross_entropy, [0.0, 1.0, 0.3]),
        (Squared(), losses.squared_error, [-4.0, 0.0, 2.5]),
        # Labels that are below all rates.
        (Poisson(), losses.full_poisson_loss, [0.0]),
    ],
)
@pytest.mark.parametrize("shape", [[-1], [-1, 1], [4, -1]])
def test_are_those_of_the_losses_of_the_heads(ours, loss, labels, shape):
    labels, logits = (tf.reshape(x, shape) for x in pairs(labels))
    expected = differentiated(loss, labels, logits)
    found = ours.derivatives(labels, logits)
    for mine, other in zip(found, expected, strict=True):
        assert mine.dtype == tf.float32
        assert mine.shape == logits.shape
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-12)


def numeric(function, at, step):
    return (function(at + step) - function(at - step)) / (2.0 * step)


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        (AbsoluteError(), lambda y, s: np.abs(y - s)),
        (QuantileError(0.9), lambda y, s: np.maximum(0.9 * (y - s), 0.1 * (s - y))),
        (
            HuberError(2.0),
            lambda y, s: np.where(
                np.abs(y - s) <= 2, 0.5 * (y - s) ** 2, 2 * (np.abs(y - s) - 1.0)
            ),
        ),
        (Poisson(is_full=False), lambda y, s: np.exp(s) - y * s),
    ],
)
def test_first_derivatives_are_slopes_of_the_formula(loss, formula):
    labels, logits = (x[:, 0] for x in pairs([0.1, 0.9, 4.4]))
    np.testing.assert_allclose(loss.values(labels, logits), formula(labels, logits), rtol=1e-5)
    y, s = (x.numpy().astype(np.float64) for x in (labels, logits))
    slopes = numeric(lambda at: formula(y, at), s, 1e-4)
    g, h = loss.derivatives(labels, logits)
    np.testing.assert_allclose(g, slopes, rtol=1e-3, atol=1e-6)
    assert (h.numpy() >= 0.0).all()


@pytest.mark.parametrize("loss", [HuberError(2.0), Poisson(is_full=False)])
def test_a_step_of_one_row_never_makes_its_loss_larger(loss):
    labels, logits = pairs([0.0, 0.9, 4.4, 1000.0])
    g, h = loss.derivatives(labels, logits)
    moved = logits - tf.math.divide_no_nan(g, h)
    before, after = (loss.values(labels, x).numpy() for x in (logits, moved))
    assert (after <= before + 1e-4 * np.abs(before)).all()


def test_softmax_is_differentiated_by_each_logit_alone():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, [20, 4])
    classes = rng.integers(0, 4, [20, 1])

    def loss(at):
        return np.log(np.exp(at).sum(1)) - np.take_along_axis(at, classes, axis=1)[:, 0]

    g, h = Softmax().derivatives(*(tf.constant(x, tf.float32) for x in (classes, logits)))
    for k in range(4):
        one = np.eye(4)[k] * 1e-4
        ups, here, downs = loss(logits + one), loss(logits), loss(logits - one)
        np.testing.assert_allclose(g[:, k], (ups - downs) / 2e-4, atol=1e-5)
        second = (ups - 2 * here + downs) / 1e-8
        np.testing.assert_allclose(h[:, k], 4 / 3 * second, rtol=1e-3, atol=1e-5)


def test_two_classes_with_a_logit_each_step_as_one_logit_does():
    logits, labels = tf.constant(LOGITS[1:-1, None]), tf.ones([6, 1])
    g, h = Logistic().derivatives(labels, logits)
    both = tf.concat([-logits / 2, logits / 2], axis=1)
    g2, h2 = Softmax().derivatives(labels, both)
    # Each of the two moves by half of what the difference moves.
    np.testing.assert_allclose(g2[:, 1] / h2[:, 1], g[:, 0] / h[:, 0] / 2, rtol=1e-4)
    np.testing.assert_allclose(g2[:, 0], -g2[:, 1], rtol=1e-4)


@pytest.mark.parametrize("make", [QuantileError, HuberError])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_refuses_parameters(make, value):
    with pytest.raises(ValueError, match="must be"):
        make(value)


def test_looks_at_rows_by_their_weights():
    labels, logits = tf.constant([1.0, 2.0, 9.0]), (tf.constant([0.0, 0.0, 0.0]),)
    (g,), (h,), total, count = Squared().look(labels, logits, tf.constant([1.0, 0.5, 0.0]))
    assert g.numpy().tolist() == [-2.0, -2.0, 0.0]
    assert h.numpy().tolist() == [2.0, 1.0, 0.0]
    assert (total.numpy(), count.numpy()) == (3.0, 2.0)
