"""Histograms: those of `np.add.at`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees.histograms import BINS, Histograms
from premade.boosted_trees.partition import BLOCK, Shard, node_words
from premade.boosted_trees.quads import quads_of

ROWS, SLOTS = 2 * BLOCK, 4


def histogram(bins, slots, sums, size):
    expected = np.zeros((len(bins), BINS, size), np.int64)
    for feature, row in enumerate(bins):
        np.add.at(expected[feature], (row, slots), sums)
    return expected


@pytest.mark.parametrize("features", [1, 40])
@pytest.mark.parametrize("threshold", [0, 100, 254])
def test_are_those_of_numpy(features, threshold):
    rng = np.random.default_rng(features)
    bins = rng.integers(1, BINS - 1, (features, ROWS)).astype(np.uint8)
    node = rng.integers(0, SLOTS, ROWS).astype(np.int32)
    sums = rng.integers(-(2**40), 2**40, ROWS)
    feature = np.arange(SLOTS) % features
    goes_right = bins[feature[node], np.arange(ROWS)] > threshold
    nobody, all_of_them = np.zeros(SLOTS, bool), np.ones(SLOTS, bool)
    words = node_words(
        tf.constant(feature, tf.int32),
        tf.fill([SLOTS], threshold),
        tf.constant(nobody),
        tf.constant(all_of_them),
        tf.constant(all_of_them),
    )
    histograms = Histograms(features, SLOTS)
    shard = Shard(tf.constant(quads_of(bins)), tf.constant(sums), tf.constant(ROWS // BLOCK))
    child, found = histograms.of_small_children(
        shard,
        tf.constant(node),
        words,
        tf.zeros([SLOTS, 0], tf.int32),
    )
    assert np.array_equal(child, 2 * node + goes_right)
    expected = histogram(bins[:, goes_right], node[goes_right], sums[goes_right], SLOTS)
    assert np.array_equal(found, expected)
    whole = histogram(bins, np.zeros_like(node), sums, 1)
    assert np.array_equal(histograms.of_root(shard), whole)
    half = histogram(bins[:, :BLOCK], np.zeros_like(node[:BLOCK]), sums[:BLOCK], 1)
    first = dataclasses.replace(shard, blocks=tf.constant(1))
    assert np.array_equal(histograms.of_root(first), half)
