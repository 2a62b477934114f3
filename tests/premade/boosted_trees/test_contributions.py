"""What features contribute: the reference case of tf.estimator, and walks in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees.contributions import contributions
from premade.boosted_trees.forest import Forest, layout

FEATURES = 3


def empty(trees, nodes):
    arrays = {
        name: np.zeros([trees, *shape], kind) for name, (kind, shape) in layout(nodes, 1).items()
    }
    arrays["feature"][:] = -1
    return arrays


def tensors(arrays):
    return Forest(**{name: tf.constant(array) for name, array in arrays.items()})


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("link", "start", "first", "last"),
    [(tf.identity, 0.0, 4.9, 1.214), (tf.sigmoid, 0.5, 0.226787, 0.271006)],
)
def test_a_path_of_the_reference(link, start, first, last):
    arrays = empty(1, 9)
    arrays["feature"][0, [0, 1, 3, 5]] = [2, 2, 0, 0]
    arrays["left"][0, [0, 1, 3, 5]] = [1, 3, 5, 7]
    arrays["threshold"][:] = 200  # always to the left
    arrays["value"][0, [0, 1, 3, 5, 7], 0] = [0.0, 0.114, 1.214, 1.114, 6.114]
    bias, found = contributions(tensors(arrays), tf.zeros([FEATURES, 1], tf.int32), FEATURES, link)
    assert float(bias) == pytest.approx(start)
    np.testing.assert_allclose(found, [[first, 0.0, last]], rtol=2e-6)


@pytest.mark.parametrize("link", [tf.identity, tf.sigmoid])
def test_they_are_those_of_walks_and_add_up_to_the_prediction(link):
    rng = np.random.default_rng(2)
    trees, nodes, batch = 5, 7, 40
    arrays = empty(trees, nodes)
    arrays["feature"][:, :3] = rng.integers(0, FEATURES, (trees, 3))
    arrays["feature"][1, 1] = -1  # a leaf of an earlier level
    arrays["left"][:, :3] = [1, 3, 5]
    arrays["threshold"][:] = rng.integers(5, 15, (trees, nodes))
    arrays["missing_left"][:] = rng.random((trees, nodes)) < 0.5
    arrays["value"][:] = rng.normal(size=(trees, nodes, 1))
    bins = rng.integers(-1, 20, (FEATURES, batch)).astype(np.int32)
    plain = sigmoid if link is tf.sigmoid else np.asarray
    expected = np.zeros((batch, FEATURES))
    for row in range(batch):
        logit = arrays["value"][:, 0, 0].sum()
        for tree in range(trees):
            node = 0
            while (feature := arrays["feature"][tree, node]) >= 0:
                number = bins[feature, row]
                left = number <= arrays["threshold"][tree, node]
                if number == -1:
                    left = arrays["missing_left"][tree, node]
                child = arrays["left"][tree, node] + (not left)
                after = logit + arrays["value"][tree, child, 0] - arrays["value"][tree, node, 0]
                expected[row, feature] += plain(after) - plain(logit)
                node, logit = child, after
    forest = tensors(arrays)
    bias, found = contributions(forest, tf.constant(bins), FEATURES, link)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    predictions = link(forest.logits(tf.constant(bins), 1)[:, 0])
    np.testing.assert_allclose(bias + tf.reduce_sum(found, axis=1), predictions, atol=5e-6)
