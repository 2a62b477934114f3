"""Sums of derivatives by node, feature and bin: most of the work of growing a tree.

Rows are taken in blocks, which stay in the cache while feature after feature adds them up; without
blocks, memory is what one waits for, and it takes twice as long. The loop over the features is one
of XLA, not of Python: as fast, and one small program, whatever the number of features. (One scatter
for all features would be a loop over an index of three parts, and three times as long.)

Only the smaller child of each node is added up, from rows that are brought together first; the
larger one is what is left of the parent. (Adding all rows up, with those of the larger child going
nowhere, is a branch that the processor cannot foresee: three times as long.)
"""

from __future__ import annotations

from typing import Any, final

import tensorflow as tf

from premade.boosted_trees.binning import MOST_BINS
from premade.boosted_trees.partition import BLOCK, moved, put

Tensor = Any

BINS = MOST_BINS + 1
"""Bins of a feature in a table; the last one is that of missing values."""


@final
class Histograms:
    """The compiled functions for shards of one shape.

    Args:
        features: number of features.
        slots: nodes at the most that have a smaller child.
    """

    def __init__(self, features: int, slots: int) -> None:
        self.features = features
        self.slots = slots
        self._of_root = tf.function(self._root, jit_compile=True, autograph=False)
        self._of_small = tf.function(self._small, jit_compile=True, autograph=False)

    def of_root(self, bins: Tensor, sums: Tensor) -> Tensor:
        """Returns those of all rows, int64 `[features, BINS, 1]`, packed.

        Args:
            bins: uint8 `[features, rows]`.
            sums: int64 `[rows]`, packed.
        """
        return self._of_root(bins, sums)

    def of_small_children(
        self, bins: Tensor, node: Tensor, sums: Tensor, words: Tensor, left_bins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sends rows to the children of their nodes, and adds up those of the smaller ones.

        Args:
            bins: uint8 `[features, rows]`.
            node: int32 `[rows]`, counted from 0 in each level.
            sums: int64 `[rows]`, packed.
            words: see `node_words`.
            left_bins: see `descend`.

        Returns:
            int32 `[rows]`, the child of each row; and int64 `[features, BINS, slots]`, packed, by
            the node that the rows come from.
        """
        return self._of_small(bins, node, sums, words, left_bins)

    def _root(self, bins: Tensor, sums: Tensor) -> Tensor:
        def block(i: Tensor, so_far: Tensor) -> tuple[Tensor, Tensor]:
            sums_of_rows = tf.slice(sums, [i * BLOCK], [BLOCK])

            def add(feature: Tensor, so_far: Tensor) -> tuple[Tensor, Tensor]:
                row = tf.reshape(tf.slice(bins, [feature, i * BLOCK], [1, BLOCK]), [BLOCK])
                where = feature * BINS + tf.cast(row, tf.int32)
                return feature + 1, _added(so_far, where, sums_of_rows)

            return i + 1, self._for_each_feature(add, so_far)

        zeros = tf.zeros([self.features * BINS], tf.int64)
        _, found = tf.while_loop(lambda i, _: i < bins.shape[1] // BLOCK, block, (0, zeros))
        return tf.reshape(found, [self.features, BINS, 1])

    def _small(
        self, bins: Tensor, node: Tensor, sums: Tensor, words: Tensor, left_bins: Tensor
    ) -> Any:
        size = BINS * self.slots
        rows = moved(bins, node, words, left_bins)

        def block(i: Tensor, so_far: Tensor) -> tuple[Tensor, Tensor]:
            at = tf.slice(rows.small, [i * BLOCK], [BLOCK])
            is_there = i * BLOCK + tf.range(BLOCK) < rows.count
            slot, added = tf.gather(node, at), tf.where(is_there, tf.gather(sums, at), 0)
            bins_of_rows = self._gathered(bins, at)

            def add(feature: Tensor, so_far: Tensor) -> tuple[Tensor, Tensor]:
                bin_of_row = tf.cast(tf.slice(bins_of_rows, [feature * BLOCK], [BLOCK]), tf.int32)
                where = feature * size + bin_of_row * self.slots + slot
                return feature + 1, _added(so_far, where, added)

            return i + 1, self._for_each_feature(add, so_far)

        zeros = tf.zeros([self.features * size], tf.int64)
        _, found = tf.while_loop(lambda i, _: i * BLOCK < rows.count, block, (0, zeros))
        return rows.child, tf.reshape(found, [self.features, BINS, self.slots])

    def _gathered(self, bins: Tensor, at: Tensor) -> Tensor:
        """Returns the bins of a block of rows, uint8 `[features * BLOCK]`.

        In a loop that puts them into another tensor: XLA divides any other gather from so large a
        tensor among the threads, block by block, though these have other shards to work on.
        """
        flat, rows = tf.reshape(bins, [-1]), bins.shape[1]

        def gather(feature: Tensor, so_far: Tensor) -> tuple[Tensor, Tensor]:
            of_feature = tf.gather(flat, feature * rows + at)
            return feature + 1, put(so_far, of_feature, feature * BLOCK)

        return self._for_each_feature(gather, tf.zeros([self.features * BLOCK], tf.uint8))

    def _for_each_feature(self, add: Any, so_far: Tensor) -> Tensor:
        _, so_far = tf.while_loop(lambda feature, _: feature < self.features, add, (0, so_far))
        return so_far


def _added(so_far: Tensor, where: Tensor, values: Tensor) -> Tensor:
    return tf.tensor_scatter_nd_add(so_far, where[:, tf.newaxis], values)
