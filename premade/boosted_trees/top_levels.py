"""The first levels of trees, for a whole block of rows: every node is asked, not each row's own.

To follow a row down a tree is a look-up by a place that was just looked up, and again, for each
row alone: 3 ns a level. To compare a block of rows with all 63 nodes of six levels, and to select
among the answers, is work on whole vectors of bytes: 6 ns for the six.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from premade.boosted_trees.binning import MOST_BINS
from premade.boosted_trees.forest import LEAF, Forest

Tensor = Any

_MOST_LEVELS = 6
"""One level more is twice the work."""


class TopLevels(NamedTuple):
    """The nodes of the first levels, level after level and from left to right.

    Below a leaf above the last level, or a split by category, all nodes are that one again: no row
    goes right there.

    Attributes:
        feature: int32 `[trees, nodes]`.
        threshold: uint8 `[trees, nodes]`, bins above it go right.
        missing_left: uint8 `[trees, nodes]`, the bin that goes left all the same: that of missing
            values, or 0, which is never above a threshold.
    """

    feature: Tensor
    threshold: Tensor
    missing_left: Tensor

    @classmethod
    def of(cls, forest: Forest) -> tuple[Self, Tensor]:
        """Returns the first levels, and the nodes below them, int32 `[trees, nodes + 1]`.

        Args:
            forest: any; a level is asked for where there is room for it.

        >>> from premade.boosted_trees.forest import layout, leaves_alone
        >>> alone = Forest(**leaves_alone(1, layout(nodes=7, width=1)))
        >>> top, below = TopLevels.of(alone)
        >>> top.threshold.numpy().tolist(), below.numpy().tolist()
        ([[255, 255, 255]], [[0, 0, 0, 0]])
        """
        goes_on = tf.not_equal(forest.feature, LEAF) & (forest.threshold >= 0)
        count = forest.feature.shape[1]
        children = tf.stack([forest.left, forest.left + 1], axis=2)
        of_each = tf.where(goes_on[..., tf.newaxis], children, tf.range(count)[:, tf.newaxis])
        levels = [tf.zeros_like(forest.left[:, :1])]
        for level in range(_levels(count)):
            below = tf.gather(of_each, levels[-1], batch_dims=1)
            levels.append(tf.reshape(below, [-1, 2 ** (level + 1)]))
        nodes = tf.concat(levels[:-1], axis=1)
        # The bin of missing values is the last: none is above it.
        threshold = tf.where(goes_on, forest.threshold, MOST_BINS)
        feature, threshold, missing_left = (
            tf.gather(array, nodes, batch_dims=1)
            for array in (forest.feature, threshold, forest.missing_left)
        )
        return cls(
            feature=tf.maximum(feature, 0),
            threshold=tf.cast(threshold, tf.uint8),
            missing_left=tf.cast(tf.where(missing_left, MOST_BINS, 0), tf.uint8),
        ), levels[-1]

    def places(
        self, bins: Tensor, tree: Tensor, scratch: Scratch, zero: Tensor
    ) -> tuple[Tensor, Scratch]:
        """Returns below which of the last nodes, and on which side, rows are: int32 `[rows]`.

        Args:
            bins: uint8 `[features, rows]`.
            tree: int32 `[]`, which one.
            scratch: of a loop over the trees, to which it returns.
            zero: int32 `[]`, a 0 of which the compiler does not know that it is one.
        """
        feature, threshold, missing_left = (tf.gather(array, tree) for array in self)
        of_nodes = tf.gather(bins, feature)
        is_right = of_nodes > threshold[:, tf.newaxis]
        is_right &= tf.not_equal(of_nodes, missing_left[:, tf.newaxis])
        answers = _put(scratch.is_right, is_right, zero)
        places = _put(scratch.places, _selected(tf.unstack(answers)[:-1]), zero)
        return tf.cast(places[: bins.shape[1]], tf.int32), Scratch(answers, places)

    def scratch(self, rows: int) -> Scratch:
        """Returns what a loop over trees for so many rows begins with."""
        nodes = self.feature.shape[1]
        return Scratch(tf.zeros([nodes + 1, rows], tf.bool), tf.zeros([rows + 1], tf.uint8))


class Scratch(NamedTuple):
    """Where answers are written, and read again for the same tree.

    An array that a loop carries on, and of which not all is written, is in memory. Of results that
    are not, XLA makes one function with the look-up that follows, in which it takes the bytes one
    by one: three times as slow, and slow to compile. And what writes into a part of an array is not
    divided among threads, which for some microseconds of work takes longer than the work.

    Attributes:
        is_right: bool `[nodes + 1, rows]`.
        places: uint8 `[rows + 1]`.
    """

    is_right: Tensor
    places: Tensor


def _put(array: Tensor, part: Tensor, zero: Tensor) -> Tensor:
    """Writes a part at the start of an array."""
    return xla.dynamic_update_slice(array, part, [zero] + [0] * (len(array.shape) - 1))


def _levels(nodes: int) -> int:
    """Returns how many levels of splits to ask at once in trees with room for so many nodes."""
    return max(1, min(_MOST_LEVELS, (nodes + 1).bit_length() - 2))


def _selected(is_right: list[Tensor]) -> Tensor:
    """Returns the number of each row's way through the levels, uint8 `[rows]`.

    Args:
        is_right: bool `[rows]` of each node.
    """
    # Of a level, what its first half of nodes says holds where the way went left, and so on.
    # One dimension: XLA evaluates selects among slices of more again for each that uses them.
    way: list[Tensor] = []
    level = 1
    while level <= len(is_right):
        answers = is_right[level - 1 : 2 * level - 1]
        for went_right in way:
            half = len(answers) // 2
            pairs = zip(answers[:half], answers[half:], strict=True)
            # The operation itself: `tf.where` looks at its arguments for longer than it takes.
            answers = [tf.raw_ops.SelectV2(condition=went_right, t=b, e=a) for a, b in pairs]
        way.append(answers[0])
        level *= 2
    place = tf.zeros_like(way[0], tf.uint8)
    for went_right in way:
        place += place + tf.cast(went_right, tf.uint8)
    return place
