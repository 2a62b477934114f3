"""The constants that forests begin with: the minima of the losses, from closed formulas."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, special

from estimators import LogisticRegressionHead
from premade.boosted_trees.bias import Bias, bias_trees
from premade.boosted_trees.derivatives import Logistic, Looked, Poisson, Softmax, Squared
from premade.boosted_trees.forest import layout
from premade.boosted_trees.partition import BLOCK
from premade.boosted_trees.peers import Peers
from premade.boosted_trees.residual_losses import AbsoluteError, HuberError, QuantileError
from premade.boosted_trees.taped_loss import TapedLoss

ROWS = 200
RNG = np.random.default_rng(0)
WEIGHT = RNG.integers(1, 4, ROWS).astype(np.float32)


def trees(loss, labels, weights=WEIGHT, outputs=1):
    bias = Bias(
        lambda *rows: Looked(*loss.look(*rows)),
        outputs,
        getattr(loss, "quantile", None),
        Peers(tf.distribute.get_strategy()),
    )
    return bias_trees(bias.found([labels], [tf.constant(weights)]), layout(3, 1))


def constant(loss, labels):
    return trees(loss, tf.constant(labels, tf.float32)).value[:, 0, 0].numpy()


def mean(labels):
    return np.average(labels, weights=WEIGHT)


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_logistic_is_the_logit_of_the_mean(share):
    labels = np.arange(ROWS) < share * ROWS
    np.testing.assert_allclose(
        constant(Logistic(), labels), special.logit(mean(labels)), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_squared_is_the_mean(scale):
    labels = RNG.normal(3, 1, ROWS) * scale
    np.testing.assert_allclose(constant(Squared(), labels), mean(labels), rtol=1e-5)


@pytest.mark.parametrize("rate", [0.1, 3.0, 1e5])
def test_poisson_is_the_logarithm_of_the_mean(rate):
    labels = RNG.poisson(rate, ROWS)
    np.testing.assert_allclose(constant(Poisson(), labels), np.log(mean(labels)), rtol=1e-4)


@pytest.mark.parametrize("loss", [AbsoluteError(), QuantileError(0.9)])
def test_quantiles_are_those_of_numpy(loss):
    labels = RNG.normal(3, 1, ROWS).astype(np.float32)
    expected = np.quantile(labels, loss.quantile, weights=WEIGHT, method="inverted_cdf")
    assert constant(loss, labels) == [expected]


def test_huber_is_the_minimum_wherever_it_is():
    labels = RNG.standard_t(1, ROWS) + 1000
    found = optimize.minimize_scalar(
        lambda at: np.sum(WEIGHT * special.huber(1.0, labels - at)), bounds=(900, 1100)
    )
    np.testing.assert_allclose(constant(HuberError(1.0), labels), found.x, atol=1e-3)


def test_softmax_is_the_logarithm_of_shares():
    labels = np.repeat([0, 1, 2], [150, 40, 10])
    found = trees(Softmax(), tf.constant(labels, tf.float32), outputs=3)
    shares = np.bincount(labels, WEIGHT) / WEIGHT.sum()
    np.testing.assert_allclose(special.softmax(found.value[:, 0, 0]), shares, rtol=1e-3)
    assert found.output.numpy().tolist() == [0, 1, 2]
    assert (found.feature.numpy() == -1).all()


def test_any_head_has_one():
    labels = np.arange(BLOCK) % 4 == 0
    rows = {"labels": tf.constant(labels[:, None], tf.float32), "features": {}}
    weights = (np.arange(BLOCK) < ROWS).astype(np.float32)
    found = trees(TapedLoss(LogisticRegressionHead()), rows, weights).value[:, 0, 0]
    np.testing.assert_allclose(found, special.logit(0.25), rtol=1e-4)
