"""Which rows go where: as NumPy sends them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees.bits import bits_of
from premade.boosted_trees.partition import BLOCK, descend, moved, node_words
from premade.boosted_trees.quads import quads_of

ROWS = 2 * BLOCK
FEATURE = np.array([2, 0, 1, 2], np.int32)
THRESHOLD = np.array([100, 0, 254, 30], np.int32)
MISSING_LEFT = np.array([True, False, False, True])
IS_SPLIT = np.array([True, True, True, False])
SMALL_RIGHT = np.array([True, False, True, True])
ONLY_NUMBERS = tf.zeros([4, 0], tf.int32)


@tf.function(jit_compile=True)
def compiled_moved(bins, node, blocks, words, left_bins):
    rows = moved(bins, node, blocks, words, left_bins)
    return rows.child, rows.small, rows.count


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("by_category", [False, True])
def test_children_and_rows_of_the_smaller_ones_are_those_of_numpy(by_category, blocks):
    rng = np.random.default_rng(1)
    bins = rng.integers(0, 256, (3, ROWS)).astype(np.uint8)
    bins[:, rng.random(ROWS) < 0.2] = 255
    node = rng.integers(0, 4, ROWS).astype(np.int32)
    bin_of_row = bins[FEATURE[node], np.arange(ROWS)]
    if by_category:
        is_left = (rng.random((4, 256)) < 0.6) | ~IS_SPLIT[:, np.newaxis]
        left_bins, right = bits_of(tf.constant(is_left)), ~is_left[node, bin_of_row]
    else:
        left_bins = ONLY_NUMBERS
        right = np.where(bin_of_row == 255, ~MISSING_LEFT[node], bin_of_row > THRESHOLD[node])
        right &= IS_SPLIT[node]
    expected = 2 * node + right
    small = np.flatnonzero(IS_SPLIT[node] & (right == SMALL_RIGHT[node]))
    parts = (FEATURE, THRESHOLD, MISSING_LEFT, IS_SPLIT, SMALL_RIGHT)
    words = node_words(*(tf.constant(x) for x in parts))
    arrays, rows_there = [tf.constant(x) for x in (quads_of(bins), node, blocks)], blocks * BLOCK
    small, expected = small[small < rows_there], expected[:rows_there]
    child, rows, count = compiled_moved(*arrays, words, left_bins)
    assert np.array_equal(child[:rows_there], expected)
    assert np.array_equal(descend(*arrays, words, left_bins)[:rows_there], expected)
    assert int(count) == len(small)
    assert np.array_equal(rows[: len(small)], small)
