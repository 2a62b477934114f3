"""The best split of each node of a level, out of its histogram."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import tensorflow as tf

from premade.boosted_trees.histograms import BINS
from premade.boosted_trees.partition import MISSING_BIN
from premade.boosted_trees.sums import Scale

Tensor = Any


@final
@dataclasses.dataclass(frozen=True)
class Regularization:
    """What keeps trees small.

    Attributes:
        l1: of leaves, times their absolute values.
        l2: of leaves, times half their squares.
        tree_complexity: for each split; what it gains must be more.
        min_node_weight: least sum of second derivatives in a child.
    """

    l1: float = 0.0
    l2: float = 0.0
    tree_complexity: float = 0.0
    min_node_weight: float = 0.0

    def weight(self, g: Tensor, h: Tensor) -> Tensor:
        """Returns the value that a leaf would best have: -shrink(g) / (h + l2).

        Friedman, "Greedy Function Approximation" (2001), with the penalties of Chen and Guestrin,
        "XGBoost" (2016), equation 5, and the absolute one of tf.estimator.

        >>> Regularization(l2=1.0).weight(tf.constant(-3.0), tf.constant(2.0)).numpy().item()
        1.0
        """
        return tf.math.divide_no_nan(-self._shrunk(g), h + self.l2)

    def gain(self, g: Tensor, h: Tensor) -> Tensor:
        """Returns by how much (twice) a leaf of the best value lowers the loss.

        >>> Regularization(l1=1.0).gain(tf.constant(-3.0), tf.constant(2.0)).numpy().item()
        2.0
        """
        return tf.math.divide_no_nan(tf.square(self._shrunk(g)), h + self.l2)

    def _shrunk(self, g: Tensor) -> Tensor:
        return g if not self.l1 else tf.sign(g) * tf.maximum(tf.abs(g) - self.l1, 0.0)


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """The best split of each node; where there is none, all rows go to the left child.

    Attributes:
        is_split: bool `[nodes]`.
        gain: float32 `[nodes]`, 0 without a split.
        feature: int32 `[nodes]`.
        threshold: int32 `[nodes]`.
        missing_left: bool `[nodes]`.
        left_sums: int64 `[nodes]`, packed derivatives of the rows that go left.
    """

    is_split: Tensor
    gain: Tensor
    feature: Tensor
    threshold: Tensor
    missing_left: Tensor
    left_sums: Tensor


@final
class Search:
    """Looks for splits.

    Args:
        regularization: says what a split is worth.
    """

    def __init__(self, regularization: Regularization) -> None:
        self._regularization = regularization
        self._best = tf.function(self._best_of_all, jit_compile=True, autograph=False)

    def best(self, histogram: Tensor, sums: Tensor, allowed: Tensor, scale: Scale) -> Splits:
        """Returns the best split of each node.

        Of equal ones it is the first: features in order, then thresholds, then missing values to
        the right. Where the node has no missing value, they would go where more weight goes.

        Args:
            histogram: int64 `[features, BINS, nodes]`, packed.
            sums: int64 `[nodes]`, of the whole node.
            allowed: bool `[features]`, which features may split.
            scale: unit of the packed derivatives.
        """
        return Splits(*self._best(histogram, sums, allowed, scale.first, scale.second))

    def _best_of_all(
        self, histogram: Tensor, sums: Tensor, allowed: Tensor, first: Tensor, second: Tensor
    ) -> tuple[Tensor, ...]:
        gain, *rest = self._by_feature(histogram, sums, Scale(first, second))
        gain = tf.where(allowed[:, tf.newaxis], gain, tf.zeros_like(gain))
        feature = tf.argmax(gain, axis=0, output_type=tf.int32)
        best = tf.stack([feature, tf.range(gain.shape[1])], axis=1)
        gain, threshold, missing_left, left = (tf.gather_nd(x, best) for x in (gain, *rest))
        is_split = gain > 0.0
        left = tf.where(is_split, left, sums)
        return is_split, tf.cast(gain, tf.float32), feature, threshold, missing_left, left

    def _by_feature(self, histogram: Tensor, sums: Tensor, scale: Scale) -> tuple[Tensor, ...]:
        """Returns gain, threshold, missing_left and left sums, each `[features, nodes]`."""
        by_bin = tf.transpose(histogram, [1, 0, 2])
        missing = by_bin[MISSING_BIN]
        own = self._regularization.gain(*scale.unpack(sums))

        def look(i: Tensor, so_far: Tensor, best: tuple[Tensor, ...]) -> Any:
            so_far += by_bin[i]
            for is_left in (False, True):
                left = so_far + missing if is_left else so_far
                gain = self._evaluated(left, sums, own, scale)
                is_better = gain > best[0]
                new = (gain, tf.fill(gain.shape, i), tf.fill(gain.shape, is_left), left)
                best = tuple(tf.where(is_better, n, b) for n, b in zip(new, best, strict=True))
            return i + 1, so_far, best

        shape = missing.shape
        kinds = (tf.float64, tf.int32, tf.bool, tf.int64)
        start = (0, tf.zeros(shape, tf.int64), tuple(tf.zeros(shape, kind) for kind in kinds))
        _, _, best = tf.while_loop(lambda i, *_: i < BINS - 1, look, start)
        gain, threshold, missing_left, left = best
        (_, left_weight), (_, weight) = scale.unpack(left), scale.unpack(sums)
        where_more = 2.0 * left_weight >= weight
        return gain, threshold, tf.where(tf.equal(missing, 0), where_more, missing_left), left

    def _evaluated(self, left: Tensor, sums: Tensor, own: Tensor, scale: Scale) -> Tensor:
        """Returns the gain of sending `left` to the left; -1 where that is no split."""
        (gl, hl), (gr, hr) = scale.unpack(left), scale.unpack(sums - left)
        worth = self._regularization
        gain = worth.gain(gl, hl) + worth.gain(gr, hr) - own - worth.tree_complexity
        least = worth.min_node_weight
        is_split = (hl > 0.0) & (hr > 0.0) & (hl >= least) & (hr >= least)
        return tf.where(is_split, gain, -tf.ones_like(gain))
