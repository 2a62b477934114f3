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
from premade.boosted_trees.partition import BLOCK, Shard, for_each_block, moved, put
from premade.boosted_trees.quads import bin_in, quad_of

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

    def of_root(self, shard: Shard) -> Tensor:
        """Returns those of all rows, int64 `[features, BINS, 1]`, packed."""
        return self._of_root(shard.bins, shard.sums, shard.blocks)

    def of_small_children(
        self, shard: Shard, node: Tensor, words: Tensor, left_bins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sends rows to the children of their nodes, and adds up those of the smaller ones.

        Args:
            shard: the rows.
            node: int32 `[rows]`, counted from 0 in each level.
            words: see `node_words`.
            left_bins: see `descend`.

        Returns:
            int32 `[rows]`, the child of each row; and int64 `[features, BINS, slots]`, packed, by
            the node that the rows come from.
        """
        return self._of_small(shard.bins, shard.sums, shard.blocks, node, words, left_bins)

    def _root(self, bins: Tensor, sums: Tensor, blocks: Tensor) -> Tensor:
        def block(start: Tensor, so_far: Tensor) -> tuple[Tensor]:
            sums_of_rows = tf.slice(sums, [start], [BLOCK])

            def add(feature: Tensor, so_far: Tensor) -> tuple[Tensor, Tensor]:
                quads = tf.slice(bins, [quad_of(feature), start], [1, BLOCK])
                where = feature * BINS + bin_in(tf.reshape(quads, [BLOCK]), feature)
                return feature + 1, _added(so_far, where, sums_of_rows)

            return (_for_each(self.features, add, so_far),)

        zeros = tf.zeros([self.features * BINS], tf.int64)
        (found,) = for_each_block(blocks, block, (zeros,))
        return tf.reshape(found, [self.features, BINS, 1])

    def _small(
        self,
        bins: Tensor,
        sums: Tensor,
        blocks: Tensor,
        node: Tensor,
        words: Tensor,
        left_bins: Tensor,
    ) -> Any:
        size = BINS * self.slots
        rows = moved(bins, node, blocks, words, left_bins)

        def block(i: Tensor, so_far: Tensor) -> tuple[Tensor, Tensor]:
            at = tf.slice(rows.small, [i * BLOCK], [BLOCK])
            is_there = i * BLOCK + tf.range(BLOCK) < rows.count
            slot, added = tf.gather(node, at), tf.where(is_there, tf.gather(sums, at), 0)
            none = tf.zeros([bins.shape[0] * BLOCK], tf.int32)
            bins_of_rows = gathered(bins, at, none, BLOCK, 0)

            def add(feature: Tensor, so_far: Tensor) -> tuple[Tensor, Tensor]:
                quads = tf.slice(bins_of_rows, [quad_of(feature) * BLOCK], [BLOCK])
                where = feature * size + bin_in(quads, feature) * self.slots + slot
                return feature + 1, _added(so_far, where, added)

            return i + 1, _for_each(self.features, add, so_far)

        zeros = tf.zeros([self.features * size], tf.int64)
        _, found = tf.while_loop(lambda i, _: i * BLOCK < rows.count, block, (0, zeros))
        return rows.child, tf.reshape(found, [self.features, BINS, self.slots])


def gathered(bins: Tensor, at: Tensor, into: Tensor, width: int, start: Tensor) -> Tensor:
    """Returns what is in `into`, with the bins of some rows in it.

    In a loop that puts them into another tensor: XLA divides any other gather from so large a
    tensor among the threads, block by block, though these have other shards to work on.

    Args:
        bins: int32 `[quads, rows]`; see `quads`.
        at: int32 `[BLOCK]`, the rows.
        into: int32 `[quads * width]`.
        width: of what there is for each quad.
        start: where the bins of the rows begin there.
    """
    flat, (quads, rows) = tf.reshape(bins, [-1]), bins.shape

    def gather(quad: Tensor, so_far: Tensor) -> tuple[Tensor, Tensor]:
        return quad + 1, put(so_far, tf.gather(flat, quad * rows + at), quad * width + start)

    return _for_each(quads, gather, into)


def _for_each(count: int, add: Any, so_far: Tensor) -> Tensor:
    _, so_far = tf.while_loop(lambda i, _: i < count, add, (0, so_far))
    return so_far


def _added(so_far: Tensor, where: Tensor, values: Tensor) -> Tensor:
    return tf.tensor_scatter_nd_add(so_far, where[:, tf.newaxis], values)
