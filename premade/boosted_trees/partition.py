"""Which rows go where: from the nodes of one level to those of the next.

XLA compiles each function for the shape of a shard, a part of the rows that one thread works on.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Self, final

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from premade.boosted_trees.binning import MOST_BINS

Tensor = Any

BLOCK = 8192
"""Rows of a block; shards are whole blocks."""

MISSING_BIN = MOST_BINS
"""The bin of missing values in a table."""

_CUMSUM_WIDTH = 32
_FEATURE_BITS = 11
_MISSING_LEFT, _IS_SPLIT, _SMALL_IS_RIGHT = 1 << 8, 1 << 9, 1 << 10
_THRESHOLD = (1 << 8) - 1


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Chosen:
    """Rows of a shard whose derivatives are to be added up.

    Attributes:
        count: int32 scalar, how many there are; what comes behind is not looked at, or is 0.
        rows: int32 `[rows]`, where they are in the shard, ascending.
        slots: int32 `[rows]`, which sum each belongs to.
        sums: int64 `[rows]`, their packed derivatives.
    """

    count: Tensor
    rows: Tensor
    slots: Tensor
    sums: Tensor

    @classmethod
    def all_of(cls, sums: Tensor) -> Self:
        """Returns all rows, for one sum."""
        rows = sums.shape[0]
        return cls(tf.constant(rows), tf.range(rows), tf.zeros([rows], tf.int32), sums)


def node_words(
    feature: Tensor, threshold: Tensor, missing_left: Tensor, is_split: Tensor, small_right: Tensor
) -> Tensor:
    """Returns what `advance` must know of each node, in one number: int32 `[nodes]`.

    Args:
        feature: int32 `[nodes]`, which splits the node.
        threshold: int32 `[nodes]`, the last bin that goes left.
        missing_left: bool `[nodes]`.
        is_split: bool `[nodes]`; all rows of a node without a split go left.
        small_right: bool `[nodes]`, whether the right child is the smaller one.
    """
    flags = ((missing_left, _MISSING_LEFT), (is_split, _IS_SPLIT), (small_right, _SMALL_IS_RIGHT))
    words = tf.bitwise.left_shift(feature, _FEATURE_BITS) + threshold
    return words + tf.add_n([tf.cast(flag, tf.int32) * bit for flag, bit in flags])


@tf.function(jit_compile=True, autograph=False)
def advance(bins: Tensor, node: Tensor, sums: Tensor, words: Tensor) -> tuple[Tensor, ...]:
    """Sends rows to the children of their nodes, and brings those of the smaller ones together.

    Args:
        bins: uint8 `[features, rows]`.
        node: int32 `[rows]`, counted from 0 in each level.
        sums: int64 `[rows]`.
        words: see `node_words`.

    Returns:
        int32 `[rows]`, the child of each row: those of node i are 2 i and 2 i + 1; and the four
        parts of `Chosen`, with the node as slot.
    """
    rows = node.shape[0]

    # What is read is not what is written: XLA would copy it all at each block.
    def block(i: Tensor, child: Tensor, chosen: tuple[Tensor, ...]) -> Any:
        start = i * BLOCK
        parent, sums_of_rows = (tf.slice(x, [start], [BLOCK]) for x in (node, sums))
        word = tf.gather(words, parent)
        goes_right = _goes_right(bins, start, word)
        is_small = _has(word, _IS_SPLIT) & tf.equal(goes_right, _has(word, _SMALL_IS_RIGHT))
        before = _counted_before(is_small)
        count = before[-1] + tf.cast(is_small[-1], tf.int32)
        # Each row adds itself, or nothing, at its place among those chosen.
        offsets = tf.tensor_scatter_nd_add(
            tf.zeros([BLOCK], tf.int32),
            before[:, tf.newaxis],
            tf.where(is_small, tf.range(BLOCK), 0),
        )
        counted, *lists = chosen
        is_there = tf.range(BLOCK) < count
        found = (
            start + offsets,
            tf.where(is_there, tf.gather(parent, offsets), 0),
            tf.where(is_there, tf.gather(sums_of_rows, offsets), 0),
        )
        lists = [_put(x, part, counted) for x, part in zip(lists, found, strict=True)]
        child = _put(child, 2 * parent + tf.cast(goes_right, tf.int32), start)
        return i + 1, child, (counted + count, *lists)

    room = [rows + BLOCK]
    lists = (tf.zeros(room, tf.int32), tf.zeros(room, tf.int32), tf.zeros(room, tf.int64))
    _, child, (count, *lists) = tf.while_loop(
        lambda i, *_: i < rows // BLOCK, block, (0, tf.zeros_like(node), (0, *lists))
    )
    return child, count, *lists


@tf.function(jit_compile=True, autograph=False)
def descend(bins: Tensor, node: Tensor, words: Tensor) -> Tensor:
    """Sends rows to the children of their nodes, as `advance` does, and no more."""

    def block(i: Tensor, child: Tensor) -> tuple[Tensor, Tensor]:
        start = i * BLOCK
        parent = tf.slice(node, [start], [BLOCK])
        goes_right = _goes_right(bins, start, tf.gather(words, parent))
        return i + 1, _put(child, 2 * parent + tf.cast(goes_right, tf.int32), start)

    start = (0, tf.zeros_like(node))
    _, child = tf.while_loop(lambda i, _: i < node.shape[0] // BLOCK, block, start)
    return child


def _goes_right(bins: Tensor, start: Tensor, word: Tensor) -> Tensor:
    """Returns bool `[BLOCK]`, for the rows of a block and the words of their nodes."""
    feature = tf.bitwise.right_shift(word, _FEATURE_BITS)
    at = feature * bins.shape[1] + start + tf.range(BLOCK)
    bin_of_row = tf.cast(tf.gather(tf.reshape(bins, [-1]), at), tf.int32)
    is_above = bin_of_row > tf.bitwise.bitwise_and(word, _THRESHOLD)
    is_missing = tf.equal(bin_of_row, MISSING_BIN)
    goes_right = tf.where(is_missing, ~_has(word, _MISSING_LEFT), is_above)
    return goes_right & _has(word, _IS_SPLIT)


def _has(word: Tensor, flag: int) -> Tensor:
    return tf.not_equal(tf.bitwise.bitwise_and(word, flag), 0)


def _put(into: Tensor, part: Tensor, start: Tensor) -> Tensor:
    return xla.dynamic_update_slice(into, part, [start])


def _counted_before(flags: Tensor) -> Tensor:
    """Returns, for each of a block's flags, how many before it are set; int32 `[BLOCK]`.

    By products of matrices, which are exact for such small numbers: XLA's own cumulative sum goes
    over the block again and again.
    """
    ones = tf.cast(flags, tf.float32)
    return tf.cast(_cumulative(ones) - ones, tf.int32)


def _cumulative(values: Tensor) -> Tensor:
    if values.shape[0] <= _CUMSUM_WIDTH:
        return tf.linalg.matvec(np.tril(np.ones([values.shape[0]] * 2, np.float32)), values)
    rows = tf.reshape(values, [-1, _CUMSUM_WIDTH])
    within = tf.matmul(rows, np.triu(np.ones([_CUMSUM_WIDTH] * 2, np.float32)))
    sums = within[:, -1]
    return tf.reshape(within + (_cumulative(sums) - sums)[:, tf.newaxis], [-1])
