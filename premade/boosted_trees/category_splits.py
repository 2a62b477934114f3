"""Splits of categories, many against many.

Of all ways to part n categories in two, the one that gains most is among n - 1: sort them by the
mean of their derivatives, and cut once (Fisher, "On Grouping for Maximum Homogeneity", 1958;
Breiman et al., "Classification and Regression Trees", 1984, section 4.2.2; the gain of gradient
boosting is convex in both sums of a side, which is all that their proof needs). So the bins of a
categorical feature are put in that order, node by node, and then split as those of a number are.
Missing values are one more category.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from premade.boosted_trees.categories import MOST_LISTED
from premade.boosted_trees.column_readers import TreeFeature
from premade.boosted_trees.forest import WORDS
from premade.boosted_trees.partition import MISSING_BIN
from premade.boosted_trees.splits import Search, Splits
from premade.boosted_trees.sums import Scale

Tensor = Any

_WORD_BITS = 32


@final
class CategorySearch:
    """Looks for splits of numbers and categories.

    Args:
        search: looks for splits where bins are in order.
        features: all features; at least one is categorical.
        smoothing: second derivatives of the whole node that are added to each category when they
            are sorted.
    """

    def __init__(self, search: Search, features: Sequence[TreeFeature], smoothing: float) -> None:
        self._search = search
        self._smoothing = smoothing
        counts = {i: each.categories for i, each in enumerate(features) if each.categories}
        self._which = list(counts)
        self._bins = min(MOST_LISTED, max(counts.values()))
        # Of each feature, which of the categorical ones it is.
        place = np.full(len(features), -1, np.int32)
        place[self._which] = np.arange(len(self._which))
        self._place = place
        self._sorted = tf.function(self._in_order, jit_compile=True, autograph=False)
        self._sets = tf.function(self._sets_of, jit_compile=True, autograph=False)

    def best(
        self, histogram: Tensor, sums: Tensor, allowed: Tensor, scale: Scale, nodes: int
    ) -> Splits:
        """Returns the best split of each node; see `Search.best`.

        Categories of which the node has no row go where missing values go, and so do those that no
        row of the whole table has. Of equally good categories that of the lower bin is first.
        """
        ordered, bins, order = self._sorted(histogram, sums, scale.first, scale.second)
        found = self._search.best(ordered, sums, allowed, scale, nodes)
        split = (found.is_split, found.feature, found.threshold, found.missing_left)
        threshold, missing_left, left_bins = self._sets(*split, bins, order)
        return Splits(
            found.is_split,
            found.gain,
            found.feature,
            threshold,
            missing_left,
            found.left_sums,
            left_bins,
        )

    def _in_order(
        self, histogram: Tensor, sums: Tensor, first: Tensor, second: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the histogram in which bins of categories are sorted; these bins; their order.

        The bins are int64 `[categorical, bins + 1, nodes]`, the last one that of missing values;
        the order is int32 of that shape, the bin at each place.
        """
        scale = Scale(first, second)
        whole = tf.gather(histogram, self._which)
        bins = tf.concat([whole[:, : self._bins], whole[:, MISSING_BIN:]], axis=1)
        (g, h), (of_node, weight) = scale.unpack(bins), scale.unpack(sums)
        mean = tf.math.divide_no_nan(of_node, weight)
        score = tf.math.divide_no_nan(g + self._smoothing * mean, h + self._smoothing)
        score = tf.where(tf.equal(bins, 0), tf.constant(np.inf, tf.float64), score)
        order = tf.argsort(score, axis=1, stable=True)
        by_node = [tf.transpose(x, [0, 2, 1]) for x in (bins, order)]
        ordered = tf.transpose(tf.gather(*by_node, batch_dims=2), [0, 2, 1])
        room = histogram.shape[1] - ordered.shape[1]
        ordered = tf.pad(ordered, [[0, 0], [0, room], [0, 0]])
        where = tf.constant(self._which)[:, tf.newaxis]
        return tf.tensor_scatter_nd_update(histogram, where, ordered), bins, order

    def _sets_of(
        self,
        is_split: Tensor,
        feature: Tensor,
        threshold: Tensor,
        missing_left: Tensor,
        bins: Tensor,
        order: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns threshold, missing_left and left_bins of `Splits`."""
        place = tf.gather(self._place, feature)
        is_category = is_split & (place >= 0)
        node = tf.range(feature.shape[0])
        own = tf.stack([tf.maximum(place, 0), node], axis=1)
        bins, order = (tf.gather_nd(tf.transpose(x, [0, 2, 1]), own) for x in (bins, order))
        at = tf.stack([tf.broadcast_to(node[:, tf.newaxis], order.shape), order], axis=2)
        ranks = tf.broadcast_to(tf.range(order.shape[1]), order.shape)
        rank = tf.tensor_scatter_nd_update(tf.zeros_like(order), at, ranks)
        is_there = tf.not_equal(bins, 0)
        is_left = rank <= threshold[:, tf.newaxis]
        learnt = is_category & is_there[:, -1]
        missing_left = tf.where(learnt, is_left[:, -1], missing_left)
        is_left = tf.where(is_there, is_left, missing_left[:, tf.newaxis])[:, :-1]
        is_left = tf.pad(is_left, [[0, 0], [0, MISSING_BIN - is_left.shape[1]]])
        up_to = tf.range(MISSING_BIN) <= threshold[:, tf.newaxis]
        is_left = tf.where(is_category[:, tf.newaxis], is_left, up_to)
        is_left = tf.concat([is_left, missing_left[:, tf.newaxis]], axis=1)
        is_left |= ~is_split[:, tf.newaxis]
        return tf.where(is_category, -1, threshold), missing_left, words_of(is_left)


def without_missing(words: Tensor) -> Tensor:
    """Returns sets of bins without `MISSING_BIN`, their last.

    Args:
        words: int32 `[nodes, words]`; there may be none.

    >>> without_missing(tf.constant([[-1] * 8])).numpy()[0, 6:].tolist()
    [-1, 2147483647]
    """
    masks = np.full(words.shape[1], -1, np.int32)
    masks[-1:] = 2**31 - 1
    return tf.bitwise.bitwise_and(words, masks)


def words_of(is_left: Tensor) -> Tensor:
    """Returns sets of bins as bits, int32 `[nodes, WORDS]`.

    Args:
        is_left: bool `[nodes, 32 * WORDS]`.

    >>> words_of(tf.range(256)[tf.newaxis] < 34).numpy()[0, :3].tolist()
    [-1, 3, 0]
    """
    bits = tf.reshape(tf.cast(is_left, tf.int32), [-1, WORDS, _WORD_BITS])
    return tf.reduce_sum(tf.bitwise.left_shift(bits, tf.range(_WORD_BITS)), axis=2)
