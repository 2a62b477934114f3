"""Forests: leaves and logits as a walk from node to node finds them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees import walk
from premade.boosted_trees.forest import Forest, layout
from premade.boosted_trees.quads import quads_of

TREES = 4


def made(nodes, width, by_category):
    """Returns trees that split any leaf next, but the first is a leaf alone, the second a chain."""
    rng = np.random.default_rng(8)
    shapes = layout(nodes, width, by_category=by_category)
    arrays = {k: np.zeros((TREES, *rest), dtype) for k, (dtype, rest) in shapes.items()}
    arrays["feature"][:] = -1
    for tree in range(1, TREES):
        leaves = [0]
        for left in range(1, nodes, 2):
            node = leaves.pop(-1 if tree == 1 else rng.integers(len(leaves)))
            leaves += [left, left + 1]
            arrays["feature"][tree, node] = rng.integers(3)
            arrays["left"][tree, node] = left
            arrays["threshold"][tree, node] = rng.integers(50, 200)
            if by_category and rng.random() < 0.3:
                arrays["threshold"][tree, node] = -1
    arrays["missing_left"][:] = rng.random((TREES, nodes)) < 0.5
    arrays["value"][:] = rng.normal(size=(TREES, nodes, width))
    arrays["output"][:] = [0, 1, 2, 1] if width == 1 else 0
    if by_category:
        arrays["left_bins"][:] = rng.integers(-(2**31), 2**31, arrays["left_bins"].shape)
        arrays["left_bins"][:, :, 7] &= 2**31 - 1  # what is missing is in no set
    return Forest(**arrays)


def leaf_of(forest, tree, row):
    node = 0
    while (feature := forest.feature[tree, node]) >= 0:
        threshold, value = forest.threshold[tree, node], int(row[feature])
        if value == -1:
            left = forest.missing_left[tree, node]
        elif threshold >= 0:
            left = value <= threshold
        else:
            left = int(forest.left_bins[tree, node, value // 32]) >> (value % 32) & 1
        node = forest.left[tree, node] + (not left)
    return node


@pytest.mark.parametrize("by_category", [False, True])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("nodes", [1, 7, 61, 255])
def test_leaves_and_logits_are_those_of_a_walk(nodes, width, by_category):
    forest = made(nodes, width, by_category)
    bins = np.random.default_rng(9).integers(-1, 255, (3, 200)).astype(np.int32)
    bins[:, :40] = -1
    leaves = np.array([[leaf_of(forest, t, row) for t in range(TREES)] for row in bins.T])
    assert np.array_equal(forest.leaves(tf.constant(bins)), leaves)
    expected = np.zeros((200, 3))
    for tree in range(TREES):
        at = slice(None) if width == 3 else [forest.output[tree]]
        expected[:, at] += forest.value[tree, leaves[:, tree]]
    np.testing.assert_allclose(forest.logits(tf.constant(bins), 3), expected, atol=1e-5)
    tensors = Forest(**{name: tf.constant(array) for name, array in forest.arrays().items()})
    # With many features the word of a node has 64 bits.
    for features in (3, 600) if nodes == 61 else (3,):
        numbers = np.zeros([200, features], np.float32)
        numbers[:, :3] = np.where(bins.T == -1, np.nan, bins.T)
        boundaries = tf.constant([np.arange(254) + 0.5] * features, tf.float32)
        compiled = walk.logits_of_numbers(tensors, tf.constant(numbers), boundaries, 3)
        np.testing.assert_allclose(compiled, expected, atol=1e-5)
        table = np.zeros((features, 1024), np.uint8)
        table[:3, :200] = bins.astype(np.uint8)  # -1 is 255, the bin of missing values in a table
        compiled = walk.logits_of_bins(tensors, tf.constant(quads_of(table)), 3)[:, :200]
        np.testing.assert_allclose(tf.transpose(compiled), expected, atol=1e-5)
