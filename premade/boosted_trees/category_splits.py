"""Splits of categories, many against many.

Of all ways to part n categories in two, the one that gains most is among n - 1: sort them by the
mean of their derivatives, and cut once (Fisher, "On Grouping for Maximum Homogeneity", 1958;
Breiman et al., "Classification and Regression Trees", 1984, section 4.2.2; the gain of gradient
boosting is convex in both sums of a side, which is all that their proof needs). So the bins of a
categorical feature are put in that order, node by node, and then split as those of a number are.
Missing values are one more category.

That is the best for the rows at hand, and with many categories it fits their noise, so it is held
back, by what LightGBM's documentation calls cat_smooth, cat_l2 and max_cat_threshold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from premade.boosted_trees.bits import bits_of
from premade.boosted_trees.categories import MOST_LISTED
from premade.boosted_trees.column_readers import TreeFeature
from premade.boosted_trees.forest import WORDS
from premade.boosted_trees.partition import MISSING_BIN
from premade.boosted_trees.splits import NODES_AT_ONCE, Regularization, Search, Splits
from premade.boosted_trees.sums import Scale

Tensor = Any


@final
@dataclasses.dataclass(frozen=True)
class CategoryRules:
    """What keeps splits of categories, of which there are so many, from fitting noise.

    Attributes:
        smoothing: second derivative of the whole node that is added to each category when they are
            sorted. Those that have less than this in a node are rare; they stay together.
        l2: added to the penalty of leaves, when a split is valued.
        most: categories on the smaller side of a split at the most, without rare ones.
    """

    smoothing: float
    l2: float
    most: int


@final
class CategorySearch:
    """Looks for splits of numbers and categories.

    Args:
        regularization: says what a split is worth.
        features: all features; at least one is categorical.
        rules: what keeps splits of categories from fitting noise.
        limited_gain: see `Search`.
    """

    words = WORDS
    """Of the sets of bins that it finds."""

    def __init__(
        self,
        regularization: Regularization,
        features: Sequence[TreeFeature],
        rules: CategoryRules,
        limited_gain: Callable[..., Tensor] | None = None,
    ) -> None:
        self._rules = rules
        counts = {i: each.categories for i, each in enumerate(features) if each.categories}
        self._which = list(counts)
        more_l2 = np.zeros([len(features), 1, 1])
        more_l2[self._which] = rules.l2
        self._search = Search(regularization, more_l2, limited_gain)
        self._bins = min(MOST_LISTED, max(counts.values()))
        # Of each feature, which of the categorical ones it is.
        place = np.full(len(features), -1, np.int32)
        place[self._which] = np.arange(len(self._which))
        self._place = place
        self._sorted = tf.function(self._in_order, jit_compile=True, autograph=False)
        self._sets = tf.function(self._sets_of, jit_compile=True, autograph=False)

    def best(
        self,
        histogram: Tensor,
        sums: Tensor,
        allowed: Tensor,
        scale: Scale,
        nodes: int,
        limits: Tensor | None = None,
    ) -> Splits:
        """Returns the best split of each node; see `Search.best`.

        Categories that are rare in the node go to one side together, where they fit better; where
        the node has none of them, where more weight goes. Of equally good categories that of the
        lower bin is first.
        """
        ordered, places = self._sorted(
            histogram, sums, scale.first, scale.second, tf.constant(nodes)
        )
        found = self._search.best(ordered, sums, allowed, scale, nodes, limits)
        split = (found.is_split, found.feature, found.threshold, found.missing_left)
        threshold, missing_left, left_bins = self._sets(*split, places)
        return dataclasses.replace(
            found, threshold=threshold, missing_left=missing_left, left_bins=left_bins
        )

    def _in_order(
        self, histogram: Tensor, sums: Tensor, first: Tensor, second: Tensor, nodes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Returns the histogram with the bins of categories in order; and the place of each bin.

        Places are int32 `[categorical, bins + 1, nodes]`, the last bin being that of missing
        values; `MISSING_BIN` is the place of all rare ones.
        """
        scale = Scale(first, second)
        whole = tf.gather(histogram, self._which)
        bins = tf.concat([whole[:, : self._bins], whole[:, MISSING_BIN:]], axis=1)
        places = self._places(*scale.unpack(bins), *scale.unpack(sums), nodes)
        categorical, _, room = bins.shape
        at = np.meshgrid(*(np.arange(n, dtype=np.int32) for n in bins.shape), indexing="ij")
        where = tf.stack([tf.constant(at[0]), places, tf.constant(at[2])], axis=3)
        zeros = tf.zeros([categorical, MISSING_BIN + 1, room], tf.int64)
        ordered = tf.tensor_scatter_nd_add(zeros, where, bins)
        which = tf.constant(self._which)[:, tf.newaxis]
        return tf.tensor_scatter_nd_update(histogram, which, ordered), places

    def _places(
        self, g: Tensor, h: Tensor, of_node: Tensor, weight: Tensor, nodes: Tensor
    ) -> Tensor:
        """Returns where each bin comes; first are derivatives of bins and of whole nodes."""
        smoothing, most = self._rules.smoothing, self._rules.most
        mean = tf.math.divide_no_nan(of_node, weight)
        score = tf.math.divide_no_nan(g + smoothing * mean, h + smoothing)
        is_rare = (h < smoothing) | (tf.equal(h, 0.0) & tf.equal(g, 0.0))
        score = tf.where(is_rare, tf.constant(np.inf, tf.float64), score)
        place = _ranks(score, nodes)
        count = tf.reduce_sum(tf.cast(~is_rare, tf.int32), axis=1, keepdims=True)
        # No cut is where both sides would have too many.
        is_middle = (place >= most) & (place < count - most)
        place = tf.where(is_middle, most, place)
        return tf.where(is_rare, MISSING_BIN, place)

    def _sets_of(
        self,
        is_split: Tensor,
        feature: Tensor,
        threshold: Tensor,
        missing_left: Tensor,
        places: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns threshold, missing_left and left_bins of `Splits`."""
        which = tf.gather(self._place, feature)
        is_category = is_split & (which >= 0)
        own = tf.stack([tf.maximum(which, 0), tf.range(feature.shape[0])], axis=1)
        place = tf.gather_nd(tf.transpose(places, [0, 2, 1]), own)
        is_left = place <= threshold[:, tf.newaxis]
        is_left = tf.where(tf.equal(place, MISSING_BIN), missing_left[:, tf.newaxis], is_left)
        missing_left = tf.where(is_category, is_left[:, -1], missing_left)
        room = MISSING_BIN - self._bins
        is_left = tf.pad(is_left[:, :-1], [[0, 0], [0, room]])
        up_to = tf.range(MISSING_BIN) <= threshold[:, tf.newaxis]
        is_left = tf.where(is_category[:, tf.newaxis], is_left, up_to)
        is_left = tf.concat([is_left, missing_left[:, tf.newaxis]], axis=1)
        is_left |= ~is_split[:, tf.newaxis]
        return tf.where(is_category, -1, threshold), missing_left, bits_of(is_left)


def _ranks(score: Tensor, nodes: Tensor) -> Tensor:
    """Returns how many of the second dimension come before each, int32 `[n, bins, nodes]`.

    Of equal ones the first comes first. By comparing all pairs: XLA's sort takes some times longer
    for so few. Only the first `nodes` are looked at, some at a time.
    """
    features, bins, room = score.shape
    size = min(NODES_AT_ONCE, room)
    place = tf.range(bins)[tf.newaxis, :, tf.newaxis]

    def look(i: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        some = tf.slice(score, [0, 0, i * size], [features, bins, size])

        def count(other: Tensor, ranks: Tensor) -> tuple[Tensor, Tensor]:
            its = tf.slice(some, [0, other, 0], [features, 1, size])
            is_before = (its < some) | (tf.equal(its, some) & (other < place))
            return other + 1, ranks + tf.cast(is_before, tf.int32)

        zeros = tf.zeros(some.shape, tf.int32)
        _, ranks = tf.while_loop(lambda other, _: other < bins, count, (0, zeros))
        return i + 1, xla.dynamic_update_slice(found, ranks, [0, 0, i * size])

    zeros = tf.zeros(score.shape, tf.int32)
    _, found = tf.while_loop(lambda i, _: i * size < nodes, look, (0, zeros))
    return found


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
