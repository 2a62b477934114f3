"""Histograms of chosen rows: those of `np.add.at`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees.histograms import BINS, Histograms
from premade.boosted_trees.partition import BLOCK, Chosen

SLOTS = 4


# 40 features are more than one group; of 65, the last group repeats some of the one before.
@pytest.mark.parametrize("features", [3, 40, 65])
@pytest.mark.parametrize("count", [0, 100, BLOCK])
def test_are_those_of_numpy(features, count):
    rng = np.random.default_rng(features)
    bins = rng.integers(0, BINS, (features, BLOCK)).astype(np.uint8)
    rows, slots = np.zeros(2 * BLOCK, np.int32), np.zeros(2 * BLOCK, np.int32)
    sums = np.zeros(2 * BLOCK, np.int64)
    rows[:count] = np.sort(rng.choice(BLOCK, count, replace=False))
    slots[:count] = rng.integers(0, SLOTS, count)
    sums[:count] = rng.integers(-(2**40), 2**40, count)
    expected = np.zeros((features, BINS, SLOTS), np.int64)
    for feature in range(features):
        where = (bins[feature][rows[:count]], slots[:count])
        np.add.at(expected[feature], where, sums[:count])
    chosen = Chosen(*(tf.constant(x) for x in (np.int32(count), rows, slots, sums)))
    found = Histograms(features, SLOTS).of(tf.constant(bins), chosen)
    assert np.array_equal(found, expected)
