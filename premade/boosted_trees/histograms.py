"""Sums of derivatives by node, feature and bin: most of the work of growing a tree.

Rows are taken in blocks, which stay in the cache while feature after feature adds them up; without
blocks, memory is what one waits for, and it takes twice as long. One scatter for all features would
be one loop over an index of three parts, and three times as long: each feature has its own.

Only the smaller child of each node is added up, from rows that were brought together before. Those
of the larger child are what is left of the parent. (Adding them all up, with those of the larger
child going nowhere, is a branch that the processor cannot foresee: three times as long.)
"""

from __future__ import annotations

from typing import Any, final

import tensorflow as tf

from premade.boosted_trees.binning import MOST_BINS
from premade.boosted_trees.partition import BLOCK, Chosen

Tensor = Any

BINS = MOST_BINS + 1
"""Bins of a feature in a table; the last one is that of missing values."""

_MOST_AT_ONCE = 32


@final
class Histograms:
    """The compiled functions for shards of one shape.

    Args:
        features: number of features.
        slots: sums at the most.
    """

    def __init__(self, features: int, slots: int) -> None:
        self.features = features
        self.slots = slots
        groups = -(-features // _MOST_AT_ONCE)
        self._at_once = -(-features // groups)
        # The last group starts early enough to be whole; what it repeats is dropped.
        self._starts = [min(i * self._at_once, features - self._at_once) for i in range(groups)]
        self._add_up = tf.function(self._add_up_features, jit_compile=True, autograph=False)

    def of(self, bins: Tensor, chosen: Chosen) -> Tensor:
        """Returns int64 `[features, BINS, slots]`, packed.

        Args:
            bins: uint8 `[features, rows]`.
            chosen: rows.
        """
        parts, done = [], 0
        for start in self._starts:
            part = self._add_up(
                bins, tf.constant(start), chosen.count, chosen.rows, chosen.slots, chosen.sums
            )
            parts.append(part[done - start :])
            done = start + self._at_once
        whole = tf.concat(parts, axis=0) if len(parts) > 1 else parts[0]
        return tf.reshape(whole, [self.features, BINS, self.slots])

    def _add_up_features(
        self, bins: Tensor, start: Tensor, count: Tensor, rows: Tensor, slots: Tensor, sums: Tensor
    ) -> Tensor:
        flat, length = tf.reshape(bins, [-1]), bins.shape[1]

        def block(i: Tensor, found: list[Tensor]) -> Any:
            at, slot, sums_of_rows = (
                tf.slice(x, [i * BLOCK], [BLOCK]) for x in (rows, slots, sums)
            )
            added = []
            for feature, so_far in enumerate(found):
                bin_of_row = tf.cast(tf.gather(flat, (start + feature) * length + at), tf.int32)
                where = bin_of_row * self.slots + slot
                added.append(tf.tensor_scatter_nd_add(so_far, where[:, tf.newaxis], sums_of_rows))
            return i + 1, added

        zeros = [tf.zeros([BINS * self.slots], tf.int64)] * self._at_once
        _, found = tf.while_loop(lambda i, _: i * BLOCK < count, block, (0, zeros))
        return tf.stack(found)
