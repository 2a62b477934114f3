"""The best split of each node of a layer, in the arithmetic of tf.estimator's trees.

All of it is float32, and of splits that are equally good the first one is taken: which ones are,
the rounding says. Sums up to a bin are those of the left side; those of the right side are the rest
of the whole. With float64 other splits of equal gain would be found than the old ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from premade.boosted_trees.forest import WORDS
from premade.boosted_trees.splits import Regularization

Tensor = Any

_NEAR = 1e-15
"""Sums of second derivatives up to here are none, and gains that are so near are equal."""


@final
@dataclasses.dataclass(frozen=True, eq=False)
class LayerSplits:
    """The best split of each node of a layer.

    Attributes:
        is_split: bool `[nodes]`.
        gain: float32 `[nodes]`, less the tree complexity.
        feature: int32 `[nodes]`.
        threshold: int32 `[nodes]`; -1 for a split by category.
        missing_left: bool `[nodes]`.
        left_bins: int32 `[nodes, words]`; see `Forest`.
        left: float32 `[nodes, 2, outputs]`, sums of both derivatives of the rows that go left.
        right: the same of those that go right.
    """

    is_split: Tensor
    gain: Tensor
    feature: Tensor
    threshold: Tensor
    missing_left: Tensor
    left_bins: Tensor
    left: Tensor
    right: Tensor


@final
class LayerSearch:
    """Looks for splits: of numbers by "up to a bin", of categories by "this one or another".

    Args:
        regularization: says what a split is worth.
        is_categorical: of each feature.
        only_gains: whether a split must gain, that is: more than the tree complexity. Otherwise
            every node is split that has more second derivative than `min_node_weight`, also where
            nothing is gained.
    """

    def __init__(
        self, regularization: Regularization, is_categorical: Sequence[bool], *, only_gains: bool
    ) -> None:
        self._regularization = regularization
        self._is_categorical = np.array(is_categorical)
        self._only_gains = only_gains

    @property
    def words(self) -> int:
        """How many words the sets of bins have; see `Forest`."""
        return WORDS if self._is_categorical.any() else 0

    def best(self, sums: Tensor) -> LayerSplits:
        """Returns the best split of each node.

        Args:
            sums: float32 `[nodes, features, bins + 1, 2, outputs]`, of both derivatives, by bin;
                the last one is that of missing values.
        """
        nodes, features, bins = sums.shape[0], sums.shape[1], sums.shape[2] - 1
        values, missing = sums[:, :, :bins], sums[:, :, bins:]
        so_far = tf.cumsum(values, axis=2)
        whole = (so_far[:, :, -1:] + missing)[:, :, :, tf.newaxis]
        by_category = tf.constant(self._is_categorical)[:, tf.newaxis, tf.newaxis]
        chosen = tf.where(by_category[..., tf.newaxis], values, so_far)
        # Missing values to the right, then to the left.
        left = tf.stack([chosen, chosen + missing], axis=3)
        worth = self.worth(left) + self.worth(whole - left)
        # A missing category is none of the others: it goes to the right with them.
        is_none = by_category & tf.constant([False, True])
        worth = tf.where(is_none, tf.constant(-np.inf, tf.float32), worth)
        at = _first_best(tf.reshape(worth, [nodes, -1]))
        feature, threshold = at // (2 * bins), at // 2 % bins
        best_left = tf.gather(
            tf.reshape(left, [nodes, features * bins * 2, 2, -1]), at, batch_dims=1
        )
        best_whole = tf.gather(whole[:, :, 0, 0], feature, batch_dims=1)
        best_worth = tf.gather(tf.reshape(worth, [nodes, -1]), at, batch_dims=1)
        gain = best_worth - self.worth(best_whole) - self._regularization.tree_complexity
        is_split = tf.reduce_sum(best_whole[:, 1], axis=-1) > self._regularization.min_node_weight
        if self._only_gains:
            is_split &= gain >= 0.0
        is_set = tf.gather(tf.constant(self._is_categorical), feature)
        return LayerSplits(
            is_split,
            gain,
            feature,
            tf.where(is_set, -1, threshold),
            tf.equal(at % 2, 1),
            self._sets(threshold, is_set),
            best_left,
            best_whole - best_left,
        )

    def weight(self, sums: Tensor) -> Tensor:
        """Returns the best step of leaves, float32 `[..., outputs]`.

        Args:
            sums: float32 `[..., 2, outputs]`, of both derivatives.
        """
        return self._regularization.weight(*self._usable(sums))

    def worth(self, sums: Tensor) -> Tensor:
        """Returns by how much (twice) leaves lower the loss, float32 `[...]`; see `weight`."""
        return tf.reduce_sum(self._regularization.gain(*self._usable(sums)), axis=-1)

    def _usable(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Returns both derivatives, without first ones where there is no second one."""
        g, h = tf.unstack(sums, axis=-2)
        is_there = h + self._regularization.l2 > _NEAR
        return tf.where(is_there, g, tf.zeros_like(g)), tf.where(is_there, h, tf.ones_like(h))

    def _sets(self, threshold: Tensor, is_set: Tensor) -> Tensor:
        """Returns the sets that have one bin, int32 `[nodes, words]`."""
        words = tf.range(self.words)
        bit = tf.bitwise.left_shift(1, threshold % 32)[:, tf.newaxis]
        is_word = is_set[:, tf.newaxis] & tf.equal(threshold[:, tf.newaxis] // 32, words)
        return tf.where(is_word, bit, tf.zeros_like(bit))


def _first_best(worth: Tensor) -> Tensor:
    """Returns the place of the first of the greatest numbers, int32 `[nodes]`.

    Args:
        worth: float32 `[nodes, candidates]`; what differs by no more than 1e-15 is equal.
    """
    steps = tf.floor(tf.cast(worth, tf.float64) / _NEAR)
    is_best = tf.equal(steps, tf.reduce_max(steps, axis=1, keepdims=True))
    places = tf.range(tf.shape(worth)[1])
    return tf.reduce_min(tf.where(is_best, places, tf.int32.max), axis=1)
