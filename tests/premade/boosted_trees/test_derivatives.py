"""Derivatives of losses: those that TensorFlow finds of the heads' losses, twice."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estimators.heads import losses
from premade.boosted_trees.derivatives import Logistic, Squared

LOGITS = np.array([-20.0, -3.0, -0.5, 0.0, 0.25, 1.0, 7.0, 30.0], np.float32)


def differentiated(loss, labels, logits):
    with tf.GradientTape() as outer:
        outer.watch(logits)
        with tf.GradientTape() as inner:
            inner.watch(logits)
            total = tf.reduce_sum(loss(labels, logits))
        first = inner.gradient(total, logits)
    return first, outer.gradient(first, logits)


@pytest.mark.parametrize(
    ("ours", "loss", "labels"),
    [
        (Logistic(), losses.sigmoid_cross_entropy, [0.0, 1.0, 0.3]),
        (Squared(), losses.squared_error, [-4.0, 0.0, 2.5]),
    ],
)
@pytest.mark.parametrize("shape", [[-1], [-1, 1], [4, -1]])
def test_are_those_of_the_losses_of_the_heads(ours, loss, labels, shape):
    every = np.meshgrid(LOGITS, np.array(labels, np.float32))
    logits, labels = (tf.reshape(tf.constant(x), shape) for x in every)
    expected = differentiated(loss, labels, logits)
    found = ours.derivatives(labels, logits)
    for mine, other in zip(found, expected, strict=True):
        assert mine.dtype == tf.float32
        assert mine.shape == logits.shape
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("loss", [Logistic(), Squared()])
def test_second_derivatives_are_not_negative(loss):
    _, second = loss.derivatives(tf.zeros_like(LOGITS), tf.constant(LOGITS))
    assert (second.numpy() >= 0.0).all()
