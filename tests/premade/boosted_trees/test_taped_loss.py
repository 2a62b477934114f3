"""Losses of any head: the derivatives of known ones, and those of heads put together."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estimators import (
    BinaryClassHead,
    MultiClassHead,
    MultiHead,
    PoissonRegressionHead,
    RegressionHead,
)
from premade.boosted_trees.derivatives import Logistic, Softmax, Squared
from premade.boosted_trees.partition import BLOCK
from premade.boosted_trees.taped_loss import TapedLoss

REAL = 8000
RNG = np.random.default_rng(0)
MASK = tf.constant((np.arange(BLOCK) < REAL).astype(np.float32))
NUMBERS = tf.constant(RNG.normal(0, 2, [BLOCK, 1]).astype(np.float32))
CLASSES = RNG.integers(0, 3, [BLOCK, 1])


def logits(count):
    return tuple(tf.constant(x) for x in RNG.normal(0, 2, [count, BLOCK]).astype(np.float32))


def looked(head, labels, at, **features):
    return TapedLoss(head).look({"labels": labels, "features": features}, at, MASK)


def check(found, expected):
    for mine, others in zip(found[:2], expected[:2], strict=True):
        for one, other in zip(mine, others, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(found[2:], expected[2:], rtol=1e-4)


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size"])
def test_finds_the_derivatives_of_a_weighted_regression(reduction):
    at, weights = logits(1), tf.constant(RNG.uniform(0.5, 2, BLOCK).astype(np.float32))
    head = RegressionHead(weight_column="w", loss_reduction=reduction)
    found = looked(head, NUMBERS, at, w=weights)
    check(found, Squared().look(NUMBERS[:, 0], at, weights * MASK))


def test_finds_those_of_names_of_classes():
    at, names = logits(1), tf.constant(np.array([b"no", b"yes"])[CLASSES % 2])
    found = looked(BinaryClassHead(label_vocabulary=["no", "yes"]), names, at)
    check(found, Logistic().look(tf.constant(CLASSES[:, 0] % 2, tf.float32), at, MASK))


def test_finds_those_of_each_class():
    at = logits(3)
    g, h, *rest = looked(MultiClassHead(3), tf.constant(CLASSES), at)
    known = Softmax().look(tf.constant(CLASSES[:, 0], tf.float32), at, MASK)
    # Without the factor K / (K - 1), which no tape knows.
    check((g, tuple(1.5 * x for x in h), *rest), known)


def test_the_loss_of_many_heads_is_the_sum():
    head = MultiHead(
        [RegressionHead(name="a"), PoissonRegressionHead(name="b")], head_weights=[1.0, 3.0]
    )
    counts, at = tf.abs(NUMBERS) * 0.0, logits(2)
    g, h, total, _ = looked(head, {"a": NUMBERS, "b": counts}, at)
    known = Squared().look(NUMBERS[:, 0], at[:1], MASK)
    rates = 3.0 * tf.exp(at[1]) * MASK
    totals = known[2] + tf.cast(tf.reduce_sum(rates), tf.float64)
    check((g, h, total), ((*known[0], rates), (*known[1], rates), totals))


def test_a_line_has_the_slope_for_a_second_derivative():
    head = RegressionHead(loss_fn=lambda labels, logits: 2.0 * tf.abs(labels - logits))
    (g,), (h,), *_ = looked(head, NUMBERS, (tf.zeros([BLOCK]),))
    np.testing.assert_array_equal(g, -2.0 * np.sign(NUMBERS[:, 0]) * MASK)
    np.testing.assert_array_equal(h, 2.0 * MASK)
