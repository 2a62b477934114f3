"""The best split of a node: the one that trying them all finds."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees.splits import Regularization, Search
from premade.boosted_trees.sums import Scale

FEATURES, ROWS, NODES, BINS = 3, 300, 2, 256
UNITS = 64.0
SCALE = Scale(tf.constant(UNITS, tf.float64), tf.constant(UNITS, tf.float64))


class Rows:
    """Rows of some nodes; derivatives are whole units, so that no sum is rounded."""

    def __init__(self, seed, missing=(0.3, 0.0, 0.0)):
        rng = np.random.default_rng(seed)
        high = np.array([4, 255, 60])[:, np.newaxis]
        bins = rng.integers(0, high, (FEATURES, ROWS))
        is_missing = rng.random((FEATURES, ROWS)) < np.array(missing)[:, np.newaxis]
        self.bins = np.where(is_missing, 255, bins)
        self.node = rng.integers(0, NODES, ROWS)
        pull = np.where(is_missing[0], 30, 20 * (bins[0] > 1)) - 10
        self.g = rng.integers(-40, 41, ROWS) + pull
        self.h = rng.integers(1, 17, ROWS)
        self.packed = self.g * 2**32 + self.h

    def of(self, node):
        inside = self.node == node
        return self.bins[:, inside], self.g[inside] / UNITS, self.h[inside] / UNITS

    def histogram(self):
        histogram = np.zeros((FEATURES, BINS, NODES), np.int64)
        for feature in range(FEATURES):
            np.add.at(histogram[feature], (self.bins[feature], self.node), self.packed)
        return histogram

    def sums(self):
        return np.array([self.packed[self.node == node].sum() for node in range(NODES)])

    def best(self, regularization, allowed=(True, True, True)):
        arrays = tf.constant(self.histogram()), tf.constant(self.sums()), tf.constant(allowed)
        return Search(regularization).best(*arrays, SCALE, NODES)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"l1": 0.5},
        {"l2": 2.0},
        {"tree_complexity": 0.25},
        {"min_node_weight": 8.0},
        {"l1": 0.25, "l2": 0.5, "tree_complexity": 0.125, "min_node_weight": 2.0},
    ],
)
@pytest.mark.parametrize("missing", [(0.3, 0.0, 0.0), (0.0, 0.4, 0.1)])
def test_is_that_of_brute_force(brute_force, options, missing):
    regularization = Regularization(**options)
    rows = Rows(5, missing)
    splits = rows.best(regularization)
    for node in range(NODES):
        gain, feature, threshold, missing_left, left = brute_force(*rows.of(node), regularization)
        assert bool(splits.is_split[node])
        assert float(splits.gain[node]) == pytest.approx(gain, rel=1e-6)
        assert int(splits.feature[node]) == feature
        assert int(splits.threshold[node]) == threshold
        assert bool(splits.missing_left[node]) == missing_left
        assert int(splits.left_sums[node]) == rows.packed[rows.node == node][left].sum()


def test_features_that_may_not_split_do_not(brute_force):
    rows = Rows(6)
    splits = rows.best(Regularization(), allowed=(False, True, True))
    for node in range(NODES):
        gain, feature, *_ = brute_force(*rows.of(node), Regularization(), features=(1, 2))
        assert int(splits.feature[node]) == feature
        assert float(splits.gain[node]) == pytest.approx(gain, rel=1e-6)


@pytest.mark.parametrize(
    "regularization",
    [Regularization(tree_complexity=1e4), Regularization(min_node_weight=1e4), Regularization(1e4)],
)
def test_without_a_split_all_go_left(brute_force, regularization):
    rows = Rows(7)
    splits = rows.best(regularization)
    assert all(brute_force(*rows.of(node), regularization) is None for node in range(NODES))
    assert splits.is_split.numpy().tolist() == [False] * NODES
    assert splits.gain.numpy().tolist() == [0.0] * NODES
    assert splits.left_sums.numpy().tolist() == rows.sums().tolist()


@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (1.0, 0.0), (0.0, 3.0), (0.5, 2.0)])
@pytest.mark.parametrize("g", [-4.0, -0.25, 0.0, 3.0])
def test_a_leaf_is_where_the_penalised_loss_is_least(l1, l2, g):
    h, w = 2.0, np.linspace(-4.0, 4.0, 80001)
    loss = g * w + 0.5 * (h + l2) * w**2 + l1 * np.abs(w)
    worth = Regularization(l1=l1, l2=l2)
    arrays = tf.constant(g, tf.float64), tf.constant(h, tf.float64)
    assert float(worth.weight(*arrays)) == pytest.approx(w[loss.argmin()], abs=1e-3)
    assert float(worth.gain(*arrays)) == pytest.approx(-2.0 * loss.min(), abs=1e-6)
