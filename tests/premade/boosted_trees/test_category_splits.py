"""Splits of categories: the best of all subsets, found by trying every one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees.category_splits import CategoryRules, CategorySearch
from premade.boosted_trees.column_readers import TreeFeature
from premade.boosted_trees.splits import Regularization
from premade.boosted_trees.sums import Scale

UNITS, NODES, CATEGORIES, MISSING = 64.0, 2, 6, 255
SCALE = Scale(tf.constant(UNITS, tf.float64), tf.constant(UNITS, tf.float64))
FREE = CategoryRules(smoothing=0.0, l2=0.0, most=255)
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

    def best(self, regularization, rules=FREE):
        histogram = np.zeros((3, 256, NODES), np.int64)
        for feature, bins in enumerate(self.bins):
            np.add.at(histogram[feature], (bins, self.node), self.packed)
        sums = np.array([self.packed[self.node == node].sum() for node in range(NODES)])
        search = CategorySearch(regularization, FEATURES, rules)
        arrays = tf.constant(histogram), tf.constant(sums), tf.constant([True] * 3)
        return search.best(*arrays, SCALE, NODES)

    def of(self, node):
        inside = self.node == node
        return self.bins[1, inside], self.g[inside] / UNITS, self.h[inside] / UNITS


def best_subset(bins, g, h, worth, rules=FREE):
    """Returns the gain of the best of all 2^n subsets, and that subset."""

    def gain(first, second, more=0.0):
        shrunk = max(abs(first) - worth.l1, 0.0)
        return shrunk**2 / (second + worth.l2 + more)

    there = np.unique(bins)
    best, found = 0.0, None
    for size in range(1, min(len(there) - 1, rules.most) + 1):
        for subset in itertools.combinations(there, size):
            left = np.isin(bins, subset)
            parts = ((g[left].sum(), h[left].sum()), (g[~left].sum(), h[~left].sum()))
            value = sum(gain(*part, rules.l2) for part in parts) - gain(g.sum(), h.sum())
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


@pytest.mark.parametrize("rules", [CategoryRules(0.0, 3.0, 255), CategoryRules(0.0, 0.5, 1)])
def test_rules_leave_the_best_subset_that_they_allow(rules):
    table = Table(3, second=8)
    splits = table.best(Regularization(), rules)
    for node in range(NODES):
        bins, g, h = table.of(node)
        gain, subset = best_subset(bins, g, h, Regularization(), rules)
        assert float(splits.gain[node]) == pytest.approx(gain, rel=1e-6)
        there = set(np.unique(bins).tolist())
        left = bins_in(splits.left_bins[node].numpy()) & there
        assert left in (subset, there - subset)
        is_left = np.isin(bins, list(left))
        assert int(splits.left_sums[node]) == table.packed[table.node == node][is_left].sum()


def test_rare_categories_stay_together():
    table = Table(3, missing=0.0)
    # Categories 0 and 1 have one row each in every node, and nothing in common.
    table.bins[1, :4], table.node[:4] = [0, 1, 0, 1], [0, 0, 1, 1]
    table.bins[1, 4:] = 2 + table.bins[1, 4:] % 4
    table.g[:4] = [-900, 900, -900, 900]
    table.packed = table.g * 2**32 + table.h
    apart = table.best(Regularization())
    together = table.best(Regularization(), CategoryRules(0.5, 0.0, 255))
    for node in range(NODES):
        assert len(bins_in(apart.left_bins[node].numpy()) & {0, 1}) == 1
        left = bins_in(together.left_bins[node].numpy())
        assert len(left & {0, 1}) in (0, 2)
        is_left = np.isin(table.of(node)[0], list(left))
        assert int(together.left_sums[node]) == table.packed[table.node == node][is_left].sum()


def test_smoothing_sorts_by_less_than_the_mean_of_few_rows():
    # Means of -1.4 in 3 rows, -1.25 in 20 and 1.5 in 17.
    sizes, means = [20, 17, 3], [-10, 12, -11]
    bins, g = np.repeat([0, 1, 2], sizes), np.repeat(means, sizes)
    histogram = np.zeros((3, 256, 1), np.int64)
    packed = g * 2**32 + 8
    np.add.at(histogram[1, :, 0], bins, packed)

    def places(smoothing):
        rules = CategoryRules(smoothing, 0.0, 255)
        search = CategorySearch(Regularization(), FEATURES, rules)
        arrays = tf.constant(histogram), tf.constant([packed.sum()])
        _, places = search._sorted(*arrays, SCALE.first, SCALE.second, tf.constant(1))
        return places[0, :3, 0].numpy().tolist()

    assert places(0.0) == [1, 2, 0]
    assert places(0.3) == [0, 2, 1]
