"""Splits of categories: the best of all subsets, found by trying every one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees.category_splits import CategorySearch
from premade.boosted_trees.column_readers import TreeFeature
from premade.boosted_trees.splits import Regularization, Search
from premade.boosted_trees.sums import Scale

UNITS, NODES, CATEGORIES, MISSING = 64.0, 2, 6, 255
SCALE = Scale(tf.constant(UNITS, tf.float64), tf.constant(UNITS, tf.float64))
FEATURES = (TreeFeature("x", 0), TreeFeature("c", 0, categories=CATEGORIES), TreeFeature("y", 0))


class Table:
    """Rows of two nodes: a category between two numbers that say little."""

    def __init__(self, seed, *, missing=0.2, rows=400, second=None):
        rng = np.random.default_rng(seed)
        self.bins = np.stack([rng.integers(0, 4, rows), rng.integers(0, CATEGORIES, rows)] * 2)[:3]
        self.bins[1, rng.random(rows) < missing] = MISSING
        self.node = rng.integers(0, NODES, rows)
        # No row of node 1 has category 2.
        self.bins[1, (self.bins[1] == 2) & (self.node == 1)] = 3
        pull = rng.integers(-40, 41, 256)[self.bins[1]]
        self.g = rng.integers(-30, 31, rows) + pull
        self.h = rng.integers(1, 17, rows) if second is None else np.full(rows, second)
        self.packed = self.g * 2**32 + self.h

    def best(self, regularization, smoothing=0.0):
        histogram = np.zeros((3, 256, NODES), np.int64)
        for feature, bins in enumerate(self.bins):
            np.add.at(histogram[feature], (bins, self.node), self.packed)
        sums = np.array([self.packed[self.node == node].sum() for node in range(NODES)])
        search = CategorySearch(Search(regularization), FEATURES, smoothing)
        arrays = tf.constant(histogram), tf.constant(sums), tf.constant([True] * 3)
        return search.best(*arrays, SCALE, NODES)

    def of(self, node):
        inside = self.node == node
        return self.bins[1, inside], self.g[inside] / UNITS, self.h[inside] / UNITS


def best_subset(bins, g, h, worth):
    """Returns the gain of the best of all 2^n subsets, and that subset."""

    def gain(first, second):
        shrunk = max(abs(first) - worth.l1, 0.0)
        return shrunk**2 / (second + worth.l2)

    there = np.unique(bins)
    best, found = 0.0, None
    for size in range(1, len(there)):
        for subset in itertools.combinations(there, size):
            left = np.isin(bins, subset)
            parts = ((g[left].sum(), h[left].sum()), (g[~left].sum(), h[~left].sum()))
            value = sum(gain(*part) for part in parts) - gain(g.sum(), h.sum())
            if value > best + 1e-9:
                best, found = value, set(subset)
    return best, found


def bins_in(words):
    return {32 * i + b for i, word in enumerate(words) for b in range(32) if int(word) >> b & 1}


@pytest.mark.parametrize("second", [None, 8], ids=["any second derivatives", "squared error"])
@pytest.mark.parametrize("worth", [Regularization(), Regularization(l1=0.25, l2=2.0)])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_is_the_best_of_all_subsets(second, worth, missing):
    table = Table(3, missing=missing, second=second)
    splits = table.best(worth)
    for node in range(NODES):
        bins, g, h = table.of(node)
        gain, subset = best_subset(bins, g, h, worth)
        assert int(splits.feature[node]) == 1
        assert int(splits.threshold[node]) == -1
        assert float(splits.gain[node]) == pytest.approx(gain, rel=1e-6)
        left = bins_in(splits.left_bins[node].numpy())
        there = set(np.unique(bins).tolist())
        # A subset and what it leaves out are one split.
        assert left & there in (subset, there - subset)
        is_left = np.isin(bins, list(left))
        assert int(splits.left_sums[node]) == table.packed[table.node == node][is_left].sum()
        assert bool(splits.missing_left[node]) == (MISSING in left)
        for absent in set(range(CATEGORIES)) - there:
            assert (absent in left) == (MISSING in left)


def test_a_split_of_a_number_is_a_set_too():
    table = Table(4)
    table.g = 40 * (table.bins[0] > 1) - 20
    table.packed = table.g * 2**32 + table.h
    splits = table.best(Regularization())
    for node in range(NODES):
        assert (int(splits.feature[node]), int(splits.threshold[node])) == (0, 1)
        left = bins_in(splits.left_bins[node].numpy())
        assert left - {MISSING} == {0, 1}
        assert (MISSING in left) == bool(splits.missing_left[node])


def test_without_a_split_all_go_left():
    splits = Table(5).best(Regularization(tree_complexity=1e6))
    assert not splits.is_split.numpy().any()
    assert (splits.left_bins.numpy() == -1).all()


def test_smoothing_keeps_a_rare_category_from_the_end():
    # By their means the order is 2, 0, 1: category 2 is one row that happens to be low.
    table = Table(0, missing=0.0, rows=41)
    table.bins[:] = 0
    table.bins[1] = [0] * 20 + [1] * 20 + [2]
    table.node[:] = 0
    table.g = np.array([-10] * 20 + [12] * 20 + [-11])
    table.h = np.full(41, 8)
    table.packed = table.g * 2**32 + table.h
    worth = Regularization(min_node_weight=0.1)

    def order(smoothing):
        search = CategorySearch(Search(worth), FEATURES, smoothing)
        histogram = np.zeros((3, 256, 1), np.int64)
        np.add.at(histogram[1, :, 0], table.bins[1], table.packed)
        sums = tf.constant([table.packed.sum()])
        _, _, order = search._sorted(tf.constant(histogram), sums, SCALE.first, SCALE.second)
        return order[0, :3, 0].numpy().tolist()

    assert order(0.0) == [2, 0, 1]
    assert order(5.0) == [0, 2, 1]
