"""What each feature adds to one prediction: directional feature contributions.

On the way from the root of a tree to a leaf, each split changes what the tree would answer if it
ended there; the change is what the feature of the split contributes. Where trees begin is the bias.
Palczewska et al., "Interpreting Random Forest Classification Models Using a Feature Contribution
Method" (2013); tf.estimator had the same for boosted trees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from premade.boosted_trees.forest import LEAF, Forest

Tensor = Any


def contributions(
    forest: Forest, bins: Tensor, features: int, link: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Returns where the predictions start, and what each feature adds.

    Both together are the prediction: link(sum of the leaves). Trees come one after the other, so
    that what a feature adds is said in units of the prediction, not of the logit.

    Args:
        forest: of tensors, of one logit.
        bins: int32 `[features, batch]`; see `Forest.leaves`.
        features: number of features.
        link: from logits to predictions, as `tf.sigmoid`.

    Returns:
        float32 scalar, and float32 `[batch, features]`.
    """
    batch = tf.shape(bins)[1]
    start = tf.reduce_sum(forest.value[:, 0, 0])

    def add(i: Tensor, logits: Tensor, found: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, found = _through(forest.part(i, i + 1), bins, logits, found, link)
        return i + 1, logits, found

    zeros = tf.zeros(tf.stack([batch, features]))
    trees = tf.shape(forest.feature)[0]
    _, _, found = tf.while_loop(lambda i, *_: i < trees, add, (0, tf.fill([batch], start), zeros))
    return link(start), found


def _through(
    tree: Forest, bins: Tensor, logits: Tensor, found: Tensor, link: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Returns logits and contributions `[batch, features]` behind one more tree."""
    feature, value = tree.feature[0], tree.value[0, :, 0]
    rows = tf.range(tf.shape(bins)[1])

    def is_on_the_way(node: Tensor, *_: Tensor) -> Tensor:
        return tf.reduce_any(tf.not_equal(tf.gather(feature, node), LEAF))

    def step(node: Tensor, logits: Tensor, found: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        child = tree.children(bins, node[:, tf.newaxis])[:, 0]
        after = logits + tf.gather(value, child) - tf.gather(value, node)
        # At a leaf the child is the leaf itself, and nothing changes.
        where = tf.stack([rows, tf.maximum(tf.gather(feature, node), 0)], axis=1)
        found = tf.tensor_scatter_nd_add(found, where, link(after) - link(logits))
        return child, after, found

    start = (tf.zeros_like(rows), logits, found)
    _, logits, found = tf.while_loop(is_on_the_way, step, start)
    return logits, found
